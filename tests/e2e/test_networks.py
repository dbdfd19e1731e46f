"""Networks over restarts, and behind our back. libvirt and the host are the private ones: they may be killed."""
import os
import pathlib
import shutil
import signal
import subprocess

import private_libvirt
from guest import address, has_lease
from machine import BOOT_S, domain_state, eventually, virsh


def networks():
    return virsh("net-list", "--all", "--name").split()


def bridges():
    """/sys is the machine's, not the namespace's: it does not know."""
    done = subprocess.run(["ip", "-brief", "link", "show", "type", "bridge"], check=True, stdout=subprocess.PIPE, text=True)
    return {line.split()[0] for line in done.stdout.splitlines()}


def processes(name):
    return [int(p.name) for p in pathlib.Path("/proc").iterdir()
            if p.name.isdigit() and (p / "comm").exists() and (p / "comm").read_text(errors="replace").strip() == name]


def end_all(name):
    for pid in processes(name):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not processes(name), f"no {name} is left", 30)


def reboot_host():
    """What a power cut leaves: no process, no bridge, no /run; the disks as they are."""
    private_libvirt.end("libvirtd")
    for name in ("qemu-system-x86", "dnsmasq"):
        end_all(name)
    for bridge in bridges():
        subprocess.run(["ip", "link", "del", bridge], check=True)
    for path in pathlib.Path("/run/libvirt").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif not path.name.startswith("virtlog"):
            path.unlink()
    private_libvirt.start("libvirtd")
    private_libvirt.wait_until_answering()


def test_the_default_network_is_made_once_and_can_go(own):
    vms = [own.create(f"vm-{i}", start=False) for i in range(3)]
    (network,) = own.get("/v1/networks").json["networks"]
    assert network["name"] == "default" and network["is_default"] and network["status"] == "active"
    assert networks() == [f"computed-{network['id']}"] and bridges() == {network["bridge"]}
    answer = own.delete("/v1/networks/default")
    assert (answer.status, answer.code) == (409, "in_use")
    for vm in vms:
        own.remove(vm["id"])
    own.done(own.delete("/v1/networks/default"))
    assert networks() == [] and bridges() == set()


def test_networks_come_back_before_the_vms(own):
    """After a host's restart VMs with autostart run again, once; the others are off; addresses are as promised."""
    auto = own.create("auto", autostart=True)
    off = own.create("off")
    has_lease(own, "auto")
    own.stop()
    reboot_host()
    own.start()
    own.reaches("auto", "running", BOOT_S)
    own.reaches("off", "stopped")
    assert domain_state(off["id"])[0] == "shut off"
    eventually(lambda: own.console("auto").count("TINY lease eth0") == 2, "the second boot's lease", BOOT_S)
    assert own.console("auto").count(f"TINY lease eth0 {address(auto)}") == 2
    assert "kind=vm.create" in own.log_text() and "kind=vm.start" not in own.log_text()
    assert len(processes("qemu-system-x86")) == 1
    own.act("off", "start")
    assert has_lease(own, "off") == address(off)


def test_a_network_that_somebody_stopped_comes_back_at_the_next_start(own):
    vm = own.create("vm", start=False)
    (name,) = networks()
    virsh("net-destroy", name)
    own.act("vm", "start")
    assert has_lease(own, "vm") == address(vm)


def test_an_entry_that_somebody_removed_comes_back_at_the_next_start(own):
    vm = own.create("vm", start=False)
    (name,) = networks()
    mac = vm["networks"][0]["mac"]
    virsh("net-update", name, "delete", "ip-dhcp-host", f"<host mac='{mac}' ip='{address(vm)}'/>", "--live", "--config")
    own.act("vm", "start")
    assert has_lease(own, "vm") == address(vm)


def test_subnets_keep_clear_of_the_hosts(own):
    """A route and somebody else's network stand in the way; both stay as they are."""
    subprocess.run(["ip", "route", "add", "blackhole", "10.77.0.0/24"], check=True)
    foreign = "<network><name>theirs</name><ip address='10.77.1.1' netmask='255.255.255.0'/></network>"
    subprocess.run(["virsh", "-q", "-c", private_libvirt.URI, "net-define", "/dev/stdin"], input=foreign, text=True, check=True)
    before = virsh("net-dumpxml", "theirs")
    try:
        own.restart()  # libvirt is asked anew
        eventually(lambda: own.get("/health").json["status"] == "healthy", "libvirt is there")
        vm = own.create("vm", start=False)
        assert address(vm).startswith("10.77.2.")
        for cidr in ("10.77.0.0/24", "10.77.1.128/25", "10.77.2.0/24"):
            answer = own.post("/v1/networks", {"name": "taken", "cidr": cidr})
            assert (answer.status, answer.code, answer.json["field"]) == (409, "cidr_taken", "cidr"), cidr
        assert virsh("net-dumpxml", "theirs") == before
    finally:
        subprocess.run(["ip", "route", "del", "blackhole", "10.77.0.0/24"], check=True)
        virsh("net-undefine", "theirs")


def has_entries(network, vm):
    """Its name, and the pair of its MAC and address, which is there from the beginning and stays."""
    xml = virsh("net-dumpxml", network)
    assert f"<host mac='{vm['networks'][0]['mac']}' ip='{address(vm)}'>" in xml
    return f"<hostname>{vm['hostname']}</hostname>" in xml


def test_a_create_that_fails_leaves_no_entry(own):
    keeps = own.create("keeps", start=False)
    own.arm("virt.start.before=error(hypervisor)")
    failed = own.create_failing("fails")
    own.arm("")
    (name,) = networks()
    assert has_entries(name, keeps) and not has_entries(name, failed)
    own.removes_cleanly(failed["id"])


def test_nothing_is_left_of_the_entries(own):
    vm = own.create("vm", start=False)
    (name,) = networks()
    assert has_entries(name, vm)
    own.removes_cleanly(vm["id"])
    assert not has_entries(name, vm)

