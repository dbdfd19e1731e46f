"""A create that fails anywhere leaves nothing behind: every failpoint of the build fails once under a create."""
import subprocess

import pytest

from client import BINARY

# A create passes these, and nothing else does at the same time: an error there must fail it.
MUST_FAIL = ("disk.instance_mkdir", "disk.console_create", "disk.overlay_", "virt.define", "virt.start.")
UNDER_TEST = ("disk.", "virt.", "store.", "job.", "core.")
# An error after a commit would be a lie, for it has happened: only a death matters there, and that is for the crash tests.
NO_ERROR = {"store.commit.after"}


def failpoints():
    listed = subprocess.run([BINARY, "--list-failpoints"], check=True, capture_output=True, text=True).stdout
    names = [line.split()[0] for line in listed.splitlines() if line.startswith(UNDER_TEST)]
    return [name for name in names if name not in NO_ERROR]


@pytest.fixture(scope="module")
def names():
    return failpoints()


def test_there_are_failpoints(names):
    for prefix in MUST_FAIL:
        assert [n for n in names if n.startswith(prefix)], f"no failpoint {prefix}*: {names}"


def assert_nothing_is_left(daemon, vm_id, point):
    assert daemon.domain(vm_id) is None, point
    assert not daemon.instance(vm_id).exists(), point


def create_under(daemon, name, point):
    """True when the create failed."""
    daemon.arm(f"{point}=error(internal),once")
    answer = daemon.post("/v1/vms", {"name": name, "image": "tiny", "flavor": "small", "metadata": {"a": "b"}})
    if answer.status != 202:
        daemon.arm("")
        assert answer.status == 500, (point, answer)
        assert daemon.get("/v1/vms", name=name).json["vms"] == [], point
        return True
    operation = daemon.wait(answer)
    daemon.arm("")
    if operation["status"] == "failed":
        assert operation["error"]["code"] == "internal", (point, operation)
        assert_nothing_is_left(daemon, answer.json["id"], point)
        vm = daemon.show(name)
        assert (vm["status"], vm["task"], vm["fault"]["code"]) == ("error", None, "internal"), point
    else:
        assert daemon.show(name)["status"] == "running", point
    daemon.remove(name)
    assert_nothing_is_left(daemon, answer.json["id"], point)
    return operation["status"] == "failed"


def test_a_create_that_fails_anywhere_leaves_nothing(own, names):
    survived = [point for i, point in enumerate(names) if not create_under(own, f"vm-{i}", point)]
    assert [point for point in survived if point.startswith(MUST_FAIL)] == []
    assert list((own.state / "instances").iterdir()) == []
    assert list(own.domains.glob("*.json")) == []


@pytest.mark.parametrize("code,status", [("disk_full", 507), ("unavailable", 503), ("internal", 500)])
def test_a_refusal_before_the_acknowledgement_leaves_nothing(own, names, code, status):
    point = next(n for n in names if n.startswith("store.vm_insert"))
    own.arm(f"{point}=error({code})")
    answer = own.post("/v1/vms", {"name": "a", "image": "tiny", "flavor": "small"}, key="k")
    assert (answer.status, answer.code) == (status, code)
    own.arm("")
    assert own.get("/v1/vms").json["vms"] == []
    assert own.get("/v1/operations", kind="vm.create").json["operations"] == []
    assert own.post("/v1/vms", {"name": "a", "image": "tiny", "flavor": "small"}, key="k").status == 202


def test_an_undo_that_fails_is_tried_again(own):
    own.arm("virt.start.before=error(hypervisor),once\nvirt.undefine.before=error(internal),once\n")
    answer = own.post("/v1/vms", {"name": "a", "image": "tiny", "flavor": "small"})
    operation = own.wait(answer)
    assert (operation["status"], operation["error"]["code"]) == ("failed", "hypervisor")
    assert_nothing_is_left(own, answer.json["id"], "undo")


def test_a_delete_goes_on_until_all_is_clean(own):
    vm = own.create("a")
    own.arm("virt.destroy.before=error(hypervisor),once\nvirt.undefine.before=error(unavailable),once\n")
    own.remove("a")
    assert_nothing_is_left(own, vm["id"], "delete")
    assert own.get(f"/v1/vms/{vm['id']}").status == 404


def test_a_database_that_fails_is_no_secret(own, names):
    point = next(n for n in names if n.startswith("store.flavor_insert"))
    own.arm(f"{point}=error(internal),once")
    problem = own.post("/v1/flavors", {"name": "a", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}).json
    assert (problem["status"], problem["code"]) == (500, "internal")
    assert problem["request_id"] in own.log_text()
