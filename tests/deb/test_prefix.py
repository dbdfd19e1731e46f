"""`make install` below /usr/local on a clean Debian, and then what it says is next."""
import shutil
import subprocess

import pytest

from conftest import ROOT
from host import SOCKET, STATE, Host

NEXT = "systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload && systemctl enable --now computed computed-guests"


@pytest.fixture
def host(packages, folder):
    """Only what the packages depend on is installed; the programs come from the tree."""
    destination = folder / "local"
    subprocess.run(["make", "-s", "-C", ROOT, f"DESTDIR={destination}", "install"], check=True, capture_output=True, timeout=600)
    with Host(packages) as machine:
        shutil.copytree(destination, machine.root, dirs_exist_ok=True)
        machine.boot()
        yield machine


def test_what_comes_next_starts_it(host):
    assert NEXT in (ROOT / "Makefile").read_text() and NEXT.replace(" && ", " && sudo ") in (ROOT / "README.md").read_text()
    host.run(["bash", "-c", NEXT])
    host.until(["computectl", "health"], 60)
    assert host.unit("computed.service", "User") == "computed"
    assert host.modes(STATE, SOCKET) == {STATE: ("711", "computed", "computed"), SOCKET: ("660", "root", "computed")}
    assert host.status_over_tcp("/v1/vms") == 401
    assert host.ctl("vm", "list").startswith("NAME")
    assert host.unit("computed-guests.service", "ActiveState") == "active"
