"""Imports when things go wrong around them: secrets in URLs, a daemon that stops, dies or fails at any of its effects."""
import hashlib
import os
import subprocess

import pytest

from client import BINARY, eventually
from web import Web

pytestmark = pytest.mark.settings(import_allow="127.0.0.0/8")


@pytest.fixture
def web():
    web = Web()
    yield web
    web.close()


def begin(daemon, name, url, **fields):
    answer = daemon.post("/v1/images/import", {"name": name, "url": url, **fields})
    assert answer.status == 202, answer
    return answer


def import_image(daemon, name, url, **fields):
    """The operation and the image, at the end."""
    answer = begin(daemon, name, url, **fields)
    return daemon.wait(answer), daemon.get(f"/v1/images/{answer.json['id']}").json


def files_of(daemon, image):
    return [name.removeprefix(image["id"]) for name in daemon.image_files(image["id"])]


def made(tmp_path, *options):
    """What qemu-img makes of 5 MiB."""
    subprocess.run(["qemu-img", "create", "-q", *options, "x", "5M"], check=True, cwd=tmp_path)
    return (tmp_path / "x").read_bytes()


def test_a_secret_in_the_url_stays_in_the_row(own, web):
    own.done(begin(own, "a", web.add("/x", os.urandom(1000)) + "?token=hush-hush"))
    operation = import_image(own, "b", web.url + "/absent?token=hush-hush")[0]
    assert "hush" not in str(operation) and "hush" not in own.log_text()
    said = subprocess.run(["sqlite3", own.state / "computed.db", "select * from event; select * from audit;"], check=True, capture_output=True,
                          text=True).stdout
    assert "image.import" in said and "hush" not in said


@pytest.mark.parametrize("options,expected", [
    (("-f", "qcow2"), "qcow2"), (("-f", "vmdk"), "qcow2"), (("-f", "vdi"), "qcow2"), (("-f", "vpc", "-o", "force_size=on"), "qcow2"),
    (("-f", "vhdx"), "qcow2"), (("-f", "raw"), "raw")], ids=lambda v: v if isinstance(v, str) else v[1])
def test_formats(own, web, tmp_path, options, expected):
    operation, image = import_image(own, "a", web.add("/x", made(tmp_path, *options)))
    assert operation["status"] == "succeeded", operation
    assert (image["status"], image["disk_format"], image["virtual_size_bytes"]) == ("active", expected, 5 << 20)
    assert files_of(own, image) == ["." + expected]


def test_a_failed_import_is_no_place_for_an_upload(own, web):
    image = import_image(own, "a", web.url + "/absent")[1]
    assert (image["status"], files_of(own, image)) == ("error", [])
    assert own.upload("a", b"x").code == "conflict"
    assert own.delete("/v1/images/a").status == 202


def test_a_delete_ends_an_import(own, web):
    web.add("/held", os.urandom(100000))
    answer = begin(own, "a", web.url + "/held")
    deleted = own.delete("/v1/images/a")
    assert own.get("/v1/images/a").json["status"] in ("deleting", None)
    assert own.wait(answer)["error"]["code"] == "cancelled"
    own.done(deleted)
    assert own.get("/v1/images/a").status == 404 and files_of(own, answer.json) == []
    web.hold.set()


def test_a_daemon_that_stops_begins_anew(own, web):
    data = os.urandom(2000000)
    web.add("/held", data)
    answer = begin(own, "a", web.url + "/held")
    eventually(lambda: own.get(answer.headers["Location"]).json.get("details"), "some bytes")
    own.stop()
    web.hold.set()
    own.start()
    own.done(answer)
    assert own.get("/v1/images/a").json["sha256"] == hashlib.sha256(data).hexdigest()


# ---- at any effect ----
def failpoints():
    """What an import of a VDI image passes in the room of disk, and where the found format is written."""
    listed = subprocess.run([BINARY, "--list-failpoints"], check=True, capture_output=True, text=True).stdout
    wanted = ("disk.fetch_create", "disk.fetch_run", "disk.convert", "disk.transfer_unlink", "disk.image_rename", "disk.image_folder_sync",
              "store.image_set_format", "store.image_activate")
    names = [line.split()[0] for line in listed.splitlines()]
    return [name for name in names if name.startswith(wanted) and (os.geteuid() == 0 or "convert_lend" not in name)]


def test_dying_anywhere(own, web, tmp_path):
    url = web.add("/x", made(tmp_path, "-f", "vdi"))
    points = failpoints()
    assert len(points) >= 16, points
    for i, point in enumerate(points):
        own.arm(f"{point}=die")
        own.dies_of("POST", "/v1/images/import", {"name": f"image-{i}", "url": url})
        own.comes_back()
        operation = own.ended(own.get(f"/v1/images/image-{i}").json["id"], "image.import")
        image = own.get(f"/v1/images/image-{i}").json
        assert (operation["status"], image["status"]) == ("succeeded", "active"), (point, operation)
        assert files_of(own, image) == [".qcow2"], point
    assert own.get("/v1/operations", status="running").json["operations"] == []


def test_failing_anywhere(own, web, tmp_path):
    url = web.add("/x", made(tmp_path, "-f", "vdi"))
    for i, point in enumerate(failpoints()):
        own.arm(f"{point}=error(internal),once")
        operation, image = import_image(own, f"image-{i}", url)
        own.arm("")
        if operation["status"] == "failed":
            assert (operation["error"]["code"], image["status"], files_of(own, image)) == ("internal", "error", []), point
        else:
            assert (image["status"], files_of(own, image)) == ("active", [".qcow2"]), point
