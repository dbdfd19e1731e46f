"""A database that is lost: made anew from the sidecars, it answers as before. And what cannot be made anew is said."""
import json
import sqlite3
import stat

import pytest

from client import eventually

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8k2Q6zIHkEu1XkuzLLBQDxPJqHSXwSjXhXhoH1Zxyz somebody@here"
USER_DATA = "#!/bin/sh\necho 'hällo'\n"

# What a GET may say differently, and why.
VOLATILE = {
    "observed_at": "when libvirt last spoke",
    "updated_at": "the row was written anew",
    "cpu_time_ns": "a guest that runs goes on running",
    "memory_used_mib": "the same",
}


def settled(daemon):
    """No operation is open: every sidecar is as its row."""
    def none_is_open():
        return not any(daemon.get("/v1/operations", status=status).json["operations"] for status in ("pending", "running"))
    eventually(none_is_open, "the end of all operations")


def steady(record):
    return {key: value for key, value in record.items() if key not in VOLATILE}


def seen(daemon):
    """All that can be read of VMs, images, networks and keypairs: as lists and one by one."""
    world = {}
    for noun in ("vms", "images", "networks", "keypairs"):
        world[noun] = [steady(record) for record in daemon.get(f"/v1/{noun}").json[noun]]
        for record in world[noun]:
            world[record["id"]] = steady(daemon.get(f"/v1/{noun}/{record['id']}").json)
    # Flavors are the first ones again: their ids are new, and so are their times.
    world["flavors"] = [{k: v for k, v in flavor.items() if k not in ("id", "created_at")} for flavor in daemon.get("/v1/flavors").json["flavors"]]
    return world


def is_again(daemon, before):
    """What libvirt does not answer in time is shown from the rows, where VMs are stopped until it has: it is asked again."""
    try:
        eventually(lambda: seen(daemon) == before, "the same answers as before", 20)
    except AssertionError:
        assert seen(daemon) == before


def rows(daemon, table):
    with sqlite3.connect(f"file:{daemon.state}/computed.db?mode=ro", uri=True) as database:
        found = sorted(database.execute(f"SELECT * FROM {table}").fetchall())
    database.close()
    return found


def lose(daemon):
    for path in daemon.state.glob("computed.db*"):
        path.unlink()


def rebuild(daemon, *options, code=0):
    done = daemon.command("doctor", "--rebuild", *options)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def populate(daemon):
    daemon.post("/v1/keypairs", {"name": "mine", "public_key": KEY})
    daemon.post("/v1/keypairs", {"name": "made"})
    daemon.post("/v1/keypairs", {"name": "gone"})
    assert daemon.delete("/v1/keypairs/gone").status == 204
    daemon.done(daemon.post("/v1/networks", {"name": "lab", "kind": "isolated"}))
    daemon.done(daemon.post("/v1/networks", {"name": "wide"}))
    daemon.done(daemon.post("/v1/networks", {"name": "short"}))
    daemon.done(daemon.delete("/v1/networks/short"))
    daemon.add_image("second", b"\1" * 131072)
    daemon.patch("/v1/images/second", {"name": "renamed", "properties": {"os": "none", "ümlaut": "ß"}, "min_memory_mib": 32})
    assert daemon.post("/v1/images", {"name": "empty", "disk_format": "qcow2", "visibility": "project"}).status == 201
    daemon.add_image("old")
    daemon.done(daemon.delete("/v1/images/old"))
    daemon.create("plain")
    daemon.create("two-nics", networks=[{"network": "lab"}, {"network": "wide"}], keypair="mine", ssh_keys=[KEY], user_data=USER_DATA,
                  metadata={"a": "ö", "b": ""}, tags=["x", "y"], image="renamed", autostart=True)
    daemon.create("off", start=False, networks=[], user_data="")
    paused = daemon.create("paused", flavor=None)
    daemon.act(paused["id"], "pause")
    suspended = daemon.create("asleep")
    daemon.act(suspended["id"], "suspend")
    daemon.create("before", ttl_seconds=86400)
    assert daemon.patch("/v1/vms/before", {"name": "after", "metadata": {"changed": "yes"}, "tags": []}).status == 200
    assert daemon.post("/v1/vms/after/lock").status == 200
    daemon.create("deleted")
    daemon.remove("deleted")
    settled(daemon)


def test_all_is_as_before(own):
    populate(own)
    before, tables = seen(own), {table: rows(own, table) for table in ("vm_seed", "port", "project")}
    own.stop()
    lose(own)
    assert rebuild(own).endswith(" 0 left\n")
    own.start()
    is_again(own, before)
    assert rows(own, "vm_seed") == tables["vm_seed"] and rows(own, "port") == tables["port"]
    names = [[(project[0], project[2]) for project in table] for table in (rows(own, "project"), tables["project"])]
    assert names[0] == names[1] # the domain is a new one
    # And it is a database to work with: names and addresses are taken, a new VM gets another one, the locked one is locked.
    assert own.post("/v1/vms", {"name": "plain", "image": "tiny", "flavor": "small"}).code == "name_taken"
    addresses = [own.address(vm) for vm in own.get("/v1/vms").json["vms"] if vm["networks"]]
    assert own.address(own.create("next")) not in addresses
    assert own.delete("/v1/vms/after").code == "vm_locked"
    own.act("off", "start")
    own.act("asleep", "resume")
    own.done(own.delete("/v1/vms/plain"))


def test_sidecars_follow_their_rows(own):
    vm = own.create("a", user_data="secret")
    path = own.instance(vm["id"]) / "vm.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["name"] == "a"
    own.patch("/v1/vms/a", {"tags": ["t"]})
    own.post("/v1/vms/a/lock")
    settled(own)
    assert [json.loads(path.read_text())[key] for key in ("tags", "is_locked")] == [["t"], True]
    own.post("/v1/vms/a/unlock")
    own.remove("a")
    keypair = own.post("/v1/keypairs", {"name": "k", "public_key": KEY}).json
    settled(own)
    sidecar = own.state / "keypairs" / f"{keypair['id']}.json"
    assert json.loads(sidecar.read_text())["public_key"] == KEY
    own.delete("/v1/keypairs/k")
    settled(own)
    own.done(own.delete("/v1/networks/default"))
    own.done(own.delete("/v1/images/tiny"))
    settled(own)
    assert [list((own.state / folder).iterdir()) for folder in ("instances", "images", "networks", "keypairs")] == [[], [], [], []]


@pytest.mark.parametrize("point", ["disk.sidecar_write.before", "disk.sidecar_sync.after", "disk.sidecar_rename.after"])
def test_a_death_while_a_sidecar_is_written(own, point):
    own.create("a")
    own.arm(f"{point}=die")
    own.dies_of("PATCH", "/v1/vms/a", {"tags": ["late"]})
    own.comes_back()
    settled(own)
    assert json.loads((own.instance(own.show("a")["id"]) / "vm.json").read_text())["tags"] == ["late"]


def test_what_had_no_sidecar_gets_one(own):
    vm = own.create("a")
    settled(own)
    own.stop()
    paths = [own.instance(vm["id"]) / "vm.json", *own.state.glob("images/*.json"), *own.state.glob("networks/*.json")]
    before = [path.read_text() for path in paths]
    assert len(paths) == 3
    for path in paths:
        path.unlink()
    own.arm("disk.sidecar_write.before=hang(2000),once")
    own.start()
    assert not any(path.exists() for path in paths), "the start waits for sidecars"
    eventually(lambda: all(path.exists() for path in paths), "each has its sidecar again")
    # The row has been written since (its status): what does not change is the same.
    assert [steady_text(path.read_text()) for path in paths] == [steady_text(text) for text in before]


def test_an_end_does_not_wait_for_all_sidecars(own):
    for i in range(5):
        own.create(f"vm-{i}")
    settled(own)
    own.stop()
    for path in own.state.glob("instances/*/vm.json"):
        path.unlink()
    own.arm("disk.sidecar_write.before=hang(400)")
    own.start()
    own.stop()
    assert len(list(own.state.glob("instances/*/vm.json"))) < 5


def steady_text(text):
    return {key: value for key, value in json.loads(text).items() if key not in ("updated_at_ms", "status")}


def test_a_database_in_use_is_not_touched(own):
    own.create("a")
    assert "the daemon runs" in rebuild(own, code=2)
    own.stop()
    before = sorted((path.name, path.read_bytes()) for path in own.state.glob("computed.db*"))
    assert "nothing has to be made anew" in rebuild(own, code=2)
    assert sorted((path.name, path.read_bytes()) for path in own.state.glob("computed.db*")) == before
    with sqlite3.connect(own.state / "computed.db") as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute("PRAGMA user_version = 99")
    database.close()
    assert "version 99" in rebuild(own, code=2)
    with sqlite3.connect(own.state / "computed.db") as database:
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    own.start()


def test_an_unreadable_one_is_kept(own):
    vm = own.create("a")
    settled(own)
    own.stop()
    path = own.state / "computed.db"
    path.write_bytes(b"rubbish" * 1000)
    said = rebuild(own)
    (kept,) = own.state.glob("computed.db.broken-*")
    assert str(kept) in said and kept.read_bytes() == b"rubbish" * 1000
    own.start()
    assert own.show("a")["id"] == vm["id"]
    assert "that is not ours" not in own.log_text()


def test_the_daemon_says_what_to_do(own):
    own.create("a")
    settled(own)
    own.stop()
    lose(own)
    refused = own.command()
    assert refused.returncode == 1 and "computed doctor --rebuild" in refused.stderr and "computed restore" in refused.stderr
    rebuild(own)
    own.start()


def test_a_disk_that_is_gone(own):
    vm, image = own.create("a", start=False), own.get("/v1/images/tiny").json
    second = own.add_image("second", b"\1" * 131072)
    settled(own)
    own.stop()
    lose(own)
    (own.instance(vm["id"]) / "disk.qcow2").unlink()
    (own.state / "images" / f"{second}.raw").unlink()
    rebuild(own)
    own.start()
    lost = own.show("a")
    assert (lost["status"], lost["status_reason"], lost["fault"]["code"]) == ("error", "disk_missing", "disk_missing")
    assert (own.get("/v1/images/second").json["status"], own.get("/v1/images/second").json["status_reason"]) == ("error", "its file is gone")
    assert steady(own.get("/v1/images/tiny").json) == steady(image)
    own.remove("a")


def test_bytes_that_are_others(own):
    image = own.get("/v1/images/tiny").json
    path = own.state / "images" / f"{image['id']}.raw"
    settled(own)
    own.stop()
    lose(own)
    path.chmod(0o600)
    path.write_bytes(b"\2" * path.stat().st_size)
    rebuild(own, "--deep")
    own.start()
    assert own.get("/v1/images/tiny").json["status_reason"] == "its bytes are not those that were saved"
    own.stop()
    lose(own)
    path.write_bytes(b"\2")
    rebuild(own)
    own.start()
    assert own.get("/v1/images/tiny").json["status"] == "error"


def test_a_vm_without_a_sidecar(own):
    """Its domain knows its name, project, sizes and interfaces, its disk the image; the image's file knows what it is."""
    own.done(own.post("/v1/networks", {"name": "lab"}))
    vm = own.create("a", networks=[{"network": "lab"}], metadata={"lost": "yes"}, autostart=True, memory_mib=96)
    settled(own)
    own.stop()
    lose(own)
    (own.instance(vm["id"]) / "vm.json").unlink()
    (image,) = own.state.glob("images/*.json")
    image.unlink()
    said = rebuild(own)
    assert "of its domain alone" in said and "of its file alone" in said
    own.start()
    again = own.show("a")
    same = ("id", "name", "project", "status", "vcpus", "memory_mib", "disk_gib", "networks", "autostart", "hostname")
    assert {key: again[key] for key in same} == {key: vm[key] for key in same}
    assert (again["metadata"], again["tags"], again["keypair"]) == ({}, [], None)
    own.act("a", "stop", {"force": True})
    own.act("a", "start")
    own.remove("a")


def test_rubbish_is_left_and_told(own):
    own.create("a")
    settled(own)
    own.stop()
    lose(own)
    stranger, newer = "11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-666666666666"
    (own.state / "networks" / f"{stranger}.json").write_text("{nonsense")
    (own.state / "keypairs" / f"{newer}.json").write_text('{"version": 2, "noun": "keypair"}')
    said = rebuild(own, code=1)
    assert f"left  network  {stranger}" in said and f"left  keypair  {newer}" in said and "newer version" in said
    assert said.splitlines()[-1].endswith("2 left")
    own.start()
    assert own.show("a")["status"] == "running"


@pytest.mark.parametrize("point", ["store.project_restore.after", "store.vm_insert.before", "store.set_aside.before", "store.adopt.before",
                                   "store.adopt.after"])
def test_a_death_in_between_is_repeated(own, point):
    own.create("a")
    settled(own)
    before = seen(own)
    own.stop()
    lose(own)
    (own.state / "computed.db").write_bytes(b"rubbish")
    own.arm(f"{point}=die")
    assert own.command("doctor", "--rebuild").returncode < 0
    own.arm("")
    if point != "store.adopt.after":
        rebuild(own)
    own.start()
    is_again(own, before)
    assert "that is not ours" not in own.log_text()
