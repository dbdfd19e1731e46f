"""The workspace API, call by call: exact answers, refusals, pages, tombstones, and who reaches what."""
import itertools
import re
import sqlite3
import subprocess
import threading

import pytest

from client import PASSWORD, ROOT, eventually
from conftest import running
from test_clock import Clocked

VMS = "/api/v1/vms"
MEMBERS = ["id", "name", "workspace_id", "provider", "instance_id", "status", "type", "region", "image_id", "cpus", "memory", "storage",
           "metadata", "created_at", "updated_at"]
NOWHERE = "00000000-0000-4000-8000-000000000000"
VERBS = ("start", "stop", "restart", "terminate")
PARTICIPLES = {"start": "started", "stop": "stopped", "restart": "restarted", "terminate": "terminated"}
UGLY = "名前 & <b>\"x\"</b>"


def workspace_of(daemon):
    return next(project["id"] for project in daemon.get("/v1/projects").json["projects"] if project["name"] == "default")


def body(workspace, name="vm one", **fields):
    return {"name": name, "workspace_id": workspace, "provider": "libvirt", "type": "small", "region": "local", "image_id": "tiny", **fields}


def create(client, workspace, name="vm one", **fields):
    answer = client.post(VMS, body(workspace, name, **fields))
    assert answer.status == 201, answer
    return answer.json


def show(client, vm_id):
    answer = client.get(f"{VMS}/{vm_id}")
    assert answer.status == 200, answer
    return answer.json


def reaches(client, vm_id, status):
    def look():
        vm = show(client, vm_id)
        return vm if vm["status"] == status else None
    return eventually(look, f"{vm_id} is {status}")


def act(client, vm_id, verb, status):
    answer = client.post(f"{VMS}/{vm_id}/{verb}")
    assert answer.status == 202, answer
    return reaches(client, vm_id, status)


def error(code, message, field=None):
    return {"error": {"code": code, "message": message, "field": field}}


def refused(answer, status, *told):
    assert (answer.status, answer.json) == (status, error(*told)), answer


def gone(client, vm_id):
    eventually(lambda: client.get(f"/v1/vms/{vm_id}").status == 404, f"{vm_id} is gone")


@pytest.fixture(scope="module")
def workspace(daemon):
    return workspace_of(daemon)


@pytest.fixture
def running_vm(daemon, workspace):
    vm = create(daemon, workspace)
    yield reaches(daemon, vm["id"], "running")
    daemon.delete(f"{VMS}/{vm['id']}")


# ---- golden ----

def test_create_read_list(daemon, workspace):
    image = daemon.get("/v1/images/tiny").json["id"]
    answer = daemon.post(VMS, body(workspace, UGLY, metadata={"team": "blue"}))
    made = answer.json
    assert answer.status == 201 and answer.headers["Location"] == f"{VMS}/{made['id']}"
    assert list(made) == MEMBERS
    assert made == {"id": made["id"], "name": UGLY, "workspace_id": workspace, "provider": "libvirt", "instance_id": made["id"], "status": "pending",
                    "type": "small", "region": "local", "image_id": image, "cpus": 1, "memory": 1024, "storage": 10, "metadata": {"team": "blue"},
                    "created_at": made["created_at"], "updated_at": made["updated_at"]}
    shown = reaches(daemon, made["id"], "running")
    assert shown == {**made, "status": "running", "updated_at": shown["updated_at"]}
    answer = daemon.get(VMS)
    assert (answer.status, answer.json) == (200, {"vms": [shown], "total": 1, "limit": 100, "offset": 0})
    answer = daemon.delete(f"{VMS}/{made['id']}")
    assert (answer.status, answer.body) == (204, b"")
    refused(daemon.get(f"{VMS}/{made['id']}"), 404, "vm_not_found", f"there is no VM '{made['id']}'")
    assert daemon.get(VMS).json == {"vms": [], "total": 0, "limit": 100, "offset": 0}
    assert daemon.get(f"/v1/vms/{made['id']}").status == 404


def test_change(daemon, running_vm):
    path = f"{VMS}/{running_vm['id']}"
    answer = daemon.put(path, {"name": UGLY, "metadata": {"a": "b"}})
    assert (answer.status, answer.json) == (200, {**running_vm, "name": UGLY, "metadata": {"a": "b"}, "updated_at": answer.json["updated_at"]})
    assert daemon.put(path, {"name": "x" * 100}).json["metadata"] == {"a": "b"}
    assert daemon.put(path, {"metadata": {}}).json["name"] == "x" * 100
    refused(daemon.put(path, {}), 400, "invalid", "nothing to change: name or metadata is expected")
    refused(daemon.put(path, {"name": "ab"}), 400, "invalid_field", "name must have 3 to 100 characters", "name")
    refused(daemon.put(path, {"status": "stopped"}), 400, "invalid_field", "there is no such field here", "status")


def test_power(daemon, running_vm):
    vm_id = running_vm["id"]
    answer = daemon.post(f"{VMS}/{vm_id}/stop")
    assert (answer.status, answer.json) == (202, {**running_vm, "status": "stopping", "updated_at": answer.json["updated_at"]})
    stopped = reaches(daemon, vm_id, "stopped")
    answer = daemon.post(f"{VMS}/{vm_id}/start", {})
    assert (answer.status, answer.json) == (202, {**stopped, "status": "starting", "updated_at": answer.json["updated_at"]})
    reaches(daemon, vm_id, "running")
    answer = daemon.post(f"{VMS}/{vm_id}/restart")
    assert (answer.status, answer.json["status"]) == (202, "starting")
    reaches(daemon, vm_id, "running")
    act(daemon, vm_id, "stop", "stopped")
    answer = daemon.post(f"{VMS}/{vm_id}/restart")
    assert (answer.status, answer.json["status"]) == (202, "starting")
    reaches(daemon, vm_id, "running")
    assert [event["new_status"] for event in daemon.events("vm.status.changed", vm_id)][-2:] == ["rebooting", "running"]


# ---- states ----

def made_to_be(daemon, workspace, status):
    """A VM that is in this state at this door, and stays there."""
    if status == "pending":
        daemon.arm("virt.define.before=hang(3000)")
        return create(daemon, workspace)["id"]
    vm_id = create(daemon, workspace)["id"]
    reaches(daemon, vm_id, "running")
    if status in ("stopped", "starting"):
        act(daemon, vm_id, "stop", "stopped")
    if status == "stopping":
        daemon.arm("virt.shutdown.before=hang(3000)")
        act(daemon, vm_id, "stop", "stopping")
    if status == "starting":
        daemon.arm("virt.start.before=hang(3000)")
        act(daemon, vm_id, "start", "starting")
    if status == "error":
        daemon.undefine(vm_id)
        reaches(daemon, vm_id, "error")
    if status == "terminated":
        act(daemon, vm_id, "terminate", "terminated")
    return vm_id


ALLOWED = {"start": {"stopped", "error"}, "stop": {"running"}, "restart": {"running", "stopped"},
           "terminate": {"pending", "running", "stopped", "stopping", "starting", "error"}}
STATES = ("pending", "running", "stopped", "stopping", "starting", "error", "terminated")


@pytest.mark.parametrize("status", STATES)
def test_forbidden_transitions(daemon, workspace, status):
    vm_id = made_to_be(daemon, workspace, status)
    for verb in VERBS:
        if status not in ALLOWED[verb]:
            refused(daemon.post(f"{VMS}/{vm_id}/{verb}"), 409, "invalid_state", f"VM cannot be {PARTICIPLES[verb]} in current status: {status}")
    daemon.arm("")
    assert daemon.delete(f"{VMS}/{vm_id}").status == 204


@pytest.mark.parametrize("status", sorted(ALLOWED["terminate"]))
def test_terminate_from(daemon, workspace, status):
    vm_id = made_to_be(daemon, workspace, status)
    answer = daemon.post(f"{VMS}/{vm_id}/terminate")
    assert (answer.status, answer.json["status"]) == (202, "terminated")
    daemon.arm("")
    gone(daemon, vm_id)
    assert daemon.domain(vm_id) is None and not daemon.instance(vm_id).exists()
    assert daemon.delete(f"{VMS}/{vm_id}").status == 204


def test_start_repairs(daemon, workspace):
    vm_id = made_to_be(daemon, workspace, "error")
    act(daemon, vm_id, "start", "running")
    assert daemon.domain(vm_id) is not None
    assert daemon.delete(f"{VMS}/{vm_id}").status == 204


def test_start_without_a_disk_leaves_the_error(daemon, workspace):
    vm_id = made_to_be(daemon, workspace, "error")
    for file in daemon.instance(vm_id).glob("*.qcow2"):
        file.unlink()
    assert daemon.post(f"{VMS}/{vm_id}/start").status == 202
    reaches(daemon, vm_id, "error")
    assert daemon.show(vm_id)["fault"]["code"] == "disk_missing"
    assert daemon.delete(f"{VMS}/{vm_id}").status == 204


def test_paused_and_suspended(daemon, running_vm):
    vm_id = running_vm["id"]
    daemon.act(vm_id, "pause")
    assert show(daemon, vm_id)["status"] == "running"
    assert [vm["id"] for vm in daemon.get(VMS, status="running").json["vms"]] == [vm_id]
    answer = daemon.post(f"{VMS}/{vm_id}/restart")
    assert (answer.status, answer.json["status"]) == (202, "starting")
    reaches(daemon, vm_id, "running")
    assert daemon.show(vm_id)["status"] == "running"
    assert len(daemon.events("vm.rebooted", vm_id)) == 1
    daemon.act(vm_id, "pause")
    act(daemon, vm_id, "stop", "stopped")
    act(daemon, vm_id, "start", "running")
    daemon.act(vm_id, "suspend")
    assert [vm["id"] for vm in daemon.get(VMS, status="stopped").json["vms"]] == [vm_id]
    act(daemon, vm_id, "start", "running")


# ---- refused bodies and queries ----

@pytest.mark.parametrize("field", ["name", "workspace_id", "provider", "type", "region", "image_id"])
def test_required(daemon, workspace, field):
    wanted = body(workspace)
    del wanted[field]
    answer = daemon.post(VMS, wanted)
    assert (answer.status, answer.json["error"]["code"], answer.json["error"]["field"]) == (400, "invalid_field", field)
    assert answer.json["error"]["message"] == f"{field} is required"


@pytest.mark.parametrize("field,value,status,code,message", [
    ("provider", "aws", 400, "invalid_field", "unsupported provider: aws"),
    ("region", "mars", 400, "invalid_field", "unknown region: mars"),
    ("type", "huge", 400, "invalid_field", "there is no flavor 'huge'"),
    ("image_id", "none", 400, "invalid_field", "there is no image 'none'"),
    ("workspace_id", "none", 404, "project_not_found", "there is no workspace 'none'"),
    ("name", "ab", 400, "invalid_field", "name must have 3 to 100 characters"),
    ("name", "é" * 101, 400, "invalid_field", "name must have 3 to 100 characters")])
def test_a_field_that_is_wrong(daemon, workspace, field, value, status, code, message):
    refused(daemon.post(VMS, body(workspace, **{field: value})), status, code, message, field)


@pytest.mark.parametrize("value", ["a\nb c", "abc\x00", 5, None, ["abc"]])
def test_names_that_are_none(daemon, workspace, value):
    answer = daemon.post(VMS, body(workspace, name=value))
    assert answer.status == 400, answer


@pytest.mark.parametrize("query,field", [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("offset=-1", "offset"),
                                         ("offset=1000001", "offset"), ("status=rebooting", "status"), ("marker=x", "marker"),
                                         ("limit=1&limit=2", "limit")])
def test_wrong_queries(daemon, query, field):
    answer = daemon.get(f"{VMS}?{query}")
    assert (answer.status, answer.json["error"]["code"], answer.json["error"]["field"]) == (400, "invalid_field", field)


def test_unknown_workspace_filter(daemon):
    refused(daemon.get(VMS, workspace_id="none"), 404, "project_not_found", "there is no workspace 'none'", "workspace_id")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"name": "abc", "name": "abd"}'])
def test_bodies_that_are_none(daemon, text):
    answer = daemon.call("POST", VMS, text)
    assert answer.status == 400 and set(answer.json["error"]) == {"code", "message", "field"}


@pytest.mark.parametrize("place", [NOWHERE, "vm one", "..%2F..%2Fetc", "%27%20OR%201%3D1", "x" * 5000, "%00", "%0A"])
def test_ids_that_are_none(daemon, running_vm, place):
    place = place.replace(" ", "%20")
    for method, path in [("GET", ""), ("PUT", ""), ("DELETE", "")] + [("POST", "/" + verb) for verb in VERBS]:
        answer = daemon.call(method, f"{VMS}/{place}{path}", {"name": "other"} if method == "PUT" else None)
        assert answer.status in (400, 404), answer
        assert set(answer.json["error"]) == {"code", "message", "field"}


def test_no_route_and_no_method(daemon):
    refused(daemon.get(f"{VMS}/a/b/c"), 404, "not_found", "no such resource")
    refused(daemon.patch(f"{VMS}/{NOWHERE}", {}), 405, "method_not_allowed", "the resource does not know the method PATCH")


# ---- names ----

@pytest.mark.parametrize("name", [UGLY, "\u200f\u202eعربى", "😀" * 100, "a/b", "../..", "x" * 100, "'; DROP TABLE vm; --"])
def test_names_are_carried_safely(daemon, workspace, name):
    first, twin = create(daemon, workspace, name), create(daemon, workspace, name)
    for vm in (first, twin):
        assert reaches(daemon, vm["id"], "running")["name"] == name
        assert re.fullmatch("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", daemon.show(vm["id"])["hostname"])
    assert [vm["name"] for vm in daemon.get(VMS).json["vms"]] == [name, name]
    for vm in (first, twin):
        assert daemon.delete(f"{VMS}/{vm['id']}").status == 204


def test_an_idempotency_key(daemon, workspace):
    first, again = (daemon.post(VMS, body(workspace), key="once") for _ in range(2))
    assert (first.status, first.json) == (again.status, again.json)
    assert daemon.get(VMS).json["total"] == 1
    vm_id = first.json["id"]
    reaches(daemon, vm_id, "running")
    stops = [daemon.post(f"{VMS}/{vm_id}/stop", key="stop-once") for _ in range(2)]
    assert stops[0].status == stops[1].status == 202 and stops[0].json == stops[1].json
    assert daemon.delete(f"{VMS}/{vm_id}").status == 204


# ---- pages ----

def test_pages_with_twins_of_time(own):
    """Offset and limit cut one list, whatever was made in the same millisecond."""
    workspace = workspace_of(own)
    made = [create(own, workspace, f"vm {i}")["id"] for i in range(5)]
    for vm_id in made:
        reaches(own, vm_id, "running")
    own.stop()
    set_created_at(own, 1700000000000)
    own.start()
    for verb_target in made[1:3]:
        act(own, verb_target, "terminate", "terminated")
        gone(own, verb_target)
    whole = own.get(VMS).json
    assert [vm["id"] for vm in whole["vms"]] == sorted(made) and whole["total"] == 5
    for limit, offset in itertools.product((1, 2, 3), range(7)):
        page = own.get(VMS, limit=limit, offset=offset).json
        assert page == {"vms": whole["vms"][offset:offset + limit], "total": 5, "limit": limit, "offset": offset}
    page = own.get(VMS, status="terminated", workspace_id="default", limit=1, offset=1).json
    assert [vm["id"] for vm in page["vms"]] == sorted(made[1:3])[1:] and page["total"] == 2


def set_created_at(daemon, at_ms):
    with sqlite3.connect(daemon.state / "computed.db") as database:
        database.create_function("next_vm_version", 0, lambda: 0)
        database.execute("UPDATE vm SET created_at_ms = ?", (at_ms,))
    database.close()


# ---- tombstones ----

def test_terminate_leaves_a_tombstone(daemon, workspace):
    vm = reaches(daemon, create(daemon, workspace, UGLY, metadata={"a": "b"})["id"], "running")
    answer = daemon.post(f"{VMS}/{vm['id']}/terminate")
    assert (answer.status, answer.json) == (202, {**vm, "status": "terminated", "updated_at": answer.json["updated_at"]})
    gone(daemon, vm["id"])
    left = show(daemon, vm["id"])
    assert left == {**vm, "status": "terminated", "updated_at": left["updated_at"]}
    assert daemon.get(VMS, status="terminated").json["vms"] == [left]
    refused(daemon.put(f"{VMS}/{vm['id']}", {"name": "other"}), 409, "invalid_state", "VM cannot be changed in current status: terminated")
    assert vm["id"] not in daemon.get("/v1/vms").body.decode()
    daemon.restart()
    assert show(daemon, vm["id"]) == left
    assert daemon.delete(f"{VMS}/{vm['id']}").status == 204
    assert daemon.delete(f"{VMS}/{vm['id']}").status == 404
    assert daemon.get(VMS).json["total"] == 0
    lines = [line["action"] for line in daemon.get("/v1/audit", limit=1000).json["audit"] if line["resource"] == vm["id"]]
    assert "vm:create" in lines and "vm:delete" in lines


def test_delete_while_terminating(daemon, workspace):
    """The record goes with the VM, and the answer waits for both."""
    vm_id = reaches(daemon, create(daemon, workspace)["id"], "running")["id"]
    daemon.arm("virt.undefine.before=hang(1000),once")
    assert daemon.post(f"{VMS}/{vm_id}/terminate").status == 202
    assert daemon.delete(f"{VMS}/{vm_id}").status == 204
    daemon.arm("")
    assert daemon.get(f"{VMS}/{vm_id}").status == daemon.get(f"/v1/vms/{vm_id}").status == 404
    assert daemon.domain(vm_id) is None


def test_a_locked_vm_stays(daemon, running_vm):
    path = f"{VMS}/{running_vm['id']}"
    assert daemon.post(f"/v1/vms/{running_vm['id']}/lock").status == 200
    for answer in (daemon.post(f"{path}/terminate"), daemon.delete(path), daemon.put(path, {"name": "other"})):
        assert (answer.status, answer.json["error"]["code"]) == (409, "vm_locked")
    assert daemon.post(f"/v1/vms/{running_vm['id']}/unlock").status == 200


def restart_at(daemon, hours):
    daemon.stop()
    daemon.set_clock(hours * 3600)
    daemon.start()


def test_tombstones_end(tmp_path):
    """After tombstone_days; the hourly round is the one at the start."""
    daemon = Clocked(tmp_path, tombstone_days=2)

    def tombstone():
        vm_id = reaches(daemon, create(daemon, workspace_of(daemon))["id"], "running")["id"]
        act(daemon, vm_id, "terminate", "terminated")
        gone(daemon, vm_id)
        return vm_id

    try:
        daemon.add_image("tiny")
        old = tombstone()
        restart_at(daemon, 47)
        young = tombstone()
        restart_at(daemon, 49)
        eventually(lambda: daemon.get(f"{VMS}/{old}").status == 404, "its time is over")
        assert show(daemon, young)["status"] == "terminated"
        assert daemon.get(VMS).json["total"] == 1
    finally:
        daemon.stop()


# ---- who reaches what ----

@pytest.fixture(scope="module")
def people():
    for daemon in running({"auth": "token"}):
        daemon.home, daemon.elsewhere = daemon.add_project("home"), daemon.add_project("elsewhere")
        daemon.member = daemon.add_user("member", daemon.home)
        daemon.stranger = daemon.add_user("stranger", daemon.elsewhere)
        daemon.guest = daemon.add_user("guest", daemon.elsewhere)
        assert daemon.put("/v1/projects/home/users/guest/roles/reader").status == 204
        yield daemon


def test_another_workspaces_id_everywhere(people):
    vm_id = reaches(people.member, create(people.member, "home", "secret name")["id"], "running")["id"]
    calls = [("GET", "", None), ("PUT", "", {"name": "mine now"}), ("DELETE", "", None)] + [("POST", "/" + verb, None) for verb in VERBS]
    for method, path, sent in calls:
        foreign, none = (people.stranger.call(method, f"{VMS}/{target}{path}", sent) for target in (vm_id, NOWHERE))
        assert (foreign.status, foreign.json["error"]["code"]) == (none.status, none.json["error"]["code"]) == (404, "vm_not_found")
        assert foreign.body.replace(vm_id.encode(), b"") == none.body.replace(NOWHERE.encode(), b"")
    for workspace in (people.home, "home"):
        refused(people.stranger.get(VMS, workspace_id=workspace), 404, "project_not_found", f"there is no workspace '{workspace}'", "workspace_id")
        refused(people.stranger.post(VMS, body(workspace)), 404, "project_not_found", f"there is no workspace '{workspace}'", "workspace_id")
    private = people.member.add_image("private")
    refused(people.stranger.post(VMS, body("elsewhere", image_id=private)), 400, "invalid_field", f"there is no image '{private}'", "image_id")
    assert people.stranger.get(VMS).json["total"] == 0
    act(people.member, vm_id, "terminate", "terminated")
    gone(people.member, vm_id)
    for method, path, sent in calls:
        assert people.stranger.call(method, f"{VMS}/{vm_id}{path}", sent).status == 404
    assert show(people.member, vm_id)["name"] == "secret name"
    assert people.member.delete(f"{VMS}/{vm_id}").status == 204


def test_through_every_workspace_with_a_role(people):
    """A token's project is where one begins, not where one ends; a role there is what it is there."""
    vm_id = reaches(people.member, create(people.member, "home")["id"], "running")["id"]
    assert show(people.guest, vm_id)["workspace_id"] == people.home
    assert people.guest.get(VMS, workspace_id="home").json["total"] == 1
    assert people.guest.get(VMS).json["total"] == 0
    for answer in (people.guest.post(f"{VMS}/{vm_id}/stop"), people.guest.delete(f"{VMS}/{vm_id}"), people.guest.post(VMS, body("home"))):
        assert answer.status == 403 and answer.json["error"]["message"].endswith(f"needs the role member in project '{people.home}'")
    assert [vm["id"] for vm in people.get(VMS).json["vms"]] == [vm_id]  # the administrator's
    assert people.delete(f"{VMS}/{vm_id}").status == 204


def test_a_small_token_stays_small(people):
    """No role is found elsewhere that the token was not given."""
    assert people.put("/v1/projects/elsewhere/users/member/roles/reader").status == 204
    reader = people.as_user("member", PASSWORD, "elsewhere")
    answer = reader.post(VMS, body("home"))
    assert answer.status == 403
    assert people.delete("/v1/projects/elsewhere/users/member/roles/reader").status == 204


def test_nobody(people):
    answer = people.with_token(None).get(VMS)
    assert (answer.status, answer.json["error"]["code"], answer.headers["WWW-Authenticate"]) == (401, "unauthorized", 'Bearer realm="computed"')


def test_audit_names_the_workspace(people):
    vm_id = reaches(people.member, create(people.member, "home")["id"], "running")["id"]
    assert people.delete(f"{VMS}/{vm_id}").status == 204  # the administrator, whose home is another
    lines = [line for line in people.member.get("/v1/audit", limit=1000).json["audit"] if line["resource"] == vm_id]
    assert {(line["action"], line["user"]) for line in lines} >= {("vm:create", "member"), ("vm:delete", "admin")}


# ---- one after the other ----

def test_two_at_once(daemon, running_vm):
    """One of them is first, and the other is told."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(daemon.post(f"{VMS}/{running_vm['id']}/stop"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [202, 409]
    reaches(daemon, running_vm["id"], "stopped")


def test_a_hypervisor_that_does_not_answer(daemon, running_vm):
    daemon.hypervisor("hang")
    try:
        assert show(daemon, running_vm["id"])["status"] == "running"
        assert [vm["status"] for vm in daemon.get(VMS).json["vms"] if vm["id"] == running_vm["id"]] == ["running"]
    finally:
        daemon.hypervisor(None)


# ---- the example ----

def test_the_example_runs(daemon):
    done = subprocess.run([str(ROOT / "examples" / "workspace.sh"), f"http://{daemon.host}:{daemon.port}"], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "gone"
    assert daemon.get(VMS).json["total"] == 0
