"""The database is lost beside real guests that run: made anew from the sidecars, it answers as before, and the guests have noticed nothing."""
from guest import Key, address
from machine import BOOT_S, domain_state, eventually

# What a GET may say differently: libvirt spoke again, the rows were written anew, guests went on running.
VOLATILE = ("observed_at", "updated_at", "cpu_time_ns", "memory_used_mib")


def seen(daemon):
    return {noun: [{k: v for k, v in record.items() if k not in VOLATILE} for record in daemon.get(f"/v1/{noun}").json[noun]]
            for noun in ("vms", "images", "networks", "keypairs")}


def settled(daemon):
    eventually(lambda: not any(daemon.get("/v1/operations", status=status).json["operations"] for status in ("pending", "running")),
               "the end of all operations")


def lose_and_rebuild(daemon):
    daemon.stop()
    for path in daemon.state.glob("computed.db*"):
        path.unlink()
    done = daemon.command("doctor", "--rebuild")
    assert (done.returncode, done.stdout.splitlines()[-1].endswith(" 0 left")) == (0, True), done
    daemon.start()


def test_real_guests_notice_nothing(own, tmp_path):
    key = Key(own, "mine", tmp_path)
    own.done(own.post("/v1/networks", {"name": "lab", "kind": "isolated"}))
    guest = own.create("guest", keypair="mine", networks=[{"network": "default"}, {"network": "lab"}], metadata={"a": "b"})
    own.create("blank", image="blank", networks=[{"network": "lab"}], autostart=True)
    own.create("off", start=False, tags=["t"])
    own.act(own.create("paused", image="blank")["id"], "pause")
    eventually(lambda: own.show("guest")["ready_at"], "the guest is ready", BOOT_S)
    key.run(address(guest), "echo in memory alone >/tmp/told")
    settled(own)
    before = seen(own)
    lose_and_rebuild(own)
    eventually(lambda: seen(own) == before, "the same answers as before", 30)
    assert domain_state(guest["id"])[0] == "running"
    assert key.run(address(guest), "cat /tmp/told") == "in memory alone"
    # Row, tag and disk are one again: what is destructive works, on the VM and on nothing else.
    own.act("off", "start")
    for name in ("guest", "blank", "off", "paused"):
        own.removes_cleanly(own.show(name)["id"])


def test_a_real_domain_without_a_sidecar(own):
    vm = own.create("a", image="blank", autostart=True)
    settled(own)
    (own.instance(vm["id"]) / "vm.json").unlink()
    before = own.show("a")
    lose_and_rebuild(own)
    same = ("id", "name", "project", "status", "vcpus", "memory_mib", "disk_gib", "networks", "autostart", "hostname")
    eventually(lambda: [own.show("a")[k] for k in same] == [before[k] for k in same], "the same VM", 30)
    own.removes_cleanly(vm["id"])
