"""systemd/computed-guests.service: systemd understands it, and its commands do what they are there for, as root on the daemon's socket."""
import configparser
import os
import pathlib
import subprocess
import tempfile

import pytest

from client import BINARY, ROOT, Daemon

FOLDER = pathlib.Path(BINARY).resolve().parent


def unit_text():
    return (ROOT / "systemd" / "computed-guests.service.in").read_text().replace("@BINDIR@", str(FOLDER))


@pytest.fixture(scope="module")
def unit():
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string(unit_text())
    return parser


def test_systemd_understands_it(tmp_path):
    path = tmp_path / "computed-guests.service"
    path.write_text(unit_text())
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, [line for line in done.stderr.splitlines() if path.name in line]) == (0, [])
    path.write_text(unit_text().replace("After=computed", "Aftr=computed"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=60)
    assert "Aftr" in done.stderr, "it overlooks mistakes"


def test_the_daemons_life_is_not_the_guests(unit):
    for word in ("PartOf", "Requires", "BindsTo", "Requisite", "PropagatesStopTo"):
        assert not unit.has_option("Unit", word)
    assert unit["Service"]["RemainAfterExit"] == "yes" and unit["Service"]["ExecStart"].startswith("-")


def test_it_ends_before_what_it_needs():
    behind = {name for line in unit_text().splitlines() if line.startswith("After=") for name in line.removeprefix("After=").split()}
    assert {"computed.service", "libvirtd.service", "libvirtd.socket", "libvirt-guests.service", "virt-guest-shutdown.target"} <= behind


@pytest.mark.skipif(os.getuid() != 0, reason="root is the administrator")
def test_its_commands(unit):
    with tempfile.TemporaryDirectory(prefix="computed-api-") as directory:
        daemon = Daemon(pathlib.Path(directory), auth="token", listen=f"127.0.0.1:0, unix:{directory}/socket")
        try:
            daemon.add_image("tiny")
            daemon.create("a", networks=[])
            environment = {"PATH": os.environ["PATH"], "COMPUTED_URL": f"unix:{directory}/socket"}
            for command, status in (("ExecStop", "stopped"), ("ExecStart", "running")):
                words = unit["Service"][command].lstrip("-").split()
                done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=90)
                assert done.returncode == 0, done.stderr
                assert daemon.show("a")["status"] == status
        finally:
            daemon.stop()
