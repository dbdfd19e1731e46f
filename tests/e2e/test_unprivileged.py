"""A whole life as the package has it: the daemon is user computed with CAP_DAC_READ_SEARCH and nothing else. Once with an open umask on
a libvirt that gives disks back, once hardened, with a closed umask, on one that leaves them root's."""
import http.server
import json
import os
import pathlib
import re
import sqlite3
import stat
import subprocess
import threading
import uuid

import pytest

import private_libvirt
from guest import Key, address
from machine import BOOT_S, domain_state, eventually, qemu_img
from packaged import ID, NOBODY, Packaged, as_user, gid_of, host

RUNS = {
    "open": {"umask": 0o000, "is_hardened": False, "remembers_owners": True},
    "hardened": {"umask": 0o077, "is_hardened": True, "remembers_owners": False},
}
DAC_READ_SEARCH = 1 << 2
ID_TEXT = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

# What lies in state_dir, and its mode; docs/permissions.md has the same table.
MODES = [
    (r"\.", 0o711),
    (r"images|instances|networks|keypairs", 0o711),
    (rf"instances/{ID_TEXT}", 0o711),
    (r"quarantine(/[^/]+)?", 0o700),
    (r"quarantine/[^/]+/[^/]+", 0o600),
    (r"computed\.db(\.(before|broken|replaced)-\d+)?(-wal|-shm)?", 0o600),
    (r"lock|doctor\.log", 0o600),
    (rf"images/{ID_TEXT}\.(qcow2|raw)", 0o444),
    (rf"(images|networks|keypairs)/{ID_TEXT}\.json", 0o600),
    (rf"instances/{ID_TEXT}/disk\.qcow2", 0o640),  # an access list's mask: computed may read
    (rf"instances/{ID_TEXT}/(seed\.iso|console\.log(\.\d)?|vm\.json)", 0o600),
]
OPEN_TO_ALL = rf"images/{ID_TEXT}\.(qcow2|raw)"
GIVEN_AWAY = rf"instances/{ID_TEXT}/(disk\.qcow2|seed\.iso|console\.log(\.\d)?)"  # to QEMU's user by libvirt, to root by virtlogd


@pytest.fixture(scope="module", params=RUNS)
def packaged(request, numbered, tiny):
    run = dict(RUNS[request.param])
    remembers_owners = run.pop("remembers_owners")
    with host(remembers_owners):
        daemon = Packaged(numbered(), **run)
        daemon.remembers_owners = remembers_owners
        try:
            daemon.add_image("tiny", tiny.read_bytes(), "qcow2")
            yield daemon
        finally:
            daemon.remove_all()
            daemon.remove_networks()
            daemon.stop()


@pytest.fixture(scope="module")
def key(packaged, tmp_path_factory):
    return Key(packaged, "key", tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def guest(packaged, key):
    """Runs, and somebody can log in."""
    vm = packaged.create("guest", keypair=key.name)
    eventually(lambda: packaged.show("guest")["ready_at"], "the guest is ready", BOOT_S)
    return vm


def is_healthy(daemon):
    answer = daemon.get("/v1/doctor").json
    assert (answer["findings"], answer["unseen"]) == ([], [])


def status_of(pid):
    return dict(re.findall(r"^(\w+):\t(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))


def test_is_nobody_special(packaged):
    status = status_of(packaged.process.pid)
    assert set(status["Uid"].split()) | set(status["Gid"].split()) == {str(ID)}
    assert status["Groups"].split() == [str(gid_of("libvirt"))]
    assert {int(status[which], 16) for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {DAC_READ_SEARCH}
    assert (status["NoNewPrivs"], int(status["Umask"], 8)) == ("1", packaged.umask)
    mounts = pathlib.Path(f"/proc/{packaged.process.pid}/mountinfo").read_text()
    (root,) = [line.split()[5] for line in mounts.splitlines() if line.split()[4] == "/"]
    assert ("ro" in root.split(",")) == packaged.is_hardened


def test_a_guest_that_calls_and_lets_one_in(packaged, guest, key):
    """The daemon listens on the network's address."""
    assert key.run(address(guest), "id -u") == "0"
    eventually(lambda: "phone-home" in packaged.log_text(), "the guest's call", BOOT_S)


def test_console_logs_that_are_roots(packaged, guest):
    folder = packaged.instance(guest["id"])
    eventually(lambda: (folder / "console.log.0").exists() and (folder / "console.log").stat().st_uid == 0, "virtlogd's own log")
    packaged.boots("guest")
    is_healthy(packaged)


def test_a_restart_with_a_running_guest(packaged, guest, key):
    packaged.restart()
    assert packaged.status("guest") == "running"
    assert key.run(address(guest), "echo here") == "here"
    packaged.boots("guest")


def test_a_start_before_libvirt(packaged, guest):
    """No other libvirt takes its place meanwhile: libvirt would start one for this user, in which the guests are not."""
    packaged.stop()
    private_libvirt.end("libvirtd")
    packaged.settings["libvirt_uri"] = ""
    packaged.start()
    assert packaged.get("/health").json["status"] != "healthy"
    assert packaged.get("/v1/vms").json["stale"]
    private_libvirt.start("libvirtd")
    eventually(lambda: not packaged.get("/v1/vms").json["stale"], "libvirt answers")
    assert packaged.status("guest") == "running"
    assert [path for path in entries(packaged.state) if ".config" in path or ".cache" in path] == []


def test_power_and_an_image_of_the_disk(packaged):
    vm = packaged.create("power", image="tiny")
    overlay = packaged.overlay(vm["id"])
    assert overlay.stat().st_uid not in (0, ID)  # QEMU's
    assert packaged.act("power", "pause")["status"] == "paused"
    assert packaged.act("power", "resume")["status"] == "running"
    assert packaged.act("power", "suspend")["status"] == "suspended"
    assert packaged.act("power", "resume")["status"] == "running"
    assert packaged.act("power", "stop", {"force": True})["status"] == "stopped"
    assert overlay.stat().st_uid == (ID if packaged.remembers_owners else 0)
    packaged.done(packaged.post("/v1/vms/power/image", {"name": "copy"}))
    qemu_img("check", packaged.image_file("copy"))
    assert packaged.act("power", "start")["status"] == "running"
    packaged.removes_cleanly(vm["id"])
    of_copy = packaged.create("of-copy", image="copy", networks=[])
    assert domain_state(of_copy["id"])[0] == "running"
    packaged.removes_cleanly(of_copy["id"])
    packaged.done(packaged.delete("/v1/images/copy"))


def test_an_image_from_a_url(packaged, tmp_path):
    """Downloaded by one child, converted by another."""
    qemu_img("create", "-f", "vmdk", tmp_path / "disk", "8M")
    handler = lambda *args: http.server.SimpleHTTPRequestHandler(*args, directory=tmp_path)  # noqa: E731
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            packaged.done(packaged.post("/v1/images/import", {"name": "far", "url": f"http://127.0.0.1:{server.server_port}/disk"}))
        finally:
            server.shutdown()
            thread.join()
    assert packaged.get("/v1/images/far").json["status"] == "active"
    packaged.done(packaged.delete("/v1/images/far"))


def test_how_guests_run_here_is_not_remembered_unseen(packaged):
    """/dev/kvm may have changed where the daemon cannot look; without a kvm there is nothing to see."""
    with sqlite3.connect(f"file:{packaged.state}/computed.db?mode=ro", uri=True) as database:
        ((text,),) = database.execute("SELECT value FROM setting WHERE key = 'host.accel'")
    is_unseen = packaged.is_hardened and os.path.exists("/sys/class/misc/kvm")
    assert ("kvm unseen:" in json.loads(text)["fingerprint"]) == is_unseen


# ---- command lines ----
def run(packaged, *words, code=0):
    done = packaged.command(*words)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done


def log_in(packaged, password):
    packaged.token = packaged.as_user("admin", password).token


def test_roots_command_lines_leave_nothing_of_roots(packaged, guest):
    """Backup and doctor --fix, restore, rebuild and a new password: the daemon starts afterwards, beside its guest."""
    copy = packaged.directory / "backup"
    run(packaged, "backup", copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    packaged.stop()
    leftover = packaged.state / "images" / f"{uuid.uuid4()}.part"
    leftover.touch(mode=0o600)
    os.chown(leftover, ID, ID)
    assert "1 of 1 finding mended" in run(packaged, "doctor", "--deep", "--fix").stderr
    assert not leftover.exists()
    run(packaged, "restore", copy)
    password = run(packaged, "init", "--reset-password").stdout.split()[-1]
    packaged.start()
    log_in(packaged, password)
    assert packaged.status("guest") == "running"
    packaged.stop()
    for path in packaged.state.glob("computed.db*"):
        path.unlink()
    run(packaged, "doctor", "--rebuild")
    password = run(packaged, "init").stdout.split()[-1]
    packaged.start()
    log_in(packaged, password)
    assert packaged.status("guest") == "running"
    is_healthy(packaged)
    copy.unlink()


def test_a_daemon_that_root_starts_by_hand(packaged, guest):
    packaged.stop()
    packaged.is_by_hand = True
    packaged.start()
    status = status_of(packaged.process.pid)
    assert set(status["Uid"].split()) | set(status["Gid"].split()) == {str(ID)}
    assert set(status["Groups"].split()) == {str(ID), str(gid_of("libvirt"))}
    assert {int(status[which], 16) for which in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0, DAC_READ_SEARCH}
    packaged.boots("guest")  # its console log can be read
    packaged.stop()
    packaged.is_by_hand = False
    packaged.start()
    assert packaged.status("guest") == "running"


# ---- who may what ----
def entries(state):
    """Paths relative to state_dir."""
    return sorted(str(path.relative_to(state)) for path in [state, *state.rglob("*")])


def opened(state, names, mode):
    """Those that an unrelated user of the host can open, whose names somebody told."""
    script = "import sys\nfor name in sys.stdin.read().splitlines():\n try: open(name, sys.argv[1]).close(); print(name)\n except OSError: pass"
    done = subprocess.run([*as_user(NOBODY), "/usr/bin/python3", "-c", script, mode], input="\n".join(str(state / name) for name in names),
                          capture_output=True, text=True, check=True)
    return {str(pathlib.Path(line).relative_to(state)) for line in done.stdout.splitlines()}


def test_every_file_has_the_mode_that_it_must_have(packaged, guest):
    packaged.create("second", start=False)
    eventually(lambda: not (packaged.state / "probe").exists(), "the end of the probe")
    names = entries(packaged.state)
    for name in names:
        mode = [mode for pattern, mode in MODES if re.fullmatch(pattern, name)]
        info = (packaged.state / name).lstat()
        assert [oct(stat.S_IMODE(info.st_mode))] == [oct(m) for m in mode], name
        assert info.st_uid == ID or re.fullmatch(GIVEN_AWAY, name), name
    for kind, _ in MODES:
        assert any(re.fullmatch(kind, name) for name in names), f"nothing of {kind} was looked at"
    files = [name for name in names if (packaged.state / name).is_file()]
    assert opened(packaged.state, files, "rb") == {name for name in files if re.fullmatch(OPEN_TO_ALL, name)}
    assert opened(packaged.state, files, "r+b") == set()
    packaged.remove("second")


def test_nobody_else_can_list_a_folder(packaged, guest):
    for folder in [name for name in entries(packaged.state) if (packaged.state / name).is_dir()]:
        done = subprocess.run([*as_user(NOBODY), "ls", packaged.state / folder], capture_output=True, text=True)
        assert "Permission denied" in done.stderr, folder


ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
except PermissionError:
    sys.exit("refused")
s.sendall(b"GET /v1/users HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
sys.exit(s.makefile("rb").readline().decode().split()[1])
"""


def asks(packaged, prefix):
    """What an administrator may: "200"; or why not."""
    return subprocess.run([*prefix, "/usr/bin/python3", "-c", ASK, packaged.socket], capture_output=True, text=True).stderr.strip()


def test_who_is_let_in_by_the_socket(packaged):
    info = packaged.socket.stat()
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (0o660, ID, ID)
    assert asks(packaged, []) == "200"  # root
    assert asks(packaged, as_user(NOBODY, groups=[ID])) == "200"
    assert asks(packaged, as_user(NOBODY, gid=ID)) == "200"
    assert asks(packaged, as_user(NOBODY)) == "refused"
    assert asks(packaged, as_user(NOBODY, groups=[gid_of("libvirt")])) == "refused"
    packaged.socket.chmod(0o666)  # a mode alone makes nobody an administrator
    assert asks(packaged, as_user(NOBODY)) == "401"
    packaged.socket.chmod(0o660)
