"""Starting and ending: what the daemon says, what it refuses to begin with, and what it leaves as it was."""
import os
import signal
import socket
import sqlite3
import subprocess

import pytest

from client import BINARY, READY, eventually


def settings(directory, **more):
    """The environment of a daemon that nobody else meets."""
    keys = {"listen": "127.0.0.1:0", "state_dir": directory / "state", "libvirt_uri": f"fake://{directory}/fake", **more}
    (directory / "fake").mkdir(exist_ok=True)
    return {**os.environ, **{"COMPUTED_" + key.upper(): str(value) for key, value in keys.items()}}


def refused(directory, *arguments, **more):
    """What it says on its way out: it must not begin."""
    end = subprocess.run([BINARY, *arguments], env=settings(directory, **more), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert end.returncode == 1, end
    assert READY not in end.stdout
    return end.stderr


def told(*arguments, **environment):
    return subprocess.run([BINARY, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)


class Running:
    def __init__(self, directory, **more):
        self.log = directory / "log"
        self.process = subprocess.Popen([BINARY], env=settings(directory, **more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=open(self.log, "w"), text=True)
        self.ready = self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=60)
        self.process.stdout.close()


def test_a_signal_ends_it_well(tmp_path):
    for number in (signal.SIGTERM, signal.SIGINT):
        with Running(tmp_path) as daemon:
            assert daemon.ready.startswith(READY + "http://127.0.0.1:")
            daemon.process.send_signal(number)
            assert daemon.process.wait(timeout=60) == 0


def test_several_addresses(tmp_path):
    with Running(tmp_path, listen=f"127.0.0.1:0, unix:{tmp_path}/socket") as daemon:
        assert daemon.ready.startswith(READY + "http://127.0.0.1:")
        assert daemon.ready.rstrip().endswith(f", unix:{tmp_path}/socket")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{tmp_path}/socket")
            client.sendall(b"GET /health HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n")
            assert client.recv(15).startswith(b"HTTP/1.1 ")
    assert not (tmp_path / "socket").exists()


def test_an_address_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert "listen" in refused(tmp_path, listen=f"127.0.0.1:{other.getsockname()[1]}")


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "127.0.0.1:0,192.0.2.1:80"])
def test_no_auth_for_others(tmp_path, listen):
    assert "auth=none" in refused(tmp_path, listen=listen)
    assert not (tmp_path / "state").exists()


def test_one_daemon_a_directory(tmp_path):
    with Running(tmp_path):
        assert "another" in refused(tmp_path)


@pytest.mark.parametrize("left", ["images/6d9b8e3c-2f6b-4c57-9d61-0f3a7b1c2d3e.raw", "instances/6d9b8e3c-2f6b-4c57-9d61-0f3a7b1c2d3e/disk.qcow2"])
def test_a_database_that_is_gone_is_missed(tmp_path, left):
    with Running(tmp_path):
        pass
    for file in (tmp_path / "state").glob("computed.db*"):
        file.unlink()
    (tmp_path / "state" / left).parent.mkdir(exist_ok=True)
    (tmp_path / "state" / left).write_bytes(b"data")
    assert "computed.db is missing" in refused(tmp_path)
    assert not (tmp_path / "state" / "computed.db").exists()
    assert (tmp_path / "state" / left).read_bytes() == b"data"


def test_a_database_of_a_newer_program(tmp_path):
    with Running(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "state" / "computed.db") as database:
        database.execute("PRAGMA user_version = 1000")
    database.close()
    assert "newer" in refused(tmp_path)


def test_a_database_that_is_none(tmp_path):
    with Running(tmp_path):
        pass
    for file in (tmp_path / "state").glob("computed.db*"):
        file.unlink()
    (tmp_path / "state" / "computed.db").write_bytes(b"nonsense " * 1000)
    assert "database" in refused(tmp_path)
    assert (tmp_path / "state" / "computed.db").read_bytes() == b"nonsense " * 1000


def test_unknown_files_are_reported_and_stay(tmp_path):
    with Running(tmp_path):
        pass
    for strange in ("note.txt", "images/note.txt"):
        (tmp_path / "state" / strange).write_text("mine")
    with Running(tmp_path) as daemon:
        assert daemon.ready.startswith(READY)
        eventually(lambda: daemon.log.read_text().count("note.txt") >= 2, "both files in the log")
    assert (tmp_path / "state" / "images" / "note.txt").read_text() == "mine"


def test_the_state_is_private(tmp_path):
    with Running(tmp_path):
        assert (tmp_path / "state" / "computed.db").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o711


# ---- configuration on the command line ----


def test_configuration_is_checked_and_printed(tmp_path):
    file = tmp_path / "computed.conf"
    file.write_text("[computed]\nregion = north\nstop_grace = 3s\n")
    assert told("--config", str(file), "--check-config").returncode == 0
    printed = told("--config", str(file), "--print-config", COMPUTED_WORKERS="9").stdout
    assert "\nregion = north\n" in printed and "\nstop_grace = 3s\n" in printed and "\nworkers = 9\n" in printed
    file.write_text(printed)
    assert told("--config", str(file), "--print-config").stdout == printed


@pytest.mark.parametrize("text, place", [("regoin = x\n", ":1:"), ("[computed]\nworkers = many\n", ":2:"), ("workers\n", ":1:")])
def test_a_mistake_has_its_place(tmp_path, text, place):
    file = tmp_path / "computed.conf"
    file.write_text(text)
    end = told("--config", str(file), "--check-config")
    assert end.returncode == 1 and f"{file.name}{place}" in end.stderr


def test_a_named_file_must_be_there(tmp_path):
    end = told("--config", str(tmp_path / "nowhere.conf"), "--check-config")
    assert end.returncode == 1 and "nowhere.conf" in end.stderr


def test_help_and_version():
    assert told("--version").stdout.startswith("computed ")
    assert "--config" in told("--help").stdout
    assert told("--nonsense").returncode == 2
    assert told("something").returncode == 2
