"""docs/operations.md, "Moving to another host": state_dir is copied to a host whose libvirt has never heard of these machines."""
import shutil
import subprocess

from guest import Key, address
from machine import BOOT_S, domains, eventually, virsh


def forgets_everything():
    """libvirt becomes that of a new host: no domain, no network, no filter of ours."""
    for domain in domains():
        virsh("undefine", domain, "--managed-save")
    for network in virsh("net-list", "--all", "--name").split():
        virsh("net-destroy", network, check=False)
        virsh("net-undefine", network)
    for nwfilter in [line.split()[1] for line in virsh("nwfilter-list").splitlines()]:
        if nwfilter.startswith("computed"):
            virsh("nwfilter-undefine", nwfilter)


def moved(own):
    """The folder goes away as an archive and comes back from it; it has the same path, which the disks name."""
    archive = own.state.parent / "state.tar"
    tar = ["tar", "--sparse", "--numeric-owner", "--file", archive, "--directory", own.state.parent]
    subprocess.run([*tar, "--create", own.state.name], check=True)
    shutil.rmtree(own.state)
    subprocess.run([*tar, "--extract", "--same-permissions"], check=True)


def test_to_a_host_whose_libvirt_is_empty(own, tmp_path):
    key = Key(own, "mine", tmp_path)
    guest = own.create("guest", keypair="mine", autostart=True, metadata={"a": "b"})
    eventually(lambda: own.show("guest")["ready_at"], "the guest is ready", BOOT_S)
    key.run(address(guest), "echo on disk | dd of=/dev/vda bs=1M seek=1000 conv=notrunc; sync")  # its root lies in memory
    own.act("guest", "stop")
    own.stop()
    forgets_everything()
    moved(own)
    own.start()
    eventually(lambda: own.show("guest")["status"] == "error", "libvirt does not know it", 30)
    assert own.show("guest")["fault"]["code"] == "domain_missing"
    own.act("guest", "start")
    after = own.show("guest")
    assert [after[k] for k in ("id", "metadata", "networks", "autostart")] == [guest[k] for k in ("id", "metadata", "networks", "autostart")]
    eventually(lambda: key.ssh(address(guest), "true").returncode == 0, "ssh at the old address", BOOT_S)
    assert key.run(address(guest), "dd if=/dev/vda bs=1M skip=1000 count=1 2>/dev/null | head -n1") == "on disk"
    assert virsh("list", "--all", "--autostart", "--uuid").split() == [guest["id"]]
