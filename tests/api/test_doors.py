"""One VM, seen and driven through every front door: each has words of its own, and all tell one truth."""
import pytest

from client import DOCUMENT, eventually

NATIVE, TENANT, WORKSPACE = "/v1/vms", "/api/v1/compute/instances", "/api/v1/vms"
# What each door calls a state.
WORDS = {
    "running": {NATIVE: "running", TENANT: "running", WORKSPACE: "running"},
    "stopped": {NATIVE: "stopped", TENANT: "stopped", WORKSPACE: "stopped"},
    "paused": {NATIVE: "paused", TENANT: "running", WORKSPACE: "running"},
    "suspended": {NATIVE: "suspended", TENANT: "stopped", WORKSPACE: "stopped"},
    "error": {NATIVE: "error", TENANT: "error", WORKSPACE: "error"},
}
DOORS = [door for door in (NATIVE, TENANT, WORKSPACE) if door in DOCUMENT.root["paths"]]


def show(daemon, door, vm_id):
    answer = daemon.get(f"{door}/{vm_id}")
    assert answer.status == 200, answer
    return answer.json


def all_say(daemon, vm_id, status):
    """Each door by itself, in its detail and in its list."""
    eventually(lambda: show(daemon, NATIVE, vm_id)["status"] == status, status)
    for door in DOORS:
        shown = show(daemon, door, vm_id)
        assert shown["status"] == WORDS[status][door], (door, shown)
        listed = next(value for value in daemon.get(door).json.values() if isinstance(value, list))
        assert [vm["status"] for vm in listed if vm["id"] == vm_id] == [shown["status"]], door


def create_native(daemon, workspace):
    answer = daemon.post(NATIVE, {"name": "shared", "image": "tiny", "flavor": "small"})
    assert answer.status == 202, answer
    return answer.json["id"]


def create_tenant(daemon, workspace):
    answer = daemon.post(TENANT, {"name": "shared", "type": "vm", "flavor": "small", "imageId": "tiny"})
    assert answer.status == 201, answer
    return answer.json["id"]


def create_workspace(daemon, workspace):
    answer = daemon.post(WORKSPACE, {"name": "shared", "workspace_id": workspace, "provider": "libvirt", "type": "small", "region": "local",
                                     "image_id": "tiny"})
    assert answer.status == 201, answer
    return answer.json["id"]


CREATE = {NATIVE: create_native, TENANT: create_tenant, WORKSPACE: create_workspace}


def drive(daemon, door, vm_id, verb):
    answer = daemon.post(f"{door}/{vm_id}/{verb}")
    assert answer.status in (200, 202), answer


@pytest.mark.parametrize("maker", DOORS)
def test_one_truth(daemon, maker):
    """Made at one door, each verb at another."""
    workspace = show(daemon, "/v1/projects", "default")["id"]
    vm_id = CREATE[maker](daemon, workspace)
    all_say(daemon, vm_id, "running")
    for door in DOORS:
        drive(daemon, door, vm_id, "stop")
        all_say(daemon, vm_id, "stopped")
        drive(daemon, DOORS[DOORS.index(door) - 1], vm_id, "start")
        all_say(daemon, vm_id, "running")
    drive(daemon, NATIVE, vm_id, "pause")
    all_say(daemon, vm_id, "paused")
    drive(daemon, WORKSPACE, vm_id, "stop")
    all_say(daemon, vm_id, "stopped")
    drive(daemon, NATIVE, vm_id, "start")
    all_say(daemon, vm_id, "running")
    drive(daemon, NATIVE, vm_id, "suspend")
    all_say(daemon, vm_id, "suspended")
    drive(daemon, WORKSPACE, vm_id, "start")
    all_say(daemon, vm_id, "running")

    metadata = {"team": "blue"}
    assert daemon.put(f"{WORKSPACE}/{vm_id}", {"name": "renamed", "metadata": metadata}).status == 200
    for door in DOORS:
        assert (show(daemon, door, vm_id)["name"], show(daemon, door, vm_id)["metadata"]) == ("renamed", metadata)

    daemon.ended(vm_id, "vm.update")  # it would define the domain again
    daemon.undefine(vm_id)  # behind everybody's back
    all_say(daemon, vm_id, "error")
    drive(daemon, WORKSPACE, vm_id, "start")
    all_say(daemon, vm_id, "running")

    assert daemon.post(f"{WORKSPACE}/{vm_id}/terminate").status == 202
    eventually(lambda: daemon.get(f"{NATIVE}/{vm_id}").status == 404, "it is gone")
    assert show(daemon, WORKSPACE, vm_id)["status"] == "terminated"
    for door in DOORS:
        if door != WORKSPACE:
            assert daemon.get(f"{door}/{vm_id}").status == 404
            assert vm_id not in daemon.get(door).body.decode()
    assert daemon.domain(vm_id) is None
    assert daemon.delete(f"{WORKSPACE}/{vm_id}").status == 204
