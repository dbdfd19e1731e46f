"""The tenant door: each call of its contract, the bodies of its answers and errors, and what hostile headers get."""
import sqlite3
import subprocess
import time
import uuid

import pytest

from client import DOCUMENT, ROOT, eventually
from conftest import running

PREFIX = "/api/v1/compute"
INSTANCES = PREFIX + "/instances"
FLAVORS = [
    {"name": "small", "vcpus": 1, "ramGB": 1, "diskGB": 10, "description": "Suitable for development and testing"},
    {"name": "medium", "vcpus": 2, "ramGB": 4, "diskGB": 40, "description": "Suitable for web applications"},
    {"name": "large", "vcpus": 4, "ramGB": 8, "diskGB": 80, "description": "Suitable for databases"},
    {"name": "xlarge", "vcpus": 8, "ramGB": 16, "diskGB": 160, "description": "Suitable for big data and analytics"},
]
NOT_FOUND = (404, {"error": "Instance not found"})
FOREIGN = (403, {"error": "Instance belongs to another tenant"})
NO_TENANT = (403, {"error": "the credentials are not this tenant's"})
NOBODY = "00000000-0000-4000-8000-000000000000"
VERBS = ("stop", "start", "restart")


class Tenant:
    """A client of this door, as one tenant. None: without the header."""

    def __init__(self, client, name=None):
        self.client, self.headers = client, {} if name is None else {"X-Tenant-ID": name}

    def call(self, method, path, body=None):
        return self.client.call(method, path, body, self.headers)

    def create(self, **fields):
        return self.call("POST", INSTANCES, {"name": "web", "type": "vm", "flavor": "small", "imageId": "tiny", **fields})

    def made(self, **fields):
        """The id of one that runs."""
        answer = self.create(**fields)
        assert answer.status == 201, answer
        return self.until(answer.json["id"], "running")

    def until(self, instance, status):
        eventually(lambda: self.show(instance).json["status"] == status, status)
        return instance

    def show(self, instance):
        return self.call("GET", f"{INSTANCES}/{instance}")

    def act(self, instance, verb):
        return self.call("POST", f"{INSTANCES}/{instance}/{verb}")

    def delete(self, instance):
        return self.call("DELETE", f"{INSTANCES}/{instance}")

    def ids(self):
        answer = self.call("GET", INSTANCES)
        assert answer.status == 200, answer
        return [instance["id"] for instance in answer.json["instances"]]


def told(answer):
    return answer.status, answer.json


def is_now(seconds):
    return abs(time.time() - seconds) < 60


@pytest.fixture
def tenant(daemon, name):
    return Tenant(daemon, name)


# ---- the contract, call by call ----

def test_health(daemon):
    answer = daemon.get("/health")
    assert (answer.status, answer.json["status"], answer.json["service"]) == (200, "healthy", "compute-service")


def test_flavors(daemon):
    assert told(daemon.get(PREFIX + "/flavors")) == (200, {"flavors": FLAVORS})


def test_flavors_need_no_credentials(cloud):
    assert told(cloud.with_token(None).get(PREFIX + "/flavors")) == (200, {"flavors": FLAVORS})


@pytest.mark.settings(auth="none")
def test_a_flavor_of_half_a_gigabyte(own):
    assert own.post("/v1/flavors", {"name": "half", "vcpus": 1, "memory_mib": 512, "disk_gib": 1}).status == 201
    assert {"name": "half", "vcpus": 1, "ramGB": 0.5, "diskGB": 1, "description": ""} in own.get(PREFIX + "/flavors").json["flavors"]


def test_create(tenant, name):
    answer = tenant.create(metadata={"owner": "me"})
    made = answer.json
    instance = str(uuid.UUID(made["id"]))
    assert answer.headers["Location"] == f"{INSTANCES}/{instance}"
    assert is_now(made["createdAt"]) and is_now(made["updatedAt"])
    golden = {"id": instance, "name": "web", "tenantId": name, "type": "vm", "flavor": "small", "status": "creating", "imageId": "tiny",
              "networkIds": [], "volumeIds": [], "createdAt": made["createdAt"], "updatedAt": made["updatedAt"], "metadata": {"owner": "me"}}
    assert told(answer) == (201, golden)
    tenant.until(instance, "running")
    shown = tenant.show(instance).json
    assert shown == {**golden, "status": "running", "updatedAt": shown["updatedAt"]}
    assert told(tenant.call("GET", INSTANCES)) == (200, {"instances": [shown]})


def test_the_image_is_called_what_it_was_called(daemon, tenant):
    image = daemon.get("/v1/images/tiny").json["id"]
    for called in ("tiny", image):
        answer = tenant.create(imageId=called)
        assert (answer.json["imageId"], tenant.show(answer.json["id"]).json["imageId"]) == (called, called)


def test_a_type_need_not_be_said(tenant):
    answer = tenant.call("POST", INSTANCES, {"name": "web", "flavor": "small", "imageId": "tiny"})
    assert (answer.status, answer.json["type"], answer.json["metadata"]) == (201, "vm", {})


def test_a_create_and_its_key(tenant, name):
    """Also for a tenant that the first one makes."""
    tenant.headers["Idempotency-Key"] = name
    first, again = tenant.create(), tenant.create()
    assert (first.status, again.status, first.body) == (201, 201, again.body)
    assert tenant.ids() == [first.json["id"]]
    assert told(tenant.create(name="other"))[0] == 422


@pytest.mark.parametrize("fields,message", [
    ({"flavor": "huge"}, "Invalid flavor"), ({"flavor": None}, "Invalid flavor"), ({"flavor": ""}, "Invalid flavor"),
    ({"imageId": "nothing"}, "Invalid image"), ({"imageId": NOBODY}, "Invalid image"), ({"imageId": None}, "imageId is required"),
    ({"type": "container"}, "type container is not supported: this host has no container driver, only virtual machines (vm)"),
    ({"type": "pod"}, "type must be vm or container"), ({"name": None}, "name is required"),
    ({"name": ""}, "name must be 1 to 255 printable characters"), ({"metadata": {"a": 1}}, "values of metadata must be strings of at most 255 characters")])
def test_creates_that_are_refused(tenant, fields, message):
    assert told(tenant.create(**fields)) == (400, {"error": message})
    assert tenant.ids() == []


def test_the_life_of_an_instance(tenant):
    instance = tenant.made()
    assert told(tenant.delete(instance)) == (400, {"error": "Cannot delete running instance"})
    for verb in ("start", "restart"):
        assert told(tenant.act(instance, verb)) == (400, {"error": "Instance is not stopped"})
    for verb, status in (("stop", "stopped"), ("start", "running"), ("stop", "stopped")):
        answer = tenant.act(instance, verb)
        assert told(answer) == (200, {"id": instance, "status": status, "updatedAt": answer.json["updatedAt"]})
        assert is_now(answer.json["updatedAt"])
        assert tenant.show(instance).json["status"] == status
    assert told(tenant.act(instance, "stop")) == (400, {"error": "Instance is not running"})
    answer = tenant.delete(instance)
    assert (answer.status, answer.body) == (204, b"")
    for answer in (tenant.show(instance), tenant.delete(instance), *(tenant.act(instance, verb) for verb in VERBS)):
        assert told(answer) == NOT_FOUND


@pytest.mark.settings(auth="none")
def test_restart_is_shown_while_it_starts(own):
    tenant = Tenant(own, "acme")
    instance = tenant.made()
    tenant.act(instance, "stop")
    own.arm("virt.start.before=hang(1500)")
    answer = tenant.act(instance, "restart")
    assert told(answer) == (200, {"id": instance, "status": "restarting", "updatedAt": answer.json["updatedAt"]})
    assert tenant.show(instance).json["status"] == "restarting"
    assert told(tenant.delete(instance)) == (400, {"error": "Cannot delete running instance"})
    assert told(tenant.act(instance, "stop")) == (400, {"error": "Instance is not running"})
    own.arm("")
    tenant.until(instance, "running")


@pytest.mark.settings(auth="none")
def test_a_verb_waits_for_the_one_before_it(own):
    tenant = Tenant(own, "acme")
    instance = tenant.made()
    tenant.act(instance, "stop")
    own.arm("virt.start.before=hang(1000)")
    assert own.post(f"/v1/vms/{instance}/start?project=acme").status == 202
    assert told(tenant.act(instance, "stop"))[0] == 200
    own.arm("")
    assert tenant.show(instance).json["status"] == "stopped"


@pytest.mark.settings(auth="none")
def test_a_start_that_fails(own):
    tenant = Tenant(own, "acme")
    instance = tenant.made()
    tenant.act(instance, "stop")
    own.arm("virt.start.before=error(hypervisor)")
    status, body = told(tenant.act(instance, "start"))
    assert (status, body["error"].split(":")[0]) == (500, "Instance is not running")
    own.arm("")
    assert tenant.show(instance).json["status"] == "error"
    assert tenant.delete(instance).status == 204


@pytest.mark.settings(auth="none", stop_grace="10min", power_deadline="1h")
def test_an_end_that_does_not_come_in_time(own):
    """Twenty seconds are the contract's."""
    tenant = Tenant(own, "acme")
    instance = tenant.made()
    own.edit_domain(instance, ignores_shutdown=True)
    begun = time.monotonic()
    assert told(tenant.act(instance, "stop")) == (500, {"error": "Instance is not stopped yet"})
    assert 19 < time.monotonic() - begun < 60
    assert told(tenant.delete(instance)) == (400, {"error": "Cannot delete running instance"})
    own.edit_domain(instance, state="stopped")
    tenant.until(instance, "stopped")
    assert tenant.delete(instance).status == 204


@pytest.mark.settings(auth="none")
def test_a_list_has_no_pages(own):
    tenant = Tenant(own, "acme")
    instance = tenant.made()
    tenant.act(instance, "stop")
    with sqlite3.connect(own.state / "computed.db") as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(vm)")]
        values = ", ".join("?1" if name == "id" else "?2" if name == "hostname" else name for name in columns)
        twins = [(str(uuid.uuid4()), f"twin-{n}", instance) for n in range(1500)]
        database.executemany(f"INSERT INTO vm SELECT {values} FROM vm WHERE id = ?3", twins)
    database.close()
    assert sorted(tenant.ids()) == sorted([instance, *(twin[0] for twin in twins)])


def test_a_guest_that_ignores_the_button(daemon, tenant):
    instance = tenant.made()
    daemon.edit_domain(instance, ignores_shutdown=True)
    assert told(tenant.act(instance, "stop"))[1]["status"] == "stopped"


def test_what_somebody_did_with_virsh_counts(daemon, tenant):
    instance = tenant.made()
    daemon.edit_domain(instance, state="stopped")
    assert told(tenant.act(instance, "stop")) == (400, {"error": "Instance is not running"})
    assert told(tenant.act(instance, "start"))[1]["status"] == "running"


@pytest.mark.parametrize("state,status", [("paused", "running"), ("running", "running"), ("stopped", "stopped")])
def test_states(daemon, tenant, state, status):
    instance = tenant.made()
    daemon.edit_domain(instance, state=state)
    assert tenant.show(instance).json["status"] == status


def test_networks_that_were_attached(daemon, tenant, name):
    """By whoever has a verb for it. The default one comes by itself."""
    assert tenant.create().status == 201
    answer = daemon.post(f"/v1/networks?project={name}", {"name": "back"})
    daemon.done(answer)
    body = {"name": "wired", "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, "networks": ["back"]}
    made = daemon.post(f"/v1/vms?project={name}", body)
    daemon.done(made)
    assert tenant.show(made.json["id"]).json["networkIds"] == [answer.json["id"]]
    assert daemon.get(f"/v1/vms/{made.json['id']}?project={name}").json["networks"]


@pytest.mark.parametrize("instance", ["web", "1", "..%20..", "%27%20OR%201=1--", NOBODY, NOBODY[:-1], "a" * 300])
def test_what_is_no_instance(tenant, instance):
    tenant.create()
    for answer in (tenant.show(instance), tenant.delete(instance), *(tenant.act(instance, verb) for verb in VERBS)):
        assert told(answer) == NOT_FOUND


def test_paths_and_methods_that_are_not(daemon):
    for method, path, status in (("GET", PREFIX, 404), ("GET", PREFIX + "/nothing", 404), ("PUT", INSTANCES, 405), ("PATCH", f"{INSTANCES}/{NOBODY}", 405)):
        answer = daemon.call(method, path)
        assert (answer.status, list(answer.json)) == (status, ["error"])
    assert list(daemon.call("POST", INSTANCES, b"{").json) == ["error"]
    for path in ("/..%2F..", "/%00", "/%ff", "/a%0Ab"):
        status, body = told(daemon.get(INSTANCES + path))
        assert (status, list(body)) == (400, ["error"])
    assert told(daemon.get(INSTANCES + "?project=default"))[0] == 400


# ---- tenants ----

def test_without_a_header_it_is_default(daemon):
    instance = Tenant(daemon).made()
    for client in (Tenant(daemon), Tenant(daemon, ""), Tenant(daemon, "default")):
        assert client.show(instance).json["tenantId"] == "default"
    assert daemon.show(instance)["status"] == "running"


def test_tenants_see_their_own(daemon, tenant, name):
    instance, other = tenant.made(), Tenant(daemon, name + "-other")
    assert other.ids() == []
    theirs = other.made()
    assert (tenant.ids(), other.ids()) == ([instance], [theirs])
    for answer in (other.show(instance), other.delete(instance), *(other.act(instance, verb) for verb in VERBS)):
        assert told(answer) == FOREIGN
    assert tenant.show(instance).json["status"] == "running"


def projects(daemon):
    return {project["name"]: project["id"] for project in daemon.get("/v1/projects?limit=1000").json["projects"]}


def test_a_tenant_is_made_by_a_write_and_not_by_a_read(daemon, tenant, name):
    assert tenant.ids() == []
    for answer in (tenant.show(NOBODY), tenant.delete(NOBODY), *(tenant.act(NOBODY, verb) for verb in VERBS)):
        assert told(answer) == NOT_FOUND
    assert tenant.create(type="container").status == 400
    assert name not in projects(daemon)
    assert tenant.create().status == 201
    project = projects(daemon)[name]
    assert Tenant(daemon, project).ids() == tenant.ids()
    assert Tenant(daemon, project).create().json["tenantId"] == name


@pytest.mark.settings(auth="none")
def test_tenants_are_limited(own):
    with sqlite3.connect(own.state / "computed.db") as database:
        database.executemany("INSERT INTO project SELECT ?1, id, ?1, '', 1, 0 FROM domain", [(f"{n:032x}",) for n in range(999)])
    database.close()
    status, body = told(Tenant(own, "one-more").create())
    assert (status, list(body)) == (403, ["error"])
    assert Tenant(own, "default").create().status == 201


HOSTILE = ["a" * 65, "a" * 4000, "../../etc/passwd", "..", ".", "*", "a/b", "' OR '1'='1", "'; DROP TABLE vm; --", "x\x01y", "x\x7fy", "\t\x0bx", "x\x1b[2J",
           "{{7*7}}", "<script>", "%00", "f" * 32, NOBODY, "\u202eevil".encode().decode("latin-1"), "\xff\xfe", "-", "$(id)"]
ROUTES = [(method, path.replace("{id}", NOBODY)) for method, path, _, _ in DOCUMENT.routes if path.startswith(INSTANCES)]


@pytest.mark.parametrize("header", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("method,path", ROUTES)
def test_hostile_headers(daemon, method, path, header):
    body = {"name": "web", "flavor": "small", "imageId": "tiny"} if (method, path) == ("POST", INSTANCES) else None
    before = projects(daemon)
    try:
        answer = Tenant(daemon, header).call(method, path, body)
    except ValueError:
        pytest.skip("no client can send it")
    assert answer.status == 400, answer
    assert list(answer.json) == ["error"] and header.strip() not in answer.json["error"]
    assert projects(daemon) == before


@pytest.mark.parametrize("header", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_headers_where_nobody_looks(daemon, header):
    """The public route, and the other door, take no tenant."""
    answer = Tenant(daemon, header).call("GET", PREFIX + "/flavors")
    assert answer.status in (200, 400), answer
    assert Tenant(daemon, header).call("GET", "/v1/vms").status in (200, 400)


def test_the_native_door_knows_no_tenant(daemon, tenant):
    instance = tenant.made()
    assert tenant.call("GET", f"/v1/vms/{instance}").status == 404


# ---- with credentials ----

@pytest.fixture(scope="module")
def people():
    for daemon in running({"auth": "token"}):
        for project in ("home", "second", "elsewhere"):
            daemon.add_project(project)
        daemon.member = daemon.add_user("member", "home", "member")
        assert daemon.put("/v1/projects/second/users/member/roles/reader").status == 204
        daemon.reader = daemon.add_user("reader", "home", "reader")
        daemon.stranger = daemon.add_user("stranger", "elsewhere", "member")
        yield daemon


def test_a_tokens_tenants(people):
    home, second = projects(people)["home"], projects(people)["second"]
    instance = Tenant(people.member).made()
    for tenant in (Tenant(people.member), Tenant(people.member, "home"), Tenant(people.member, home), Tenant(people, "home"), Tenant(people.reader)):
        assert tenant.show(instance).json["tenantId"] == "home"
    for header in ("second", second):
        assert Tenant(people.member, header).ids() == []
        assert told(Tenant(people.member, header).show(instance)) == FOREIGN
    assert told(Tenant(people.stranger).show(instance)) == FOREIGN


def test_roles_are_those_of_the_tenant(people):
    refused = Tenant(people.member, "second").create()
    assert (refused.status, list(refused.json)) == (403, ["error"])
    assert Tenant(people.reader).create().status == 403


def test_a_token_of_less_stays_less(people):
    answer = people.member.post("/v1/tokens", {"roles": ["reader"]})
    less = people.with_token(answer.json["token"])
    assert Tenant(less, "home").ids() == Tenant(people.member, "home").ids()
    assert Tenant(less, "home").create().status == 403


@pytest.mark.parametrize("method,path", ROUTES)
def test_foreign_tenants(people, method, path):
    """Another's project, by name and id, is as one that is not there; and none is made."""
    body = {"name": "web", "flavor": "small", "imageId": "tiny"} if (method, path) == ("POST", INSTANCES) else None
    before = projects(people)
    for header in ("elsewhere", before["elsewhere"], "no-such-project", "0" * 32):
        assert told(Tenant(people.member, header).call(method, path, body)) == NO_TENANT
    assert told(Tenant(people, "no-such-project").call(method, path, body)) == NO_TENANT
    assert projects(people) == before


@pytest.mark.parametrize("method,path", ROUTES)
def test_nobody(people, method, path):
    answer = Tenant(people.with_token(None), "home").call(method, path)
    assert (answer.status, list(answer.json)) == (401, ["error"])
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_foreign_id_in_every_place(people):
    """Where an id can stand: path, image, flavor, header."""
    project, instance = projects(people)["home"], Tenant(people.member).made()
    image = people.member.add_image("private")
    stranger = Tenant(people.stranger)
    for called in (image, "private", project, instance):
        assert told(stranger.create(imageId=called)) == (400, {"error": "Invalid image"})
        assert told(stranger.create(flavor=called)) == (400, {"error": "Invalid flavor"})
    for thing in (project, image):
        for answer in (stranger.show(thing), stranger.delete(thing), *(stranger.act(thing, verb) for verb in VERBS)):
            assert told(answer) == NOT_FOUND
    for answer in (stranger.delete(instance), *(stranger.act(instance, verb) for verb in VERBS)):
        assert told(answer) == FOREIGN


# ---- names ----

NAMES = ['名前 & <b>"x"</b>', "\u200fשלום\u200e", "\u202eexe.evil", "\U0001f5a5" * 255, "'; DROP TABLE vm; --", "../../etc/passwd", "%s%n", "a" * 255, NOBODY, " ", "-rf", "$(id)`id`"]


@pytest.mark.parametrize("called", NAMES, ids=range(len(NAMES)))
def test_names(daemon, tenant, name, called):
    twins = [tenant.made(name=called) for _ in range(2)]
    assert tenant.ids() == twins
    hostnames = set()
    for instance in twins:
        assert tenant.show(instance).json["name"] == called
        vm = daemon.get(f"/v1/vms/{instance}?project={name}").json
        assert vm["name"] == called
        assert vm["hostname"].isascii() and 0 < len(vm["hostname"]) <= 63
        hostnames.add(vm["hostname"])
        assert daemon.domain(instance)["title"] == called
        assert daemon.get(f"/v1/vms/{instance}/console-log?project={name}").status == 200
        assert all(path.name.isascii() for path in daemon.instance(instance).iterdir())
        assert tenant.act(instance, "stop").status == 200
        assert tenant.delete(instance).status == 204
    assert len(hostnames) == 2
    assert not [line for line in daemon.log_text().splitlines() if "\u202e" in line or "\x1b" in line]


@pytest.mark.parametrize("called", ["a" * 256, "\U0001f5a5" * 256, "a\nb", "a\x00b", "\x1b[2J", "\u2028", "a\x7f"])
def test_names_that_are_none(tenant, called):
    status, body = told(tenant.create(name=called))
    assert (status, list(body)) == (400, ["error"])
    assert tenant.ids() == []


# ---- the example ----

@pytest.mark.settings(auth="none")
def test_the_example(own):
    done = subprocess.run(["sh", ROOT / "examples" / "tenant.sh", f"http://{own.host}:{own.port}"], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "healthy" and lines[1].startswith("small: 1 vCPU, 1 GB")
    assert lines[5:] == ["web running", "stopped", "running", "stopped", "restarting", "Cannot delete running instance", "stopped", "gone"]
