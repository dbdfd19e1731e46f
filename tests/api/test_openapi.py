"""The document against the daemon. Every test's answers are held against it (client.py); here each route is, and nothing is missing."""
import subprocess

import pytest

from client import BINARY, DOCUMENT, PASSWORD, ROOT, eventually
from openapi import Mismatch

# On a server of its own: it is no part of the API.
GUESTS_ROUTE = ("POST", "/v1/phone-home/{id}/{token}", "vm:phone-home", "public")


def described():
    return sorted((method, path, operation["x-action"], operation["x-role"]) for method, path, _, operation in DOCUMENT.routes)


def parameters_of(operation):
    return [DOCUMENT.resolve(parameter) for parameter in operation.get("parameters", [])]


def test_the_daemon_serves_the_file(daemon):
    answer = daemon.get("/openapi.json")
    assert answer.body == (ROOT / "src" / "api" / "native" / "openapi.json").read_bytes()


def test_the_same_routes(daemon):
    printed = subprocess.run([BINARY, "--print-routes"], check=True, capture_output=True, text=True).stdout
    routes = sorted(tuple(line.split()) for line in printed.splitlines())
    assert GUESTS_ROUTE in routes
    assert [route for route in routes if route != GUESTS_ROUTE] == described()


def test_routes_are_printed_in_columns():
    lines = subprocess.run([BINARY, "--print-routes"], check=True, capture_output=True, text=True).stdout.splitlines()
    assert len({tuple(line.index(word) for word in line.split()[1:2] + line.split()[2:3]) for line in lines}) == 1
    assert {line.rindex(" ") for line in lines} == {lines[0].rindex(" ")}


def test_whoever_has_credentials_may_name_a_project():
    for method, path, _, operation in DOCUMENT.routes:
        names = [parameter["name"] for parameter in parameters_of(operation) if parameter["in"] == "query"]
        assert len(set(names)) == len(names), (method, path)
        is_ours = not path.startswith("/api/")  # the other doors have words of their own for it
        assert ("project" in names) == (is_ours and operation["x-role"] != "public"), (method, path)


def test_what_is_not_public_wants_credentials():
    assert DOCUMENT.root["security"] == [{name: []} for name in DOCUMENT.root["components"]["securitySchemes"]]
    for method, path, _, operation in DOCUMENT.routes:
        assert (operation.get("security") == []) == (operation["x-role"] == "public"), (method, path)
        assert ("401" in operation["responses"]) == (operation["x-role"] != "public" or path == "/v1/tokens"), (method, path)


def test_the_guests_route_is_not_here(daemon):
    assert daemon.post("/v1/phone-home/a/b").status == 404


def walk_the_workspace_door(call, workspace):
    body = {"name": "walk", "workspace_id": workspace, "provider": "libvirt", "type": "walk", "region": "local", "image_id": "walk"}
    path = "/api/v1/vms/" + call("post", "/api/v1/vms", body).json["id"]

    def reaches(status):
        eventually(lambda: call("get", path).json["status"] == status, status)

    reaches("running")
    call("get", "/api/v1/vms")
    call("put", path, {"metadata": {"a": "b"}})
    for verb, status in (("stop", "stopped"), ("start", "running"), ("restart", "running"), ("terminate", "terminated")):
        call("post", f"{path}/{verb}")
        reaches(status)
    call("delete", path)


def walk_the_tenant_door(call):
    """As the tenant "default", whose door waits for the ends of things."""
    call("get", "/api/v1/compute/flavors")
    path = "/api/v1/compute/instances"
    instance = f"{path}/" + call("post", path, {"name": "walk", "flavor": "walk", "imageId": "walk"}).json["id"]
    eventually(lambda: call("get", instance).json["status"] == "running", "running")
    call("get", path)
    for verb in ("stop", "start", "stop", "restart"):
        call("post", f"{instance}/{verb}")
    eventually(lambda: call("get", instance).json["status"] == "running", "running again")
    call("post", f"{instance}/stop")
    call("delete", instance)


def test_every_route_answers_as_described(own):
    """A walk over all of them; the client compares. What each answers when all is well must be among what was seen."""
    called = {}

    def call(method, path, *args, **kwargs):
        answer = getattr(own, method)(path, *args, **kwargs)
        called.setdefault((answer_method(method), DOCUMENT.find(answer_method(method), path)[0]), set()).add(answer.status)
        return answer

    def answer_method(method):
        return {"upload": "PUT"}.get(method, method.upper())

    call("get", "/health")
    call("get", "/openapi.json")
    call("get", "/metrics")
    image = call("post", "/v1/images", {"name": "walk", "disk_format": "raw"}).json["id"]
    called["PUT", "/v1/images/{ref}/file"] = {own.upload(image, b"\0" * 65536).status}
    call("get", "/v1/images")
    call("get", f"/v1/images/{image}")
    call("patch", f"/v1/images/{image}", {"properties": {"os": "none"}})
    call("get", f"/v1/images/{image}/data")
    own.wait(call("post", "/v1/images/import", {"name": "walk-import", "url": "http://127.0.0.1:1/nothing"}))
    call("post", "/v1/keypairs", {"name": "walk"})
    call("get", "/v1/keypairs")
    call("get", "/v1/keypairs/walk")
    own.done(call("post", "/v1/networks", {"name": "walk"}))
    call("get", "/v1/networks")
    call("get", "/v1/networks/walk")
    call("get", "/v1/events")
    call("get", "/v1/me")
    call("post", "/v1/users", {"name": "walk", "password": PASSWORD})
    call("get", "/v1/users")
    call("get", "/v1/users/walk")
    call("patch", "/v1/users/walk", {"description": "walks"})
    call("post", "/v1/projects", {"name": "walk"})
    call("get", "/v1/projects")
    call("get", "/v1/projects/walk")
    call("patch", "/v1/projects/walk", {"description": "is walked in"})
    call("put", "/v1/projects/walk/quota", {"vms": 5})
    call("get", "/v1/projects/walk/quota")
    call("get", "/v1/roles")
    call("put", "/v1/projects/walk/users/walk/roles/member")
    call("get", "/v1/role-assignments")
    token = call("post", "/v1/tokens", {"user": "walk", "password": PASSWORD}).json["id"]
    call("get", "/v1/tokens")
    call("get", f"/v1/tokens/{token}?project=*")
    call("delete", f"/v1/tokens/{token}?project=*")
    call("delete", "/v1/projects/walk/users/walk/roles/member")
    call("delete", "/v1/projects/walk")
    call("delete", "/v1/users/walk")
    call("get", "/v1/quota")
    call("get", "/v1/audit")
    call("get", "/v1/host")
    call("get", "/v1/doctor")
    call("post", "/v1/flavors", {"name": "walk", "vcpus": 1, "memory_mib": 64, "disk_gib": 1})
    call("get", "/v1/flavors")
    call("get", "/v1/flavors/walk")
    vm = call("post", "/v1/vms", {"name": "walk", "image": "walk", "flavor": "walk", "keypair": "walk", "networks": ["walk"], "metadata": {"a": "b"}, "tags": ["c"]})
    own.done(vm)
    call("get", "/v1/vms")
    call("get", "/v1/vms/walk")
    call("get", "/v1/vms/walk/console-log")
    call("patch", "/v1/vms/walk", {"tags": ["d"]})
    for verb in ("pause", "resume", "reboot", "suspend", "resume", "stop", "start", "stop"):
        own.done(call("post", f"/v1/vms/walk/{verb}"))
    call("post", "/v1/vms/walk/lock")
    call("post", "/v1/vms/walk/unlock")
    own.wait(call("post", "/v1/vms/walk/image", {"name": "walk-capture"}))
    call("post", "/v1/host/stop-guests")
    call("post", "/v1/host/start-guests")
    call("put", "/v1/host/maintenance", {"reason": "a walk"})
    call("get", "/v1/host")
    call("delete", "/v1/host/maintenance")
    call("get", "/v1/operations")
    call("get", vm.headers["Location"])
    own.done(call("delete", "/v1/vms/walk"))
    walk_the_tenant_door(call)
    walk_the_workspace_door(call, own.get("/v1/projects").json["projects"][0]["id"])
    call("delete", "/v1/flavors/walk")
    call("delete", "/v1/keypairs/walk")
    own.done(call("delete", "/v1/networks/walk"))
    own.done(call("delete", f"/v1/images/{image}"))
    own.arm("virt.define.before=hang(2000)")
    hanging = own.post("/v1/vms", {"name": "walk", "image": "tiny", "flavor": "small"})
    call("delete", hanging.headers["Location"])
    own.wait(hanging)
    assert sorted(called) == [(method, path) for method, path, _, _ in described()]
    assert {route: statuses for route, statuses in called.items() if not statuses <= {200, 201, 202, 204}} == {}


def test_every_reference_leads_somewhere():
    def walk(node):
        if isinstance(node, dict):
            DOCUMENT.resolve(node)
            for part in node.values():
                walk(part)
        elif isinstance(node, list):
            for part in node:
                walk(part)

    walk(DOCUMENT.root)


def test_every_schema_uses_keywords_that_the_judge_knows():
    for name, schema in DOCUMENT.root["components"]["schemas"].items():
        for part in [schema, *schema.get("properties", {}).values()]:
            unknown = [k for k in part if k not in ("type", "$ref", "description", "default") and not hasattr(DOCUMENT, "_" + k)]
            assert not unknown, (name, unknown)


@pytest.mark.parametrize("schema,value", [
    ({"type": "integer"}, True), ({"type": "integer"}, "1"), ({"type": ["string", "null"]}, 1), ({"type": "string", "format": "uuid"}, "x"),
    ({"type": "string", "format": "date-time"}, "2026-01-01"), ({"type": "string", "pattern": "^a$"}, "b"), ({"enum": ["a"]}, "b"),
    ({"type": "object", "properties": {}, "additionalProperties": False}, {"a": 1}), ({"type": "object", "required": ["a"]}, {}),
    ({"$ref": "#/components/schemas/VMItem"}, {}), ({"type": "array", "maxItems": 0}, [1]), ({"type": "integer", "minimum": 1}, 0)])
def test_the_judge_can_say_no(schema, value):
    with pytest.raises(Mismatch):
        DOCUMENT.check(schema, value, "here")
