"""Start, stop, reboot, pause, resume, change, delete: where the state allows it."""
import pytest

from client import eventually

SETUPS = {"running": [], "stopped": [("stop", {"force": True})], "paused": [("pause", None)]}
ALLOWED = {("start", "stopped"): "running", ("stop", "running"): "stopped", ("stop", "paused"): "stopped", ("reboot", "running"): "running",
           ("pause", "running"): "paused", ("resume", "paused"): "running"}


@pytest.mark.parametrize("status", SETUPS)
@pytest.mark.parametrize("verb", ["start", "stop", "reboot", "pause", "resume"])
def test_verbs_by_status(daemon, name, verb, status):
    vm = daemon.create(name)
    for setup, body in SETUPS[status]:
        daemon.act(name, setup, body)
    answer = daemon.post(f"/v1/vms/{name}/{verb}")
    if (verb, status) not in ALLOWED:
        assert (answer.status, answer.code) == (409, "invalid_state")
        assert daemon.show(name)["status"] == status
        return
    assert answer.status == 202
    assert answer.headers["Location"] == "/v1/operations/" + answer.json["id"]
    assert (answer.json["kind"], answer.json["target"]) == (f"vm.{verb}", vm["id"])
    daemon.done(answer)
    after = daemon.show(vm["id"])
    assert (after["status"], after["task"]) == (ALLOWED[verb, status], None)
    assert daemon.domain(vm["id"])["state"] == after["status"]


def test_a_suspended_vm_goes_on(daemon, name):
    vm = daemon.create(name)
    daemon.edit_domain(vm["id"], state="stopped", managed_save=True)
    assert daemon.show(name)["status"] == "suspended"
    assert daemon.act(name, "resume")["status"] == "running"


@pytest.mark.parametrize("verb", ["stop", "reboot"])
@pytest.mark.parametrize("body", [{"force": True}, {"force": False}, {"force": None}, {}])
def test_force(daemon, name, verb, body):
    daemon.create(name)
    assert daemon.act(name, verb, body)["status"] == ("stopped" if verb == "stop" else "running")


def test_a_guest_that_ignores_the_button_is_powered_off(daemon, name):
    vm = daemon.create(name)
    daemon.edit_domain(vm["id"], ignores_shutdown=True)
    assert daemon.act(name, "stop")["status"] == "stopped"


@pytest.mark.parametrize("verb", ["start", "pause", "resume"])
def test_force_means_nothing_here(daemon, verb):
    answer = daemon.post(f"/v1/vms/whoever/{verb}", {"force": True})
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", "force")


@pytest.mark.parametrize("body,field", [({"force": 1}, "force"), ({"force": "yes"}, "force"), ({"Force": True}, "Force"), ({"force": True, "x": 1}, "x")])
def test_bodies_of_verbs(daemon, name, body, field):
    daemon.create(name)
    answer = daemon.post(f"/v1/vms/{name}/stop", body)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert daemon.show(name)["status"] == "running"


def test_a_busy_vm(own, name):
    vm = own.create(name)
    own.arm("virt.pause.before=hang(3000)")
    first = own.post(f"/v1/vms/{name}/pause")
    eventually(lambda: own.get(first.headers["Location"]).json["status"] == "running", "the pause begins")
    assert own.show(name)["task"] == "vm.pause"
    answer = own.post(f"/v1/vms/{name}/stop")
    assert (answer.status, answer.code) == (409, "vm_busy")
    assert own.show(vm["id"])["task"] == "vm.pause"


def test_a_verb_and_its_key(daemon, name):
    daemon.create(name)
    first = daemon.post(f"/v1/vms/{name}/stop", {"force": True}, key=name)
    daemon.done(first)
    again = daemon.post(f"/v1/vms/{name}/stop", {"force": True}, key=name)
    assert (again.status, again.body) == (202, first.body)
    assert daemon.post(f"/v1/vms/{name}/stop", {"force": False}, key=name).status == 422


def test_a_failure_is_told(daemon, name):
    vm = daemon.create(name, start=False)
    (daemon.instance(vm["id"]) / "disk.qcow2").unlink()
    operation = daemon.wait(daemon.post(f"/v1/vms/{name}/start"))
    assert operation["status"] == "failed"
    assert operation["error"]["code"] and operation["error"]["message"]
    vm = daemon.show(name)
    assert (vm["status"], vm["fault"]["code"]) == ("error", operation["error"]["code"])
    daemon.remove(name)


# ---- PATCH ----
def test_change_each(daemon, name):
    vm = daemon.create(name, metadata={"a": "1"}, tags=["x"])
    path = f"/v1/vms/{vm['id']}"
    changed = daemon.patch(path, {"metadata": {"b": "🦊"}}).json
    assert (changed["metadata"], changed["tags"], changed["name"]) == ({"b": "🦊"}, ["x"], name)
    assert changed["updated_at"] >= vm["updated_at"] and changed["status"] == "running"
    assert daemon.patch(path, {"tags": []}).json["tags"] == []
    assert daemon.patch(path, {"metadata": {}}).json["metadata"] == {}
    assert daemon.patch(path, {"name": name + "-b"}).json["name"] == name + "-b"
    assert daemon.get(f"/v1/vms/{name}").status == 404
    assert daemon.show(name + "-b")["id"] == vm["id"]
    eventually(lambda: daemon.domain(vm["id"])["title"] == name + "-b", "the domain's title")


def test_change_by_name_shows_the_renamed(daemon, name):
    vm = daemon.create(name)
    answer = daemon.patch(f"/v1/vms/{name}", {"name": name + "-b", "tags": ["t"]})
    assert (answer.json["id"], answer.json["name"], answer.json["tags"]) == (vm["id"], name + "-b", ["t"])


def test_change_to_a_taken_name(daemon, name):
    daemon.create(name)
    daemon.create(name + "-b")
    answer = daemon.patch(f"/v1/vms/{name}", {"name": name + "-b"})
    assert (answer.status, answer.code) == (409, "name_taken")


def test_change_to_its_own_name(daemon, name):
    daemon.create(name)
    assert daemon.patch(f"/v1/vms/{name}", {"name": name}).status == 200


@pytest.mark.parametrize("body,field", [
    ({"name": ""}, "name"), ({"name": "a b"}, "name"), ({"name": 1}, "name"), ({"name": "00000000-0000-4000-8000-000000000000"}, "name"),
    ({"metadata": {"a": 1}}, "metadata"), ({"metadata": []}, "metadata"), ({"tags": ["a", "a"]}, "tags"), ({"tags": {}}, "tags"),
    ({"status": "stopped"}, "status"), ({"vcpus": 2}, "vcpus"), ({"name": "x", "flavor": "large"}, "flavor")])
def test_refused_changes(daemon, name, body, field):
    before = daemon.create(name)
    answer = daemon.patch(f"/v1/vms/{name}", body)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert daemon.show(name)["updated_at"] == before["updated_at"]


@pytest.mark.parametrize("body", [{}, {"name": None}, [], "x", None])
def test_changes_that_change_nothing(daemon, name, body):
    daemon.create(name)
    assert daemon.patch(f"/v1/vms/{name}", body).status in (400, 415)


# ---- DELETE ----
@pytest.mark.parametrize("status", [*SETUPS, "suspended", "error"])
def test_delete_in_every_state(daemon, name, status):
    vm = daemon.create(name)
    for setup, body in SETUPS.get(status, []):
        daemon.act(name, setup, body)
    if status == "suspended":
        daemon.edit_domain(vm["id"], state="stopped", managed_save=True)
    if status == "error":
        daemon.undefine(vm["id"])
    assert daemon.show(name)["status"] == status
    answer = daemon.delete(f"/v1/vms/{name}")
    assert (answer.status, answer.json["kind"]) == (202, "vm.delete")
    daemon.done(answer)
    assert daemon.get(f"/v1/vms/{vm['id']}").code == "vm_not_found"
    assert daemon.domain(vm["id"]) is None
    assert not daemon.instance(vm["id"]).exists()


def test_delete_while_something_is_being_done(own, name):
    vm = own.create(name)
    own.arm("virt.pause.before=hang(300)")
    own.post(f"/v1/vms/{name}/pause")
    answer = own.delete(f"/v1/vms/{name}")
    assert own.get(f"/v1/vms/{vm['id']}").json.get("status", "deleting") == "deleting"
    own.done(answer)
    assert own.get(f"/v1/vms/{vm['id']}").status == 404


def test_delete_a_vm_that_is_being_created(own, name):
    own.arm("virt.define.before=hang(300)")
    created = own.post("/v1/vms", {"name": name, "image": "tiny", "flavor": "small"})
    own.done(own.delete(f"/v1/vms/{created.json['id']}"))
    own.wait(created)
    assert own.get(f"/v1/vms/{created.json['id']}").status == 404
    assert own.domain(created.json["id"]) is None
    assert not own.instance(created.json["id"]).exists()
