"""Every operation has a deadline, and one whose step hangs ends at it, or at its cancel, while the step still hangs."""
import sqlite3
import time

import pytest

from client import eventually
from web import Web

HANGS_MS = 20000
TRANSIENT = {"pending", "stopping", "starting", "rebooting", "deleting"}


@pytest.fixture
def web():
    web = Web()
    web.files["/disk"] = b"\0" * 65536
    yield web
    web.close()


def arm(daemon, *points):
    daemon.arm("\n".join(f"{point}=hang({HANGS_MS})" for point in points))


def capture(daemon, name):
    return daemon.post(f"/v1/vms/{name}/image", {"name": f"{name}-image"})


SMALL = {"image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, "networks": []}
# Operation: the step's effect that hangs, what goes before, what begins it.
KINDS = {
    "vm.create": ("virt.define.before", None, lambda d, n: d.post("/v1/vms", {"name": n, **SMALL})),
    "vm.stop": ("virt.shutdown.before", "running", lambda d, n: d.post(f"/v1/vms/{n}/stop")),
    "vm.reboot": ("virt.reboot.before", "running", lambda d, n: d.post(f"/v1/vms/{n}/reboot")),
    "vm.pause": ("virt.pause.before", "running", lambda d, n: d.post(f"/v1/vms/{n}/pause")),
    "vm.resume": ("virt.resume.before", "paused", lambda d, n: d.post(f"/v1/vms/{n}/resume")),
    "vm.suspend": ("virt.suspend.before", "running", lambda d, n: d.post(f"/v1/vms/{n}/suspend")),
    "vm.start": ("virt.start.before", "stopped", lambda d, n: d.post(f"/v1/vms/{n}/start")),
    "vm.image": ("disk.convert_run.before", "stopped", capture),
    "network.create": ("virt.network_ensure.before", None, lambda d, n: d.post("/v1/networks", {"name": n})),
}


def prepare(daemon, name, state):
    if state:
        daemon.create(name, networks=[], start=state != "stopped")
    if state == "paused":
        daemon.act(name, "pause")


def ended(daemon, answer, code, within_s):
    """The operation has failed so, in time."""
    operation = eventually(lambda: [o for o in [daemon.get(answer.headers["Location"]).json] if o["status"] in ("succeeded", "failed")],
                           answer.headers["Location"], within_s)[0]
    assert operation["status"] == "failed" and operation["error"]["code"] == code, operation


@pytest.mark.settings(workers=16, create_deadline="1s", power_deadline="1s", image_deadline="1s", import_deadline="1s", import_allow="127.0.0.0/8",
                      stop_deadline="1s")
def test_a_hung_step_ends_at_the_deadline(own, web):
    for kind, (_, state, _) in KINDS.items():
        prepare(own, kind, state)
    arm(own, "disk.fetch_run.before", *(point for point, _, _ in KINDS.values()))
    answers = {kind: begin(own, kind) for kind, (_, _, begin) in KINDS.items()}
    answers["image.import"] = own.post("/v1/images/import", {"name": "import", "url": f"{web.url}/disk"})
    for answer in answers.values():
        ended(own, answer, "timeout", 10)
    assert {v["status"] for v in own.get("/v1/vms").json["vms"]}.isdisjoint(TRANSIENT)
    vm = own.show("vm.create")
    assert (vm["status"], vm["task"], vm["fault"]["code"]) == ("error", None, "timeout")
    assert own.get("/v1/images/import").json["status"] == own.get("/v1/networks/network.create").json["status"] == "error"
    for vm in own.get("/v1/vms").json["vms"]:
        own.remove(vm["id"])
    for name in ("import", "vm.image-image"):
        own.done(own.delete(f"/v1/images/{name}"))
    assert list(own.instance("").iterdir()) == [] and list(own.domains.glob("*.json")) == []


@pytest.mark.settings(create_deadline="1s", image_deadline="1s", stop_deadline="1s")
def test_an_upload_whose_sealing_hangs(own):
    image = own.post("/v1/images", {"name": "a", "disk_format": "raw"}).json
    arm(own, "disk.image_sync.before")
    began = time.monotonic()
    answer = own.upload("a", b"\0" * 65536)
    assert answer.status >= 500 and time.monotonic() - began < 10, answer
    shown = eventually(lambda: [i for i in [own.get("/v1/images/a").json] if i["status"] == "queued"], "it can be tried again", 10)[0]
    assert shown["status_reason"]
    assert own.image_files(image["id"]) == []


# ---- deletes ----
@pytest.mark.settings(workers=8, import_allow="127.0.0.0/8", stop_deadline="1s")
def test_a_delete_is_accepted_in_every_state(own, web):
    """Deadlines are far away: it is the delete that ends what hangs."""
    during = ["vm.create", "vm.stop", "vm.reboot", "vm.pause", "vm.resume", "vm.suspend", "vm.start", "vm.image"]
    for kind in during:
        prepare(own, kind, KINDS[kind][1])
    arm(own, "disk.fetch_run.before", *(KINDS[kind][0] for kind in during))
    begun = {kind: KINDS[kind][2](own, kind) for kind in during[:-1]}
    for answer in begun.values():
        eventually(lambda: own.get(answer.headers["Location"]).json["status"] == "running", answer)
    begun["vm.image"] = capture(own, "vm.image")
    imported = own.post("/v1/images/import", {"name": "import", "url": f"{web.url}/disk"})
    deletes = [own.delete(f"/v1/vms/{kind}") for kind in during] + [own.delete("/v1/images/import")]
    for answer in [*begun.values(), imported]:
        ended(own, answer, "cancelled", 25)
    for answer in deletes:
        own.done(answer)
    own.done(own.delete("/v1/images/vm.image-image"))
    assert own.get("/v1/vms").json["vms"] == []
    assert list(own.instance("").iterdir()) == [] and list(own.domains.glob("*.json")) == []
    assert own.image_files() == own.image_files(own.get("/v1/images/tiny").json["id"])


def test_every_operation_has_a_deadline(own):
    """Also one that nobody thought of: the shortest is the default's."""
    vm = own.create("a")
    own.act("a", "stop", {"force": True})
    own.remove(vm["id"])
    with sqlite3.connect(f"file:{own.state}/computed.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT kind, timeout_ms FROM job").fetchall()
    assert {"vm.create", "vm.stop", "vm.delete", "image.save"} <= {kind for kind, _ in rows}
    assert all(0 < timeout_ms <= 24 * 3600 * 1000 for _, timeout_ms in rows), rows
