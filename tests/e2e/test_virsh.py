"""What an administrator does with virsh shows as what it is, is never undone, and nobody else's domain is touched."""
import uuid

from machine import define, domain_state, domain_xml, domains, virsh


def test_destroy(daemon, name):
    vm = daemon.create(name)
    virsh("destroy", vm["id"])
    assert daemon.status(name) == "stopped"
    assert daemon.act(name, "start")["status"] == "running"
    daemon.removes_cleanly(vm["id"])


def test_start(daemon, name):
    vm = daemon.create(name, start=False)
    virsh("start", vm["id"])
    assert daemon.status(name) == "running"
    daemon.removes_cleanly(vm["id"])


def test_suspend_and_resume(daemon, name):
    vm = daemon.create(name)
    virsh("suspend", vm["id"])
    assert daemon.status(name) == "paused"
    virsh("resume", vm["id"])
    assert daemon.status(name) == "running"
    daemon.removes_cleanly(vm["id"])


def test_lists_tell_it_too(daemon, name):
    vm = daemon.create(name)
    virsh("destroy", vm["id"])
    listed = daemon.get("/v1/vms", limit=1000).json
    assert listed["stale"] is False
    assert {v["id"]: v["status"] for v in listed["vms"]}[vm["id"]] == "stopped"
    assert [v["id"] for v in daemon.get("/v1/vms", status="stopped").json["vms"]].count(vm["id"]) == 1
    daemon.removes_cleanly(vm["id"])


def test_managedsave_then_start(daemon, name):
    vm = daemon.create(name)
    virsh("managedsave", vm["id"])
    assert daemon.status(name) == "suspended"
    assert daemon.act(name, "start")["status"] == "running"
    assert domain_state(vm["id"]) == ("running", "restored")
    daemon.removes_cleanly(vm["id"])


def test_managedsave_then_delete(daemon, name):
    vm = daemon.create(name)
    virsh("managedsave", vm["id"])
    daemon.removes_cleanly(vm["id"])


def test_snapshot_then_delete(daemon, name):
    vm = daemon.create(name, start=False)
    virsh("snapshot-create-as", vm["id"], "by-hand")
    daemon.removes_cleanly(vm["id"])


def is_missing(daemon, name):
    vm = daemon.show(name)
    return vm["status"] == "error" and vm["fault"]["code"] == "domain_missing" and vm["status_reason"]


def test_undefine_then_delete(daemon, name):
    vm = daemon.create(name, start=False)
    virsh("undefine", vm["id"])
    assert is_missing(daemon, name)
    daemon.removes_cleanly(vm["id"])


def test_undefine_then_repair(daemon, name):
    vm = daemon.create(name, start=False)
    virsh("undefine", vm["id"])
    assert is_missing(daemon, name)
    repaired = daemon.act(name, "start")
    assert (repaired["status"], repaired["fault"]) == ("running", None)
    assert domain_state(vm["id"])[0] == "running"
    daemon.removes_cleanly(vm["id"])


def test_undefine_while_it_runs(daemon, name):
    vm = daemon.create(name)
    virsh("undefine", vm["id"])
    assert daemon.status(name) == "running"
    virsh("destroy", vm["id"])
    assert is_missing(daemon, name)
    assert daemon.act(name, "start")["status"] == "running"
    daemon.removes_cleanly(vm["id"])


def test_undefine_of_a_saved_one(daemon, name):
    vm = daemon.create(name)
    virsh("managedsave", vm["id"])
    virsh("undefine", vm["id"], "--managed-save")
    assert is_missing(daemon, name)
    daemon.removes_cleanly(vm["id"])


def test_rename(daemon, name):
    vm = daemon.create(name, start=False)
    virsh("domrename", vm["id"], f"{name}-by-hand")
    assert daemon.status(name) == "stopped"
    assert daemon.act(name, "start")["status"] == "running"
    assert domain_xml(vm["id"]).findtext("name") == f"{name}-by-hand"
    daemon.removes_cleanly(vm["id"])


# ---- domains that are not ours ----
def foreign(name, domain_id=None):
    return f"<domain type='qemu'><name>{name}</name><uuid>{domain_id or uuid.uuid4()}</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>" \
           "<os><type arch='x86_64'>hvm</type></os></domain>"


def test_a_domain_of_the_same_name(daemon, name):
    define(foreign(name))
    theirs = virsh("domuuid", name)
    vm = daemon.create(name)
    assert theirs not in [v["id"] for v in daemon.get("/v1/vms", limit=1000).json["vms"]]
    daemon.act(name, "stop", {"force": True})
    daemon.removes_cleanly(vm["id"])
    assert virsh("domuuid", name) == theirs
    virsh("undefine", theirs)


def test_a_domain_with_a_copied_tag(daemon, name):
    vm = daemon.create(name)
    copy = domain_xml(vm["id"])
    copy.find("uuid").text = theirs = str(uuid.uuid4())
    copy.find("name").text = f"{name}-clone"
    copy.remove(copy.find("devices"))
    copy.remove(copy.find("seclabel")) if copy.find("seclabel") is not None else None
    define(copy)
    assert theirs not in [v["id"] for v in daemon.get("/v1/vms", limit=1000).json["vms"]]
    assert daemon.get(f"/v1/vms/{theirs}").status == 404
    daemon.removes_cleanly(vm["id"])
    daemon.restart()
    assert theirs in domains()
    virsh("undefine", theirs)


def test_a_domain_with_our_id_but_without_our_tag(daemon, name):
    vm = daemon.create(name, start=False)
    virsh("undefine", vm["id"])
    define(foreign(f"{name}-theirs", vm["id"]))
    operation = daemon.wait(daemon.post(f"/v1/vms/{name}/start"))
    assert operation["status"] == "failed" and operation["error"]["code"] == "foreign_domain"
    assert domain_state(vm["id"])[0] == "shut off"
    daemon.wait(daemon.delete(f"/v1/vms/{name}"))
    assert virsh("domuuid", f"{name}-theirs") == vm["id"]
    virsh("undefine", vm["id"])
