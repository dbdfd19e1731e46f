"""Keypairs: imported or made; the private half is in one answer and nowhere else."""
import base64
import hashlib
import re
import subprocess

import pytest

from client import by_age

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJvZ5gq5xV4K7v1l0bKx8m8Q0N0mB5B2T0Jx2Qh1d0aB"


def made(directory, *arguments):
    """A public key line by ssh-keygen."""
    file = directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", "me@there", *arguments, "-f", file], check=True, stdin=subprocess.DEVNULL)
    return file, file.with_suffix(".pub").read_text().strip()


def fingerprints(line):
    blob = base64.b64decode(line.split()[1])
    md5 = hashlib.md5(blob).hexdigest()
    return ("SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("="), ":".join(re.findall("..", md5)))


@pytest.mark.parametrize("kind,arguments", [
    ("ssh-ed25519", ["-t", "ed25519"]), ("ssh-rsa", ["-t", "rsa", "-b", "2048"]), ("ecdsa-sha2-nistp256", ["-t", "ecdsa", "-b", "256"]),
    ("ecdsa-sha2-nistp521", ["-t", "ecdsa", "-b", "521"])])
def test_import(daemon, name, tmp_path, kind, arguments):
    _, line = made(tmp_path, *arguments)
    answer = daemon.post("/v1/keypairs", {"name": name, "public_key": line + "\n"})
    assert answer.status == 201, answer
    keypair = answer.json
    assert answer.headers["Location"] == f"/v1/keypairs/{keypair['id']}"
    assert (keypair["type"], keypair["public_key"]) == (kind, line)
    assert (keypair["fingerprint_sha256"], keypair["fingerprint_md5"]) == fingerprints(line)
    assert "private_key" not in keypair
    assert daemon.get(f"/v1/keypairs/{name}").json == daemon.get(f"/v1/keypairs/{keypair['id']}").json == keypair


@pytest.mark.parametrize("given,kind", [({}, "ssh-ed25519"), ({"type": "ed25519"}, "ssh-ed25519"), ({"type": "rsa"}, "ssh-rsa")])
def test_make(daemon, name, tmp_path, given, kind):
    answer = daemon.post("/v1/keypairs", {"name": name, **given})
    assert answer.status == 201
    assert answer.headers["Cache-Control"] == "no-store"
    keypair = answer.json
    file = tmp_path / "key"
    file.touch(0o600)
    file.write_text(keypair["private_key"])
    public = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", file], check=True, capture_output=True, text=True).stdout
    assert public.split()[:2] == keypair["public_key"].split()[:2]
    assert keypair["type"] == kind == public.split()[0]
    assert fingerprints(public) == (keypair["fingerprint_sha256"], keypair["fingerprint_md5"])
    shown = daemon.get(f"/v1/keypairs/{name}").json
    assert shown == {key: value for key, value in keypair.items() if key != "private_key"}


def test_a_private_key_is_kept_nowhere(own):
    secret = own.post("/v1/keypairs", {"name": "a"}).json["private_key"]
    lines = [line for line in secret.splitlines() if not line.startswith("-----")]
    own.stop()
    for file in own.directory.rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        assert not [line for line in lines[2:] if line.encode() in data], file
    own.start()
    assert "private_key" not in own.get("/v1/keypairs/a").json


def test_two_are_not_the_same(daemon, name):
    keys = {daemon.post("/v1/keypairs", {"name": f"{name}-{i}"}).json["private_key"] for i in range(3)}
    assert len(keys) == 3


@pytest.mark.parametrize("body,field", [
    ({"public_key": ""}, "public_key"), ({"public_key": "nonsense"}, "public_key"), ({"public_key": "ssh-ed25519"}, "public_key"),
    ({"public_key": "ssh-ed25519 !!!!"}, "public_key"), ({"public_key": "ssh-ed25519 AAAA"}, "public_key"), ({"public_key": 5}, "public_key"),
    ({"public_key": ED25519 + "\n" + ED25519}, "public_key"), ({"public_key": ED25519 + "\r" + ED25519}, "public_key"),
    ({"public_key": 'command="rm -rf /" ' + ED25519}, "public_key"), ({"public_key": ED25519.replace("ssh-ed25519 ", "ssh-rsa ")}, "public_key"),
    ({"public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "public_key"), ({"public_key": ED25519 + " " + "c" * 17000}, "public_key"),
    ({"public_key": ED25519 + " a\u0007b"}, "public_key"), ({"public_key": ED25519 + " a\u0000b"}, None),
    ({"type": "dsa"}, "type"), ({"type": ""}, "type"), ({"type": 1}, "type"), ({"type": "x" * 1000}, "type"), ({"public_key": ED25519, "type": "rsa"}, "type"),
    ({"bits": 1024}, "bits")], ids=lambda v: repr(v)[:40])
def test_refused(daemon, name, body, field):
    answer = daemon.post("/v1/keypairs", {"name": name, **body})
    assert answer.status == 400, answer
    assert field is None or (answer.code, answer.json["field"]) == ("invalid_field", field)
    assert daemon.get(f"/v1/keypairs/{name}").status == 404


def test_a_taken_name(daemon, name):
    daemon.post("/v1/keypairs", {"name": name, "public_key": ED25519})
    for body in ({}, {"public_key": ED25519}):
        answer = daemon.post("/v1/keypairs", {"name": name, **body})
        assert (answer.status, answer.code) == (409, "name_taken")


def test_an_import_and_its_key(daemon, name):
    body = {"name": name, "public_key": ED25519}
    first = daemon.post("/v1/keypairs", body, key=name)
    again = daemon.post("/v1/keypairs", body, key=name)
    assert (first.status, again.status, again.body) == (201, 201, first.body)


def test_a_secret_answer_is_not_kept_for_a_key(daemon, name):
    answer = daemon.post("/v1/keypairs", {"name": name}, key=name)
    assert (answer.status, answer.json["field"]) == (400, "Idempotency-Key")
    assert daemon.get(f"/v1/keypairs/{name}").status == 404


def test_delete(daemon, name):
    keypair = daemon.post("/v1/keypairs", {"name": name, "public_key": ED25519}).json
    vm = daemon.create(f"{name}-vm", keypair=name)
    answer = daemon.delete(f"/v1/keypairs/{name}")
    assert (answer.status, answer.body) == (204, b"")
    assert daemon.get(f"/v1/keypairs/{keypair['id']}").code == "keypair_not_found"
    assert daemon.show(vm["id"])["keypair"] == name
    assert daemon.post("/v1/keypairs", {"name": name, "public_key": ED25519}).status == 201


def test_pages(own):
    keys = by_age(own.post("/v1/keypairs", {"name": f"key-{i}", "public_key": ED25519}).json for i in range(5))
    seen, path = [], "/v1/keypairs?limit=2"
    while path:
        page = own.get(path).json
        seen.append([keypair["name"] for keypair in page["keypairs"]])
        path = page["next"]
    names = [keypair["name"] for keypair in keys]
    assert seen == [names[:2], names[2:4], names[4:]]
    own.delete(f"/v1/keypairs/{names[1]}")
    marker = own.get("/v1/keypairs", limit=2, marker=keys[1]["id"]).json["keypairs"]
    assert [keypair["name"] for keypair in marker] == names[2:4]
