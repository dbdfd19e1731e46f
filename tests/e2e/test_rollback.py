"""A create that fails at any step, for any reason, takes back what it made and leaves an error that can be deleted."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

import private_libvirt
from client import ROOT
from machine import domain_state, domains, eventually, failpoints, running

# Each stands before or after an effect of a create outside the database.
EFFECTS = [p for p in failpoints() if p.startswith(("disk.instance_mkdir", "disk.overlay_", "disk.console_create", "virt.define", "virt.start.", "job.step"))]
# Each stands in the transaction that accepts a create.
ACCEPTANCE = [p for p in failpoints() if p.startswith(("store.vm_insert", "store.job_insert", "store.event_add", "store.audit_add"))]
UNDOING = [p for p in failpoints() if p.startswith(("virt.undefine", "disk.instance_unlink", "disk.instance_rmdir", "disk.instance_remove", "job.undo"))]


def test_there_are_failpoints_at_each_step():
    assert len(EFFECTS) >= 14 and len(ACCEPTANCE) == 8 and len(UNDOING) >= 8


def is_error_with_nothing_behind(machine, name, vm_id):
    vm = machine.show(name)
    assert (vm["id"], vm["status"], vm["task"]) == (vm_id, "error", None)
    assert vm["fault"]["code"] and vm["fault"]["message"]
    machine.leaves_nothing(vm_id)


# ---- failpoints ----
@pytest.mark.parametrize("point", EFFECTS)
def test_failure(daemon, name, point):
    daemon.arm(f"{point}=error(hypervisor)")
    vm = daemon.create_failing(name)
    daemon.arm("")
    assert vm["fault"]["code"] == "hypervisor"
    is_error_with_nothing_behind(daemon, name, vm["id"])
    daemon.removes_cleanly(vm["id"])


@pytest.mark.parametrize("point", ACCEPTANCE)
def test_refusal(daemon, name, point):
    before = sorted(daemon.instance("").iterdir())
    daemon.arm(f"{point}=error(internal)")
    assert daemon.post("/v1/vms", daemon.body(name)).status == 500
    daemon.arm("")
    assert daemon.get(f"/v1/vms/{name}").status == 404
    assert sorted(daemon.instance("").iterdir()) == before
    daemon.removes_cleanly(daemon.create(name, start=False)["id"])


@pytest.mark.parametrize("point", EFFECTS)
def test_death(daemon, name, point):
    daemon.arm(f"{point}=die")
    daemon.dies_of("POST", "/v1/vms", daemon.body(name))
    daemon.comes_back()
    operation = daemon.made(name)
    vm_id = operation["target"]
    if operation["status"] == "succeeded":
        assert daemon.status(name) == "running"
        assert domain_state(vm_id)[0] == "running"
    else:
        is_error_with_nothing_behind(daemon, name, vm_id)
    daemon.removes_cleanly(vm_id)


@pytest.mark.parametrize("point", UNDOING)
def test_death_while_undoing(daemon, name, point):
    daemon.arm(f"virt.start.after=error(hypervisor);{point}=die")
    daemon.dies_of("POST", "/v1/vms", daemon.body(name))
    daemon.comes_back()
    operation = daemon.made(name)
    assert operation["status"] == "failed"
    is_error_with_nothing_behind(daemon, name, operation["target"])
    daemon.removes_cleanly(operation["target"])


@pytest.mark.parametrize("point", [p for p in UNDOING if not p.startswith("job.undo")])
def test_death_while_deleting(daemon, name, point):
    vm = daemon.create(name)
    daemon.arm(f"{point}=die")
    daemon.dies_of("DELETE", f"/v1/vms/{name}")
    daemon.comes_back()
    eventually(lambda: daemon.get(f"/v1/vms/{name}").status == 404, "the delete is finished")
    daemon.is_gone(vm["id"])


# ---- real causes: the template ----
@pytest.fixture
def template(own):
    """The daemon's own copy of the template, to be broken."""
    return pathlib.Path(own.settings["template_dir"]) / "domain.xml"


@pytest.fixture
def own(numbered, tiny):
    directory = numbered()
    shutil.copytree(ROOT / "templates", directory / "templates")
    yield from running(directory, tiny, template_dir=directory / "templates")


BROKEN = {
    "syntax": lambda text: text.replace("</domain>", ""),
    "not a domain": lambda text: text.replace("<domain>", "<network>").replace("</domain>", "</network>"),
    "machine": lambda text: text.replace("<type arch='x86_64'>", "<type arch='x86_64' machine='no-such-machine'>"),
    "device": lambda text: text.replace("<rng model='virtio'>", "<rng model='no-such-model'>"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_template(own, template, name, how):
    good = template.read_text()
    template.write_text(BROKEN[how](good))
    assert template.read_text() != good
    vm = own.create_failing(name)
    assert vm["fault"]["code"] == "template_invalid"
    assert "domain.xml" in vm["fault"]["detail"]
    is_error_with_nothing_behind(own, name, vm["id"])
    own.removes_cleanly(vm["id"])
    template.write_text(good)
    own.removes_cleanly(own.create(name)["id"])


def test_a_qemu_that_does_not_start(own, template, name):
    text = template.read_text().replace("<domain>", "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>")
    template.write_text(text.replace("</domain>", "<qemu:commandline><qemu:arg value='-no-such-option'/></qemu:commandline></domain>"))
    vm = own.create_failing(name)
    assert vm["fault"]["code"] == "hypervisor"
    assert "no-such-option" in vm["fault"]["detail"]
    is_error_with_nothing_behind(own, name, vm["id"])


# ---- real causes: the disk ----
@pytest.fixture
def small_disk(numbered, tiny):
    """A daemon whose state lies on a small file system of its own."""
    directory = numbered()
    (directory / "state").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=711", "tmpfs", directory / "state"], check=True)
    try:
        yield from running(directory, tiny)
    finally:
        subprocess.run(["umount", "--lazy", directory / "state"], check=True)


def fill(folder):
    """To the last byte."""
    with open(folder / "filler", "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass


def test_a_full_disk(small_disk, name):
    fill(small_disk.state)
    answer = small_disk.post("/v1/vms", small_disk.body(name))
    assert answer.status in (202, 507), answer
    if answer.status == 507:
        assert answer.code == "disk_full"
    eventually(lambda: list(small_disk.instance("").iterdir()) == [], "nothing is left on the disk")
    (small_disk.state / "filler").unlink()
    if answer.status == 202:
        assert small_disk.wait(answer)["error"]["code"] == "disk_full"
        is_error_with_nothing_behind(small_disk, name, answer.json["id"])
        small_disk.removes_cleanly(answer.json["id"])
    else:
        assert small_disk.get(f"/v1/vms/{name}").status == 404
    small_disk.removes_cleanly(small_disk.create(name)["id"])


# ---- real causes: libvirtd ----
@pytest.fixture
def libvirtd():
    """Broken by the test; answers again afterwards."""
    yield private_libvirt
    if private_libvirt.pid_of("libvirtd") is None:
        private_libvirt.start()
    private_libvirt.wait_until_answering()


def test_libvirtd_dies_in_the_middle(daemon, name, libvirtd):
    daemon.arm("virt.define.before=hang(2000),once")
    answer = daemon.post("/v1/vms", daemon.body(name))
    eventually(lambda: daemon.overlay(answer.json["id"]).exists(), "the disk is made")
    libvirtd.end()
    eventually(lambda: daemon.get("/v1/vms").json["stale"], "the list says that it is stale")
    libvirtd.start()
    libvirtd.wait_until_answering()
    if daemon.wait(answer)["status"] == "succeeded":
        daemon.reaches(name, "running")
    else:
        is_error_with_nothing_behind(daemon, name, answer.json["id"])
    daemon.removes_cleanly(answer.json["id"])


def test_guests_survive_libvirtd(daemon, name, libvirtd):
    vm = daemon.create(name)
    libvirtd.end()
    eventually(lambda: daemon.get("/health").status == 503, "the daemon is degraded")
    libvirtd.start()
    libvirtd.wait_until_answering()
    eventually(lambda: daemon.get("/health").status == 200, "the daemon is healthy")
    assert daemon.status(name) == "running"
    assert daemon.act(name, "stop", {"force": True})["status"] == "stopped"
    daemon.removes_cleanly(vm["id"])


def test_a_libvirtd_that_hangs(daemon, name, libvirtd):
    vm = daemon.create(name, start=False)
    os.kill(libvirtd.pid_of("libvirtd"), signal.SIGSTOP)
    try:
        began = time.monotonic()
        listed = daemon.get("/v1/vms", limit=1000)
        assert time.monotonic() - began < 5
        assert listed.status == 200 and listed.json["stale"] is True
        assert {v["id"]: v["status"] for v in listed.json["vms"]}[vm["id"]] == "stopped"
    finally:
        os.kill(libvirtd.pid_of("libvirtd"), signal.SIGCONT)
    eventually(lambda: not daemon.get("/v1/vms").json["stale"], "the list is true again")
    daemon.removes_cleanly(vm["id"])


# ---- the daemon ----
def test_kill_in_the_middle_of_nothing(daemon, name):
    vm = daemon.create(name)
    daemon.kill()
    daemon.comes_back()
    assert daemon.status(name) == "running"
    assert vm["id"] in domains()
    daemon.removes_cleanly(vm["id"])
