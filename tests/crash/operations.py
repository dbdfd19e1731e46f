"""What a client may ask for: how it is prepared, asked, and what must be true when all is over, whatever happened on the way."""
import dataclasses
import typing

import rig  # noqa: F401  (it puts the next one within reach)
from web import Web

BODY = {"image": "blank", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, "networks": []}
RAW = bytes(range(256)) * 512
USER_DATA = "#cloud-config\npackages: []\n"


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


# ---- what is needed ----
def vm(status="running", **fields):
    def given(machine, name):
        machine.create(name, **{**BODY, "start": status != "stopped", **fields})
        if status in ("paused", "suspended"):
            machine.act(name, {"paused": "pause", "suspended": "suspend"}[status])
    return given


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
]
