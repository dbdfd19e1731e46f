"""Guests over the host's shutdown and start: a running, a paused and a stopped one are that again, and remember what they should."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

import private_libvirt
from client import BINARY
from guest import Key, address
from machine import BOOT_S, domain_state, eventually, virsh

CTL = pathlib.Path(BINARY).with_name("computectl")
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


def ctl(machine, *words):
    done = subprocess.run([CTL, "--url", f"http://{machine.host}:{machine.port}", *words], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def end_of_network(pid_file):
    """Of its dnsmasq, if that is still there: libvirtd may have ended it and been killed before it took the file away."""
    pid = int(pid_file.read_text())
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists(), f"the end of {pid_file.name}")


def reboot(machine):
    """As far as a namespace goes: what lives in memory and in /run is gone, libvirt and the daemon come up anew, in this order."""
    machine.stop()
    assert virsh("list", "--state-running", "--state-paused", "--uuid") == "", "what runs now is lost"
    for daemon in ("libvirtd", "virtlogd"):
        private_libvirt.end(daemon)
    for pid_file in set(pathlib.Path("/run/libvirt/network").glob("*.pid")) - {pathlib.Path("/run/libvirt/network/driver.pid")}:
        end_of_network(pid_file)
    for line in subprocess.run(["ip", "-o", "link", "show", "type", "bridge"], check=True, capture_output=True, text=True).stdout.splitlines():
        subprocess.run(["ip", "link", "delete", line.split(": ")[1].split("@")[0]], check=True)
    shutil.rmtree("/run/libvirt")
    private_libvirt.start("virtlogd")
    private_libvirt.start("libvirtd")
    private_libvirt.wait_until_answering()
    machine.start()


@pytest.mark.parametrize("action", ["shutdown", "suspend"])
def test_as_they_were_after_a_reboot(own, tmp_path, action):
    key = Key(own, "e2e", tmp_path)
    runs = own.create("runs", keypair=key.name)
    sleeps = own.create("sleeps", keypair=key.name)
    own.create("off", start=False)
    for name in ("runs", "sleeps"):
        eventually(lambda: own.show(name)["ready_at"], f"{name} is ready", BOOT_S)
    boots = {name: key.run(address(vm), f"echo of {name} >/tmp/told; echo of {name} >/data/told; sync; {BOOT_ID}")
             for name, vm in (("runs", runs), ("sleeps", sleeps))}
    own.act("sleeps", "pause")

    ctl(own, "host", "stop-guests", "--action", action, "--wait")
    assert [own.status(name) for name in ("runs", "sleeps", "off")] == ["stopped" if action == "shutdown" else "suspended", "suspended", "stopped"]
    reboot(own)
    ctl(own, "host", "start-guests", "--wait")
    assert [own.status(name) for name in ("runs", "sleeps", "off")] == ["running", "paused", "stopped"]
    assert [domain_state(own.show(name)["id"])[0] for name in ("runs", "sleeps", "off")] == ["running", "paused", "shut off"]
    assert [own.show(name)["restores_to"] for name in ("runs", "sleeps", "off")] == [None] * 3

    own.act("sleeps", "resume")
    remembers = {"runs": action == "suspend", "sleeps": True}
    for name, vm in (("runs", runs), ("sleeps", sleeps)):
        eventually(lambda: key.ssh(address(vm), "true").returncode == 0, f"{name} answers", BOOT_S)
        assert key.run(address(vm), "cat /data/told") == f"of {name}"
        assert (key.run(address(vm), BOOT_ID) == boots[name]) == remembers[name]
        assert (key.ssh(address(vm), "cat /tmp/told").stdout.strip() == f"of {name}") == remembers[name]


def test_a_restart_of_the_daemon_is_nothing_to_them(own):
    vm = own.create("a", networks=[])
    own.boots("a")
    own.restart()
    assert domain_state(vm["id"]) == ("running", "booted") and own.show("a")["restores_to"] is None


def test_after_a_crash_of_the_host_nothing_starts(own):
    """Nobody has asked for their end: what they were is not known to be wanted, but for libvirt's own autostart."""
    vm = own.create("a", networks=[])
    virsh("destroy", vm["id"])
    reboot(own)
    ctl(own, "host", "start-guests", "--wait")
    assert own.status("a") == "stopped"
