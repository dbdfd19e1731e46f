"""What a client may ask for: how it is prepared, asked, and what must be true when all is over, whatever happened on the way."""
import dataclasses
import hashlib
import typing

import rig  # noqa: F401  (it puts the next one within reach)
from client import PASSWORD
from web import Web

BODY = {"image": "blank", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, "networks": []}
RAW = bytes(range(256)) * 512
USER_DATA = "#cloud-config\npackages: []\n"
NEW_PASSWORD = f"new {PASSWORD}"


@dataclasses.dataclass
class Operation:
    name: str
    ask: typing.Callable            # (machine, name) -> Answer
    judge: typing.Callable          # (machine, name, answer): asserts; answer None: the connection was lost
    given: typing.Callable = None   # (machine, name): makes what the operation needs


# ---- judges ----
def refused(answer):
    return answer is not None and answer.status >= 400


def created(noun, *good):
    """Acknowledged, it is there and good, or an error with its reason; refused, it is not there; lost, either."""
    def judge(machine, name, answer):
        got = machine.get(f"/v1/{noun}/{name}")
        if refused(answer):
            assert got.status == 404, f"refused, but there: {answer} {got}"
        elif answer is None and got.status == 404:
            return
        else:
            assert got.status == 200, f"acknowledged, but not there: {got}"
            assert not good or got.json["status"] in (*good, "error"), f"after {answer}: {got.json['status']}"
            if noun == "vms":
                vm_is_whole_or_nothing(machine, got.json)
    return judge


def vm_is_whole_or_nothing(machine, vm):
    """A failed create leaves the row alone."""
    has_files = machine.instance(vm["id"]).exists()
    assert has_files == (vm["status"] != "error"), f"{vm['status']}, files: {has_files}"


def deleted(noun):
    """Acknowledged, it is gone; refused, it is there; lost, either."""
    def judge(machine, name, answer):
        status = machine.get(f"/v1/{noun}/{name}").status
        if answer is not None:
            assert status == (200 if refused(answer) else 404), f"after {answer} it is {status}"
    return judge


def vm_is(*statuses):
    """The verb happened, or it did not."""
    def judge(machine, name, answer):
        vm = machine.show(name)
        assert vm["status"] in (*statuses, "error"), f"after {answer}: {vm['status']}"
        assert vm["status"] != "error" or vm["fault"], vm
    return judge


def changed(before, after):
    """A change is whole: what was, or what was asked; acknowledged, the latter."""
    def judge(machine, name, answer):
        found = [vm for vm in machine.every("vms") if vm["name"] in (name, f"{name}-new")]
        assert len(found) == 1, found
        now = (found[0]["name"] == f"{name}-new", found[0]["autostart"], found[0]["metadata"])
        assert now in (before, after), now
        if answer is not None and not refused(answer):
            assert now == after, f"acknowledged, but {now}"
    return judge


def image_is_uploaded(machine, name, answer):
    image = machine.get(f"/v1/images/{name}").json
    good = ("active",) if answer is not None and not refused(answer) else ("active", "queued", "error")
    assert image["status"] in good, f"after {answer}: {image['status']}"
    if image["status"] == "active":
        assert machine.get(f"/v1/images/{name}/data").body == RAW, "other bytes"


def is_expired(machine, name, answer):
    got = machine.get(f"/v1/vms/{name}")
    if got.status == 200:
        assert answer is None or refused(answer), "its time is over, and it is there"
        assert got.json["expires_at"] is None, "its time is over, and it is there"


def locked(machine, name, answer):
    assert machine.show(name)["status"] == "stopped"


class Terminated:
    """By id, as its API wants it; acknowledged, the VM is gone and its record is there."""
    ids = {}

    @classmethod
    def given(cls, machine, name):
        vm()(machine, name)
        cls.ids[name] = machine.show(name)["id"]

    @classmethod
    def ask(cls, machine, name):
        return machine.post(f"/api/v1/vms/{cls.ids[name]}/terminate")

    @classmethod
    def judge(cls, machine, name, answer):
        is_there = machine.get(f"/v1/vms/{name}").status == 200
        record = machine.get(f"/api/v1/vms/{cls.ids[name]}").json
        assert record["status"] in (("running", "error") if is_there else ("terminated",)), record
        assert answer is None or is_there == refused(answer), answer


def became(look, before, after):
    """A row and its audit line change together: what a query finds about the name is what it was, or what was asked; acknowledged, the latter."""
    def judge(machine, name, answer):
        now, = machine.rows(look.format(name=name))
        allowed = (before, after) if answer is None else (before,) if refused(answer) else (after,)
        assert now in allowed, f"after {answer}: {now}"
    return judge


def rows_and_lines(table):
    """Those of the operation are the only ones: others' rows have other names, or are deleted, with a line."""
    return (f"SELECT (SELECT count(*) FROM {table} WHERE name LIKE 'crash-%'), total(action = '{table}:create') - total(action = '{table}:delete') "
            "FROM audit WHERE outcome = 'accepted'")


ROLES_AND_LINES = """SELECT (SELECT count(*) FROM role_assignment a JOIN user u ON u.id = a.user WHERE u.name = '{name}'),
    total(action = 'role:grant') - total(action = 'role:revoke') FROM audit
    WHERE outcome = 'accepted' AND resource LIKE (SELECT id FROM user WHERE name = '{name}') || ' %'"""
TOKENS_AND_LINES = """SELECT (SELECT count(*) FROM token k JOIN user u ON u.id = k.user WHERE u.name = '{name}'),
    total(action = 'login') - total(action = 'token:revoke') FROM audit
    WHERE resource IN (SELECT resource FROM audit WHERE action = 'login' AND outcome = 'succeeded' AND user = '{name}')"""
LIMITS_AND_LINES = """SELECT (SELECT group_concat(resource || '=' || max) FROM quota WHERE project = p.id),
    (SELECT count(*) FROM audit WHERE action = 'quota:update' AND outcome = 'accepted' AND resource = p.id) FROM project p WHERE name = '{name}'"""
OLD_TOKENS_AND_LINES = """SELECT (SELECT count(*) FROM token WHERE user = u.id AND name = '{name}'),
    (SELECT count(*) FROM audit WHERE action = 'user:update' AND outcome = 'accepted' AND resource = u.id) FROM user u WHERE name = '{name}'"""


def one_password(machine, name, answer):
    """The old one and the token that it gave, or the new one."""
    became(OLD_TOKENS_AND_LINES, (1, 0), (0, 1))(machine, name, answer)
    is_old = machine.rows(f"SELECT 1 FROM token WHERE name = '{name}'")
    machine.as_user(name, PASSWORD if is_old else NEW_PASSWORD, "default")


def token_lets_in(machine, name, answer):
    """What was given away is what the database knows."""
    became(TOKENS_AND_LINES, (0, 0), (1, 1))(machine, name, answer)
    if answer is not None and not refused(answer):
        digest = hashlib.sha256(answer.json["token"].encode()).hexdigest()
        assert machine.rows(f"SELECT id FROM token WHERE sha256 = '{digest}'") == [(answer.json["id"],)], "a token that lets nobody in"


MAINTENANCE_AND_EVENTS = """SELECT (SELECT count(*) FROM setting WHERE key = 'host.maintenance' AND value <> 'null'),
    (SELECT total(type = 'host.maintenance.on') - total(type = 'host.maintenance.off') FROM event)"""


def guests_are(down):
    """What the host's shutdown took from a guest is known until it has it back. Acknowledged, it went the way, or there is an error."""
    def judge(machine, name, answer):
        for vm, was in ((machine.show(name), "running"), (machine.show(f"{name}-p"), "paused")):
            now = (vm["status"], vm["restores_to"])
            assert now in ((was, None), ("suspended", was), ("error", was), ("error", None)), f"{was} before, after {answer}: {now}"
            if answer is not None and not refused(answer):
                assert now != ((was, None) if down else ("suspended", was)) or was_in_vain(machine, vm), f"acknowledged, but {now}"
    return judge


def was_in_vain(machine, vm):
    """Its last operation failed: libvirt's word on what it is now stands."""
    return machine.rows(f"SELECT status FROM job WHERE target = '{vm['id']}' ORDER BY rowid DESC LIMIT 1") == [("failed",)]


# ---- what is needed ----
def vm(status="running", **fields):
    def given(machine, name):
        machine.create(name, **{**BODY, "start": status != "stopped", **fields})
        if status in ("paused", "suspended"):
            machine.act(name, {"paused": "pause", "suspended": "suspend"}[status])
    return given


def guests(machine, name):
    vm()(machine, name)
    vm("paused")(machine, f"{name}-p")


def guests_down(machine, name):
    guests(machine, name)
    for operation in stop_guests(machine, name).json["operations"]:
        assert machine.get(f"/v1/operations/{operation['id']}", wait=60).json["status"] == "succeeded"


def network(machine, name):
    machine.done(machine.post("/v1/networks", {"name": name}))


def rich_world(machine, name):
    network(machine, f"{name}-a")
    network(machine, f"{name}-b")
    assert machine.post("/v1/keypairs", {"name": f"{name}-key"}).status == 201


def queued(machine, name):
    assert machine.post("/v1/images", {"name": name, "disk_format": "raw"}).status == 201


def image(machine, name):
    machine.add_image(name, RAW)


def member(machine, name):
    machine.add_user(name)
    assert machine.put(f"/v1/projects/default/users/{name}/roles/member").status == 204


def logged_in(machine, name):
    member(machine, name)
    assert log_in(machine, name).status == 201


def user_and_project(machine, name):
    machine.add_user(name)
    machine.add_project(name)


def assigned(machine, name):
    user_and_project(machine, name)
    assert grant(machine, name).status == 204


def limited(machine, name):
    assigned(machine, name)
    assert limit(machine, name).status == 200


# ---- how it is asked ----
def create(**fields):
    return lambda machine, name: machine.post("/v1/vms", {"name": name, **BODY, **fields})


def create_rich(machine, name):
    return machine.post("/v1/vms", {"name": name, **BODY, "keypair": f"{name}-key", "user_data": USER_DATA, "autostart": True,
                                    "metadata": {"a": "b"}, "networks": [{"network": f"{name}-a"}, {"network": f"{name}-b"}]})


def verb(word, body=None):
    return lambda machine, name: machine.post(f"/v1/vms/{name}/{word}", body)


def delete(noun):
    return lambda machine, name: machine.delete(f"/v1/{noun}/{name}")


def post(noun, **fields):
    return lambda machine, name: machine.post(f"/v1/{noun}", {"name": name, **fields})


def patch(**fields):
    return lambda machine, name: machine.patch(f"/v1/vms/{name}", fields)


def stop_guests(machine, name):
    return machine.post("/v1/host/stop-guests", {"action": "suspend"})


def start_guests(machine, name):
    return machine.post("/v1/host/start-guests")


def grant(machine, name):
    return machine.put(f"/v1/projects/{name}/users/{name}/roles/member")


def revoke(machine, name):
    return machine.delete(f"/v1/projects/{name}/users/{name}/roles/member")


def limit(machine, name):
    return machine.put(f"/v1/projects/{name}/quota", {"vms": 3, "ports": None, "keypairs": 0})


def log_in(machine, name):
    return machine.post("/v1/tokens", {"user": name, "password": PASSWORD, "project": "default", "name": name})


def log_out(machine, name):
    (token,), = machine.rows(f"SELECT id FROM token WHERE name = '{name}'")
    return machine.delete(f"/v1/tokens/{token}?project=*")


class Imports:
    """The server is there as long as the program."""
    web = None

    @classmethod
    def ask(cls, machine, name):
        if cls.web is None:
            cls.web = Web()
            cls.web.add("/disk", RAW)
        return machine.post("/v1/images/import", {"name": name, "url": cls.web.url + "/disk"})

    @classmethod
    def close(cls):
        if cls.web:
            cls.web.close()
            cls.web = None


RUN = ("running", "stopped")
OPERATIONS = [
    Operation("vm create", create(), created("vms", "running")),
    Operation("vm create (stopped)", create(start=False), created("vms", "stopped")),
    Operation("vm create (networks, keypair, user_data)", create_rich, created("vms", "running"), rich_world),
    Operation("vm delete", delete("vms"), deleted("vms"), vm()),
    Operation("vm terminate", Terminated.ask, Terminated.judge, Terminated.given),
    Operation("vm delete (networks, keypair, user_data)", delete("vms"), deleted("vms"),
              lambda m, n: (rich_world(m, n), m.done(create_rich(m, n)))),
    Operation("vm start", verb("start"), vm_is(*RUN), vm("stopped")),
    Operation("vm start (suspended)", verb("start"), vm_is("running", "suspended"), vm("suspended")),
    Operation("vm stop", verb("stop", {"force": True}), vm_is(*RUN), vm()),
    Operation("vm stop (graceful)", verb("stop"), vm_is(*RUN), vm()),
    Operation("vm reboot", verb("reboot", {"force": True}), vm_is(*RUN), vm()),
    Operation("vm pause", verb("pause"), vm_is("running", "paused"), vm()),
    Operation("vm resume", verb("resume"), vm_is("running", "paused"), vm("paused")),
    Operation("vm suspend", verb("suspend"), vm_is("running", "suspended"), vm()),
    Operation("vm update (name)", lambda m, n: m.patch(f"/v1/vms/{n}", {"name": f"{n}-new"}),
              changed((False, False, {}), (True, False, {})), vm("stopped")),
    Operation("vm update (autostart)", patch(autostart=True, metadata={"a": "b"}),
              changed((False, False, {}), (False, True, {"a": "b"})), vm("stopped")),
    Operation("vm lock", verb("lock"), locked, vm("stopped")),
    Operation("vm expire", patch(ttl_seconds=1), is_expired, vm()),
    Operation("vm image", lambda m, n: m.post(f"/v1/vms/{n}/image", {"name": f"{n}-image"}),
              lambda m, n, a: created("images", "active")(m, f"{n}-image", a), vm("stopped")),
    Operation("host maintenance", lambda m, n: m.put("/v1/host/maintenance", {"reason": n}), became(MAINTENANCE_AND_EVENTS, (0, 0), (1, 1))),
    Operation("host stop-guests", stop_guests, guests_are(down=True), guests),
    Operation("host start-guests", start_guests, guests_are(down=False), guests_down),
    Operation("image create", post("images", disk_format="raw"), created("images", "queued")),
    Operation("image upload", lambda m, n: m.upload(n, RAW), image_is_uploaded, queued),
    Operation("image import", Imports.ask, created("images", "active")),
    Operation("image delete", delete("images"), deleted("images"), image),
    Operation("network create", post("networks"), created("networks", "active")),
    Operation("network delete", delete("networks"), deleted("networks"), network),
    Operation("keypair create", post("keypairs"), created("keypairs")),
    Operation("keypair delete", delete("keypairs"), deleted("keypairs"),
              lambda m, n: m.post("/v1/keypairs", {"name": n})),
    Operation("flavor create", post("flavors", vcpus=1, memory_mib=64, disk_gib=1), created("flavors")),
    Operation("flavor delete", delete("flavors"), deleted("flavors"),
              lambda m, n: m.post("/v1/flavors", {"name": n, "vcpus": 1, "memory_mib": 64, "disk_gib": 1})),
    Operation("user create", post("users", password=PASSWORD), became(rows_and_lines("user"), (0, 0), (1, 1))),
    Operation("user update (password)", lambda m, n: m.patch(f"/v1/users/{n}", {"password": NEW_PASSWORD}), one_password, logged_in),
    Operation("user delete", delete("users"), became(rows_and_lines("user"), (1, 1), (0, 0)), logged_in),
    Operation("project create", post("projects"), became(rows_and_lines("project"), (0, 0), (1, 1))),
    Operation("project delete", delete("projects"), became(rows_and_lines("project"), (1, 1), (0, 0)), limited),
    Operation("role grant", grant, became(ROLES_AND_LINES, (0, 0), (1, 1)), user_and_project),
    Operation("role revoke", revoke, became(ROLES_AND_LINES, (1, 1), (0, 0)), assigned),
    Operation("token create", log_in, token_lets_in, member),
    Operation("token revoke", log_out, became(TOKENS_AND_LINES, (1, 1), (0, 0)), logged_in),
    Operation("quota set", limit, became(LIMITS_AND_LINES, (None, 0), ("keypairs=0,ports=-1,vms=3", 1)), user_and_project),
]
