"""Operations: what became of what was asked."""
import time
import urllib.parse

import pytest

from client import eventually


def test_of_a_create(daemon, name):
    answer = daemon.post("/v1/vms", {"name": name, "image": "tiny", "flavor": "small"})
    operation = daemon.done(answer)
    assert operation["id"] == answer.json["operation"]
    assert operation["created_at"] <= operation["started_at"] <= operation["ended_at"]
    assert daemon.get(f"/v1/operations/{operation['id']}").json == operation


def test_lists_are_newest_first_and_filtered(daemon, name):
    vm = daemon.create(name)
    daemon.act(name, "stop", {"force": True})
    daemon.act(name, "start")
    listed = daemon.get("/v1/operations", target=vm["id"]).json["operations"]
    assert sorted(o["kind"] for o in listed) == ["vm.create", "vm.start", "vm.stop"]
    assert [o["created_at"] for o in listed] == sorted((o["created_at"] for o in listed), reverse=True)
    assert [o["kind"] for o in daemon.get("/v1/operations", target=vm["id"], kind="vm.stop").json["operations"]] == ["vm.stop"]
    assert daemon.get("/v1/operations", target=vm["id"], status="failed").json["operations"] == []
    assert daemon.get("/v1/operations", kind="🦊").json["operations"] == []


def test_pages(daemon, name):
    vm = daemon.create(name)
    for verb in ("pause", "resume", "pause", "resume"):
        daemon.act(name, verb)
    first = daemon.get("/v1/operations", target=vm["id"], status="succeeded", limit=2).json
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(first["next"]).query)
    assert query == {"target": [vm["id"]], "status": ["succeeded"], "limit": ["2"], "marker": [first["operations"][1]["id"]]}
    second = daemon.get(first["next"]).json
    third = daemon.get(second["next"]).json
    listed = [o for page in (first, second, third) for o in page["operations"]]
    assert sorted(o["kind"] for o in listed) == ["vm.create", "vm.pause", "vm.pause", "vm.resume", "vm.resume"]
    assert [o["created_at"] for o in listed] == sorted((o["created_at"] for o in listed), reverse=True)
    assert len({o["id"] for o in listed}) == 5
    assert third["next"] is None


def test_wait_is_over_when_its_time_is(own, name):
    own.arm("virt.define.before=hang(2500)")
    answer = own.post("/v1/vms", {"name": name, "image": "tiny", "flavor": "small"})
    begin = time.monotonic()
    waited = own.get(answer.headers["Location"], wait=1)
    assert waited.json["status"] in ("pending", "running")
    assert time.monotonic() - begin >= 0.9
    assert own.get(answer.headers["Location"], wait=0).json["status"] in ("pending", "running")


def test_wait_is_over_when_the_operation_is(daemon, name):
    daemon.create(name)
    begin = time.monotonic()
    answer = daemon.post(f"/v1/vms/{name}/pause")
    assert daemon.get(answer.headers["Location"], wait=60).json["status"] == "succeeded"
    assert daemon.get(answer.headers["Location"], wait=60).json["status"] == "succeeded"
    assert time.monotonic() - begin < 40


@pytest.mark.parametrize("wait", ["61", "-1", "x", "", "1.5"])
def test_waits(daemon, name, wait):
    daemon.create(name)
    operation = daemon.get("/v1/operations", limit=1).json["operations"][0]["id"]
    answer = daemon.call("GET", f"/v1/operations/{operation}?wait={wait}")
    assert (answer.status, answer.json["field"]) == (400, "wait")


def test_waiting_for_nothing(daemon):
    answer = daemon.get("/v1/operations/00000000-0000-4000-8000-000000000000", wait=30)
    assert (answer.status, answer.code) == (404, "operation_not_found")


def test_cancel_undoes(own, name):
    own.arm("virt.define.before=hang(700)")
    answer = own.post("/v1/vms", {"name": name, "image": "tiny", "flavor": "small"})
    eventually(lambda: own.get(answer.headers["Location"]).json["status"] == "running", "it begins")
    cancelled = own.delete(answer.headers["Location"])
    assert (cancelled.status, cancelled.json["id"]) == (202, answer.json["operation"])
    operation = own.wait(answer)
    assert (operation["status"], operation["error"]["code"]) == ("failed", "cancelled")
    vm = own.show(name)
    assert (vm["status"], vm["fault"]["code"]) == ("error", "cancelled")
    assert own.domain(vm["id"]) is None
    assert not own.instance(vm["id"]).exists()


def test_what_has_ended_cannot_be_cancelled(daemon, name):
    daemon.create(name)
    operation = daemon.get("/v1/operations", limit=1).json["operations"][0]["id"]
    answer = daemon.delete(f"/v1/operations/{operation}")
    assert (answer.status, answer.code) == (409, "conflict")
