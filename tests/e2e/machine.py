"""A daemon on the private libvirt, and what virsh and the file system say beside it."""
import os
import sqlite3
import subprocess
import xml.etree.ElementTree as ElementTree

import private_libvirt
from client import BINARY, Daemon, eventually

BOOT_S = 240  # emulated, on a busy machine
SMALL = {"vcpus": 1, "memory_mib": 96, "disk_gib": 1}


def virsh(*words, check=True):
    """Its output; with check=False "" when it failed."""
    done = subprocess.run(["virsh", "-q", "-c", private_libvirt.URI, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, f"virsh {' '.join(words)}: {done.stderr}"
    return done.stdout.strip() if done.returncode == 0 else ""


def domains():
    """The UUIDs of all."""
    return virsh("list", "--all", "--uuid").split()


def domain_state(vm_id):
    """("running", "booted"): state and reason."""
    state, _, reason = virsh("domstate", vm_id, "--reason").rpartition(" (")
    return state, reason.rstrip(")")


def domain_xml(vm_id):
    return ElementTree.fromstring(virsh("dumpxml", vm_id))


def define(xml):
    """A domain that somebody else made."""
    text = xml if isinstance(xml, str) else ElementTree.tostring(xml, encoding="unicode")
    done = subprocess.run(["virsh", "-q", "-c", private_libvirt.URI, "define", "/dev/stdin"], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


class Machine(Daemon):
    def __init__(self, directory, **settings):
        super().__init__(directory, libvirt_uri=private_libvirt.URI, virt_type="qemu",
                         **{"stop_grace": "60s", "guest_port": 8775, "log_level": "debug", **settings})

    # ---- VMs ----
    def body(self, name, **fields):
        return {"name": name, "image": "tiny", **SMALL, **fields}

    def create(self, name, **fields):
        """A VM that is there."""
        answer = self.post("/v1/vms", self.body(name, **fields))
        self.done(answer)
        return self.show(answer.json["id"])

    def create_failing(self, name, **fields):
        """A VM whose create was accepted and failed."""
        answer = self.post("/v1/vms", self.body(name, **fields))
        operation = self.wait(answer)
        assert operation["status"] == "failed", operation
        return self.show(answer.json["id"])

    def status(self, ref):
        return self.show(ref)["status"]

    def reaches(self, ref, status, deadline_s=60):
        eventually(lambda: self.status(ref) == status, f"{ref} is {status}", deadline_s)

    def remove_all(self):
        for vm in self.get("/v1/vms", limit=1000).json["vms"]:
            self.remove(vm["id"])

    def remove_networks(self):
        """The bridges of one test's daemon are in the way of the next one's."""
        for network in self.get("/v1/networks", limit=1000).json["networks"]:
            self.done(self.delete(f"/v1/networks/{network['id']}"))

    def console(self, ref):
        answer = self.get(f"/v1/vms/{ref}/console-log")
        assert answer.status == 200, answer
        return answer.body.decode()

    def boots(self, ref, times=1):
        """The guest's login prompt has come so many times."""
        eventually(lambda: self.console(ref).count("login:") >= times, f"login prompt {times} of {ref}", BOOT_S)

    # ---- three places ----
    def leaves_nothing(self, vm_id):
        """Not in libvirt, not on disk. The row is another matter: an acknowledged create that failed keeps it."""
        assert vm_id not in domains()
        assert not self.instance(vm_id).exists()

    def is_gone(self, vm_id):
        self.leaves_nothing(vm_id)
        assert self.get(f"/v1/vms/{vm_id}").status == 404
        with sqlite3.connect(f"file:{self.state}/computed.db?mode=ro", uri=True) as database:
            assert database.execute("SELECT count(*) FROM vm WHERE id = ?", (vm_id,)).fetchone() == (0,)

    def removes_cleanly(self, vm_id):
        self.remove(vm_id)
        self.is_gone(vm_id)

    def overlay(self, vm_id):
        return self.instance(vm_id) / "disk.qcow2"

    def image_file(self, name):
        image = self.get(f"/v1/images/{name}").json
        return self.state / "images" / f"{image['id']}.{image['disk_format']}"

    # ---- the process ----
    def kill(self):
        self.process.kill()
        self.process.wait()

    def made(self, name):
        """The operation that was to make the VM, at its end."""
        return self.ended(self.show(name)["id"], "vm.create")


def running(directory, tiny, kind=Machine, **settings):
    """The life of a fixture's machine."""
    machine = kind(directory, **settings)
    try:
        machine.add_image("tiny", tiny.read_bytes(), "qcow2")
        machine.add_image("blank", b"\0" * 65536, "raw")  # boots nothing and answers no power button
        yield machine
    finally:
        machine.arm("")
        machine.remove_all()
        machine.remove_networks()
        machine.stop()


def failpoints():
    """Every name in the build."""
    listed = subprocess.run([BINARY, "--list-failpoints"], check=True, stdout=subprocess.PIPE, text=True)
    return [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]


def qemu_img(*words):
    return subprocess.run(["qemu-img", *map(str, words)], check=True, stdout=subprocess.PIPE, text=True).stdout


def second_daemon(machine):
    """Another one on the same state directory, as far as it comes: exit status, stdout, stderr."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COMPUTED_")}
    environment |= {"COMPUTED_" + key.upper(): str(value) for key, value in machine.settings.items()}
    done = subprocess.run([BINARY], env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr
