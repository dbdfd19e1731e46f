"""Who may do what: every route, asked by everybody. And what somebody of another project finds: nothing, wherever an id can stand."""
import itertools
import re
import sqlite3
import subprocess

import pytest

from client import BINARY, PASSWORD, ROOT
from conftest import running

PEOPLE = ("nobody", "stranger", "reader", "member", "administrator")

# What each gets. The stranger is a member of another project than the one whose things the paths name; the administrator asks with
# ?project=*, or, where that is refused, with the project.
TABLE = """
                                                              nobody stranger reader member administrator
GET    /health                                                   200      200    200    200    200
GET    /openapi.json                                             200      200    200    200    200
GET    /metrics                                                  401      403    403    403    200

GET    /v1/vms                                                   401      200    200    200    200
POST   /v1/vms                                                   401      202    403    202    202
GET    /v1/vms/{ref}                                             401      404    200    200    200
PATCH  /v1/vms/{ref}                                             401      404    403    200    200
DELETE /v1/vms/{ref}                                             401      404    403    202    202
POST   /v1/vms/{ref}/start                                       401      404    403    202    202
POST   /v1/vms/{ref}/stop                                        401      404    403    202    202
POST   /v1/vms/{ref}/reboot                                      401      404    403    202    202
POST   /v1/vms/{ref}/pause                                       401      404    403    202    202
POST   /v1/vms/{ref}/resume                                      401      404    403    202    202
POST   /v1/vms/{ref}/suspend                                     401      404    403    202    202
POST   /v1/vms/{ref}/lock                                        401      404    403    200    200
POST   /v1/vms/{ref}/unlock                                      401      404    403    200    200
POST   /v1/vms/{ref}/image                                       401      404    403    202    202
GET    /v1/vms/{ref}/console-log                                 401      404    200    200    200

GET    /api/v1/vms                                               401      200    200    200    200
POST   /api/v1/vms                                               401      404    403    201    201
GET    /api/v1/vms/{id}                                          401      404    200    200    200
PUT    /api/v1/vms/{id}                                          401      404    403    200    200
DELETE /api/v1/vms/{id}                                          401      404    403    204    204
POST   /api/v1/vms/{id}/start                                    401      404    403    202    202
POST   /api/v1/vms/{id}/stop                                     401      404    403    202    202
POST   /api/v1/vms/{id}/restart                                  401      404    403    202    202
POST   /api/v1/vms/{id}/terminate                                401      404    403    202    202

GET    /api/v1/compute/flavors                                   200      200    200    200    200
GET    /api/v1/compute/instances                                 401      200    200    200    200
POST   /api/v1/compute/instances                                 401      201    403    201    201
GET    /api/v1/compute/instances/{id}                            401      403    200    200    200
DELETE /api/v1/compute/instances/{id}                            401      403    403    204    204
POST   /api/v1/compute/instances/{id}/stop                       401      403    403    200    200
POST   /api/v1/compute/instances/{id}/start                      401      403    403    200    200
POST   /api/v1/compute/instances/{id}/restart                    401      403    403    200    200

GET    /v1/images                                                401      200    200    200    200
POST   /v1/images                                                401      201    403    201    201
POST   /v1/images/import                                         401      202    403    202    202
GET    /v1/images/{ref}                                          401      404    200    200    200
PATCH  /v1/images/{ref}                                          401      404    403    200    200
DELETE /v1/images/{ref}                                          401      404    403    202    202
PUT    /v1/images/{ref}/file                                     401      404    403    204    204
GET    /v1/images/{ref}/data                                     401      404    200    200    200

GET    /v1/keypairs                                              401      200    200    200    200
POST   /v1/keypairs                                              401      201    403    201    201
GET    /v1/keypairs/{ref}                                        401      404    200    200    200
DELETE /v1/keypairs/{ref}                                        401      404    403    204    204

GET    /v1/networks                                              401      200    200    200    200
POST   /v1/networks                                              401      202    403    202    202
GET    /v1/networks/{ref}                                        401      404    200    200    200
DELETE /v1/networks/{ref}                                        401      404    403    202    202

GET    /v1/operations                                            401      200    200    200    200
GET    /v1/operations/{id}                                       401      404    200    200    200
DELETE /v1/operations/{id}                                       401      404    403    409    409

GET    /v1/flavors                                               401      200    200    200    200
POST   /v1/flavors                                               401      403    403    403    201
GET    /v1/flavors/{ref}                                         401      200    200    200    200
DELETE /v1/flavors/{ref}                                         401      403    403    403    204

GET    /v1/users                                                 401      403    403    403    200
POST   /v1/users                                                 401      403    403    403    201
GET    /v1/users/{ref}                                           401      404    404    404    200
PATCH  /v1/users/{ref}                                           401      404    404    404    200
DELETE /v1/users/{ref}                                           401      403    403    403    204
GET    /v1/projects                                              401      200    200    200    200
POST   /v1/projects                                              401      403    403    403    201
GET    /v1/projects/{ref}                                        401      404    200    200    200
PATCH  /v1/projects/{ref}                                        401      403    403    403    200
DELETE /v1/projects/{ref}                                        401      403    403    403    204
GET    /v1/roles                                                 401      200    200    200    200
GET    /v1/role-assignments                                      401      200    200    200    200
PUT    /v1/projects/{ref}/users/{user}/roles/{role}              401      403    403    403    204
DELETE /v1/projects/{ref}/users/{user}/roles/{role}              401      403    403    403    204

POST   /v1/tokens                                                401      201    201    201    201
GET    /v1/tokens                                                401      200    200    200    200
GET    /v1/tokens/{id}                                           401      404    404    200    200
DELETE /v1/tokens/{id}                                           401      404    404    204    204
GET    /v1/me                                                    401      200    200    200    200

GET    /v1/quota                                                 401      200    200    200    200
GET    /v1/projects/{ref}/quota                                  401      404    200    200    200
PUT    /v1/projects/{ref}/quota                                  401      403    403    403    200
GET    /v1/audit                                                 401      200    403    200    200
GET    /v1/events                                                401      200    200    200    200

GET    /v1/host                                                  401      403    403    403    200
PUT    /v1/host/maintenance                                      401      403    403    403    200
DELETE /v1/host/maintenance                                      401      403    403    403    204
POST   /v1/host/stop-guests                                      401      403    403    403    202
POST   /v1/host/start-guests                                     401      403    403    403    202
GET    /v1/doctor                                                401      403    403    403    200
"""
ROWS = {" ".join(words[:2]): dict(zip(PEOPLE, map(int, words[2:]))) for words in map(str.split, TABLE.strip().splitlines()[1:]) if words}

# Where ?project=* is refused: these work in one project.
IN_ONE_PROJECT = {"POST /v1/vms", "POST /v1/images", "POST /v1/images/import", "POST /v1/keypairs", "POST /v1/networks", "GET /v1/quota",
                  "GET /v1/projects/{ref}/quota"}
# On a server of its own, for guests alone.
ELSEWHERE = {"POST /v1/phone-home/{id}/{token}"}

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0v423dfm6slwGpFCIr0aso6ZHb4GcP5u5yEsqvAPi7 me@here"


class World:
    """Two projects: `home`, with a member, a reader and things of theirs, and the stranger's. Things are made as they are needed."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.names = (f"thing-{i}" for i in itertools.count(1))
        self.home, self.elsewhere = daemon.add_project("home"), daemon.add_project("elsewhere")
        for project in (self.home, self.elsewhere):
            limits = daemon.get(f"/v1/projects/{project}/quota").json["limits"]
            assert daemon.put(f"/v1/projects/{project}/quota", dict.fromkeys(limits)).status == 200
        self.nobody = daemon.with_token(None)
        self.administrator = daemon
        self.reader = daemon.add_user("reader", self.home, "reader")
        self.member = daemon.add_user("member", self.home, "member")
        self.stranger = daemon.add_user("stranger", self.elsewhere, "member")

    def name(self):
        return next(self.names)

    def vm(self, **fields):
        return self.member.create(self.name(), networks=[], **fields)["id"]

    def vm_in(self, verb):
        vm = self.vm()
        self.member.act(vm, verb)
        return vm

    def image(self):
        return self.member.add_image(self.name())

    def queued_image(self):
        return self.member.post("/v1/images", {"name": self.name(), "disk_format": "raw"}).json["id"]

    def keypair(self):
        return self.member.post("/v1/keypairs", {"name": self.name(), "public_key": PUBLIC_KEY}).json["id"]

    def network(self):
        answer = self.member.post("/v1/networks", {"name": self.name()})
        self.member.done(answer)
        return answer.json["id"]

    def operation(self):
        answer = self.member.post("/v1/networks", {"name": self.name()})
        return self.member.done(answer)["id"]

    def flavor(self):
        return self.administrator.post("/v1/flavors", {"name": self.name(), "vcpus": 1, "memory_mib": 64, "disk_gib": 1}).json["id"]

    def user(self):
        return self.administrator.post("/v1/users", {"name": self.name(), "password": PASSWORD}).json["id"]

    def project(self):
        return self.administrator.add_project(self.name())

    def granted(self):
        """A user with a role: the rest of a path."""
        user = self.user()
        path = f"{self.home}/users/{user}/roles/reader"
        assert self.administrator.put(f"/v1/projects/{path}").status == 204
        return path

    def token(self):
        return self.member.post("/v1/tokens", {"name": self.name()}).json["id"]

    # ---- what a route is asked ----
    def target(self, route):
        """What stands in its path, fresh."""
        special = {
            "POST /v1/vms/{ref}/start": lambda: self.vm(start=False), "POST /api/v1/vms/{id}/start": lambda: self.vm(start=False), "POST /v1/vms/{ref}/image": lambda: self.vm(start=False),
            "POST /v1/vms/{ref}/resume": lambda: self.vm_in("pause"), "PUT /v1/images/{ref}/file": self.queued_image,
            "POST /api/v1/compute/instances/{id}/start": lambda: self.vm(start=False),
            "POST /api/v1/compute/instances/{id}/restart": lambda: self.vm(start=False),
            "DELETE /api/v1/compute/instances/{id}": lambda: self.vm(start=False),
            "GET /v1/projects/{ref}": lambda: self.home, "GET /v1/projects/{ref}/quota": lambda: self.home,
            "PUT /v1/projects/{ref}/users/{user}/roles/{role}": lambda: f"{self.home}/users/{self.user()}/roles/reader",
            "DELETE /v1/projects/{ref}/users/{user}/roles/{role}": self.granted,
        }
        noun = route.replace("/api/v1/compute/instances", "/v1/vms").replace("/api/", "/").split("/")[2] if route.count("/") > 1 else ""
        return special.get(route, getattr(self, noun.removesuffix("s"), None))()

    def body(self, route):
        """A good one, with a name that is not taken."""
        name = self.name()
        return {
            "POST /v1/vms": {"name": name, "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, "networks": []},
            "POST /api/v1/vms": {"name": name, "workspace_id": self.home, "provider": "libvirt", "type": "small", "region": "local",
                                 "image_id": "tiny"},
            "POST /api/v1/compute/instances": {"name": name, "flavor": "small", "imageId": "tiny"},
            "PUT /api/v1/vms/{id}": {"name": name}, "PATCH /v1/vms/{ref}": {"tags": ["x"]}, "POST /v1/vms/{ref}/image": {"name": name},
            "POST /v1/images": {"name": name, "disk_format": "raw"}, "POST /v1/images/import": {"name": name, "url": "http://127.0.0.1:1/x"},
            "PATCH /v1/images/{ref}": {"properties": {"os": "none"}}, "PUT /v1/images/{ref}/file": b"\0" * 65536,
            "POST /v1/keypairs": {"name": name, "public_key": PUBLIC_KEY}, "POST /v1/networks": {"name": name},
            "POST /v1/flavors": {"name": name, "vcpus": 1, "memory_mib": 64, "disk_gib": 1},
            "POST /v1/users": {"name": name, "password": PASSWORD}, "PATCH /v1/users/{ref}": {"password": PASSWORD},
            "POST /v1/projects": {"name": name}, "PATCH /v1/projects/{ref}": {"description": name},
            "POST /v1/tokens": {"name": name}, "PUT /v1/host/maintenance": {"reason": name}, "PUT /v1/projects/{ref}/quota": {"vms": 1000},
        }.get(route)

    def ask(self, who, route, target, scope=""):
        method, path = route.split()
        path = re.sub(r"\{.*\}", target, path) if path.count("{") > 1 else re.sub(r"\{\w+\}", target, path)
        body = self.body(route)
        headers = {"Content-Type": "application/octet-stream"} if isinstance(body, bytes) else {}
        if who == "administrator" and "/compute/" in path:
            headers["X-Tenant-ID"] = "home"
        return getattr(self, who).call(method, path + scope, body, headers)


@pytest.fixture(scope="module")
def world():
    for daemon in running({"auth": "token"}):
        yield World(daemon)


def printed():
    lines = subprocess.run([BINARY, "--print-routes"], check=True, capture_output=True, text=True).stdout.splitlines()
    return {f"{method} {path}": role for method, path, _, role in map(str.split, lines)}


def is_foreign(who, route):
    """The tenant door says of another's instance that it is not yours, where the others know nothing."""
    return who == "stranger" and route.split()[1].startswith("/api/v1/compute/instances/")


def test_every_route_is_in_the_table():
    assert set(ROWS) == set(printed()) - ELSEWHERE


def test_the_table_says_what_is_printed():
    """The roles, seen from outside. A log in is public, but takes a password."""
    for route, statuses in ROWS.items():
        role = printed()[route]
        refused = [who for who in PEOPLE if statuses[who] == 403 and not is_foreign(who, route)]
        assert refused == {"public": [], "reader": [], "member": ["reader"], "admin": ["stranger", "reader", "member"]}[role], route
        assert (statuses["nobody"] == 401) == (role != "public" or route == "POST /v1/tokens"), route


def test_the_handbook_says_what_is_printed():
    section = (ROOT / "docs" / "identity.md").read_text().split("## What each role may do\n")[1].split("\n## ")[0]
    table = [line.strip("|").split("|")[1:] for line in section.splitlines() if line.startswith("|")]
    roles = [cell.strip() for cell in table[0]]
    told = {(action, role) for row in table[2:] for role, cell in zip(roles, row) for action in re.findall(r"`(\w+:[\w-]+)`", cell)}
    lines = subprocess.run([BINARY, "--print-routes"], check=True, capture_output=True, text=True).stdout.splitlines()
    assert told == {tuple(line.split()[2:]) for line in lines}


def message(answer):
    """Each door has a shape of its own."""
    error = answer.json.get("error")
    return answer.json["detail"] if error is None else error["message"] if isinstance(error, dict) else error


def scope_of(world, who, route):
    if who != "administrator" or printed()[route] == "public" or "/api/" in route:
        return ""
    return "?project=home" if route in IN_ONE_PROJECT else "?project=*"


@pytest.mark.parametrize("route", ROWS)
def test_everybody(world, route):
    target = world.target(route) if "{" in route else ""
    for who in PEOPLE:
        answer = world.ask(who, route, target, scope_of(world, who, route))
        assert answer.status == ROWS[route][who], (who, answer)
        if answer.status == 401:
            assert answer.headers["WWW-Authenticate"].split()[0] == "Bearer"
        if answer.status == 403:
            assert ("another tenant" if is_foreign(who, route) else "needs the role") in message(answer), answer
        if who == "stranger" and target and answer.status == 404:
            assert world.home not in answer.body.decode().replace(target, "")
        if answer.status < 300 and "{" in route and not route.startswith("GET"):
            target = world.target(route)   # the next one finds it as the last one did


@pytest.mark.parametrize("route", sorted(IN_ONE_PROJECT))
def test_what_is_made_is_made_in_one_project(world, route):
    answer = world.ask("administrator", route, world.home, "?project=*")
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", "project")


def test_a_refusal_names_role_and_project(world):
    answer = world.ask("reader", "POST /v1/vms", "")
    assert answer.json["detail"] == f"vm:create needs the role member in project '{world.home}'"
    assert world.ask("member", "GET /v1/host", "").json["detail"] == "host:read needs the role admin"


# ---- projects ----

LISTS = ("vms", "images", "keypairs", "networks", "operations")
MAKERS = {"vms": "vm", "images": "image", "keypairs": "keypair", "networks": "network", "operations": "operation"}


def ids(answer, noun):
    assert answer.status == 200, answer
    return {item["id"] for item in answer.json[noun]}


@pytest.mark.parametrize("noun", LISTS)
def test_lists_are_ones_own_projects(world, noun):
    thing = getattr(world, MAKERS[noun])()
    assert thing in ids(world.member.get(f"/v1/{noun}?limit=1000"), noun)
    assert thing in ids(world.reader.get(f"/v1/{noun}?limit=1000"), noun)
    for query in ("limit=1000", "limit=1000&project=elsewhere", f"limit=1000&project={world.elsewhere}"):
        assert thing not in ids(world.stranger.get(f"/v1/{noun}?{query}"), noun)
    assert thing not in ids(world.administrator.get(f"/v1/{noun}?limit=1000"), noun)
    assert thing not in ids(world.administrator.get(f"/v1/{noun}?limit=1000&project=elsewhere"), noun)
    for project in ("*", "home", world.home):
        assert thing in ids(world.administrator.get(f"/v1/{noun}", limit=1000, project=project), noun)


@pytest.mark.parametrize("noun", LISTS)
def test_a_foreign_marker_is_no_marker(world, noun):
    thing = getattr(world, MAKERS[noun])()
    foreign, unknown = (world.stranger.get(f"/v1/{noun}?marker={marker}") for marker in (thing, "00000000-0000-4000-8000-000000000000"))
    assert (foreign.status, foreign.json["field"]) == (unknown.status, unknown.json["field"]) == (400, "marker")
    assert foreign.json["detail"].replace(thing, "") == re.sub("[0-9a-f-]{36}", "", unknown.json["detail"])


def test_a_foreign_markers_grave_is_none_either(world):
    keypair = world.keypair()
    assert world.member.delete(f"/v1/keypairs/{keypair}").status == 204
    assert world.member.get(f"/v1/keypairs?marker={keypair}").status == 200
    assert world.stranger.get(f"/v1/keypairs?marker={keypair}").status == 400
    assert world.administrator.get(f"/v1/keypairs?marker={keypair}&project=*").status == 200


def test_pages_stay_in_their_project(world):
    for _ in range(3):
        world.keypair()
    for project, encoded in (("*", "%2A"), ("home", "home")):
        path, seen = f"/v1/keypairs?limit=1&project={encoded}", set()
        while path:
            page = world.administrator.get(path).json
            seen |= {keypair["id"] for keypair in page["keypairs"]}
            path = page["next"]
            assert path is None or f"project={encoded}" in path
        assert ids(world.member.get("/v1/keypairs?limit=1000"), "keypairs") <= seen


def test_operations_of_a_foreign_target(world):
    vm = world.vm()
    assert world.member.get(f"/v1/operations?target={vm}").json["operations"]
    assert world.stranger.get(f"/v1/operations?target={vm}").json["operations"] == []


def hidden(world, path, *refs):
    """What the stranger is told of this path, without what the path itself says."""
    answer = world.stranger.call("POST", "/v1/tokens", {"project": refs[0]}) if path == "/v1/tokens" else world.stranger.get(path.format(*refs))
    text = answer.body.decode()
    for ref in refs + tuple(re.findall('"request_id":"([^"]*)"', text)):
        text = text.replace(ref, "")
    return answer.status, text


@pytest.mark.parametrize("path,status", [
    ("/v1/vms?project={}", 404), ("/v1/projects/{}", 404), ("/v1/projects/{}/quota", 404), ("/v1/role-assignments?project={}", 404), ("/v1/tokens", 404),
    ("/v1/projects?marker={}", 400), ("/v1/audit?outcome=accepted&resource={}", 200)])
def test_a_foreign_project_is_as_one_that_is_not(world, path, status):
    assert hidden(world, path, world.home) == hidden(world, path, "0" * 32)
    assert hidden(world, path, world.home)[0] == status


@pytest.mark.parametrize("path,status", [
    ("/v1/users/{}", 404), ("/v1/role-assignments?user={}", 404), ("/v1/audit?user={}", 200)])
def test_a_foreign_user_is_as_one_that_is_not(world, path, status):
    assert hidden(world, path, "member") == hidden(world, path, "no-such-user")
    assert hidden(world, path, "member")[0] == status


def test_a_foreign_token_is_as_one_that_is_not(world):
    for path, status in (("/v1/tokens/{}", 404), ("/v1/tokens?marker={}", 400)):
        token = world.token()
        assert hidden(world, path, token) == hidden(world, path, "0" * 32)
        assert hidden(world, path, token)[0] == status


def test_the_audit_of_a_foreign_thing(world):
    vm = world.vm()
    assert world.member.get(f"/v1/audit?resource={vm}").json["audit"]
    assert world.stranger.get(f"/v1/audit?resource={vm}").json["audit"] == []
    assert world.administrator.get(f"/v1/audit?resource={vm}").json["audit"] == []
    assert world.administrator.get(f"/v1/audit?resource={vm}&project=*").json["audit"]


def create_with(world, **fields):
    return world.stranger.post("/v1/vms", {"name": world.name(), "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, **fields})


@pytest.mark.parametrize("field,noun,wrap", [("image", "image", lambda ref: ref), ("keypair", "keypair", lambda ref: ref),
                                             ("networks", "network", lambda ref: [ref]), ("networks", "network", lambda ref: [{"network": ref}])])
def test_a_create_does_not_reach_into_another_project(world, field, noun, wrap):
    thing = getattr(world, noun)()
    name = world.member.get(f"/v1/{noun}s/{thing}").json["name"]
    for ref in (thing, name):
        answer = create_with(world, **{field: wrap(ref)})
        assert (answer.status, answer.code, answer.json["field"]) == (404, f"{noun}_not_found", field)
        assert world.home not in answer.body.decode()


def test_an_administrators_create_does_not_either(world):
    """Without ?project= it works at home; a project that is named is where it works."""
    keypair = world.keypair()
    body = {"name": world.name(), "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, "keypair": keypair, "networks": []}
    assert world.administrator.post("/v1/vms", body).code == "keypair_not_found"
    answer = world.administrator.post("/v1/vms?project=home", body)
    assert (answer.status, answer.json["project"]) == (202, world.home)
    world.administrator.done(answer)
    assert world.member.show(body["name"])["keypair"]


@pytest.mark.parametrize("noun,body", [("keypairs", {"public_key": PUBLIC_KEY}), ("networks", {}), ("images", {"disk_format": "raw"}),
                                       ("vms", {"image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, "networks": []})])
def test_names_are_a_projects_own(world, noun, body):
    body = {"name": world.name(), **body}
    mine, theirs = (who.post(f"/v1/{noun}", body) for who in (world.member, world.stranger))
    assert mine.status == theirs.status and mine.status in (201, 202)
    assert mine.json["id"] != theirs.json["id"]
    assert world.member.get(f"/v1/{noun}/{body['name']}").json["id"] == mine.json["id"]
    assert world.stranger.get(f"/v1/{noun}/{body['name']}").json["id"] == theirs.json["id"]
    assert world.member.post(f"/v1/{noun}", body).code == "name_taken"
    both = world.administrator.get(f"/v1/{noun}/{body['name']}?project=*")
    assert (both.status, both.code) == (409, "name_ambiguous")


def test_public_images_are_everybodys_to_use_and_nobodys_to_change(world):
    for who in (world.stranger, world.reader, world.member):
        assert who.get("/v1/images/tiny").status == 200
        assert who.get("/v1/images/tiny/data").status == 200
        assert "tiny" in {image["name"] for image in who.get("/v1/images").json["images"]}
    for call in (lambda: world.member.patch("/v1/images/tiny", {"name": "mine"}), lambda: world.member.delete("/v1/images/tiny"),
                 lambda: world.member.upload("tiny", b"x")):
        answer = call()
        assert (answer.status, answer.code) == (403, "forbidden")
    answer = world.member.post("/v1/images", {"name": world.name(), "disk_format": "raw", "visibility": "public"})
    assert (answer.status, answer.json["field"]) == (403, "visibility")


def test_a_name_finds_ones_own_image_before_a_public_one(world):
    own = world.member.add_image("tiny")
    assert world.member.get("/v1/images/tiny").json["id"] == own
    assert world.stranger.get("/v1/images/tiny").json["id"] != own
    assert world.administrator.get("/v1/images/tiny?project=home").json["id"] == own
    assert world.administrator.get("/v1/images/tiny?project=*").code == "name_ambiguous"
    world.member.done(world.member.delete(f"/v1/images/{own}"))


# ---- ?project= ----

def test_only_ones_own_project_can_be_named(world):
    for query in ("project=home", f"project={world.home}"):
        assert world.member.get(f"/v1/vms?{query}").status == 200
        refused, unknown = world.stranger.get(f"/v1/vms?{query}"), world.stranger.get("/v1/vms?project=no-such-project")
        assert (refused.status, refused.code) == (unknown.status, unknown.code)
        assert world.home not in refused.body.decode().replace(query, "").replace(query.split("=")[1], "")
    for who in (world.member, world.reader, world.stranger):
        assert who.get("/v1/vms?project=*").status == 403
    assert world.administrator.get("/v1/vms?project=no-such-project").code == "project_not_found"


def test_a_project_is_named_once_and_where_it_means_something(world):
    twice = world.administrator.get("/v1/vms?project=home&project=home")
    assert (twice.status, twice.json["field"]) == (400, "project")
    for path in ("/health", "/openapi.json"):
        answer = world.administrator.get(path + "?project=home")
        assert (answer.status, answer.json["field"]) == (400, "project")


@pytest.mark.settings(auth="none")
def test_without_tokens_everybody_is_the_administrator(own):
    other = own.add_project("other")
    assert own.post("/v1/keypairs?project=other", {"name": "a", "public_key": PUBLIC_KEY}).json["project"] == other
    assert own.get("/v1/keypairs").json["keypairs"] == []
    assert [k["name"] for k in own.get("/v1/keypairs?project=*").json["keypairs"]] == ["a"]
    assert own.post("/v1/keypairs?project=*", {"name": "b", "public_key": PUBLIC_KEY}).json["field"] == "project"


# ---- an administrator at work on somebody's things ----

def audit_lines(world, resource):
    database = sqlite3.connect(f"file:{world.daemon.state}/computed.db?mode=ro", uri=True)
    rows = database.execute("SELECT user, project, action FROM audit WHERE resource = ? AND outcome = 'accepted' ORDER BY seq", (resource,)).fetchall()
    database.close()
    return rows


@pytest.mark.parametrize("scope", ["*", "home"])
def test_the_owner_sees_what_an_administrator_does(world, scope):
    vm = world.vm(start=False)
    for method, path, body in (("POST", f"/v1/vms/{vm}/start", None), ("POST", f"/v1/vms/{vm}/stop", {"force": True}),
                               ("POST", f"/v1/vms/{vm}/image", {"name": world.name()}), ("DELETE", f"/v1/vms/{vm}", None)):
        answer = world.administrator.call(method, f"{path}?project={scope}", body)
        assert answer.status == 202, answer
        operation = world.administrator.done(answer)   # the Location that it got keeps ?project=
        assert operation["project"] == world.home
        assert world.member.get(f"/v1/operations/{operation['id']}").json["id"] == operation["id"]
        assert world.administrator.get(f"/v1/operations/{operation['id']}").status == 404
        if path.endswith("/image"):
            assert answer.json["project"] == world.home
            assert world.member.get(f"/v1/images/{answer.json['id']}").json["status"] == "active"
    seen = [line for line in audit_lines(world, vm) if line[0] == "admin"]
    assert seen == [("admin", world.home, action) for action in ("vm:start", "vm:stop", "vm:image", "vm:delete")]


def test_the_owner_sees_the_end_of_things_too(world):
    things = {"images": world.image(), "networks": world.network(), "keypairs": world.keypair()}
    for noun, thing in things.items():
        answer = world.administrator.delete(f"/v1/{noun}/{thing}?project=*")
        if noun != "keypairs":
            operation = world.administrator.done(answer)
            assert world.member.get(f"/v1/operations/{operation['id']}").json["project"] == world.home
        assert audit_lines(world, thing)[-1] == ("admin", world.home, f"{noun[:-1]}:delete")
        assert world.daemon.events(f"{noun[:-1]}.deleted", thing)


def test_a_change_of_an_administrators_is_the_projects(world):
    vm, image = world.vm(start=False), world.queued_image()
    assert world.administrator.patch(f"/v1/vms/{vm}?project=*", {"tags": ["x"]}).json["tags"] == ["x"]
    assert world.administrator.post(f"/v1/vms/{vm}/lock?project=*").status == 200
    assert world.administrator.post(f"/v1/vms/{vm}/unlock?project=*").status == 200
    assert world.administrator.patch(f"/v1/images/{image}?project=*", {"properties": {"os": "none"}}).status == 200
    answer = world.administrator.call("PUT", f"/v1/images/{image}/file?project=*", b"\0" * 65536, {"Content-Type": "application/octet-stream"})
    assert answer.status == 204
    assert {line[1] for line in audit_lines(world, vm) + audit_lines(world, image)} == {world.home}
    kinds = {operation["kind"] for target in (vm, image) for operation in world.member.get(f"/v1/operations?target={target}").json["operations"]}
    assert {"vm.record", "image.record", "image.save"} <= kinds


def test_a_cancelled_operation_is_still_its_projects(world):
    world.daemon.arm("virt.define.before=hang(2000)")
    answer = world.member.post("/v1/vms", {"name": world.name(), "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, "networks": []})
    operation = answer.json["operation"]
    assert world.stranger.delete(f"/v1/operations/{operation}").status == 404
    assert world.administrator.delete(f"/v1/operations/{operation}").status == 404
    assert world.administrator.delete(f"/v1/operations/{operation}?project=*").status == 202
    world.daemon.arm("")
    assert world.member.wait(answer)["status"] == "failed"
    assert audit_lines(world, operation) == [("admin", world.home, "operation:cancel")]


# ---- keys ----

def test_an_idempotency_key_is_its_senders(world):
    """Two users of one project may hit on the same key; so may one user in two projects."""
    key, body = world.name(), {"public_key": PUBLIC_KEY}
    other = world.daemon.add_user("member-2", world.home, "member")
    first = world.member.post("/v1/keypairs", {"name": world.name(), **body}, key=key)
    second = other.post("/v1/keypairs", {"name": world.name(), **body}, key=key)
    assert (first.status, second.status) == (201, 201)
    assert first.json["id"] != second.json["id"]
    for project in ("home", "elsewhere"):
        made = world.administrator.call("POST", f"/v1/keypairs?project={project}", {"name": "twice", **body}, {"Idempotency-Key": key})
        again = world.administrator.call("POST", f"/v1/keypairs?project={project}", {"name": "twice", **body}, {"Idempotency-Key": key})
        assert (made.status, made.json["id"]) == (201, again.json["id"])
