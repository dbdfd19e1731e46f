"""Behind our back, beyond test_virsh.py: disks swapped or removed, copied tags while we delete, a second daemon, a host that restarts.

COMPUTED_HANGS=long lets the host restart at more places of a create."""
import hashlib
import pathlib
import shutil
import sqlite3
import subprocess
import uuid

import pytest

from client import BINARY
from machine import BOOT_S, define, domain_state, domain_xml, domains, eventually, qemu_img, second_daemon, virsh
from test_hangs import IS_LONG
from test_networks import processes, reboot_host


def digest(path):
    stat = path.stat()
    return hashlib.sha256(path.read_bytes()).hexdigest(), stat.st_uid, stat.st_gid, stat.st_mode, stat.st_mtime_ns


# ---- disks ----
def test_a_disk_that_somebody_removed(daemon, name):
    vm = daemon.create(name, start=False, networks=[])
    daemon.overlay(vm["id"]).unlink()
    operation = daemon.wait(daemon.post(f"/v1/vms/{name}/start"))
    assert operation["status"] == "failed", operation
    vm = daemon.show(name)
    assert (vm["status"], vm["task"], vm["fault"]["code"]) == ("error", None, operation["error"]["code"])
    daemon.removes_cleanly(vm["id"])


def test_a_disk_removed_while_the_guest_runs(daemon, name):
    vm = daemon.create(name, networks=[])
    daemon.overlay(vm["id"]).unlink()
    assert daemon.status(name) == "running"  # QEMU has it open
    assert daemon.act(name, "stop", {"force": True})["status"] == "stopped"
    assert daemon.wait(daemon.post(f"/v1/vms/{name}/start"))["status"] == "failed"
    daemon.removes_cleanly(vm["id"])


@pytest.mark.parametrize("target", ["/etc/hostname", "image"])
def test_a_disk_swapped_for_a_link(daemon, name, target):
    """What the link leads to stays as it was; the link goes with the VM."""
    path = daemon.image_file("tiny") if target == "image" else pathlib.Path(target)
    before = digest(path)
    vm = daemon.create(name, start=False, networks=[])
    daemon.overlay(vm["id"]).unlink()
    daemon.overlay(vm["id"]).symlink_to(path)
    daemon.removes_cleanly(vm["id"])
    assert digest(path) == before


def test_a_folder_swapped_for_a_link(daemon, name, tmp_path):
    vm = daemon.create(name, start=False, networks=[])
    (tmp_path / "disk.qcow2").write_bytes(b"theirs")
    shutil.rmtree(daemon.instance(vm["id"]))
    daemon.instance(vm["id"]).symlink_to(tmp_path)
    answer = daemon.delete(f"/v1/vms/{name}")
    assert answer.status == 202
    eventually(lambda: daemon.get(f"/v1/vms/{name}").status == 404 or daemon.get(answer.headers["Location"]).json["error"], "the delete has tried")
    assert (tmp_path / "disk.qcow2").read_bytes() == b"theirs"
    daemon.instance(vm["id"]).unlink(missing_ok=True)
    eventually(lambda: daemon.get(f"/v1/vms/{name}").status == 404, "it goes on when the link is gone")
    daemon.is_gone(vm["id"])


def test_a_domain_moved_to_a_disk_of_somebody_elses(daemon, name, ground):
    """Our tag and our id, but not our disk: it is nobody's to destroy."""
    vm = daemon.create(name, networks=[])
    theirs = ground / f"{name}.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", theirs, "1M")
    before = digest(theirs)
    daemon.act(name, "stop", {"force": True})
    xml = domain_xml(vm["id"])
    xml.find("devices/disk/source").set("file", str(theirs))
    define(xml)
    answer = daemon.delete(f"/v1/vms/{name}")
    daemon.done(answer)
    assert vm["id"] in domains() and digest(theirs) == before
    virsh("undefine", vm["id"])


def test_a_copied_tag_that_runs(daemon, name):
    """A running copy of our tag under another id outlives our delete, our restart, and our next life."""
    vm = daemon.create(name, networks=[])
    copy = domain_xml(vm["id"])
    copy.find("uuid").text = theirs = str(uuid.uuid4())
    copy.find("name").text = f"{name}-theirs"
    copy.find("devices").clear()
    for what in ("seclabel", "resource"):
        for element in copy.findall(what):
            copy.remove(element)
    define(copy)
    virsh("start", theirs)
    daemon.removes_cleanly(vm["id"])
    daemon.restart()
    assert domain_state(theirs)[0] == "running"
    virsh("destroy", theirs)
    virsh("undefine", theirs)


def test_a_foreign_domain_with_a_vms_name(daemon, name):
    """The domain's own name, as virsh shows it: the create finds another or fails, and theirs stays."""
    first = daemon.create(name, start=False, networks=[])
    taken = domain_xml(first["id"]).findtext("name")
    daemon.removes_cleanly(first["id"])
    for theirs in (name, taken):
        define(f"<domain type='qemu'><name>{theirs}</name><memory unit='MiB'>32</memory><os><type arch='x86_64'>hvm</type></os></domain>")
        id_before, vm = virsh("domuuid", theirs), daemon.create(name, networks=[])
        daemon.removes_cleanly(vm["id"])
        assert virsh("domuuid", theirs) == id_before
        virsh("undefine", theirs)


# ---- two daemons ----
def test_a_second_daemon_refuses(own, name):
    """And harms nothing: neither before nor after the first one's death."""
    vm = own.create(name, networks=[])
    before = sorted(p.name for p in own.state.rglob("*"))
    status, out, err = second_daemon(own)
    assert status != 0 and "listening" not in out and "another daemon uses this state_dir" in err, (status, out, err)
    assert sorted(p.name for p in own.state.rglob("*")) == before
    assert own.status(name) == "running" and own.act(name, "stop", {"force": True})["status"] == "stopped"
    own.kill()
    own.comes_back()  # a lock that outlives its owner would be no better than none
    assert own.status(name) == "stopped"
    own.removes_cleanly(vm["id"])


def test_of_two_daemons_started_at_once_one_runs(own):
    own.stop()
    environment = own.environment()
    both = [subprocess.Popen([BINARY], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for _ in range(2)]
    try:
        eventually(lambda: sum(process.poll() is None for process in both) == 1, "one has gone")
        (winner,) = [process for process in both if process.poll() is None]
        (loser,) = [process for process in both if process is not winner]
        assert loser.returncode != 0 and loser.stdout.read() == b""
        assert winner.stdout.readline().startswith(b"computed: listening")
    finally:
        for process in both:
            process.terminate()
            process.wait(30)
            process.stdout.close()
        own.start()


# ---- the host restarts ----
POINTS = ["virt.define.before"] + (["virt.start.before", "virt.start.after", "disk.overlay_sync.before", "job.settle.before"] if IS_LONG else [])


@pytest.mark.parametrize("point", POINTS)
def test_a_create_under_way_at_a_reboot(own, name, point):
    """It is finished or undone; what has run is off, unless it starts by itself; nothing runs twice."""
    off, auto = own.create(f"{name}-off", networks=[]), own.create(f"{name}-auto", networks=[], autostart=True)
    own.arm(f"{point}=die")
    own.dies_of("POST", "/v1/vms", own.body(name, networks=[]))
    reboot_host()
    forget_boot(own)
    own.comes_back()
    operation = own.made(name)
    vm = own.show(name)
    assert (operation["status"], vm["status"]) in {("succeeded", "running"), ("failed", "error")}, (operation, vm)
    own.reaches(off["id"], "stopped")
    own.reaches(auto["id"], "running", BOOT_S)
    running = {off["id"]: 0, auto["id"]: 1, vm["id"]: vm["status"] == "running"}
    assert len(processes("qemu-system-x86")) == sum(running.values())
    if vm["status"] == "error":
        own.leaves_nothing(vm["id"])
    for vm_id in running:
        own.removes_cleanly(vm_id)


def test_a_delete_under_way_at_a_reboot(own, name):
    vm = own.create(name, autostart=True)
    own.arm("virt.undefine.before=die")
    own.dies_of("DELETE", f"/v1/vms/{name}")
    reboot_host()
    forget_boot(own)
    own.comes_back()
    eventually(lambda: own.get(f"/v1/vms/{name}").status == 404, "it is gone, for good")
    own.is_gone(vm["id"])
    assert processes("qemu-system-x86") == []


def forget_boot(machine):
    """Deadlines of another boot: the machine that runs the tests has not really restarted."""
    with sqlite3.connect(machine.state / "computed.db") as database:
        database.execute("UPDATE job SET deadline_boot_id = ?, deadline_boot_ms = 1 WHERE status IN ('pending', 'running') AND deadline_boot_ms > 0",
                         (str(uuid.uuid4()),))
    database.close()
