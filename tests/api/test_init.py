"""`computed init`: the first administrator's password."""
import sqlite3

import pytest

from client import PASSWORD, Client, Daemon


@pytest.fixture
def ready(tmp_path):
    """A daemon with auth=token, and its administrator's password."""
    daemon = Daemon(tmp_path, auth="token")
    yield daemon
    daemon.stop()


def login(daemon, password, **wanted):
    return daemon.with_token(None).post("/v1/tokens", {"user": "admin", "password": password, **wanted})


def test_a_password_is_shown_once(ready):
    assert len(ready.admin_password) == 24
    ready.stop()
    again = ready.command("init")
    assert again.returncode == 1
    assert "has a password already" in again.stderr and "--reset-password" in again.stderr
    assert again.stdout == ""
    with sqlite3.connect(ready.state / "computed.db") as database:
        (kept,) = database.execute("SELECT password_hash FROM user WHERE name = 'admin'").fetchone()
        audited = database.execute("SELECT user, action, outcome FROM audit WHERE action LIKE 'user:%'").fetchall()
        everything = "\n".join(database.iterdump())
    database.close()
    assert kept.startswith("$argon2id$")
    assert audited == [("computed init", "user:update", "accepted")]
    assert ready.admin_password not in everything
    ready.start()


def test_it_needs_the_daemon_to_be_down(ready):
    done = ready.command("init")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the daemon runs" in done.stderr


def test_a_reset_ends_what_was_before(ready):
    assert ready.get("/v1/me").status == 200
    ready.stop()
    done = ready.command("init", "--reset-password")
    assert done.returncode == 0, done.stderr
    ready.start()
    assert ready.get("/v1/me").status == 401  # the token of the old password
    assert login(ready, ready.admin_password).status == 401
    answer = login(ready, done.stdout.split()[-1])
    assert answer.status == 201, answer
    assert Client(ready.host, ready.port, answer.json["token"]).get("/v1/me").json["is_admin"] is True


def test_it_brings_a_lost_administrator_back(ready):
    """Nobody deletes the last administrator; but one who has another may delete `admin`, and lose the other."""
    ready.add_user("other", "default", "admin")
    other = ready.as_user("other", PASSWORD, "default")
    assert other.delete("/v1/users/admin").status == 204
    assert other.delete("/v1/users/other").status == 409
    ready.stop()
    done = ready.command("init")
    assert done.returncode == 0, done.stderr
    ready.start()
    answer = login(ready, done.stdout.split()[-1])
    assert answer.status == 201, answer


@pytest.mark.parametrize("arguments", [["--no-such-option"], ["more"], ["--config"]])
def test_what_it_does_not_know_is_usage(ready, arguments):
    done = ready.command("init", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: computed init" in done.stderr


def test_help(ready):
    done = ready.command("init", "--help")
    assert done.returncode == 0
    assert "usage: computed init" in done.stdout


def test_it_does_not_make_strangers_of_files(ready):
    """As the daemon itself: without its database it would know nothing of what lies beside it."""
    ready.add_image("tiny")
    ready.stop()
    for file in ready.state.glob("computed.db*"):
        file.rename(ready.directory / file.name)
    done = ready.command("init")
    assert done.returncode == 2
    assert "is missing" in done.stderr
    assert not (ready.state / "computed.db").exists()
    for file in ready.directory.glob("computed.db*"):
        file.rename(ready.state / file.name)
    ready.start()
