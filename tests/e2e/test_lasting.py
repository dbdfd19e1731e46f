"""What outlives a stop, and what does not outlive its time: suspended guests, images made of disks, imported images, VMs with a time to live."""
import gzip
import hashlib
import http.server
import threading

import pytest

from guest import Key, address
from machine import BOOT_S, domain_state, eventually, qemu_img, virsh


@pytest.fixture(scope="module")
def key(daemon, tmp_path_factory):
    return Key(daemon, "e2e", tmp_path_factory.mktemp("key"))


def ready(daemon, name, **fields):
    vm = daemon.create(name, **fields)
    eventually(lambda: daemon.show(name)["ready_at"], f"{name} is ready", BOOT_S)
    return vm


@pytest.fixture
def files(tmp_path):
    """A web server on loopback: (its URL, its folder)."""
    handler = lambda *args: http.server.SimpleHTTPRequestHandler(*args, directory=tmp_path)  # noqa: E731
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", tmp_path
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("verb", ["resume", "start"])
def test_a_suspended_guest_goes_on_where_it_was(daemon, key, name, verb):
    vm = ready(daemon, name, keypair=key.name)
    key.run(address(vm), "echo in memory alone >/tmp/told")
    assert daemon.act(name, "suspend")["status"] == "suspended"
    assert domain_state(vm["id"])[0] == "shut off" and vm["id"] in virsh("list", "--all", "--uuid", "--with-managed-save")
    assert daemon.act(name, verb)["status"] == "running"
    assert key.run(address(vm), "cat /tmp/told") == "in memory alone"
    daemon.removes_cleanly(vm["id"])


def test_a_suspended_guest_is_deleted_with_its_memory(daemon, name):
    vm = daemon.create(name)
    daemon.act(name, "suspend")
    daemon.removes_cleanly(vm["id"])


def test_an_image_of_a_disk(daemon, key, name):
    vm = ready(daemon, name, keypair=key.name)
    key.run(address(vm), "echo on the disk >/data/told; sync")
    answer = daemon.post(f"/v1/vms/{name}/image", {"name": f"{name}-image"})
    assert (answer.status, answer.code) == (409, "invalid_state")
    daemon.act(name, "stop")
    daemon.done(daemon.post(f"/v1/vms/{name}/image", {"name": f"{name}-image"}))
    file = daemon.image_file(f"{name}-image")
    assert "backing" not in qemu_img("info", file)
    qemu_img("check", file)
    daemon.removes_cleanly(vm["id"])

    again = ready(daemon, f"{name}-again", image=f"{name}-image", keypair=key.name)
    assert key.run(address(again), "cat /data/told") == "on the disk"
    daemon.removes_cleanly(again["id"])
    daemon.done(daemon.delete(f"/v1/images/{name}-image"))


@pytest.mark.settings(import_allow="127.0.0.0/8")
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_imported_image_boots_and_comes_out_again(own, files, tiny, suffix):
    url, folder = files
    data = gzip.compress(tiny.read_bytes(), 1) if suffix else tiny.read_bytes()
    (folder / f"guest.qcow2{suffix}").write_bytes(data)
    answer = own.post("/v1/images/import", {"name": "imported", "url": f"{url}/guest.qcow2{suffix}", "sha256": hashlib.sha256(data).hexdigest()})
    operation = own.done(answer)
    assert operation["details"]["bytes"] == len(data)
    assert own.get("/v1/images/imported/data").body == tiny.read_bytes()
    own.create("vm", image="imported", networks=[])
    own.boots("vm")


@pytest.mark.settings(import_allow="127.0.0.0/8")
@pytest.mark.parametrize("image_format", ["vmdk", "vdi", "vhdx", "vpc"])
def test_other_formats_are_converted(own, files, tiny, image_format):
    url, folder = files
    qemu_img("convert", "-f", "qcow2", "-O", image_format, tiny, folder / "guest")
    own.done(own.post("/v1/images/import", {"name": "imported", "url": f"{url}/guest"}))
    image = own.get("/v1/images/imported").json
    assert image["disk_format"] == "qcow2" and image["status"] == "active"
    assert qemu_img("compare", "-f", "qcow2", "-F", "qcow2", tiny, own.image_file("imported"))


def test_a_vm_deletes_itself_when_its_time_is_over(daemon, name):
    vm = daemon.create(name, ttl_seconds=5)
    assert vm["expires_at"]
    eventually(lambda: daemon.get(f"/v1/vms/{name}").status == 404, "it is gone", 60)
    daemon.is_gone(vm["id"])
