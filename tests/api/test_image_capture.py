"""Images of stopped VMs' disks: what they hold, and that VM and image settle together."""
import os
import subprocess

import pytest

from client import BINARY, eventually


def stopped(daemon, name, **fields):
    return daemon.create(name, start=False, **fields)


def write(daemon, vm, data, offset=0):
    """What a guest does to its disk."""
    disk = daemon.instance(vm["id"]) / "disk.qcow2"
    source = daemon.directory / "written"
    source.write_bytes(data)
    subprocess.run(["qemu-io", "-f", "qcow2", disk, "-c", f"write -s {source} {offset} {len(data)}"], check=True, capture_output=True)
    return disk


def capture(daemon, ref, name, **fields):
    answer = daemon.post(f"/v1/vms/{ref}/image", {"name": name, **fields})
    assert answer.status == 202, answer
    return answer


def bytes_of(daemon, image, length):
    path = daemon.state / "images" / f"{image['id']}.qcow2"
    flat = daemon.directory / "flat"
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", path, flat], check=True)
    return flat.read_bytes()[:length]


def files(daemon):
    return daemon.image_files()


def test_a_life(own):
    own.patch("/v1/images/tiny", {"properties": {"default_user": "root"}})
    vm = stopped(own, "a")
    data = os.urandom(1 << 20)
    write(own, vm, data)
    answer = capture(own, "a", "copy")
    assert (answer.json["status"], answer.json["visibility"]) == ("saving", "project")
    operation = own.done(answer)
    assert (operation["kind"], operation["progress"]) == ("vm.image", 100)
    image = own.get("/v1/images/copy").json
    assert (image["status"], image["disk_format"], image["virtual_size_bytes"]) == ("active", "qcow2", 1 << 30)
    assert image["properties"] == {"default_user": "root"}
    assert bytes_of(own, image, len(data)) == data
    after = own.show("a")
    assert (after["status"], after["task"]) == ("stopped", None)
    own.remove("a")
    assert own.create("b", image="copy")["status"] == "running"


def test_refusals(own):
    vm = stopped(own, "a")
    own.create("b")
    assert own.post("/v1/vms/b/image", {"name": "x"}).code == "invalid_state"
    assert own.post("/v1/vms/a/image", {"name": "tiny"}).code == "name_taken"
    assert own.post("/v1/vms/absent/image", {"name": "x"}).code == "vm_not_found"
    assert own.post("/v1/vms/a/image", {"name": "a b"}).json["field"] == "name"
    assert own.post(f"/v1/vms/{vm['id']}/lock").status == 200
    assert own.post("/v1/vms/a/image", {"name": "x"}).code == "vm_locked"
    assert own.get("/v1/images/x").code == "image_not_found"


def test_busy_meanwhile(own):
    stopped(own, "a")
    own.arm("disk.convert_run.before=hang(2000)")
    answer = capture(own, "a", "x")
    assert own.post("/v1/vms/a/start").code == "vm_busy"
    assert own.post("/v1/vms/a/image", {"name": "y"}).code == "vm_busy"
    assert own.show("a")["task"] == "vm.image"
    own.done(answer)
    own.arm("")
    assert own.act("a", "start")["status"] == "running"


def test_a_delete_goes_first(own):
    stopped(own, "a")
    own.arm("disk.convert_run.before=hang(1000)")
    answer = capture(own, "a", "x")
    own.remove("a")
    own.arm("")
    assert own.wait(answer)["status"] == "failed"
    image = own.get("/v1/images/x").json
    assert (image["status"], files(own)) == ("error", [f"{own.get('/v1/images/tiny').json['id']}.raw"])
    own.done(own.delete("/v1/images/x"))


def test_a_header_that_was_rewritten(own):
    vm = stopped(own, "a")
    disk = own.instance(vm["id"]) / "disk.qcow2"
    subprocess.run(["qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", disk], check=True)
    operation = own.wait(capture(own, "a", "x"))
    assert operation["error"]["code"] == "image_refused"
    assert (own.show("a")["status"], own.get("/v1/images/x").json["status"]) == ("stopped", "error")
    assert len(files(own)) == 1


def failpoints():
    listed = subprocess.run([BINARY, "--list-failpoints"], check=True, capture_output=True, text=True).stdout
    wanted = ("disk.convert", "disk.image_rename", "store.vm_settle", "store.image_activate")
    return [name for name in (line.split()[0] for line in listed.splitlines()) if name.startswith(wanted)]


@pytest.mark.parametrize("act", ["die", "error(internal),once"])
def test_trouble_anywhere(own, act):
    stopped(own, "a")
    points = failpoints()
    assert len(points) >= 10, points
    for i, point in enumerate(points):
        if "convert_lend" in point and os.geteuid() != 0:
            continue
        own.arm(f"{point}={act}")
        if act == "die":
            own.dies_of("POST", "/v1/vms/a/image", {"name": f"image-{i}"})
            own.comes_back()
        else:
            capture(own, "a", f"image-{i}")
        operation = own.ended(own.show("a")["id"], "vm.image")
        own.arm("")
        image = own.get(f"/v1/images/image-{i}").json
        eventually(lambda: own.show("a")["task"] is None, "the VM's release")
        assert own.show("a")["status"] == "stopped", point
        assert image["status"] == ("active" if operation["status"] == "succeeded" else "error"), point
        assert act != "die" or operation["status"] == "succeeded", (point, operation)
        of_image = [name for name in files(own) if name.startswith(image["id"])]
        assert of_image == ([f"{image['id']}.qcow2"] if image["status"] == "active" else []), point
