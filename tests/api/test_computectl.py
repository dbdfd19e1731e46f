"""The command line client against the daemon: exit statuses, tables, JSON, and that a failed upload leaves no image."""
import json
import os
import pathlib
import socket
import stat
import subprocess
import threading

import pytest

import iso9660
from client import BINARY, eventually

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


def test_image_properties(ctl, tmp_path, name):
    file = tmp_path / "disk"
    file.write_bytes(bytes(1 << 16))
    assert ctl.json("image", "create", name, str(file), "--property", "os=debian")["properties"] == {"os": "debian"}
    assert ctl.json("image", "set", name, "--property", "default_user=me", "--property=a=b=c")["properties"] == {
        "os": "debian", "default_user": "me", "a": "b=c"}
    assert ctl.json("image", "set", name, "--name", f"{name}-b")["name"] == f"{name}-b"
    assert "NAME=VALUE" in ctl("image", "set", f"{name}-b", "--property", "os", status=1)
    copy = tmp_path / "copy"
    ctl("image", "download", f"{name}-b", str(copy))
    assert copy.read_bytes() == file.read_bytes()
    assert "File exists" in ctl("image", "download", f"{name}-b", str(copy), status=1)
    assert "image_not_found" in ctl("image", "download", "nothing", str(tmp_path / "none"), status=1)
    assert not (tmp_path / "none").exists()


def test_image_import_waits(ctl, name):
    assert "download_failed" in ctl("image", "import", name, "http://127.0.0.1:1/disk", status=1)
    assert ctl.json("image", "show", name)["status"] == "error"


def test_keypairs(ctl, tmp_path, name):
    file = tmp_path / "key"
    shown = ctl("keypair", "create", name, "--out", str(file))
    assert "SHA256:" in shown and "PRIVATE" not in shown
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    public = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", file], check=True, capture_output=True, text=True).stdout
    assert public.split()[1] in ctl("keypair", "show", name)
    before = file.read_bytes()
    assert "File exists" in ctl("keypair", "create", f"{name}-b", "--out", str(file), status=1)
    assert file.read_bytes() == before
    assert "keypair_not_found" in ctl("keypair", "show", f"{name}-b", status=1)

    (tmp_path / "key.pub").write_text(public)
    assert ctl.json("keypair", "create", f"{name}-c", "--public-key", str(tmp_path / "key.pub"))["type"] == "ssh-ed25519"
    assert ctl("keypair", "create", f"{name}-d", "--type", "rsa").startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert f"{name}-c" in ctl("keypair", "list")
    ctl("keypair", "delete", name)
    assert "name_taken" in ctl("keypair", "create", f"{name}-c", "--out", str(tmp_path / "other"), status=1)
    assert not (tmp_path / "other").exists()


def test_networks(ctl, name):
    assert ctl.json("network", "create", name, "--cidr", "10.203.0.0/24", "--kind", "isolated", "--wait")["status"] == "active"
    assert "10.203.0.0/24" in ctl("network", "list")
    ctl("vm", "create", name, "--image", "tiny", *SIZES, "--network", f"{name},ip=10.203.0.9", "--network", "default", "--wait")
    vm = ctl.json("vm", "show", name)
    assert [n["network"] for n in vm["networks"]] == [name, "default"]
    assert "10.203.0.9" in next(line for line in ctl("vm", "list").splitlines() if line.startswith(name))
    assert "in_use" in ctl("network", "delete", name, status=1)
    ctl("vm", "delete", name, "--wait")
    assert "network.delete succeeded" in ctl("network", "delete", name, "--wait")
    ctl("vm", "create", name, "--image", "tiny", *SIZES, "--no-network", "--wait")
    assert ctl.json("vm", "show", name)["networks"] == []
    assert "do not go together" in ctl("vm", "create", "x", "--image", "tiny", *SIZES, "--no-network", "--network", "default", status=1)


def test_what_a_guest_gets(ctl, daemon, tmp_path, name):
    ctl("keypair", "create", name, "--out", str(tmp_path / "key"))
    (tmp_path / "key.pub").write_text(ctl.json("keypair", "show", name)["public_key"] + "\n")
    (tmp_path / "data").write_text("#!/bin/sh\nécho\n")
    ctl("vm", "create", name, "--image", "tiny", *SIZES, "--keypair", name, "--ssh-key", str(tmp_path / "key.pub"), "--user-data", str(tmp_path / "data"),
        "--config-drive", "--ttl", "2h", "--autostart", "--wait")
    vm = ctl.json("vm", "show", name)
    assert (vm["keypair"], vm["autostart"]) == (name, True) and vm["expires_at"]
    label, files = iso9660.read(daemon.instance(vm["id"]) / "seed.iso")
    assert (label, files["openstack/latest/user_data"].decode()) == ("config-2", "#!/bin/sh\nécho\n")
    assert ctl.json("vm", "set", name, "--ttl", "0", "--no-autostart", "--name", f"{name}-b")["expires_at"] is None
    assert ctl.json("vm", "show", f"{name}-b")["autostart"] is False
    assert "cannot" not in ctl("vm", "lock", f"{name}-b")
    assert "vm_locked" in ctl("vm", "delete", f"{name}-b", status=1)
    ctl("vm", "unlock", f"{name}-b")
    assert "vm.suspend succeeded" in ctl("vm", "suspend", f"{name}-b", "--wait")
    ctl("vm", "delete", f"{name}-b", "--wait")
    (tmp_path / "data").write_bytes(b"\xff")
    assert "UTF-8" in ctl("vm", "create", name, "--image", "tiny", *SIZES, "--user-data", str(tmp_path / "data"), status=1)
    assert "No such file" in ctl("vm", "create", name, "--image", "tiny", *SIZES, "--ssh-key", str(tmp_path / "none"), status=1)


@pytest.mark.parametrize("words", [("--wait=ready",), ("--wait", "ready")])
def test_wait_until_ready(ctl, daemon, name, words):
    """The guest says so as soon as it is there."""
    def speak():
        vm = eventually(lambda: daemon.get("/v1/vms", name=name, status="running").json["vms"], "it runs")[0]
        (daemon.instance(vm["id"]) / "console.log").write_bytes(b"guest login: ")

    guest = threading.Thread(target=speak)
    guest.start()
    told = ctl("vm", "create", name, "--image", "tiny", *SIZES, *words)
    guest.join()
    vm = daemon.show(name)
    assert vm["ready_at"] and told == daemon.address(vm) + "\n"


def test_what_stops_never_becomes_ready(ctl, name):
    assert "will not become ready" in ctl("vm", "create", name, "--image", "tiny", *SIZES, "--no-start", "--wait=ready", status=1)


def test_an_image_of_a_vm(ctl, tmp_path, name):
    file = tmp_path / "disk"
    file.write_bytes(os.urandom(1 << 16))
    ctl("image", "create", f"{name}-base", str(file))
    ctl("vm", "create", name, "--image", f"{name}-base", *SIZES, "--no-start", "--wait")
    assert ctl.json("vm", "image", name, f"{name}-image", "--wait")["name"] == f"{name}-image"
    assert ctl.json("image", "show", f"{name}-image")["status"] == "active"


def test_host(ctl):
    table = ctl("host", "show")
    assert "vcpus" in table and "PROMISED" in table and "overcommit" not in table
    assert ctl.json("host", "show")["networking"] == "bridges"


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
