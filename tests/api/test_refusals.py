"""What is refused before a handler runs, and the shape of refusals everywhere."""
import json

import pytest

REFUSED_QUERIES = [
    ("/health?x=1", "x"), ("/openapi.json?pretty=1", "pretty"), ("/v1/vms?sort=name", "sort"), ("/v1/flavors?limit=3", "limit"),
    ("/v1/vms?limit=1&limit=2", "limit"), ("/v1/images?name=a", "name"), ("/v1/operations?projects=a", "projects"),
    ("/v1/vms?limit=0", "limit"), ("/v1/vms?limit=1001", "limit"), ("/v1/vms?limit=-1", "limit"), ("/v1/vms?limit=", "limit"),
    ("/v1/vms?limit=1e2", "limit"), ("/v1/vms?limit=%2010", "limit"), ("/v1/vms?limit=18446744073709551617", "limit"),
    ("/v1/images?limit=0", "limit"), ("/v1/operations?limit=0", "limit"),
    ("/v1/vms?marker=x", "marker"), ("/v1/images?marker=x", "marker"), ("/v1/operations?marker=..%2F", "marker"),
    ("/v1/vms?status=up", "status"), ("/v1/vms?status=", "status"), ("/v1/operations?status=done", "status"),
    ("/v1/vms?name=", "name"), ("/v1/vms?name=a%00b", None), ("/v1/vms?name=a%0Ab", None), ("/v1/vms?name=%FF", None),
    ("/v1/operations?target=tiny", "target"), ("/v1/host?x=1", "x"),
    ("/v1/keypairs?limit=0", "limit"), ("/v1/keypairs?marker=x", "marker"), ("/v1/keypairs?name=a", "name"), ("/v1/keypairs/a?x=1", "x"),
    ("/v1/networks?limit=1001", "limit"), ("/v1/networks?marker=x", "marker"), ("/v1/networks?kind=nat", "kind"), ("/v1/networks/a?x=1", "x"),
    ("/v1/images/tiny/data?offset=1", "offset"),
]


@pytest.mark.parametrize("path,field", REFUSED_QUERIES)
def test_queries(daemon, path, field):
    answer = daemon.get(path)
    assert answer.status == 400
    assert field is None or answer.json["field"] == field


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/vms", "/v1/vms/a/b", "/v1/vms/a/start/", "/v1/nothing", "/v1//vms"])
def test_unknown_paths(daemon, path):
    answer = daemon.get(path)
    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["/../etc/passwd", "/v1/../health", "/v1/vms/..", "/v1/vms/%2e%2e/images", "/v1/vms/.", "//health"])
def test_paths_that_go_up(daemon, path):
    assert daemon.get(path).status in (400, 404)


@pytest.mark.parametrize("method,path,allowed", [
    ("PUT", "/v1/vms", {"GET", "HEAD", "POST"}), ("POST", "/v1/vms/a", {"GET", "HEAD", "PATCH", "DELETE"}),
    ("GET", "/v1/vms/a/start", {"POST"}), ("POST", "/health", {"GET", "HEAD"}),
    ("PUT", "/v1/keypairs", {"GET", "HEAD", "POST"}), ("PATCH", "/v1/keypairs/a", {"GET", "HEAD", "DELETE"}),
    ("DELETE", "/v1/networks", {"GET", "HEAD", "POST"}), ("PUT", "/v1/networks/a", {"GET", "HEAD", "DELETE"}),
    ("POST", "/v1/host", {"GET", "HEAD"}), ("GET", "/v1/vms/a/suspend", {"POST"}), ("GET", "/v1/vms/a/lock", {"POST"}),
    ("DELETE", "/v1/vms/a/unlock", {"POST"}), ("GET", "/v1/vms/a/image", {"POST"}), ("POST", "/v1/images/a/data", {"GET", "HEAD"}),
    ("PUT", "/v1/images/a", {"GET", "HEAD", "PATCH", "DELETE"})])
def test_methods(daemon, method, path, allowed):
    answer = daemon.call(method, path)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert {word.strip() for word in answer.headers["Allow"].split(",")} - {"OPTIONS"} == allowed


BAD_BODIES = [b"", b"{", b"[]", b"null", b"17", b'"x"', b'{"name":"a","name":"b"}', b'{"name":"a\\u0000b"}', b'{"name":"\xff"}', b"{} {}",
              b"[" * 40 + b"]" * 40, b'{"name":"a",}', b"\xef\xbb\xbf{}", b'{"name":NaN}']


@pytest.mark.parametrize("path", ["/v1/vms", "/v1/images", "/v1/images/import", "/v1/flavors", "/v1/keypairs", "/v1/networks", "/v1/vms/a/image"])
@pytest.mark.parametrize("body", BAD_BODIES)
def test_bodies_that_are_no_object(daemon, path, body):
    answer = daemon.call("POST", path, body)
    assert answer.status == 400
    assert answer.code in ("invalid", "invalid_json")


@pytest.mark.parametrize("path", ["/v1/vms/a/suspend", "/v1/vms/a/lock", "/v1/vms/a/unlock"])
@pytest.mark.parametrize("body", BAD_BODIES[1:])
def test_verbs_take_no_other_bodies(daemon, path, body):
    answer = daemon.call("POST", path, body)
    assert answer.status == 400
    assert answer.code in ("invalid", "invalid_json", "invalid_field")


@pytest.mark.parametrize("path,body", [
    ("/v1/keypairs", {"name": "a", "private_key": "x"}), ("/v1/networks", {"name": "a", "gateway": "x"}), ("/v1/images/import", {"name": "a", "url": "x", "disk_format": "raw"}),
    ("/v1/vms/a/image", {"name": "a", "url": "x"}), ("/v1/vms/a/lock", {"force": True}), ("/v1/vms/a/suspend", {"force": True})])
def test_unknown_fields(daemon, path, body):
    answer = daemon.post(path, body)
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", list(body)[-1])


@pytest.mark.parametrize("path,more", [("/v1/keypairs", {}), ("/v1/networks", {}), ("/v1/images/import", {"url": "http://192.0.2.1/"}), ("/v1/vms/a/image", {})])
@pytest.mark.parametrize("bad", ["", "a" * 64, "x" * 100000, "-a", "a b", "a/b", "ä", "🦊", "a\n", "../etc", 5, None, ["a"], "00000000-0000-4000-8000-000000000000"])
def test_names(daemon, path, more, bad):
    answer = daemon.post(path, {**more, "name": bad})
    if path == "/v1/vms/a/image" and answer.status == 404:
        return   # the VM that is not there goes first
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", "name")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"])
def test_only_json(daemon, kind):
    answer = daemon.call("POST", "/v1/vms", b"{}", {"Content-Type": kind})
    assert (answer.status, answer.code) == (415, "unsupported_media")
    answer = daemon.call("PATCH", "/v1/vms/a", b"{}", {"Content-Type": kind})
    assert answer.status == 415


def test_a_charset_is_fine(daemon):
    answer = daemon.call("POST", "/v1/vms", b"{}", {"Content-Type": "application/json; charset=utf-8"})
    assert (answer.status, answer.json["field"]) == (400, "name")


def test_a_body_too_large(daemon):
    body = json.dumps({"name": "a", "image": "x" * (2 << 20)}).encode()
    answer = daemon.call("POST", "/v1/vms", body)
    assert (answer.status, answer.code) == (413, "too_large")


def test_a_web_page_elsewhere_cannot_drive_the_daemon(daemon):
    answer = daemon.call("POST", "/v1/vms", b"{}", {"Origin": "http://evil.example"})
    assert (answer.status, answer.code) == (403, "origin_refused")
    answer = daemon.call("GET", "/v1/vms", headers={"Host": "evil.example"})
    assert (answer.status, answer.code) == (403, "host_refused")


def test_administrators_see_more_and_nobody_sees_null(daemon):
    problem = daemon.get("/v1/vms/nobody").json
    assert set(problem) <= {"type", "title", "status", "detail", "request_id", "code", "field", "admin_detail"}
    assert problem["type"] == "urn:computed:error:vm_not_found"
    assert None not in problem.values()


@pytest.mark.parametrize("ref", ["nobody", "a" * 300, "%F0%9F%A6%8A", "a%20b", "%27%3B--", "..%5C", "00000000-0000-4000-8000-000000000000",
                                 "6F1B2C3D-0000-4000-8000-000000000000"])
@pytest.mark.parametrize("noun", ["vm", "image", "flavor", "operation", "keypair", "network"])
def test_references_to_nothing(daemon, noun, ref):
    for method in ("GET", "DELETE"):
        answer = daemon.call(method, f"/v1/{noun}s/{ref}")
        assert (answer.status, answer.code) == (404, f"{noun}_not_found")
    if noun == "vm":
        assert daemon.patch(f"/v1/vms/{ref}", {"name": "x"}).code == "vm_not_found"
        assert daemon.post(f"/v1/vms/{ref}/start").code == "vm_not_found"
        assert daemon.get(f"/v1/vms/{ref}/console-log").code == "vm_not_found"
        for verb in ("suspend", "lock", "unlock"):
            assert daemon.post(f"/v1/vms/{ref}/{verb}").code == "vm_not_found"
        assert daemon.post(f"/v1/vms/{ref}/image", {"name": "x"}).code == "vm_not_found"
    if noun == "image":
        assert daemon.patch(f"/v1/images/{ref}", {"name": "x"}).code == "image_not_found"
        assert daemon.get(f"/v1/images/{ref}/data").code == "image_not_found"


@pytest.mark.parametrize("ref", ["a%2Fb", "a%00b", "%FF", "a%0Ab", "%ZZ", "%C0%AF"])
def test_references_that_are_no_text(daemon, ref):
    assert daemon.get(f"/v1/vms/{ref}").status in (400, 404)


def test_head_is_get_without_the_body(daemon):
    answer = daemon.call("HEAD", "/v1/flavors")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(daemon.get("/v1/flavors").body)
