"""The clean Debian that other suites install things on (tests/lib/debian_machine.py): what they rely on, and that the host is left as it was.
Root only."""
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

LIB = pathlib.Path(__file__).resolve().parents[1] / "lib"
sys.path.append(str(LIB))

from apt_proxy import apt_proxy  # noqa: E402
from debian_machine import CommandFailed, Machine, hierarchies  # noqa: E402
from waiting import eventually  # noqa: E402

KILLED = f"""
import sys
sys.path.append({str(LIB)!r})
from debian_machine import Machine
with Machine() as machine:
    machine.boot()
    print(machine.folder, machine.init, flush=True)
    sys.stdin.read()
"""


def traces(name):
    """What a machine has on the host: folder, control groups, mounts."""
    groups = [where / name for where in hierarchies().values() if (where / name).exists()]
    mounts = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if name in line]
    return groups + mounts + [folder for folder in pathlib.Path("/var/tmp").glob(name)]


@pytest.fixture(scope="module")
def booted():
    with Machine(hostname="somewhere") as machine:
        machine.path("/etc/before").write_text("before the boot\n")
        machine.state = machine.boot()
        yield machine


def test_systemd_is_up_with_all_its_units(booted):
    assert booted.state == "running", booted.output(["systemctl", "--failed"])
    assert booted.output(["ps", "-o", "comm=", "-p", "1"]) == "systemd"
    assert booted.output(["systemctl", "is-active", "dbus"]) == "active"


def test_it_is_a_place_of_its_own(booted):
    assert booted.output(["hostname"]) == "somewhere" != socket.gethostname()
    assert booted.output(["cat", "/etc/before"]) == "before the boot"
    assert booted.output(["sh", "-c", "ip -o link | wc -l"]) == "1"
    assert str(booted.folder) not in pathlib.Path("/proc/self/mounts").read_text()


def test_the_host_s_clock_and_settings_are_out_of_reach(booted):
    assert not booted.succeeds(["date", "-s", "@0"])
    assert time.time() > 86400
    assert not booted.succeeds(["sh", "-c", "echo 1 >/proc/sys/kernel/sysrq"])
    booted.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"])


def test_a_unit_s_limits_hold(booted):
    done = booted.run(["systemd-run", "--wait", "--pipe", "-p", "MemoryMax=20M", "perl", "-e", "my $x = 'a' x 80_000_000"], check=False)
    assert done.returncode != 0 and "status=KILL" in done.stderr, done


def test_a_command_that_fails_is_shown_with_the_journal(booted):
    booted.run(["logger", "a line of the journal"])
    with pytest.raises(CommandFailed) as failure:
        booted.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert all(word in str(failure.value) for word in ("exit 3", "out", "err", "a line of the journal"))


def test_a_command_that_hangs_is_ended(booted):
    assert booted.run(["sleep", "1000"], check=False, timeout_s=1).returncode == 124
    assert not booted.succeeds(["pgrep", "-x", "sleep"])


def test_a_user_s_commands_run_in_a_login_shell(booted):
    booted.run(["useradd", "-m", "olga"])
    assert booted.output(["sh", "-c", "echo $(id -un) $HOME $(pwd)"], user="olga") == "olga /home/olga /home/olga"


def test_apt_reaches_the_mirrors_while_it_is_let(booted):
    with apt_proxy(booted):
        booted.apt("update")
        booted.apt("install", "tree")
    assert booted.succeeds(["tree", "--version"])
    assert not booted.succeeds(["apt-get", "-q", "download", "hello"])


def test_before_the_boot_packages_come_by_the_host_s_network_and_start_nothing():
    with Machine() as machine:
        machine.apt_install("cron")
        assert not machine.succeeds(["pgrep", "-x", "cron"])
        machine.boot()
        machine.until(["pgrep", "-x", "cron"], 30)


def test_after_a_poweroff_the_disk_is_the_same():
    with Machine() as machine:
        machine.boot()
        machine.run(["systemd-run", "--unit=last", "-p", "RemainAfterExit=yes", "-p", "ExecStop=/bin/touch /etc/was-stopped", "/bin/true"])
        machine.poweroff()
        assert machine.path("/etc/was-stopped").exists()
        machine.boot()
        assert machine.succeeds(["test", "-e", "/etc/was-stopped"])
        name = machine.folder.name
    assert traces(name) == []


def test_one_whose_program_was_killed_is_gone_with_the_next():
    with subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        folder, init = program.stdout.readline().split()
        program.send_signal(signal.SIGKILL)
    eventually(lambda: not pathlib.Path(f"/proc/{init}").exists(), "its systemd has died with it", 30)
    name = pathlib.Path(folder).name
    assert traces(name) != []
    with Machine():
        assert traces(name) == []
