"""`computed backup FILE` and `computed restore FILE`."""
import concurrent.futures
import sqlite3
import stat

import pytest


def backup(daemon, file, code=0):
    done = daemon.command("backup", file)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def restore(daemon, file, code=0):
    done = daemon.command("restore", file)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def names(daemon):
    return sorted(vm["name"] for vm in daemon.get("/v1/vms").json["vms"])


def test_there_and_back(own):
    own.create("a")
    file = own.directory / "copy"
    backup(own, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    own.create("b")
    assert "the daemon runs" in restore(own, file, code=2)
    own.stop()
    said = restore(own, file)
    (kept,) = own.state.glob("computed.db.replaced-*")
    assert str(kept) in said
    with sqlite3.connect(kept) as database:
        assert database.execute("SELECT count(*) FROM vm").fetchone() == (2,)
    database.close()
    own.start()
    assert names(own) == ["a"]
    assert own.show("a")["status"] == "running"
    assert own.get("/v1/operations", kind="vm.create").json["operations"] != []
    assert "that is not ours" not in own.log_text()


def test_of_a_daemon_that_is_down(own):
    own.create("a")
    own.stop()
    backup(own, own.directory / "copy")
    own.start()
    assert names(own) == ["a"]


def test_during_writes(own):
    """Each copy is a whole database, and what was acknowledged before it is in it."""
    def write(i):
        assert own.post("/v1/vms", {"name": f"vm-{i}", "image": "tiny", "flavor": "small", "start": False}).status == 202

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(write, i) for i in range(40)]
        for n in range(5):
            done = sum(w.done() for w in writes)
            file = own.directory / f"copy-{n}"
            backup(own, file)
            with sqlite3.connect(file) as database:
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                assert database.execute("SELECT count(*) FROM vm").fetchone()[0] >= done
                assert database.execute("SELECT count(*) FROM vm WHERE task IS NOT NULL AND job NOT IN (SELECT id FROM job)").fetchone() == (0,)
            database.close()
        for w in writes:
            w.result()


def test_what_is_refused(own):
    file = own.directory / "copy"
    backup(own, file)
    assert "is there already" in backup(own, file, code=2)
    assert "is there already" in backup(own, own.state / "computed.db", code=2)
    assert "usage" in own.command("backup").stderr
    own.stop()
    before = (own.state / "computed.db").read_bytes()
    whole = file.read_bytes()
    damaged = {"cut": whole[:8192], "text": b"no database at all" * 1000, "page": whole[:4096] + b"\xa5" * 4096 + whole[8192:]}
    for word, data in damaged.items():
        file.write_bytes(data)
        assert "damaged" in restore(own, file, code=2), word
    file.write_bytes(b"")
    assert "no database of this program" in restore(own, file, code=2)
    file.write_bytes(whole)
    for pragma, word in (("user_version = 99", "version 99"), ("application_id = 7", "no database of this program")):
        with sqlite3.connect(file) as database:
            database.execute(f"PRAGMA {pragma}")
        database.close()
        assert word in restore(own, file, code=2)
        file.write_bytes(whole)
    assert "there is no file" in restore(own, own.directory / "nothing", code=2)
    assert (own.state / "computed.db").read_bytes() == before
    assert [path.name for path in own.state.glob("computed.db*")] == ["computed.db"]
    own.start()


@pytest.mark.parametrize("point", ["store.restore_copy.before", "store.restore_copy.after", "store.set_aside.after", "store.adopt.before",
                                   "store.adopt.after"])
def test_a_death_in_between_is_repeated(own, point):
    own.create("a")
    file = own.directory / "copy"
    backup(own, file)
    own.create("b")
    own.stop()
    own.arm(f"{point}=die")
    assert own.command("restore", file).returncode < 0
    own.arm("")
    restore(own, file)
    own.start()
    assert names(own) == ["a"]
    assert "that is not ours" not in own.log_text()


def test_a_full_disk_leaves_no_copy(own):
    file = own.directory / "copy"
    own.arm("store.backup_name.before=error(disk_full)")
    assert own.command("backup", file).returncode == 2
    own.arm("")
    assert list(own.directory.glob("copy*")) == []
