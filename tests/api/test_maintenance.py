"""Maintenance of the host: nothing new is made, and guests that the host's shutdown stopped come back as they were."""
import concurrent.futures
import json
import subprocess

import pytest

from client import BINARY, eventually

CTL = BINARY.replace("computed", "computectl")
REASON = "new disks; back at noon"
BODY = {"image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, "networks": []}


def begin(client, reason=REASON):
    answer = client.put("/v1/host/maintenance", {"reason": reason})
    assert answer.status == 200, answer
    return answer.json


def end(client):
    assert client.delete("/v1/host/maintenance").status == 204


def told(client):
    return client.get("/v1/host").json["maintenance"], client.get("/health").json["maintenance"]


def operations(answer):
    assert answer.status == 202, answer
    return answer.json["operations"]


def everywhere(daemon, path, body=None):
    """Asked until there is nothing left to wait for."""
    while True:
        under_way = operations(daemon.post(path, body))
        if not under_way:
            return
        for operation in under_way:
            assert eventually(lambda: daemon._ended(f"/v1/operations/{operation['id']}?project=*"), operation)["status"] == "succeeded"


def stop_guests(daemon, action=None):
    everywhere(daemon, "/v1/host/stop-guests", action and {"action": action})


def start_guests(daemon):
    everywhere(daemon, "/v1/host/start-guests")


def look(daemon, *names):
    return [(vm["status"], vm["restores_to"]) for vm in map(daemon.show, names)]


# ---- maintenance ----
def test_it_is_told(own):
    assert told(own) == (None, False)
    first = begin(own)
    assert told(own) == (first, True) and first["reason"] == REASON and own.get("/health").json["status"] == "healthy"
    assert begin(own) == first, "the same again changes nothing"
    other = begin(own, "longer than thought")
    assert other == {**first, "reason": "longer than thought"}
    own.restart()
    assert told(own) == (other, True)
    end(own)
    end(own)
    assert told(own) == (None, False)
    assert [event["reason"] for event in own.events("host.maintenance.on", "host")] == [REASON, "longer than thought"]
    assert [event["reason"] for event in own.events("host.maintenance.off", "host")] == ["longer than thought"]
    lines = [line["resource"] for line in own.get("/v1/audit", action="host:maintenance").json["audit"]]
    assert lines == ["off", "off", "on", "on", "on"]


@pytest.mark.parametrize("body, field", [({}, "reason"), ({"reason": ""}, "reason"), ({"reason": "x" * 201}, "reason"), ({"reason": "ä" * 101}, "reason"),
                                         ({"reason": "a\nb"}, "reason"), ({"reason": 1}, "reason"), ({"reason": "x", "until": "noon"}, "until")])
def test_a_reason_is_wanted(daemon, body, field):
    answer = daemon.put("/v1/host/maintenance", body)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert told(daemon) == (None, False)


def test_nothing_new_through_any_door(own):
    own.create("old", networks=[], start=False)
    begin(own)
    body = {"name": "new", **BODY}
    workspace = own.get("/v1/projects").json["projects"][0]["id"]
    refused = {
        "vm": own.post("/v1/vms", body),
        "workspace": own.post("/api/v1/vms", {"name": "new", "workspace_id": workspace, "provider": "libvirt", "type": "small", "region": "local", "image_id": "tiny"}),
        "tenant": own.call("POST", "/api/v1/compute/instances", {"name": "new", "flavor": "small", "imageId": "tiny"}, {"X-Tenant-ID": "default"}),
        "image": own.post("/v1/images", {"name": "new", "disk_format": "raw"}),
        "import": own.post("/v1/images/import", {"name": "new", "url": "http://192.0.2.1/x"}),
        "capture": own.post("/v1/vms/old/image", {"name": "new"}),
        "network": own.post("/v1/networks", {"name": "new"}),
    }
    for what, answer in refused.items():
        assert (answer.status, answer.headers["Retry-After"]) == (503, "300"), (what, answer)
        assert REASON in answer.body.decode(), what
    assert refused["vm"].code == refused["capture"].code == "maintenance"
    assert refused["workspace"].json["error"]["code"] == "maintenance"
    assert own.show("old")["task"] is None
    assert own.get("/v1/operations", status="pending").json["operations"] == []
    end(own)
    for path, body in (("/v1/vms", body), ("/v1/images", {"name": "new", "disk_format": "raw"}), ("/v1/networks", {"name": "new"})):
        assert own.post(path, body).status in (201, 202)


def test_what_is_there_goes_on(own):
    own.create("a", networks=[])
    queued = own.post("/v1/images", {"name": "queued", "disk_format": "raw"}).json["id"]
    first = own.post("/v1/vms", {"name": "b", **BODY}, key="k")
    begin(own)
    own.done(first)
    assert own.post("/v1/vms", {"name": "b", **BODY}, key="k").json["id"] == first.json["id"], "what was answered once is answered again"
    assert own.upload(queued, b"\0" * 65536).status == 204
    assert own.act("a", "stop")["status"] == "stopped"
    assert own.act("a", "start")["status"] == "running"
    assert own.patch("/v1/vms/a", {"tags": ["x"], "ttl_seconds": 1}).status == 200
    eventually(lambda: own.get("/v1/vms/a").status == 404, "a's end")
    own.remove("b")
    assert own.post("/v1/flavors", {"name": "f", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}).status == 201


def test_a_create_is_in_before_or_refused(own):
    """Whatever comes first: what was refused is not there, and nothing is accepted behind the answer to PUT."""
    def create(name):
        return own.post("/v1/vms", {"name": name, **BODY, "start": False})

    for i in range(4):
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            creates = [(f"r{i}-{n}", pool.submit(create, f"r{i}-{n}")) for n in range(4)]
            pool.submit(begin, own).result()
            late = create(f"r{i}-late")
        assert (late.status, late.code) == (503, "maintenance")
        for name, answer in creates:
            answer = answer.result()
            assert answer.status in (202, 503), answer
            assert own.get(f"/v1/vms/{name}").status == (200 if answer.status == 202 else 404)
        end(own)


def test_whom_it_concerns(cloud):
    home = cloud.add_project("home")
    member = cloud.add_user("mia", home)
    made = member.create("hers", networks=[])
    for who, status in ((cloud.with_token(None), 401), (member, 403)):
        for method, path in (("PUT", "/v1/host/maintenance"), ("DELETE", "/v1/host/maintenance"), ("POST", "/v1/host/stop-guests"), ("POST", "/v1/host/start-guests")):
            assert who.call(method, path, {"reason": "mine"} if method == "PUT" else None).status == status
    begin(cloud)
    answer = member.post("/v1/vms", {"name": "more", **BODY})
    assert (answer.status, answer.code) == (503, "maintenance") and REASON in answer.json["detail"]
    end(cloud)
    stop_guests(cloud)
    mine = member.show(made["id"])
    assert (mine["status"], mine["restores_to"]) == ("stopped", "running")
    assert [(line["user"], line["outcome"]) for line in member.get("/v1/audit", action="vm:stop").json["audit"]] == [("admin", "accepted")]
    start_guests(cloud)
    assert member.show(made["id"])["status"] == "running"


# ---- guests ----
@pytest.mark.parametrize("action, running_is", [("shutdown", "stopped"), ("suspend", "suspended")])
def test_as_they_were(own, action, running_is):
    own.create("runs", networks=[])
    own.create("sleeps", networks=[])
    own.act("sleeps", "pause")
    own.create("off", networks=[], start=False)
    own.create("saved", networks=[])
    own.act("saved", "suspend")
    assert own.post("/v1/vms/runs/lock").status == 200
    names = ("runs", "sleeps", "off", "saved")
    stop_guests(own, action)
    assert look(own, *names) == [(running_is, "running"), ("suspended", "paused"), ("stopped", None), ("suspended", None)]
    stop_guests(own, "suspend" if action == "shutdown" else "shutdown")
    assert look(own, *names) == [(running_is, "running"), ("suspended", "paused"), ("stopped", None), ("suspended", None)]
    own.restart()
    start_guests(own)
    assert look(own, *names) == [("running", None), ("paused", None), ("stopped", None), ("suspended", None)]
    assert own.show("runs")["locked"]
    assert operations(own.post("/v1/host/start-guests")) == []
    assert own.act("sleeps", "resume")["status"] == "running"


@pytest.mark.settings(workers=1)
def test_in_order(own):
    """Newest first; oldest first. All of a batch are submitted within a millisecond or two."""
    made = [own.create(f"vm-{i}", networks=[])["id"] for i in range(12)]
    stopping = operations(own.post("/v1/host/stop-guests"))
    assert [operation["target"] for operation in stopping] == made[::-1]
    stop_guests(own)
    starting = operations(own.post("/v1/host/start-guests"))
    assert [operation["target"] for operation in starting] == made
    start_guests(own)
    for asked in (stopping, starting):
        begun = [own.get(f"/v1/operations/{operation['id']}").json["started_at"] for operation in asked]
        assert begun == sorted(begun)


@pytest.mark.settings(default_quota="")
def test_more_than_a_batch(own):
    vms = [own.post("/v1/vms", {"name": f"vm-{i}", **BODY, "memory_mib": 16}) for i in range(70)]
    for answer in vms:
        own.done(answer)
    assert len(operations(own.post("/v1/host/stop-guests", {"action": "suspend"}))) == 70
    stop_guests(own, "suspend")
    assert len(operations(own.post("/v1/host/start-guests"))) == 70
    start_guests(own)
    assert {(vm["status"], vm["restores_to"]) for vm in own.get("/v1/vms", limit=1000).json["vms"]} == {("running", None)}


@pytest.mark.settings(host_shutdown="suspend")
def test_the_configuration_chooses(own):
    own.create("a", networks=[])
    answer = own.post("/v1/host/stop-guests")
    assert answer.json["action"] == "suspend"
    stop_guests(own)
    assert look(own, "a") == [("suspended", "running")]


@pytest.mark.settings(host_shutdown="leave")
def test_they_may_be_left(own):
    own.create("a", networks=[])
    assert own.post("/v1/host/stop-guests").json == {"action": "leave", "operations": []}
    assert look(own, "a") == [("running", None)]
    stop_guests(own, "shutdown")
    assert look(own, "a") == [("stopped", "running")]


@pytest.mark.parametrize("body", [{"action": "leave"}, {"action": "explode"}, {"action": 1}, {"force": True}])
def test_other_actions_are_refused(daemon, body):
    answer = daemon.post("/v1/host/stop-guests", body)
    assert (answer.status, answer.json["field"]) == (400, next(iter(body)))


def test_without_libvirt_nothing_is_marked_or_forgotten(own):
    own.create("a", networks=[])
    own.hypervisor("down")
    answer = own.post("/v1/host/stop-guests")
    assert (answer.status, answer.code) == (503, "unavailable")
    own.hypervisor(None)
    eventually(lambda: own.get("/health").status == 200, "the hypervisor")
    assert look(own, "a") == [("running", None)]
    stop_guests(own)
    own.hypervisor("down")
    assert own.post("/v1/host/start-guests").code == "unavailable"
    own.hypervisor(None)
    eventually(lambda: own.get("/health").status == 200, "the hypervisor")
    start_guests(own)
    assert look(own, "a") == [("running", None)]


# ---- what comes in between ----
def test_who_starts_it_himself_has_it_back(own):
    for name in ("started", "resumed", "by-virsh", "deleted"):
        own.create(name, networks=[])
    stop_guests(own, "suspend")
    assert own.act("started", "start")["restores_to"] is None
    assert own.act("resumed", "resume")["restores_to"] is None
    virsh = own.show("by-virsh")["id"]
    own.edit_domain(virsh, state="running", managed_save=False)
    assert look(own, "by-virsh") == [("running", None)]
    own.edit_domain(virsh, state="stopped")
    own.act("started", "stop")
    own.remove("deleted")
    assert operations(own.post("/v1/host/start-guests")) == []
    assert look(own, "started", "resumed", "by-virsh") == [("stopped", None), ("running", None), ("stopped", None)]


def test_what_is_held_is_asked_behind_its_operation(own):
    """A create under way is not lost: it ends, and its guest is stopped."""
    own.arm("virt.define.before=hang(700)")
    create = own.post("/v1/vms", {"name": "a", **BODY})
    operation, = operations(own.post("/v1/host/stop-guests"))
    assert operation["kind"] == "vm.create" and own.show("a")["restores_to"] is None
    stop_guests(own)
    assert own.wait(create)["status"] == "succeeded"
    assert look(own, "a") == [("stopped", "running")]


def test_what_goes_down_by_itself_is_waited_for_alone(own):
    own.create("a", networks=[])
    own.arm("virt.shutdown.before=hang(500)")
    asked = own.post("/v1/vms/a/stop").json["id"]
    assert [operation["id"] for operation in operations(own.post("/v1/host/stop-guests"))] == [asked]
    stop_guests(own)
    assert look(own, "a") == [("stopped", None)]


def test_a_start_that_failed_is_tried_again(own):
    own.create("a", networks=[])
    stop_guests(own)
    own.arm("virt.start.before=error(hypervisor)")
    operation, = operations(own.post("/v1/host/start-guests"))
    assert eventually(lambda: own._ended(f"/v1/operations/{operation['id']}"), "the end")["status"] == "failed"
    assert look(own, "a") == [("error", "running")]
    own.arm("")
    start_guests(own)
    assert look(own, "a") == [("running", None)]


def test_a_start_that_is_cancelled_is_not_wanted(own):
    own.create("a", networks=[])
    stop_guests(own)
    own.arm("virt.start.before=hang(1000)")
    operation, = operations(own.post("/v1/host/start-guests"))
    eventually(lambda: own.get(f"/v1/operations/{operation['id']}").json["status"] == "running", "the start")
    assert own.delete(f"/v1/operations/{operation['id']}").status == 202
    ended = eventually(lambda: own._ended(f"/v1/operations/{operation['id']}"), "the end")
    own.arm("")
    assert look(own, "a")[0][1] is None
    if ended["status"] == "failed":
        assert operations(own.post("/v1/host/start-guests")) == []


@pytest.mark.parametrize("point", ["store.vm_set_restore.before", "store.vm_set_restore.after", "store.vm_take.after", "store.commit.before",
                                   "store.commit.after", "virt.suspend.before", "virt.suspend.after", "store.vm_settle.after"])
def test_killed_on_the_way_down(own, point):
    """A second call finishes; who was marked is marked."""
    own.create("a", networks=[])
    own.create("b", networks=[])
    own.act("b", "pause")
    own.arm(f"{point}=die")
    own.dies_of("POST", "/v1/host/stop-guests", {"action": "suspend"})
    own.comes_back()
    stop_guests(own, "suspend")
    assert look(own, "a", "b") == [("suspended", "running"), ("suspended", "paused")]
    start_guests(own)
    assert look(own, "a", "b") == [("running", None), ("paused", None)]


@pytest.mark.parametrize("point", ["store.vm_take.after", "store.commit.before", "store.commit.after", "virt.start.before", "virt.start.after",
                                   "virt.start_paused.before", "virt.start_paused.after", "store.vm_settle.before", "store.vm_settle.after"])
def test_killed_on_the_way_up(own, point):
    own.create("a", networks=[])
    own.create("b", networks=[])
    own.act("b", "pause")
    stop_guests(own, "suspend")
    own.arm(f"{point}=die")
    own.dies_of("POST", "/v1/host/start-guests")
    own.comes_back()
    start_guests(own)
    assert look(own, "a", "b") == [("running", None), ("paused", None)]


# ---- computectl ----
def ctl(daemon, *arguments):
    return subprocess.run([CTL, "--url", f"http://{daemon.host}:{daemon.port}", *arguments], capture_output=True, text=True, timeout=90)


def test_computectl_maintenance(own):
    assert ctl(own, "host", "maintenance", "on").returncode != 0
    assert ctl(own, "host", "maintenance", "maybe", "--reason", "x").returncode != 0
    done = ctl(own, "host", "maintenance", "on", "--reason", REASON)
    assert done.returncode == 0 and REASON in done.stdout
    assert REASON in ctl(own, "host", "show").stdout
    refused = ctl(own, "vm", "create", "a", "--image", "tiny", "--flavor", "small")
    assert refused.returncode != 0 and REASON in refused.stderr
    assert ctl(own, "host", "maintenance", "off").returncode == 0
    assert told(own) == (None, False)


def test_computectl_guests(own):
    other = own.add_project("other")
    own.create("a", networks=[])
    own.done(own.post(f"/v1/vms?project={other}", {"name": "b", **BODY}))
    asked = ctl(own, "host", "stop-guests", "--json")
    assert asked.returncode == 0 and len(json.loads(asked.stdout)["operations"]) == 2
    done = ctl(own, "host", "stop-guests", "--wait")
    assert done.returncode == 0, done.stderr
    assert {(vm["status"], vm["restores_to"]) for vm in own.get("/v1/vms?project=*").json["vms"]} == {("stopped", "running")}
    own.arm("virt.start.before=error(hypervisor)")
    done = ctl(own, "host", "start-guests", "--wait")
    assert done.returncode != 0 and "2 VMs have been asked for 5 times in vain" in done.stderr
    own.arm("")
    assert ctl(own, "host", "start-guests", "--wait").returncode == 0
    assert {(vm["status"], vm["restores_to"]) for vm in own.get("/v1/vms?project=*").json["vms"]} == {("running", None)}


def test_computectl_waits_for_libvirt(own):
    """As at the host's start, when libvirt is behind the daemon."""
    own.create("a", networks=[])
    stop_guests(own)
    own.hypervisor("down")
    with subprocess.Popen([CTL, "--url", f"http://{own.host}:{own.port}", "host", "start-guests", "--wait"]) as waiting:
        eventually(lambda: "/v1/host/start-guests" in own.log_text(), "the first refusal")
        own.hypervisor(None)
        assert waiting.wait(90) == 0
    assert look(own, "a") == [("running", None)]
