"""What a VM does in its time: it ends by itself, it is locked, suspended, renamed, started with the host."""
import datetime

import pytest

from client import eventually


def gone(daemon, vm):
    return daemon.get(f"/v1/vms/{vm['id']}").status == 404


def seconds_between(later, earlier):
    parse = lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))  # noqa: E731
    return (parse(later) - parse(earlier)).total_seconds()


# ---- time to live ----
def test_a_vm_that_ends_by_itself(daemon, name):
    vm = daemon.create(name, ttl_seconds=1)
    assert seconds_between(vm["expires_at"], vm["created_at"]) == 1
    eventually(lambda: gone(daemon, vm), "it is gone")
    assert daemon.domain(vm["id"]) is None
    assert not daemon.instance(vm["id"]).exists()
    (operation,) = daemon.get("/v1/operations", target=vm["id"], kind="vm.delete").json["operations"]
    assert operation["status"] == "succeeded"


def test_without_a_time_it_lives_for_ever(daemon, name):
    assert daemon.create(name)["expires_at"] is None
    assert daemon.create(f"{name}-b", ttl_seconds=0)["expires_at"] is None


def test_a_time_that_passes_while_the_daemon_is_away(own):
    vm, stays = own.create("a", ttl_seconds=3), own.create("b", ttl_seconds=100000)
    own.stop()
    assert own.domain(vm["id"])
    own.start()
    eventually(lambda: gone(own, vm), "it is gone")
    assert own.show("b")["expires_at"] == stays["expires_at"]
    assert own.domain(vm["id"]) is None


def test_the_time_can_be_changed(daemon, name):
    vm = daemon.create(name, ttl_seconds=100000)
    changed = daemon.patch(f"/v1/vms/{name}", {"ttl_seconds": 7200}).json
    assert 7199 <= seconds_between(changed["expires_at"], changed["updated_at"]) <= 7201
    assert daemon.patch(f"/v1/vms/{name}", {"ttl_seconds": 0}).json["expires_at"] is None
    assert daemon.patch(f"/v1/vms/{name}", {"ttl_seconds": 1}).json["expires_at"]
    eventually(lambda: gone(daemon, vm), "it is gone")


@pytest.mark.parametrize("value", [-1, 315360001, "1h", True, 1.5])
def test_times_that_are_none(daemon, name, value):
    daemon.create(name)
    answer = daemon.patch(f"/v1/vms/{name}", {"ttl_seconds": value})
    assert (answer.status, answer.json["field"]) == (400, "ttl_seconds")


# ---- lock ----
def test_a_locked_vm_takes_nothing_but_unlock(daemon, name):
    vm = daemon.create(name)
    answer = daemon.post(f"/v1/vms/{name}/lock")
    assert (answer.status, answer.json["locked"], answer.json["id"]) == (200, True, vm["id"])
    assert daemon.post(f"/v1/vms/{name}/lock").json["locked"] is True
    refused = [daemon.post(f"/v1/vms/{name}/{verb}") for verb in ("start", "stop", "reboot", "pause", "resume", "suspend")]
    refused += [daemon.patch(f"/v1/vms/{name}", {"tags": ["a"]}), daemon.patch(f"/v1/vms/{name}", {"ttl_seconds": 1}), daemon.delete(f"/v1/vms/{name}"),
                daemon.post(f"/v1/vms/{name}/image", {"name": f"{name}-image"})]
    assert {(a.status, a.code) for a in refused} == {(409, "vm_locked")}
    assert daemon.show(name)["status"] == "running"
    answer = daemon.post(f"/v1/vms/{name}/unlock", {})
    assert (answer.status, answer.json["locked"]) == (200, False)
    daemon.remove(name)


def test_a_lock_holds_off_the_end(own):
    vm = own.create("a", ttl_seconds=2)
    own.post("/v1/vms/a/lock")
    other = own.create("b", ttl_seconds=3)
    eventually(lambda: gone(own, other), "the one that is not locked is gone")
    assert own.show("a")["status"] == "running"
    own.post("/v1/vms/a/unlock")
    eventually(lambda: gone(own, vm), "it is gone")


def test_a_lock_outlives_the_daemon(own):
    own.create("a")
    own.post("/v1/vms/a/lock")
    own.restart()
    assert own.delete("/v1/vms/a").code == "vm_locked"


# ---- suspend ----
@pytest.mark.parametrize("verb", ["resume", "start"])
def test_suspend_and_back(daemon, name, verb):
    vm = daemon.create(name)
    answer = daemon.post(f"/v1/vms/{name}/suspend")
    assert (answer.status, answer.json["kind"], answer.json["target"]) == (202, "vm.suspend", vm["id"])
    daemon.done(answer)
    assert daemon.show(name)["status"] == "suspended"
    assert daemon.domain(vm["id"])["managed_save"] is True
    assert daemon.act(name, verb)["status"] == "running"
    assert not daemon.domain(vm["id"]).get("managed_save")


@pytest.mark.parametrize("setup", ["stop", "suspend"])
def test_only_what_runs_can_be_suspended(daemon, name, setup):
    daemon.create(name)
    daemon.act(name, setup)
    answer = daemon.post(f"/v1/vms/{name}/suspend")
    assert (answer.status, answer.code) == (409, "invalid_state")


def test_a_suspended_vm_is_deleted(daemon, name):
    vm = daemon.create(name)
    daemon.act(name, "suspend")
    daemon.remove(name)
    assert daemon.domain(vm["id"]) is None


def test_a_suspended_vm_outlives_the_daemon(own):
    own.create("a")
    own.act("a", "suspend")
    own.restart()
    assert own.show("a")["status"] == "suspended"
    assert own.act("a", "resume")["status"] == "running"


# ---- autostart, rename ----
def test_autostart_follows_the_row(daemon, name):
    vm = daemon.create(name)
    assert vm["autostart"] is False and not daemon.domain(vm["id"])["autostart"]
    assert daemon.patch(f"/v1/vms/{name}", {"autostart": True}).json["autostart"] is True
    eventually(lambda: daemon.domain(vm["id"])["autostart"], "libvirt knows")
    assert daemon.patch(f"/v1/vms/{name}", {"autostart": False}).json["autostart"] is False
    eventually(lambda: not daemon.domain(vm["id"])["autostart"], "libvirt knows")


@pytest.mark.parametrize("value", [1, "yes", {}])
def test_autostart_is_yes_or_no(daemon, name, value):
    daemon.create(name)
    answer = daemon.patch(f"/v1/vms/{name}", {"autostart": value})
    assert (answer.status, answer.json["field"]) == (400, "autostart")


def test_a_rename_leaves_hostname_and_address(daemon, name):
    vm = daemon.create(name)
    renamed = daemon.patch(f"/v1/vms/{name}", {"name": f"{name}-b"}).json
    assert (renamed["hostname"], renamed["networks"]) == (vm["hostname"], vm["networks"])
    other = daemon.create(name)
    assert other["hostname"] != vm["hostname"]
