"""Full and broken disks: a state directory without space or without write access, a database that is locked, damaged or too new, and a guest
whose own disk finds no space."""
import concurrent.futures
import contextlib
import http.server
import os
import sqlite3
import subprocess
import threading
import time

import pytest

from machine import BOOT_S, domain_state, eventually, running, second_daemon, virsh
from test_rollback import fill, is_error_with_nothing_behind

MIB = 1 << 20
PATIENCE_S = 5
LITTLE_S = 2


# ---- space ----
@pytest.fixture
def small_disk(numbered, tiny):
    """A daemon whose state lies on a small file system of its own; its size is the disk's."""
    directory = numbered()
    (directory / "state").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m,mode=711", "tmpfs", directory / "state"], check=True)
    try:
        yield from running(directory, tiny, import_allow="127.0.0.0/8")
    finally:
        subprocess.run(["umount", "--lazy", directory / "state"], check=True)


@contextlib.contextmanager
def full(machine):
    fill(machine.state)
    yield
    (machine.state / "filler").unlink()


@pytest.fixture
def url(tmp_path):
    """Of 4 MiB, on loopback."""
    (tmp_path / "disk").write_bytes(os.urandom(4 * MIB))
    handler = lambda *args: http.server.SimpleHTTPRequestHandler(*args, directory=tmp_path)  # noqa: E731
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/disk"
    server.shutdown()
    thread.join()
    server.server_close()


def image_files(machine):
    """Without the records of what they are, which follow behind."""
    return machine.image_files()


def refused_or_failed(machine, answer):
    """507 at once, or an operation that failed with disk_full: true in the second case."""
    assert answer.status in (202, 507), answer
    if answer.status == 507:
        assert answer.code == "disk_full"
        return False
    operation = machine.wait(answer)
    assert operation["status"] == "failed" and operation["error"]["code"] == "disk_full", operation
    return True


def test_no_space(small_disk, url, name):
    """Nothing half-made stays, reads and deletes work, and all works again when there is space."""
    machine = small_disk
    vm, doomed = machine.create(f"{name}-vm", networks=[]), machine.create(f"{name}-doomed", start=False, networks=[])
    queued = machine.post("/v1/images", {"name": "upload", "disk_format": "raw"}).json
    before = image_files(machine)
    with full(machine):
        assert machine.get("/v1/vms").json["stale"] is False and machine.status(vm["id"]) == "running"
        assert machine.get("/v1/images/upload").json["status"] == "queued" and machine.get("/health").status in (200, 503)
        uploaded = machine.upload("upload", os.urandom(4 * MIB))
        assert (uploaded.status, uploaded.code) == (507, "disk_full")
        import_accepted = machine.post("/v1/images/import", {"name": "import", "url": url})
        created = machine.post("/v1/vms", machine.body(name, networks=[]))
        suspended = machine.post(f"/v1/vms/{vm['id']}/suspend")
        deleted = machine.delete(f"/v1/vms/{doomed['id']}")
        assert {a.status for a in (import_accepted, created, suspended, deleted)} <= {202, 507}
        if deleted.status == 202:
            machine.done(deleted)
        assert machine.status(vm["id"]) in ("running", "stopping", "suspended")
        (machine.state / "filler").unlink()  # what was accepted may need the database's space to end
        (machine.state / "filler").touch()
    outcome = [machine.wait(a)["status"] for a in (import_accepted, created, suspended) if a.status == 202]
    assert all(status in ("succeeded", "failed") for status in outcome)
    for image in machine.get("/v1/images").json["images"]:
        if image["name"] == "import":
            machine.done(machine.delete(f"/v1/images/{image['id']}"))
    assert [f for f in image_files(machine) if not f.startswith(queued["id"])] == [f for f in before if not f.startswith(queued["id"])]
    assert machine.upload("upload", bytes(4 * MIB)).status == 204
    machine.done(machine.post("/v1/images/import", {"name": "again", "url": url}))
    for image in ("upload", "again"):
        assert machine.get(f"/v1/images/{image}").json["status"] == "active"
    for left in machine.get("/v1/vms").json["vms"]:
        machine.removes_cleanly(left["id"])
    last = machine.create(f"{name}-last", networks=[])
    assert machine.act(last["id"], "suspend")["status"] == "suspended" and machine.act(last["id"], "resume")["status"] == "running"
    assert sqlite3.connect(f"file:{machine.state}/computed.db?mode=ro", uri=True).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("what", ["create", "import", "upload"])
def test_space_that_ends_in_the_middle(small_disk, url, name, what):
    """There is room for the rows, and not for the bytes."""
    machine = small_disk
    before = image_files(machine)
    if what == "upload":
        machine.post("/v1/images", {"name": "upload", "disk_format": "raw"})
        before = image_files(machine)
    fill(machine.state)
    os.truncate(machine.state / "filler", (machine.state / "filler").stat().st_size - MIB)
    if what == "upload":
        answer = machine.upload("upload", os.urandom(4 * MIB))
        assert (answer.status, answer.code) == (507, "disk_full")
        eventually(lambda: machine.get("/v1/images/upload").json["status"] == "queued", "it can be tried again", 10)
    elif what == "import":
        answer = machine.post("/v1/images/import", {"name": "import", "url": url})
        if refused_or_failed(machine, answer):
            assert machine.get("/v1/images/import").json["status"] == "error"
            machine.done(machine.delete("/v1/images/import"))
    else:
        machine.arm("disk.overlay_write.before=error(disk_full)")  # an overlay's first bytes are few
        answer = machine.post("/v1/vms", machine.body(name, networks=[]))
        if refused_or_failed(machine, answer):
            is_error_with_nothing_behind(machine, name, answer.json["id"])
            machine.removes_cleanly(answer.json["id"])
        machine.arm("")
    (machine.state / "filler").unlink()
    assert image_files(machine) == before
    machine.removes_cleanly(machine.create(name, networks=[])["id"])


def remount(machine, how):
    subprocess.run(["mount", "-o", f"remount,{how}", machine.state], check=True)


def test_read_only(small_disk, name):
    """What some disks become when they fail."""
    machine = small_disk
    vm = machine.create(f"{name}-vm", networks=[])
    bound = machine.state
    subprocess.run(["mount", "--bind", bound, bound], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", bound], check=True)
    try:
        assert machine.show(vm["id"])["status"] == "running" and machine.get("/v1/vms").status == 200
        answer = machine.post("/v1/vms", machine.body(name, networks=[]))
        if answer.status == 202:
            assert machine.wait(answer)["status"] == "failed"
        else:
            assert answer.status in (500, 503, 507), answer
    finally:
        subprocess.run(["umount", "--lazy", bound], check=True)
    for left in machine.get("/v1/vms").json["vms"]:
        machine.removes_cleanly(left["id"])
    machine.removes_cleanly(machine.create(f"{name}-again", networks=[])["id"])


def test_a_start_on_a_read_only_disk(small_disk):
    machine = small_disk
    machine.stop()
    remount(machine, "ro")
    try:
        status, out, err = second_daemon(machine)
        assert status not in (0, -6, -11) and out == "" and "computed: " in err, (status, out, err)
    finally:
        remount(machine, "rw")
        machine.start()


WRITES = """#!/bin/sh
(i=0; while i=$((i+1)); do dd if=/dev/urandom of=/data/$i bs=64k count=4; sync; sleep 0.1; done) >/dev/null 2>&1 &
"""


def test_a_guest_whose_disk_is_full(small_disk, name):
    """The host's disk ends while the guest writes: paused, with the reason; resumed when asked, once there is space."""
    machine = small_disk
    vm = machine.create(name, user_data=WRITES, networks=[])
    machine.boots(name)
    with full(machine):
        eventually(lambda: domain_state(vm["id"]) == ("paused", "I/O error"), "the guest is stopped by its disk", BOOT_S)
    shown = eventually(lambda: [v for v in [machine.show(name)] if v["status"] == "paused"], "it shows")[0]
    assert shown["status_reason"] == "ioerror" and shown["fault"] is None, shown
    assert machine.act(name, "resume")["status"] == "running"
    before = machine.overlay(vm["id"]).stat().st_blocks
    eventually(lambda: machine.overlay(vm["id"]).stat().st_blocks > before, "the guest writes on", BOOT_S)
    assert machine.status(name) == "running"
    machine.removes_cleanly(vm["id"])


# ---- the database ----
@contextlib.contextmanager
def locked(machine):
    """An outside process' write lock."""
    database = sqlite3.connect(machine.state / "computed.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        database.execute("ROLLBACK")
        database.close()


def test_a_locked_database(own, name):
    vm = own.create(name, networks=[])
    events = len(own.events("vm.status.changed", vm["id"]))
    calls = 8 * [lambda: own.post("/v1/vms", own.body(f"{name}-new", networks=[])), lambda: own.delete(f"/v1/vms/{name}")]
    with locked(own), concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        began = time.monotonic()
        for answer in pool.map(lambda call: call(), calls):
            assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0, answer
            assert time.monotonic() - began < PATIENCE_S
        began = time.monotonic()
        assert own.status(name) == "running" and own.get("/v1/vms").status == 200
        assert time.monotonic() - began < LITTLE_S
        assert own.get("/health").status == 503
    assert len(own.events("vm.status.changed", vm["id"])) == events
    assert [v["name"] for v in own.get("/v1/vms").json["vms"]] == [name]
    assert own.get("/health").status == 200
    own.removes_cleanly(vm["id"])


def test_a_database_that_is_locked_under_an_operation(own, name):
    """It goes on when the lock is gone: what was done is not done twice, and nothing is lost."""
    own.arm("virt.start.after=hang(1500),once")
    answer = own.post("/v1/vms", own.body(name, networks=[]))
    eventually(lambda: domain_state(answer.json["id"])[0] == "running" if own.get(answer.headers["Location"]).json["progress"] >= 60 else False,
               "the guest is started")
    with locked(own):
        eventually(lambda: "the state of a job cannot be written" in own.log_text(), "the operation's own patience is over")
        assert own.get(answer.headers["Location"]).json["status"] == "running"
    own.done(answer)
    assert [e["new_status"] for e in own.events("vm.status.changed", answer.json["id"])] == ["running"]
    own.removes_cleanly(answer.json["id"])


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def damaged(path):
    overwrite(path, 4096, b"\xff" * 8192)


def no_database(path):
    overwrite(path, 0, b"this is no database".ljust(4096, b"."))


def too_new(path):
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()


def truncated(path):
    os.truncate(path, path.stat().st_size // 2)


def test_a_database_that_cannot_be_used(own, name):
    """A refusal that says why and what to do; the file stays as it was, and the old one put back is as good as before."""
    vm = own.create(name, networks=[])
    own.stop()
    path = own.state / "computed.db"
    good = path.read_bytes()
    for defect, words in [(damaged, "damaged"), (no_database, "not a SQLite database"), (truncated, "damaged"), (too_new, "version 9999")]:
        defect(path)
        before = path.read_bytes()
        status, out, err = second_daemon(own)
        assert status not in (0, -6, -11) and out == "" and words in err, (defect, status, out, err)
        assert path.read_bytes() == before, defect
        path.write_bytes(good)
        for rest in own.state.glob("computed.db-*"):
            rest.unlink()
    assert domain_state(vm["id"])[0] == "running"
    own.start()
    assert own.status(name) == "running"
    own.removes_cleanly(vm["id"])
