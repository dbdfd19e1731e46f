"""Images from elsewhere: a URL, a VM's disk; and their bytes given back. The web server is this test's, on loopback."""
import base64
import gzip
import hashlib
import lzma
import os
import threading

import pytest

from client import eventually
from conftest import running
from web import Web

DATA = os.urandom(1 << 20) + bytes(1 << 20)


@pytest.fixture(scope="module")
def files():
    files = Web()
    yield files
    files.close()


def redirect(to):
    def answer(handler):
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
    return answer


def start(daemon, name, url, **fields):
    return daemon.post("/v1/images/import", {"name": name, "url": url, **fields})


@pytest.fixture(scope="module")
def open_daemon():
    """One that may fetch from loopback."""
    yield from running({"import_allow": "127.0.0.0/8"})


def fails(daemon, name, url, code="download_failed", **fields):
    answer = start(daemon, name, url, **fields)
    operation = daemon.wait(answer)
    assert (operation["status"], operation["error"]["code"]) == ("failed", code), operation
    image = daemon.get(f"/v1/images/{name}").json
    assert image["status"] == "error" and image["status_reason"]
    assert daemon.image_files(image["id"]) == []
    assert daemon.post("/v1/vms", {"name": name, "image": name, "flavor": "small"}).status == 409
    daemon.done(daemon.delete(f"/v1/images/{name}"))
    return operation["error"]["message"]


# ---- import ----
@pytest.mark.parametrize("suffix,pack", [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)], ids=["plain", "gz", "xz"])
def test_import(open_daemon, files, name, suffix, pack):
    packed = pack(DATA)
    files.files["/disk" + suffix] = packed
    answer = start(open_daemon, name, files.url + "/disk" + suffix, sha256=hashlib.sha256(packed).hexdigest(), properties={"os": "none"}, min_disk_gib=1)
    assert answer.status == 202
    image = answer.json
    assert answer.headers["Location"] == "/v1/operations/" + image["operation"]
    assert image["status"] == "saving" and image["properties"] == {"os": "none"}
    operation = open_daemon.done(answer)
    assert (operation["kind"], operation["target"], operation["progress"]) == ("image.import", image["id"], 100)
    image = open_daemon.get(f"/v1/images/{name}").json
    assert (image["status"], image["disk_format"], image["size_bytes"]) == ("active", "raw", len(DATA))
    assert image["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert open_daemon.create(f"{name}-vm", image=name)["status"] == "running"


def test_how_far_it_is(open_daemon, files, name):
    """The server sends half, and the rest when the operation has told of it."""
    told = threading.Event()

    def slowly(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        handler.wfile.write(DATA[:1 << 20])
        handler.wfile.flush()
        told.wait(60)
        handler.wfile.write(DATA[1 << 20:])

    files.files["/slow"] = slowly
    answer = start(open_daemon, name, files.url + "/slow")
    try:
        details = eventually(lambda: open_daemon.get(answer.headers["Location"]).json.get("details"), "details")
        assert details["total_bytes"] == len(DATA)
        eventually(lambda: open_daemon.get(answer.headers["Location"]).json["details"]["bytes"] == 1 << 20, "half of it")
    finally:
        told.set()
    open_daemon.done(answer)


def test_a_redirect_is_followed(open_daemon, files, name):
    files.files["/there"] = DATA
    files.files["/here"] = redirect(files.url + "/there")
    open_daemon.done(start(open_daemon, name, files.url + "/here"))
    assert open_daemon.get(f"/v1/images/{name}").json["size_bytes"] == len(DATA)


def test_a_cancelled_import_leaves_nothing(open_daemon, files, name):
    begun, over = threading.Event(), threading.Event()

    def never(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        begun.set()
        over.wait(60)

    files.files["/never"] = never
    answer = start(open_daemon, name, files.url + "/never")
    try:
        assert begun.wait(60)
        assert open_daemon.delete(answer.headers["Location"]).status == 202
        assert open_daemon.wait(answer)["error"]["code"] == "cancelled"
    finally:
        over.set()
    assert open_daemon.image_files(answer.json["id"]) == []


def test_the_same_key_makes_one_import(open_daemon, files, name):
    files.files["/disk"] = DATA
    first = open_daemon.post("/v1/images/import", {"name": name, "url": files.url + "/disk"}, key=name)
    open_daemon.done(first)
    again = open_daemon.post("/v1/images/import", {"name": name, "url": files.url + "/disk"}, key=name)
    assert (again.status, again.body) == (202, first.body)


# ---- refused ----
def test_loopback_is_refused_unless_allowed(daemon, files, name):
    files.files["/disk"] = DATA
    before = len(files.asked)
    for host in ("127.0.0.1", "localhost"):
        fails(daemon, f"{name}-{host}", f"http://{host}:{files.server.server_port}/disk")
    assert len(files.asked) == before            # nobody was even asked


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433"])
def test_private_addresses_are_refused(daemon, name, address):
    fails(daemon, name, f"http://{address}/disk")


def test_a_redirect_is_checked_again(open_daemon, files, name):
    files.files["/evil"] = redirect("http://169.254.169.254/latest/meta-data")
    fails(open_daemon, name, files.url + "/evil")
    files.files["/file"] = redirect("file:///etc/passwd")
    fails(open_daemon, name, files.url + "/file")


def test_a_redirect_without_end(open_daemon, files, name):
    files.files["/again"] = redirect(files.url + "/again")
    fails(open_daemon, name, files.url + "/again")


def test_what_is_not_there(open_daemon, files, name):
    assert "404" in fails(open_daemon, name, files.url + "/nothing")


def test_another_hash(open_daemon, files, name):
    files.files["/disk"] = DATA
    fails(open_daemon, name, files.url + "/disk", sha256="0" * 64)


def test_a_body_that_ends_early(open_daemon, files, name):
    def cut(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        handler.wfile.write(DATA[:1000])

    files.files["/cut"] = cut
    fails(open_daemon, name, files.url + "/cut")


def test_a_hostile_image(open_daemon, files, name):
    header = b"QFI\xfb" + (3).to_bytes(4, "big") + (104).to_bytes(8, "big") + (11).to_bytes(4, "big") + (16).to_bytes(4, "big") + (1 << 30).to_bytes(8, "big")
    header += bytes(4) + (2).to_bytes(4, "big") + (65536).to_bytes(8, "big") + (131072).to_bytes(8, "big") + (1).to_bytes(4, "big")
    header += bytes(4) + bytes(8) + bytes(24) + (4).to_bytes(4, "big") + (104).to_bytes(4, "big") + b"/etc/passwd"
    files.files["/evil.qcow2"] = header.ljust(262144, b"\0")
    fails(open_daemon, name, files.url + "/evil.qcow2", code="image_refused")


@pytest.mark.parametrize("fields,field", [
    ({"url": ""}, "url"), ({"url": "ftp://a/b"}, "url"), ({"url": "file:///etc/passwd"}, "url"), ({"url": "http://"}, "url"), ({"url": "disk.img"}, "url"),
    ({"url": "http://me:secret@host/disk"}, "url"), ({"url": "http://a\nb/"}, "url"), ({"url": "http://a/" + "x" * 5000}, "url"), ({"url": None}, "url"),
    ({"url": 5}, "url"), ({"sha256": "abc"}, "sha256"), ({"sha256": "g" * 64}, "sha256"), ({"sha256": "0" * 65}, "sha256"), ({"sha256": 1}, "sha256"),
    ({"visibility": "all"}, "visibility"), ({"properties": []}, "properties"), ({"properties": {"a": 1}}, "properties"),
    ({"properties": {"": "a"}}, "properties"), ({"properties": {"a": "b" * 256}}, "properties"), ({"properties": {"a\tb": "c"}}, "properties"),
    ({"properties": {f"k{i}": "" for i in range(65)}}, "properties"), ({"min_disk_gib": -1}, "min_disk_gib"), ({"min_disk_gib": 65537}, "min_disk_gib"),
    ({"min_memory_mib": "1"}, "min_memory_mib"), ({"disk_format": "raw"}, "disk_format")], ids=lambda v: repr(v)[:40])
def test_refused_fields(daemon, name, fields, field):
    answer = daemon.post("/v1/images/import", {"name": name, "url": "http://192.0.2.1/disk", **fields})
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)
    assert daemon.get(f"/v1/images/{name}").status == 404


# ---- properties ----
def test_properties_and_minima(daemon, name):
    body = {"name": name, "disk_format": "raw", "properties": {"os": "debian", "裏": "🦊"}, "min_disk_gib": 3, "min_memory_mib": 128}
    image = daemon.post("/v1/images", body).json
    assert (image["properties"], image["min_disk_gib"], image["min_memory_mib"]) == (body["properties"], 3, 128)
    assert daemon.upload(name, DATA).status == 204
    small = {"name": f"{name}-vm", "image": name, "vcpus": 1}
    for sizes, field in (({"memory_mib": 128, "disk_gib": 2}, "disk_gib"), ({"memory_mib": 127, "disk_gib": 3}, "memory_mib")):
        answer = daemon.post("/v1/vms", {**small, **sizes})
        assert (answer.status, answer.json["field"]) == (400, field)
    daemon.done(daemon.post("/v1/vms", {**small, "memory_mib": 128, "disk_gib": 3}))


def test_change(daemon, name):
    image = daemon.post("/v1/images", {"name": name, "disk_format": "raw", "properties": {"a": "1"}}).json
    changed = daemon.patch(f"/v1/images/{name}", {"min_disk_gib": 2}).json
    assert (changed["min_disk_gib"], changed["properties"], changed["name"]) == (2, {"a": "1"}, name)
    assert daemon.patch(f"/v1/images/{name}", {"properties": {"b": "2"}}).json["properties"] == {"b": "2"}
    assert daemon.patch(f"/v1/images/{name}", {"min_disk_gib": 0, "properties": {}}).json["min_disk_gib"] == 0
    assert daemon.patch(f"/v1/images/{name}", {"name": f"{name}-b"}).json["name"] == f"{name}-b"
    assert daemon.get(f"/v1/images/{name}-b").json["id"] == image["id"]
    assert daemon.patch(f"/v1/images/{name}-b", {"name": "tiny"}).code == "name_taken"


@pytest.mark.parametrize("body", [{}, {"name": None}, [], {"status": "active"}, {"disk_format": "raw"}, {"properties": {"a": None}}, {"name": "a b"}])
def test_refused_changes(daemon, body):
    before = daemon.get("/v1/images/tiny").json
    assert daemon.patch("/v1/images/tiny", body).status == 400
    assert daemon.get("/v1/images/tiny").json == before


# ---- the bytes ----
def test_download(daemon, name):
    daemon.add_image(name, DATA)
    answer = daemon.get(f"/v1/images/{name}/data")
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.raw"'
    assert answer.headers["ETag"] == f'"{hashlib.sha256(DATA).hexdigest()}"'
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(DATA).digest()).decode()}:"
    assert daemon.call("HEAD", f"/v1/images/{name}/data").headers["Content-Length"] == str(len(DATA))


def test_a_part_of_it(daemon, name):
    daemon.add_image(name, DATA)
    answer = daemon.call("GET", f"/v1/images/{name}/data", headers={"Range": "bytes=1000-1999"})
    assert (answer.status, answer.body) == (206, DATA[1000:2000])
    assert answer.headers["Content-Range"] == f"bytes 1000-1999/{len(DATA)}"
    answer = daemon.call("GET", f"/v1/images/{name}/data", headers={"Range": f"bytes={len(DATA)}-"})
    assert answer.status == 416


def test_bytes_that_are_not_there_yet(daemon, name):
    daemon.post("/v1/images", {"name": name, "disk_format": "raw"})
    answer = daemon.get(f"/v1/images/{name}/data")
    assert (answer.status, answer.code) == (409, "conflict")


# ---- of a VM's disk ----
def test_an_image_of_a_stopped_vm(daemon, name):
    daemon.add_image(f"{name}-base", DATA)
    vm = daemon.create(name, image=f"{name}-base", start=False)
    answer = daemon.post(f"/v1/vms/{name}/image", {"name": f"{name}-image", "properties": {"from": name}})
    assert answer.status == 202
    assert (answer.json["properties"], answer.json["status"]) == ({"from": name}, "saving")
    operation = daemon.done(answer)
    assert operation["target"] in (answer.json["id"], vm["id"])
    image = daemon.get(f"/v1/images/{name}-image").json
    assert (image["status"], image["disk_format"], image["virtual_size_bytes"]) == ("active", "qcow2", 1 << 30)
    assert daemon.show(name)["task"] is None
    daemon.remove(name)
    daemon.done(daemon.delete(f"/v1/images/{name}-base"))    # nothing of it is needed any more
    assert daemon.create(f"{name}-b", image=f"{name}-image")["status"] == "running"


def test_only_of_a_stopped_vm(daemon, name):
    daemon.create(name)
    answer = daemon.post(f"/v1/vms/{name}/image", {"name": f"{name}-image"})
    assert (answer.status, answer.code) == (409, "invalid_state")
    assert daemon.get(f"/v1/images/{name}-image").status == 404


def test_what_virsh_stopped_is_stopped(daemon, name):
    daemon.add_image(f"{name}-base", DATA)
    vm = daemon.create(name, image=f"{name}-base")
    daemon.edit_domain(vm["id"], state="stopped", reason="destroyed")
    daemon.done(daemon.post(f"/v1/vms/{name}/image", {"name": f"{name}-image"}))


def test_a_name_that_is_taken(daemon, name):
    daemon.create(name, start=False)
    answer = daemon.post(f"/v1/vms/{name}/image", {"name": "tiny"})
    assert (answer.status, answer.code) == (409, "name_taken")
