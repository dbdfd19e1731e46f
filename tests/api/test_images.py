"""Images: registered, sent once, used, deleted when nobody uses them."""
import hashlib
import http.client
import os

import pytest

from client import by_age, eventually

RECOVERED_S = 10.0


def test_a_life(daemon, name):
    data = os.urandom(300000) + bytes(100)
    answer = daemon.post("/v1/images", {"name": name, "disk_format": "raw"})
    assert answer.status == 201
    image = answer.json
    assert answer.headers["Location"] == "/v1/images/" + image["id"]
    assert (image["status"], image["visibility"], image["sha256"], image["size_bytes"]) == ("queued", "public", None, None)
    answer = daemon.upload(image["id"], data)
    assert (answer.status, answer.body) == (204, b"")
    image = daemon.get(f"/v1/images/{name}").json
    assert (image["status"], image["size_bytes"], image["sha256"]) == ("active", len(data), hashlib.sha256(data).hexdigest())
    assert image["virtual_size_bytes"] >= len(data)
    assert daemon.upload(name, data).code == "conflict"
    answer = daemon.delete(f"/v1/images/{name}")
    assert answer.json["kind"] == "image.delete"
    daemon.done(answer)
    assert daemon.get(f"/v1/images/{image['id']}").code == "image_not_found"
    assert list((daemon.state / "images").glob(image["id"] + "*")) == []


@pytest.mark.parametrize("visibility", ["public", "project"])
def test_visibility(daemon, name, visibility):
    assert daemon.post("/v1/images", {"name": name, "disk_format": "qcow2", "visibility": visibility}).json["visibility"] == visibility


@pytest.mark.parametrize("changes,field", [
    ({"name": ""}, "name"), ({"name": "a b"}, "name"), ({"name": 7}, "name"), ({"name": None}, "name"), ({"name": "🦊"}, "name"),
    ({"disk_format": "vmdk"}, "disk_format"), ({"disk_format": ""}, "disk_format"), ({"disk_format": None}, "disk_format"),
    ({"disk_format": 1}, "disk_format"), ({"visibility": "all"}, "visibility"), ({"visibility": True}, "visibility"), ({"size_bytes": 1}, "size_bytes")])
def test_refused_fields(daemon, name, changes, field):
    answer = daemon.post("/v1/images", {"name": name, "disk_format": "raw", **changes})
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)


def test_a_taken_name(daemon):
    assert daemon.post("/v1/images", {"name": "tiny", "disk_format": "raw"}).code == "name_taken"


def test_the_same_key_makes_one_image(daemon, name):
    body = {"name": name, "disk_format": "raw"}
    first = daemon.post("/v1/images", body, key=name)
    again = daemon.post("/v1/images", body, key=name)
    assert (again.status, again.body, again.headers["Location"]) == (201, first.body, first.headers["Location"])
    assert daemon.post("/v1/images", {**body, "disk_format": "qcow2"}, key=name).status == 422


def test_pages(own):
    images = [own.get("/v1/images/tiny").json]
    images += [own.post("/v1/images", {"name": f"image-{i}", "disk_format": "raw"}).json for i in range(4)]
    names = [image["name"] for image in by_age(images)]
    seen, path = [], "/v1/images?limit=2"
    while path:
        page = own.get(path).json
        seen.append([image["name"] for image in page["images"]])
        path = page["next"]
    assert seen == [names[:2], names[2:4], names[4:]]


def test_in_use(daemon, name):
    daemon.add_image(name)
    daemon.create(name, image=name)
    answer = daemon.delete(f"/v1/images/{name}")
    assert (answer.status, answer.code) == (409, "in_use")
    daemon.remove(name)
    daemon.done(daemon.delete(f"/v1/images/{name}"))


def test_bytes_that_deny_their_format(daemon, name):
    image = daemon.post("/v1/images", {"name": name, "disk_format": "qcow2"}).json
    answer = daemon.upload(image["id"], b"no qcow2" * 1000)
    assert (answer.status, answer.code) == (400, "image_refused")
    shown = daemon.get(f"/v1/images/{name}").json
    assert shown["status"] in ("queued", "error") and shown["status_reason"]
    daemon.done(daemon.delete(f"/v1/images/{name}"))


def test_a_qcow2_that_calls_itself_raw(daemon, name):
    image = daemon.post("/v1/images", {"name": name, "disk_format": "raw"}).json
    assert daemon.upload(image["id"], b"QFI\xfb" + bytes(1000)).code == "image_refused"


def test_no_bytes_at_all(daemon, name):
    image = daemon.post("/v1/images", {"name": name, "disk_format": "raw"}).json
    assert daemon.upload(image["id"], b"").status == 400


def test_larger_than_any_json_body(daemon, name):
    daemon.add_image(name, bytes(8 << 20))
    assert daemon.get(f"/v1/images/{name}").json["size_bytes"] == 8 << 20


def begin_upload(daemon, name):
    """An image of which some bytes have come, and the connection that would bring the rest."""
    image = daemon.post("/v1/images", {"name": name, "disk_format": "raw"}).json
    connection = http.client.HTTPConnection(daemon.host, daemon.port, timeout=30)
    connection.putrequest("PUT", f"/v1/images/{image['id']}/file")
    connection.putheader("Content-Length", str(1 << 20))
    connection.endheaders()
    connection.send(bytes(1 << 16))
    eventually(lambda: daemon.get(f"/v1/images/{name}").json["status"] == "saving", "the upload has begun")
    return image, connection


def test_an_upload_that_breaks_off(daemon, name):
    image, connection = begin_upload(daemon, name)
    assert daemon.upload(image["id"], b"x" * 1000).code == "conflict"
    connection.close()
    eventually(lambda: daemon.get(f"/v1/images/{name}").json["status"] == "queued", "the image waits for its bytes again")
    assert daemon.upload(image["id"], b"\0" * 4096).status == 204


def test_uploads_that_break_off_while_the_database_cannot_be_written(own):
    uploads = [begin_upload(own, name) for name in ("a", "b")]
    own.arm("store.commit.before=error(disk_full)")
    for _, connection in uploads:
        connection.close()
    eventually(lambda: own.log_text().count("stays saving") == 2, "it knows")
    assert [image["status"] for image in own.get("/v1/images").json["images"] if image["name"] in ("a", "b")] == ["saving", "saving"]
    own.arm("")
    for image, _ in uploads:
        eventually(lambda: own.get(f"/v1/images/{image['id']}").json["status"] == "queued", "the image waits for its bytes again", RECOVERED_S)
        assert own.upload(image["id"], b"\0" * 4096).status == 204


def test_an_upload_that_cannot_be_given_up_at_the_end(own):
    image, connection = begin_upload(own, "a")
    own.arm("store.commit.before=error(disk_full)")
    connection.close()
    eventually(lambda: "stays saving" in own.log_text(), "it knows")
    own.stop()
    own.arm("")
    own.start()
    assert own.get(f"/v1/images/{image['id']}").json["status"] == "queued"


def test_an_upload_to_nothing(daemon):
    assert daemon.upload("nothing", b"x").code == "image_not_found"
