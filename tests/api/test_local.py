"""Local trust: on the unix socket the kernel says who is there. Only root can be somebody else, so the tests about others are root's."""
import grp
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

from client import Daemon

NOBODY = 65534
GROUP = next(group for group in grp.getgrall() if group.gr_gid not in (0, NOBODY))
ASK = """
import http.client, json, socket, sys
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(sys.argv[1])
connection.request("GET", "/v1/me", headers=json.loads(sys.argv[2]))
answer = connection.getresponse()
print(json.dumps([answer.status, json.loads(answer.read())]))
"""
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="becomes other users")


@pytest.fixture(scope="module")
def local():
    with tempfile.TemporaryDirectory(prefix="computed-api-") as directory:
        os.chmod(directory, 0o755)
        daemon = Daemon(pathlib.Path(directory), auth="token", listen=f"127.0.0.1:0, unix:{directory}/socket", admin_group=GROUP.gr_name)
        daemon.socket = pathlib.Path(directory) / "socket"
        yield daemon
        daemon.stop()


def ask(local, headers=None, **identity):
    """(status, answer) of GET /v1/me on the unix socket."""
    done = subprocess.run([sys.executable, "-c", ASK, local.socket, json.dumps(headers or {})], cwd="/", check=True, capture_output=True, text=True,
                          timeout=60, **identity)
    status, answer = json.loads(done.stdout)
    return status, answer


@needs_root
def test_root_is_an_administrator(local):
    status, me = ask(local)
    assert status == 200
    assert (me["auth"], me["user"], me["user_name"], me["project_name"], me["is_admin"], me["token"]) == ("local", None, "uid:0", "default", True, None)


@needs_root
@pytest.mark.parametrize("groups", [{"group": GROUP.gr_gid, "extra_groups": []}, {"group": NOBODY, "extra_groups": [GROUP.gr_gid]}])
def test_so_is_a_member_of_the_group(local, groups):
    status, me = ask(local, user=NOBODY, **groups)
    assert (status, me["auth"], me["user_name"], me["is_admin"]) == (200, "local", f"uid:{NOBODY}", True)


@needs_root
def test_others_are_nobody(local):
    """The file lets them not even connect; when it does, they need a token as everywhere."""
    with pytest.raises(subprocess.CalledProcessError) as failure:
        ask(local, user=NOBODY, group=NOBODY, extra_groups=[])
    assert "Permission denied" in failure.value.stderr
    local.socket.chmod(0o666)
    assert ask(local, user=NOBODY, group=NOBODY, extra_groups=[])[0] == 401
    assert ask(local, {"X-Auth-Token": local.token}, user=NOBODY, group=NOBODY, extra_groups=[])[1]["user_name"] == "admin"
    local.socket.chmod(0o660)


def test_a_token_goes_before_the_uid(local):
    """One that is no good lets nobody in, root neither."""
    reader = local.add_user("reader", "default", "reader")
    status, me = ask(local, {"Authorization": f"Bearer {reader.token}"})
    assert (status, me["auth"], me["user_name"], me["is_admin"]) == (200, "token", "reader", False)
    assert ask(local, {"X-Auth-Token": "nonsense"})[0] == 401


def test_an_address_says_nothing(local):
    """Over TCP root is nobody."""
    assert local.with_token(None).get("/v1/me").status == 401
