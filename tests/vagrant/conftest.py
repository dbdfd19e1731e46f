"""The Vagrant box, as far as it goes without Vagrant's virtual machine: a clean Debian with systemd (debian_machine.py). Root only."""
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "lib"))

from apt_proxy import apt_proxy  # noqa: E402
from debian_machine import Machine  # noqa: E402

USER = "vagrant"
RELAY = "10.0.2.15"
CHECKOUT = "/vagrant"
PROVISION_S = 1000


def tracked_files():
    """What a clone has, and what is about to be committed."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"], check=True, capture_output=True, text=True, timeout=60)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def place_checkout(machine):
    for name in tracked_files():
        machine.path(f"{CHECKOUT}/{name}").parent.mkdir(parents=True, exist_ok=True)
        machine.copy_in(ROOT / name, f"{CHECKOUT}/{name}")


def add_user(machine):
    """As the box's: sudo without a password."""
    machine.run(["useradd", "-m", "-s", "/bin/bash", USER])
    machine.path(f"/etc/sudoers.d/{USER}").write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")


def provision(machine, relay=RELAY):
    with apt_proxy(machine):
        return machine.output(["env", f"COMPUTED_RELAY={relay}", f"{CHECKOUT}/vagrant/provision.sh"], user=USER, timeout_s=PROVISION_S)


@pytest.fixture(scope="session")
def plain():
    """A machine like the box's before it is provisioned: booted, with the checkout, which nobody may write to, and VirtualBox's address."""
    with Machine(packages=["sudo", "rsync"], hostname="computed") as machine:
        add_user(machine)
        place_checkout(machine)
        machine.boot()
        machine.run(["mount", "--bind", "-o", "ro", CHECKOUT, CHECKOUT])
        machine.run(["ip", "address", "add", f"{RELAY}/32", "dev", "lo"])
        yield machine


@pytest.fixture(scope="session")
def box(plain):
    """The machine, provisioned. `box.said` is what the script said."""
    plain.said = provision(plain)
    return plain


@pytest.fixture(scope="session")
def with_vagrant():
    """One with Debian's vagrant and its libvirt provider, for the Vagrantfile."""
    with Machine(packages=["vagrant", "vagrant-libvirt"]) as machine:
        machine.copy_in(ROOT / "vagrant", "/root/vagrant")
        yield machine
