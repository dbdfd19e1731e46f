"""The audit log: a line for each change, login and refusal, with its change or not at all; who may read it; and what is never in it."""
import base64
import datetime
import itertools
import sqlite3

import pytest

from client import eventually

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJvZ5gq5xV4K7v1l0bKx8m8Q0N0mB5B2T0Jx2Qh1d0aB"
VM = {"image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}


def lines(client, **query):
    """Newest first; of all projects with project="*"."""
    answer = client.get("/v1/audit", **query)
    assert answer.status == 200, answer
    return answer.json["audit"]


def said(client, resource, **query):
    """What was done to it, oldest first: [("vm:create", "accepted"), …]."""
    return [(line["action"], line["outcome"]) for line in reversed(lines(client, resource=resource, limit=1000, **query))]


@pytest.fixture
def lab(cloud, name):
    """A member of a project of its own."""
    project = cloud.add_project(f"p-{name}")
    member = cloud.add_user(f"u-{name}", project)
    member.project, member.user = project, f"u-{name}"
    return member


# ---- what is in it ----

def test_a_line_says_it_all(cloud, lab):
    answer = lab.call("POST", "/v1/keypairs", {"name": "k", "public_key": KEY}, {"X-Request-Id": "a-request-of-mine"})
    (line,) = lines(lab, request_id="a-request-of-mine")
    user = cloud.get(f"/v1/users/{lab.user}").json
    at = datetime.datetime.strptime(line.pop("at"), "%Y-%m-%dT%H:%M:%S.%fZ")
    assert abs(datetime.datetime.utcnow() - at) < datetime.timedelta(minutes=1)
    assert line.pop("seq") > 0
    assert line == {"user": lab.user, "user_id": user["id"], "project": lab.project, "action": "keypair:create", "resource_type": "keypair",
                    "resource": answer.json["id"], "outcome": "accepted", "request_id": "a-request-of-mine", "address": "127.0.0.1"}


def test_each_change_of_a_vm(own):
    vm = own.create("web", start=False)["id"]
    own.act(vm, "start")
    own.patch(f"/v1/vms/{vm}", {"name": "web-2"})
    for verb in ("reboot", "pause", "resume", "stop"):
        own.act(vm, verb, {"force": True} if verb in ("reboot", "stop") else None)
    own.post(f"/v1/vms/{vm}/lock")
    own.post(f"/v1/vms/{vm}/unlock")
    captured = own.post(f"/v1/vms/{vm}/image", {"name": "copy"})
    own.done(captured)
    own.remove(vm)
    done = said(own, vm)
    asked = [action for action, outcome in done if outcome == "accepted"]
    assert asked == ["vm:create", "vm:start", "vm:update", "vm:reboot", "vm:pause", "vm:resume", "vm:stop", "vm:lock", "vm:unlock", "vm:image",
                     "vm:delete"]
    ended = {action for action, outcome in done if outcome == "succeeded"}
    assert {"vm.create", "vm.start", "vm.reboot", "vm.pause", "vm.resume", "vm.stop", "vm.image", "vm.delete"} <= ended
    assert ("image:create", "accepted") in said(own, captured.json["id"])
    (network,) = own.get("/v1/networks").json["networks"]
    assert said(own, network["id"]) == [("network:create", "accepted")], "made by the first VM"


def test_each_change_of_everything_else(own):
    keypair = own.post("/v1/keypairs", {"name": "k", "public_key": KEY}).json["id"]
    own.delete("/v1/keypairs/k")
    image = own.add_image("i")
    own.patch(f"/v1/images/{image}", {"name": "j"})
    own.done(own.delete(f"/v1/images/{image}"))
    network = own.post("/v1/networks", {"name": "n"})
    own.done(network)
    own.done(own.delete("/v1/networks/n"))
    flavor = own.post("/v1/flavors", {"name": "f", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}).json["id"]
    own.delete("/v1/flavors/f")
    assert said(own, keypair)[0::1][:1] == [("keypair:create", "accepted")]
    assert ("keypair:delete", "accepted") in said(own, keypair)
    for change in ("image:create", "image:upload", "image:update", "image:delete"):
        assert (change, "accepted") in said(own, image)
    for change in ("network:create", "network:delete"):
        assert (change, "accepted") in said(own, network.json["id"])
    assert said(own, flavor) == [("flavor:create", "accepted"), ("flavor:delete", "accepted")]


def test_each_change_of_identity(cloud, name):
    project = cloud.add_project(f"p-{name}")
    member = cloud.add_user(f"u-{name}", project)
    user = cloud.get(f"/v1/users/u-{name}").json["id"]
    token = member.post("/v1/tokens", {"name": "t"}).json["id"]
    assert member.delete(f"/v1/tokens/{token}").status == 204
    cloud.put(f"/v1/projects/{project}/quota", {"vms": 1})
    cloud.patch(f"/v1/projects/{project}", {"description": "x"})
    cloud.patch(f"/v1/users/{user}", {"description": "x"})
    assert cloud.delete(f"/v1/projects/{project}/users/u-{name}/roles/member").status == 204
    assert cloud.delete(f"/v1/users/{user}").status == 204
    assert cloud.delete(f"/v1/projects/{project}").status == 204
    everything = [(line["action"], line["outcome"]) for line in lines(cloud, project="*", limit=1000)]
    assert said(cloud, project, project="*") == [("project:create", "accepted"), ("quota:update", "accepted"), ("project:update", "accepted"),
                                                 ("project:delete", "accepted")]
    assert said(cloud, user, project="*") == [("user:create", "accepted"), ("user:update", "accepted"), ("user:delete", "accepted")]
    assert [action for action, _ in said(cloud, token, project="*")] == ["token:create", "token:revoke"]
    for change in ("role:grant", "role:revoke"):
        assert (change, "accepted") in everything


def test_logins(cloud, lab):
    wrong = cloud.with_token(None).post("/v1/tokens", {"user": lab.user, "password": "not this one", "project": lab.project})
    assert wrong.status == 401
    line = eventually(lambda: lines(cloud, project="*", request_id=wrong.json["request_id"]), "the failed login's line")[0]
    assert (line["user"], line["action"], line["outcome"], line["address"]) == (lab.user, "login", "refused:unauthorized", "127.0.0.1")
    right = [line for line in lines(cloud, project="*", user=lab.user, action="login") if line["outcome"] == "succeeded"]
    assert right and right[0]["project"] == lab.project and right[0]["resource_type"] == "token"


@pytest.mark.parametrize("how", ["no token", "a wrong token", "policy", "quota"])
def test_refusals(cloud, lab, how):
    if how == "no token":
        answer, code = cloud.with_token(None).post("/v1/vms", {"name": "a", **VM}), "unauthorized"
    elif how == "a wrong token":
        answer, code = cloud.with_token("no-such-token").delete("/v1/vms/a"), "unauthorized"
    elif how == "policy":
        answer, code = lab.post("/v1/flavors", {"name": "f", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}), "forbidden"
    else:
        cloud.put(f"/v1/projects/{lab.project}/quota", {"vms": 0})
        answer, code = lab.post("/v1/vms", {"name": "a", **VM, "networks": []}), "quota_exceeded"
    assert answer.code == code
    line = eventually(lambda: lines(cloud, project="*", request_id=answer.json["request_id"]), "the refusal's line")[0]
    assert (line["outcome"], line["address"]) == (f"refused:{code}", "127.0.0.1")
    if how in ("policy", "quota"):
        assert (line["user"], line["project"]) == (lab.user, lab.project)
    else:
        assert (line["user"], line["project"]) == (None, None)


def test_a_refused_host_is_noted(daemon):
    answer = daemon.call("GET", "/v1/vms", headers={"Host": "evil.example"})
    assert answer.code == "host_refused"
    line = eventually(lambda: lines(daemon, project="*", request_id=answer.json["request_id"]), "the refusal's line")[0]
    assert (line["action"], line["outcome"], line["user"], line["address"]) == ("http:request", "refused:host_refused", None, "127.0.0.1")


def test_what_is_not_there_is_no_refusal(daemon):
    answer = daemon.get("/v1/vms/nothing")
    barrier = daemon.call("GET", "/v1/vms", headers={"Host": "evil.example"})
    eventually(lambda: lines(daemon, project="*", request_id=barrier.json["request_id"]), "a later refusal's line")
    assert not lines(daemon, project="*", request_id=answer.json["request_id"])


def test_the_daemons_own_deeds(own):
    vm = own.create("brief", ttl_seconds=1)["id"]
    eventually(lambda: own.get(f"/v1/vms/{vm}").status == 404, "the VM's end")
    (line,) = lines(own, resource=vm, action="vm:expire")
    assert (line["user"], line["user_id"], line["address"], line["outcome"]) == ("computed", None, None, "accepted")


def test_no_change_without_its_line(own):
    own.arm("store.audit_add.before=error(internal)")
    assert own.post("/v1/keypairs", {"name": "k", "public_key": KEY}).status == 500
    assert own.put("/v1/projects/default/quota", {"vms": 1}).status == 500
    own.arm("")
    assert own.get("/v1/keypairs/k").status == 404
    assert own.get("/v1/quota").json["limits"]["vms"]["limit"] is None
    assert lines(own, action="keypair") == lines(own, action="quota") == []


@pytest.mark.settings(auth="token")
def test_refusals_survive_a_stop(own):
    answers = [own.with_token(None).get("/v1/vms") for _ in range(20)]
    own.restart()
    noted = {line["request_id"] for line in lines(own, project="*", outcome="refused", limit=1000)}
    assert {answer.json["request_id"] for answer in answers} <= noted


# ---- reading it ----

def test_pages_and_filters(own):
    ids = [own.post("/v1/keypairs", {"name": f"k{i}", "public_key": KEY}).json["id"] for i in range(5)]
    seen, path = [], "/v1/audit?limit=2&action=keypair:create"
    for _ in itertools.takewhile(lambda _: path, range(10)):
        answer = own.get(path).json
        seen += [line["resource"] for line in answer["audit"]]
        path = answer["next"]
    assert seen == ids[::-1]
    third = lines(own, resource=ids[2])[-1]
    assert [line["resource"] for line in lines(own, action="keypair", since=third["at"], outcome="accepted")][-1] in ids[:3]
    assert all(line["at"] < third["at"] for line in lines(own, until=third["at"]))
    assert lines(own, user="admin", limit=1) and not lines(own, user="nobody")
    assert lines(own, outcome="accepted", limit=1) and not lines(own, outcome="accept")


@pytest.mark.parametrize("query,field", [
    ("since=yesterday", "since"), ("until=2026-02-30T00:00:00Z", "until"), ("marker=0", "marker"), ("marker=x", "marker"), ("limit=0", "limit"),
    ("limit=1001", "limit"), ("colour=red", "colour"), ("user=a&user=b", "user")])
def test_what_is_no_query(daemon, query, field):
    answer = daemon.get("/v1/audit?" + query)
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)


def test_times_have_zones(daemon):
    daemon.post("/v1/keypairs", {"name": "zone", "public_key": KEY})
    (line,) = lines(daemon, action="keypair:create", limit=1)
    at = datetime.datetime.strptime(line["at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    there = at.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30))).isoformat(timespec="milliseconds")
    assert there.endswith("+05:30")
    assert line in lines(daemon, since=there)
    assert line not in lines(daemon, until=there)


def test_everybody_sees_ones_own_project(cloud, lab, name):
    other = cloud.add_user(f"o-{name}", cloud.add_project(f"q-{name}"))
    reader = cloud.add_user(f"r-{name}", lab.project, role="reader")
    mine = lab.post("/v1/keypairs", {"name": "k", "public_key": KEY}).json["id"]
    assert lines(lab, resource=mine) and lines(cloud, resource=mine, project="*")
    assert not lines(other, resource=mine) and not lines(cloud, resource=mine)
    assert {line["project"] for line in lines(lab, limit=1000)} == {lab.project}
    assert reader.get("/v1/audit").code == "forbidden"
    assert lab.get("/v1/audit?project=*").code == "forbidden"
    assert cloud.with_token(None).get("/v1/audit").status == 401


def test_an_administrators_deed_is_seen_where_it_was_done(cloud, lab):
    vm = lab.create("a", networks=[], start=False)["id"]
    cloud.done(cloud.delete(f"/v1/vms/{vm}?project=*"))
    (line,) = lines(lab, resource=vm, action="vm:delete")
    assert (line["user"], line["project"]) == ("admin", lab.project)


# ---- what is never in it ----

class Places:
    """Where a daemon leaves words: its log, and each table of its database."""

    def __init__(self, daemon):
        self.daemon = daemon

    def of(self, secret):
        """The names of those that have it, as it is or in base64."""
        found = {"log"} if secret in self.daemon.log_text() else set()
        database = sqlite3.connect(f"file:{self.daemon.state}/computed.db?mode=ro", uri=True)
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        forms = (secret, base64.b64encode(secret.encode()).decode().rstrip("="))
        for table in tables:
            text = "\n".join(map(repr, database.execute(f"SELECT * FROM {table}")))
            found |= {table for form in forms if form in text}
        database.close()
        return found


@pytest.mark.settings(auth="token", log_level="debug")
def test_secrets_stay_where_they_belong(own):
    """Each is planted where its kind is taken, and once where it does not belong."""
    project = own.add_project("lab")
    nobody = own.with_token(None)
    secrets = {}

    def planted(word, *places):
        secret = f"hush-{word}-{len(secrets)}-Zq7"
        secrets[secret] = set(places)
        return secret

    def login(user, password):
        return nobody.post("/v1/tokens", {"user": user, "password": password, "project": project})

    password = planted("password")
    assert own.post("/v1/users", {"name": "ann", "password": password}).status == 201
    assert own.put(f"/v1/projects/{project}/users/ann/roles/member").status == 204
    ann = own.with_token(login("ann", password).json["token"])
    secrets[ann.token] = set()
    secrets[own.token] = set()
    assert login("ann", planted("wrong")).status == 401
    assert login(planted("as-a-user"), "x" * 12).status == 401
    changed = planted("changed")
    assert ann.patch("/v1/users/ann", {"password": changed, "original_password": planted("original")}).status in (401, 403)
    assert ann.patch("/v1/users/ann", {"password": changed, "original_password": password}).status == 200
    assert own.post("/v1/users", {"name": "bob", "password": planted("refused") * 100}).status == 400
    assert nobody.call("GET", "/v1/vms", headers={"Authorization": "Bearer " + planted("bearer")}).status == 401
    assert nobody.call("GET", "/v1/vms", headers={"X-Auth-Token": planted("header")}).status == 401
    assert nobody.call("GET", "/v1/vms", headers={"Authorization": "Basic " + planted("basic")}).status == 401
    assert nobody.get("/v1/vms?token=" + planted("query")).status in (400, 401)
    made = ann.post("/v1/tokens", {"name": "script"}).json
    secrets[made["token"]] = set()
    assert ann.delete("/v1/tokens/" + made["token"]).status == 404
    pair = ann.post("/v1/keypairs", {"name": "k", "type": "ed25519"}).json
    secrets[pair["private_key"].splitlines()[2]] = set()
    user_data = "#cloud-config\npassword: " + planted("user-data", "vm_seed")
    ann.create("a", user_data=user_data, keypair="k", networks=[])
    assert ann.post("/v1/vms", {"name": "b", **VM, "user_data": planted("refused-data") * 10000}).status in (400, 413)
    url = f"http://{planted('url-user')}:{planted('url-password')}@127.0.0.1:1/x"
    assert ann.post("/v1/images/import", {"name": "i", "url": url}).status == 400
    imported = ann.post("/v1/images/import", {"name": "i", "url": "http://127.0.0.1:1/x?" + planted("url-query", "job")})
    assert ann.wait(imported)["status"] == "failed"
    own.restart()
    places = Places(own)
    assert all(places.of(secret) >= allowed for secret, allowed in secrets.items()), "the search finds what is there"
    assert len(lines(own, project="*", limit=1000)) > 15
    found = {secret: places.of(secret) - allowed for secret, allowed in secrets.items()}
    assert {secret: where for secret, where in found.items() if where} == {}
    answers = repr(lines(own, project="*", limit=1000))
    assert [secret for secret in secrets if secret in answers] == []
