"""The packages on a clean Debian with systemd and a real libvirt: installed, used, upgraded, removed, installed again and purged, one after
the other, with a guest that runs all the time and one of somebody else."""
import json
import pathlib
import stat
import subprocess

import pytest

from conftest import ROOT
from host import FOREIGN, SOCKET, STATE, Host, matching

WAIT_S = 300  # the first guest waits until it is known how guests run here
UNITS = ("computed.service", "computed.socket")
GUESTS = "computed-guests.service"  # its stop is for the guests what the host's shutdown is
OTHERS = stat.S_IRWXO


class Story:
    """What later chapters compare with."""
    vm = pid = foreign_pid = token = None
    listed = frozenset()


@pytest.fixture(scope="module")
def story():
    return Story()


@pytest.fixture(scope="module")
def host(packages, story):
    with Host(packages) as machine:
        machine.run(["useradd", "-m", "olga"])
        machine.run(["useradd", "-m", "bob"])
        story.listed = machine.files()
        tiny = subprocess.run([ROOT / "tools/mkimage-tiny.sh"], check=True, capture_output=True, text=True, timeout=WAIT_S).stdout.strip()
        machine.copy_in(pathlib.Path(tiny).resolve(), "/root/tiny.qcow2")
        machine.boot()
        machine.define(FOREIGN)
        machine.virsh("start", "foreign")
        story.foreign_pid = machine.qemu_pid("foreign")
        yield machine


def is_serving(host):
    host.until(["computectl", "health"], 60)
    assert [host.unit(unit, "ActiveState") for unit in UNITS] == ["active"] * 2


def is_untouched(host, story):
    """The guest, and that of somebody else."""
    assert host.qemu_pid(f"computed-{story.vm}") == story.pid
    assert host.qemu_pid("foreign") == story.foreign_pid
    assert host.virsh("domstate", story.vm) == "running"


# ---- installed ----
def test_installation_starts_it(host, packages):
    host.apt_install(*packages)
    is_serving(host)
    for unit in (*UNITS, GUESTS):
        assert host.unit(unit, "UnitFileState") == "enabled"
    assert host.unit(GUESTS, "ActiveState") == "active"
    assert host.output(["systemctl", "list-units", "--failed", "--plain", "--no-legend", "computed*"]) == ""


def test_its_user_is_nobody_but_libvirts_friend(host):
    status = dict(line.split(":\t", 1) for line in host.output(["cat", f"/proc/{host.daemon_pid()}/status"]).splitlines() if ":\t" in line)
    uid, gid = (int(host.output(["id", flag, "computed"])) for flag in ("-u", "-g"))
    assert status["Uid"].split() == [str(uid)] * 4 and uid != 0
    libvirt = int(host.output(["getent", "group", "libvirt"]).split(":")[2])
    assert {int(number) for number in status["Groups"].split()} | {int(status["Gid"].split()[0])} >= {gid, libvirt}
    assert host.output(["getent", "passwd", "computed"]).split(":")[6] == "/usr/sbin/nologin"


def test_places_have_their_modes(host):
    modes = host.modes(SOCKET, STATE, f"{STATE}/computed.db", "/etc/computed/computed.conf")
    assert modes[SOCKET][0] == "660" and modes[SOCKET][2] == "computed"
    assert modes[STATE] == ("711", "computed", "computed")
    assert modes[f"{STATE}/computed.db"] == ("600", "computed", "computed")
    assert modes["/etc/computed/computed.conf"] == ("644", "root", "root")


def test_the_configuration_is_good(host):
    assert "good" in host.output(["computed", "--check-config"])


# ---- who may ----
def test_who_is_root_or_in_the_group_administers(host):
    host.run(["usermod", "-a", "-G", "computed", "olga"])
    for user in ("root", "olga"):
        assert json.loads(host.ctl("--json", "host", "show", user=user))
    for url, why in ((["--url", f"unix:{SOCKET}"], "ermission denied"), ([], "computectl login")):
        refused = host.run(["computectl", *url, "vm", "list"], user="bob", check=False)
        assert refused.returncode == 1 and why in refused.stderr, refused.stderr


def test_tcp_asks_for_a_token(host, story):
    assert host.status_over_tcp("/health") == 200
    assert host.status_over_tcp("/v1/vms") == 401
    host.run(["systemctl", "stop", *UNITS])
    password = host.output(["computed", "init"]).split()[-1]
    host.run(["systemctl", "start", "computed.service"])
    is_serving(host)
    login = json.dumps({"user": "admin", "password": password})
    answer = json.loads(host.output(["curl", "-s", "-H", "Content-Type: application/json", "-d", "@-", "http://127.0.0.1:8081/v1/tokens"], input=login))
    story.token = answer["token"]
    assert host.status_over_tcp("/v1/vms", story.token) == 200


# ---- used ----
def test_a_guest_runs(host, story):
    host.ctl("image", "create", "tiny", "/root/tiny.qcow2", timeout_s=WAIT_S)
    host.run(["sh", "-c", "printf '#!/bin/sh\n' >/root/user-data"])
    host.ctl("vm", "create", "first", "--image", "tiny", "--vcpus", "1", "--memory-mib", "96", "--disk-gib", "1", "--user-data", "/root/user-data",
             "--wait=ready", timeout_s=WAIT_S)
    vm = host.vms()["first"]
    assert vm["status"] == "running" and vm["ready_at"]
    story.vm, story.pid = vm["id"], host.qemu_pid(f"computed-{vm['id']}")
    assert "first" in host.virsh("list", "--title")
    is_untouched(host, story)


def test_state_is_not_for_others(host, story):
    """Guests' memory, disks, seeds and consoles have secrets of theirs in them; images have none of the guest's."""
    files = host.state_files()
    for kind in ("computed\\.db", f"instances/{story.vm}/disk\\.qcow2", f"instances/{story.vm}/seed\\.iso", f"instances/{story.vm}/console\\.log",
                 f"instances/{story.vm}/vm\\.json", "networks/[^/]*\\.json", "images/[^/]*\\.json"):
        found = matching(files, kind)
        assert found, f"no file like {kind} among {sorted(files)}"
        assert not [path for path, mode in found.items() if mode & OTHERS], found
    readable = host.output(["find", STATE, "-mindepth", "1", "-readable"], user="bob", check=False)
    assert readable == ""


# ---- upgraded ----
def test_an_upgrade_touches_neither_guests_nor_clients(host, story, next_packages):
    host.run(["sed", "-i", "s/^#region = local/region = lab/", "/etc/computed/computed.conf"])
    asker = f"while :; do curl -s -o /dev/null -w '%{{http_code}} %{{exitcode}}\\n' --unix-socket {SOCKET} http://localhost/v1/vms; done >/root/answers"
    host.run(["systemd-run", "-q", "--unit=asker", "sh", "-c", asker])
    host.until(["test", "-s", "/root/answers"])
    daemon = host.daemon_pid()
    since = {unit: host.unit(unit, "ActiveEnterTimestampMonotonic") for unit in ("computed.socket", GUESTS)}
    host.apt_install(*next_packages)
    is_serving(host)
    host.run(["systemctl", "stop", "asker"])
    answers = host.path("/root/answers").read_text().splitlines()
    assert len(answers) > 10 and set(answers[:-1]) == {"200 0"}, set(answers)
    assert host.daemon_pid() != daemon
    assert {unit: host.unit(unit, "ActiveEnterTimestampMonotonic") for unit in since} == since
    is_untouched(host, story)
    assert host.vms()["first"]["status"] == "running"
    assert host.status_over_tcp("/v1/vms", story.token) == 200
    assert "region = lab" in host.path("/etc/computed/computed.conf").read_text()


# ---- removed ----
def test_removal_leaves_guests_and_state(host, story):
    host.apt("remove", "computed", "computectl")
    assert not host.succeeds(["test", "-e", SOCKET])
    assert not host.path("/usr/sbin/computed").exists()
    is_untouched(host, story)
    assert "first" in host.virsh("list", "--title")
    assert host.path(f"{STATE}/instances/{story.vm}").is_dir()
    assert host.path("/etc/computed/computed.conf").exists()


def test_installed_again_it_knows_them(host, story, next_packages):
    host.apt_install(*next_packages)
    is_serving(host)
    assert host.vms()["first"]["status"] == "running"
    assert host.status_over_tcp("/v1/vms", story.token) == 200
    is_untouched(host, story)


# ---- the host switched off and on ----
def test_guests_are_back_after_the_hosts_restart(host, story):
    """Shut down while libvirt, and polkit, which it asks, are still there; started again as soon as they are."""
    host.virsh("destroy", "foreign")  # has no system that would heed a power button, and libvirt-guests waits for minutes
    host.poweroff()
    stopped = host.journal(400, "-u", GUESTS)
    assert "Stopped computed-guests" in stopped and "Failed" not in stopped, stopped
    host.boot()
    host.virsh("start", "foreign")
    story.foreign_pid = host.qemu_pid("foreign")
    is_serving(host)
    host.until(["sh", "-c", "computectl vm list --status running --names | grep -qx first"], WAIT_S)
    before, story.pid = story.pid, host.qemu_pid(f"computed-{story.vm}")
    assert story.pid != before
    is_untouched(host, story)


# ---- purged ----
OTHERS_FILES = ("/etc/libvirt/", "/var/lib/libvirt/", "/var/lib/dbus/", "/var/tmp/systemd-private-")
LIBVIRT = ("libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket", "libvirtd.service")


def test_purge_without_libvirt_keeps_what_domains_may_need(host, story, next_packages):
    host.run(["systemctl", "stop", *LIBVIRT])
    words = host.apt("purge", "computed").stdout
    assert "kept" in words and STATE in words, words
    assert host.path(f"{STATE}/instances/{story.vm}").is_dir()
    host.run(["systemctl", "start", *LIBVIRT[:-1]])
    is_untouched(host, story)
    host.apt_install(*next_packages)
    is_serving(host)
    assert host.vms()["first"]["status"] == "running"


def test_purge_keeps_the_disk_of_somebody_elses_domain(host, story, next_packages):
    image = next(path for path in host.state_files() if path.startswith("images/") and path.endswith(".qcow2"))
    host.define(FOREIGN.replace("foreign", "borrower").replace(
        "<devices>", f"<devices><disk type='file'><source file='{STATE}/{image}'/><target dev='vda'/></disk>"))
    words = host.apt("purge", "computed").stdout
    assert "kept" in words and "borrower" in words, words
    assert host.path(f"{STATE}/{image}").exists()
    is_untouched(host, story)
    host.virsh("undefine", "borrower")
    host.apt_install(*next_packages)
    is_serving(host)


def test_purge_removes_all_that_is_ours(host, story):
    host.ctl("vm", "create", "second", "--image", "tiny", "--vcpus", "1", "--memory-mib", "96", "--disk-gib", "1", "--wait", timeout_s=WAIT_S)
    second = host.vms()["second"]["id"]
    pids = [story.pid, host.qemu_pid(f"computed-{second}")]
    is_untouched(host, story)
    host.apt("purge", "computed", "computectl")
    assert not [pid for pid in pids if host.succeeds(["test", "-e", f"/proc/{pid}"])]
    assert host.virsh("list", "--all", "--name").split() == ["foreign"]
    assert host.qemu_pid("foreign") == story.foreign_pid
    assert host.virsh("net-list", "--all", "--name").split() == ["default"]
    assert "computed" not in host.virsh("nwfilter-list")
    left = {path for path in host.files() - story.listed if not path.startswith(OTHERS_FILES)}
    assert left == set()
    assert not host.succeeds(["test", "-e", "/run/computed"])
    assert host.output(["getent", "passwd", "computed"])
