"""Root's maintenance commands on a state_dir that another user's daemon works in: what they make is that user's."""
import os
import pwd
import shutil

import pytest
from client import Daemon

NOBODY = pwd.getpwnam("nobody")


def files(folder):
    return [folder, *folder.rglob("*")]


def give_away(daemon):
    for path in files(daemon.directory):
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid, follow_symlinks=False)


@pytest.fixture
def theirs(numbered):
    """A daemon's directory with two VMs in it; the daemon is down."""
    daemon = Daemon(numbered())
    daemon.add_image("tiny")
    daemon.create("a")
    daemon.create("b")
    daemon.stop()
    give_away(daemon)
    return daemon


def does(daemon, *command, code=0):
    done = daemon.command(*command)
    assert done.returncode == code, done
    assert {path.stat().st_uid for path in files(daemon.state)} == {NOBODY.pw_uid}
    return done.stdout


def test_init(theirs):
    (theirs.state / "computed.db").rename(theirs.directory / "away.db")
    for folder in ("images", "instances", "keypairs", "networks"):
        shutil.rmtree(theirs.state / folder)
    assert "admin" in does(theirs, "init")


def test_restore_of_a_file_that_root_alone_may_read(theirs, tmp_path):
    file = tmp_path / "copy"
    does(theirs, "backup", file)
    assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (0, 0o600)
    assert "kept as" in does(theirs, "restore", file)


def test_fix(theirs):
    stray = theirs.state / "instances" / "00000000-0000-4000-8000-000000000000"
    stray.mkdir()
    (stray / "disk.qcow2").write_bytes(b"")
    give_away(theirs)
    does(theirs, "doctor", code=1)
    does(theirs, "doctor", "--fix")
    assert not stray.exists()
    assert list(theirs.state.glob("quarantine/*"))


def test_rebuild(theirs):
    (theirs.state / "computed.db").unlink()
    assert does(theirs, "doctor", "--rebuild").endswith(" 0 left\n")


def test_of_roots_powers_only_reading_is_left(theirs):
    stray = theirs.state / "images" / "00000000-0000-4000-8000-000000000000.raw"
    stray.touch()
    give_away(theirs)
    (theirs.state / "quarantine").mkdir(mode=0o700)  # root's
    done = theirs.command("doctor", "--fix")
    assert done.returncode != 0, done
    assert stray.exists()
    assert list((theirs.state / "quarantine").iterdir()) == []
