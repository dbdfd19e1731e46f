"""The command line client against the daemon: exit statuses, tables, JSON, and that a failed upload leaves no image."""
import json
import os
import pathlib
import socket
import subprocess
import threading

import pytest

from client import BINARY

COMPUTECTL = str(pathlib.Path(BINARY).parent / "computectl")


class Ctl:
    def __init__(self, url):
        self.url = url

    def __call__(self, *words, status=0):
        environment = {**os.environ, "COMPUTED_URL": self.url}
        done = subprocess.run([COMPUTECTL, *words], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def json(self, *words):
        return json.loads(self(*words, "--json"))


@pytest.fixture
def ctl(daemon):
    return Ctl(f"http://{daemon.host}:{daemon.port}")


SIZES = ("--vcpus", "1", "--memory-mib", "64", "--disk-gib", "1")


def test_help_and_usage(ctl):
    assert "vm create NAME" in ctl("--help")
    for words in ((), ("vm",), ("vm", "eat"), ("vm", "list", "--no-such"), ("vm", "show")):
        assert "computectl:" in ctl(*words, status=2)


def test_nobody_listens():
    assert "no answer from http://127.0.0.1:1" in Ctl("http://127.0.0.1:1")("health", status=1)
    assert "the address must be" in Ctl("ftp://127.0.0.1")("health", status=1)


def test_health(ctl):
    assert ctl.json("health")["status"] == "healthy"


def test_life(ctl, daemon, name):
    assert "running" in ctl("vm", "create", name, "--image", "tiny", *SIZES, "--wait")
    assert name in ctl("vm", "list")
    for verb, status in (("pause", "paused"), ("resume", "running"), ("reboot", "running"), ("stop", "stopped"), ("start", "running")):
        assert f"vm.{verb} succeeded" in ctl("vm", verb, name, "--wait")
        assert ctl.json("vm", "show", name)["status"] == status
    ctl("vm", "stop", name, "--force", "--wait")
    operation = ctl.json("vm", "delete", name)
    assert ctl.json("operation", "wait", operation["id"])["status"] == "succeeded"
    assert operation["id"] in ctl("operation", "list")
    assert "vm_not_found" in ctl("vm", "show", name, status=1)


def test_create_without_start_by_flavor(ctl, name):
    ctl("vm", "create", name, "--image", "tiny", "--flavor", "small", "--no-start", "--wait")
    assert ctl.json("vm", "list", "--status", "stopped")["vms"][-1]["flavor"] == "small"
    ctl("vm", "delete", name, "--wait")


def test_a_refusal_tells_code_text_and_request(ctl, name):
    words = ctl("vm", "create", name, "--image", "no-such", "--flavor", "small", status=1)
    assert "image_not_found: " in words and "(request " in words


def test_a_failed_operation_fails(ctl, daemon, name):
    daemon.arm("virt.start.before=error(hypervisor)")
    assert "hypervisor: " in ctl("vm", "create", name, "--image", "tiny", *SIZES, "--wait", status=1)
    daemon.arm("")
    ctl("vm", "delete", name, "--wait")


def test_image_upload(ctl, tmp_path):
    file = tmp_path / "disk"
    file.write_bytes(bytes(range(256)) * 4096)
    image = ctl.json("image", "create", "by-ctl", str(file))
    assert (image["status"], image["disk_format"], image["size_bytes"]) == ("active", "raw", 1 << 20)
    assert "1.0 MiB" in ctl("image", "list")
    assert "image.delete succeeded" in ctl("image", "delete", "by-ctl", "--wait")


def test_a_refused_upload_leaves_no_image(ctl, tmp_path):
    file = tmp_path / "disk"
    file.write_bytes(b"no qcow2 at all" * 100)
    assert "image_refused" in ctl("image", "create", "refused", str(file), "--format", "qcow2", status=1)
    assert "image_not_found" in ctl("image", "show", "refused", status=1)
    assert "cannot be read" in ctl("image", "create", "refused", str(tmp_path / "nothing"), status=1)


def test_flavors(ctl):
    assert "xlarge" in ctl("flavor", "list")


def test_unix_socket(tmp_path):
    """Whoever listens there gets the request."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        threading.Thread(target=answer_once, args=(server, b'{"status":"healthy"}'), daemon=True).start()
        assert Ctl(f"unix:{path}").json("health") == {"status": "healthy"}


def answer_once(server, body):
    connection, _ = server.accept()
    with connection:
        assert connection.recv(65536).startswith(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
