"""The command line client against the daemon: exit statuses, tables, JSON, and that a failed upload leaves no image."""
import errno
import json
import os
import pathlib
import pty
import select
import socket
import stat
import subprocess
import threading

import pytest

import iso9660
from client import BINARY, DEADLINE_S, PASSWORD, eventually

COMPUTECTL = str(pathlib.Path(BINARY).parent / "computectl")


class Ctl:
    """home: where a login is kept; url None: whatever it finds there. Further settings are environment variables."""

    def __init__(self, url, home="/nonexistent", **settings):
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(("COMPUTED_", "XDG_"))}
        self.environment.update({"HOME": str(home), **settings}, **({"COMPUTED_URL": url} if url else {}))

    def __call__(self, *words, status=0, given=""):
        done = subprocess.run([COMPUTECTL, *words], env=self.environment, input=given, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def json(self, *words, **options):
        return json.loads(self(*words, "--json", **options))


@pytest.fixture
def ctl(daemon):
    return Ctl(f"http://{daemon.host}:{daemon.port}")


SIZES = ("--vcpus", "1", "--memory-mib", "64", "--disk-gib", "1")


def test_help_fits_a_screen(ctl):
    screen = ctl("--help")
    assert screen.count("\n") < 24 and max(map(len, screen.splitlines())) < 80
    assert "--json" in screen and screen == ctl("help") == ctl("help", "--json")
    for line in ctl("help", "all").splitlines():
        assert len(line) < 80, line
        words = line.removeprefix("  computectl ").split()
        if line.startswith("  computectl ") and words[0] != "...":
            assert words[0] in screen and (words[1:2] == [] or words[1][0] in "[N" or words[1] in screen), line


def test_help_of_a_group(ctl):
    group = ctl("help", "vm")
    assert "computectl vm create NAME --image I" in group and "computectl vm list" in group and "computectl image" not in group
    assert group == ctl("vm", "--help")
    verb = ctl("vm", "stop", "--help")
    assert "computectl vm stop NAME [--force] [--wait]" in verb and "vm start" not in verb and verb == ctl("help", "vm", "stop")
    assert "[--user U]" in ctl("login", "--help")
    assert "there is no 'eat'" in ctl("help", "eat", status=2) and "there is no 'vm eat'" in ctl("vm", "eat", "--help", status=2)


def test_wrong_usage(ctl):
    for words in ((), ("vm",), ("vm", "eat"), ("vm", "list", "--no-such"), ("vm", "show")):
        assert ctl(*words, status=2).startswith("computectl: ")
    assert "`computectl help vm` tells more" in ctl("vm", "eat", status=2)
    assert "`computectl --help` tells more" in ctl("eat", status=2)


def test_names_alone(ctl, daemon, name):
    ctl("vm", "create", name, "--image", "tiny", *SIZES, "--wait")
    assert ctl("vm", "list", "--names", "--status", "running") == f"{name}\n"
    assert ctl("image", "list", "--names") == "tiny\n"
    assert "small" in ctl("flavor", "list", "--names").splitlines()
    assert ctl("keypair", "list", "--names") == ""
    assert "takes no --names" in ctl("token", "list", "--names", status=2)
    ctl("vm", "delete", name, "--wait")


def test_nobody_listens():
    assert "no answer from http://127.0.0.1:1" in Ctl("http://127.0.0.1:1")("health", status=1)
    assert "no answer from /nowhere: No such file or directory" in Ctl("unix:/nowhere")("health", status=1)
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


# ---- with tokens ----
@pytest.fixture
def url(cloud):
    return f"http://{cloud.host}:{cloud.port}"


@pytest.fixture
def admin(cloud, url, tmp_path):
    """Logged in as the administrator."""
    ctl = Ctl(None, tmp_path)
    ctl("login", "--url", url, given=cloud.admin_password + "\n")
    return ctl


def test_login_and_logout(cloud, url, tmp_path):
    ctl = Ctl(url, tmp_path)
    assert "unauthorized" in ctl("whoami", status=1) and "computectl login" in ctl("whoami", status=1)
    assert "unauthorized" in ctl("login", given="wrong password\n", status=1)
    shown = ctl("login", given=cloud.admin_password + "\n")
    file = tmp_path / ".config" / "computed" / "credentials"
    kept = json.loads(file.read_text())
    assert kept["url"] == url and kept["token"] not in shown and "expires_at" in shown
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ctl.json("whoami")["user_name"] == "admin"
    assert Ctl(None, tmp_path).json("whoami")["user_name"] == "admin", "the address is kept too"
    ctl("logout")
    assert not file.exists()
    assert cloud.with_token(kept["token"]).get("/v1/me").status == 401
    assert "unauthorized" in ctl("whoami", status=1)


def test_logout_with_a_token_that_has_ended(cloud, admin, tmp_path):
    file = tmp_path / ".config" / "computed" / "credentials"
    cloud.with_token(json.loads(file.read_text())["token"]).delete("/v1/tokens/current")
    admin("logout")
    assert not file.exists()


def test_login_to_a_project(cloud, url, tmp_path, name):
    project = cloud.add_project(name)
    cloud.add_user(name, project)
    ctl = Ctl(url, tmp_path)
    ctl("login", "--user", name, "--project", name, given=PASSWORD + "\n")
    me = ctl.json("whoami")
    assert (me["user_name"], me["project"], me["roles"]) == (name, project, ["reader", "member"])
    assert "forbidden" in ctl("user", "list", status=1)


def test_a_token_from_the_environment(cloud, url, name):
    member = cloud.add_user(name, "default")
    assert Ctl(url, COMPUTED_TOKEN=member.token).json("whoami")["user_name"] == name


def test_a_kept_token_is_shown_to_nobody_else(admin, tmp_path):
    seen = []
    with socket.socket(socket.AF_INET) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def answer():
            connection, _ = server.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")

        thread = threading.Thread(target=answer)
        thread.start()
        admin("health", "--url", f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert seen[0].startswith(b"GET /health ") and b"token" not in seen[0].lower()


def read_terminal(fd):
    """b"" at the end."""
    readable, _, _ = select.select([fd], [], [], DEADLINE_S)
    assert readable, "nothing more comes"
    try:
        return os.read(fd, 4096)
    except OSError as error:
        assert error.errno == errno.EIO  # the other side is closed
        return b""


def type_at_terminal(ctl, words, lines):
    """What a terminal shows when somebody types a line at each prompt; and the exit status."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([COMPUTECTL, *words], env=ctl.environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    for line in lines:
        while not shown.endswith(b": "):
            more = read_terminal(ours)
            assert more, shown
            shown += more
        os.write(ours, line)
        shown += b"|"
    while more := read_terminal(ours):
        shown += more
    os.close(ours)
    return shown.decode(), process.wait(120)


def test_a_terminal_shows_no_password(cloud, url, tmp_path, name):
    ctl = Ctl(url, tmp_path)
    shown, status = type_at_terminal(ctl, ["login"], [cloud.admin_password.encode() + b"\n"])
    assert status == 0 and "Password of admin: " in shown and cloud.admin_password not in shown
    shown, status = type_at_terminal(ctl, ["user", "create", name], [PASSWORD.encode() + b"\n"] * 2)
    assert status == 0 and "again" in shown and PASSWORD not in shown
    assert cloud.get(f"/v1/users/{name}").json["has_password"] is True
    shown, status = type_at_terminal(ctl, ["user", "create", f"{name}-b"], [b"one password\n", b"two passwords\n"])
    assert status == 1 and "two passwords" in shown.split("|")[-1] and cloud.get(f"/v1/users/{name}-b").status == 404
    shown, status = type_at_terminal(ctl, ["user", "create", f"{name}-b"], [b"half a pass\x03"])
    assert status == 1 and "cancelled" in shown and "half" not in shown


def test_users(cloud, admin, url, tmp_path, name):
    created = admin.json("user", "create", name, "--description", "who", given=PASSWORD + "\n")
    assert (created["name"], created["description"], created["has_password"]) == (name, "who", True)
    assert "has at most" in admin("user", "create", f"{name}-b", given="x" * 2000, status=1)
    assert "invalid_field" in admin("user", "create", f"{name}-b", given="short\n", status=1)
    assert name in admin("user", "list")
    admin("user", "disable", name)
    assert cloud.get(f"/v1/users/{name}").json["enabled"] is False
    admin("user", "enable", name)
    assert cloud.get(f"/v1/users/{name}").json["enabled"] is True
    admin("role", "grant", name, "default", "reader")
    admin("user", "set-password", name, given="another password\n")
    other = Ctl(url, tmp_path / "other")
    other("login", "--user", name, given="another password\n")
    assert "unauthorized" in other("user", "set-password", name, given="wrong\nthird password\n", status=1)
    other("user", "set-password", name, given="another password\nthird password\n")
    assert other.json("whoami")["user_name"] == name
    other("login", "--user", name, given="third password\n")
    admin("user", "delete", name)
    assert "user_not_found" in admin("user", "delete", name, status=1)


def test_projects_and_roles(cloud, admin, name):
    assert admin.json("project", "create", name, "--description", "what")["description"] == "what"
    assert name in admin("project", "list")
    cloud.add_user(name)
    admin("role", "grant", name, name, "member")
    line = admin("role", "list", "--user", name).splitlines()[1]
    assert line.split() == [name, name, "member"]
    assert admin.json("role", "list", "--project", name)["role_assignments"][0]["user_name"] == name
    admin("role", "revoke", name, name, "member")
    assert admin.json("role", "list", "--user", name)["role_assignments"] == []
    assert "role_not_found" in admin("role", "grant", name, name, "king", status=1)
    admin("project", "disable", name)
    assert cloud.get(f"/v1/projects/{name}").json["enabled"] is False
    admin("project", "enable", name)
    admin("project", "delete", name)
    assert cloud.get(f"/v1/projects/{name}").status == 404


def test_working_in_a_project(cloud, admin, name):
    project = cloud.add_project(name)
    key = admin.json("keypair", "create", name, "--project", name)
    assert key["project"] == project
    assert name in admin("keypair", "list", "--project", name)
    assert name not in admin("keypair", "list")
    assert name in admin("keypair", "list", "--all-projects")
    admin("keypair", "delete", name, "--project", project)
    assert "project_not_found" in admin("keypair", "list", "--project", "nothing", status=1)


def test_tokens(cloud, admin, url):
    secret = admin("token", "create", "--name", "ci", "--role", "reader", "--lifetime", "1h").strip()
    me = Ctl(url, COMPUTED_TOKEN=secret).json("whoami")
    assert me["roles"] == ["reader"]
    assert "ci" in admin("token", "list") and secret not in admin("token", "list")
    admin("token", "revoke", me["token"])
    assert cloud.with_token(secret).get("/v1/me").status == 401
    assert "token_not_found" in admin("token", "revoke", me["token"], status=1)


def test_quotas(cloud, admin, name):
    cloud.add_project(name)
    assert "LIMIT" in admin("quota", "set", name, "--limit", "vms=10", "--limit", "vcpus=none", "--limit", "images=default")
    assert admin.json("quota", "show", "--project", name)["limits"]["vms"] == {"used": 0, "limit": 10}
    assert next(line.split() for line in admin("quota", "show", "--project", name).splitlines() if line.startswith("vms")) == ["vms", "0", "10"]
    for wrong in ("vms", "vms=", "vms=-1", "vms=many"):
        assert "--limit wants" in admin("quota", "set", name, "--limit", wrong, status=1)
    assert "invalid_field" in admin("quota", "set", name, "--limit", "cats=1", status=1)


def test_audit(cloud, admin, name):
    admin("project", "create", name)
    lines = admin("audit", "--action", "project:create", "--user", "admin").splitlines()
    assert lines[0].startswith("AT") and all("project:create" in line for line in lines[1:]) and len(lines) > 1
    assert len(admin("audit", "--lines", "1").splitlines()) == 2
    assert admin.json("audit", "--lines", "1")["audit"][0]["seq"] > 0
    assert "at most" in admin("audit", "--lines", "5000", status=1)
