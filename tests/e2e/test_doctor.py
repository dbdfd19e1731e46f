"""The doctor on real libvirt: healthy after a life, and what is not ours is the same afterwards, byte for byte."""
import json
import os
import subprocess
import uuid
import xml.etree.ElementTree as ElementTree

import private_libvirt
from client import BINARY
from machine import define, domain_xml, virsh


def look(machine, *words):
    """(exit code, report) while the daemon is down."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("COMPUTED_")}
    settings = {"COMPUTED_" + key.upper(): str(value) for key, value in machine.settings.items()}
    done = subprocess.run([BINARY, "doctor", "--json", *words], env={**inherited, **settings}, capture_output=True, text=True, timeout=120)
    assert done.stdout, done
    return done.returncode, json.loads(done.stdout)


def codes(report):
    return sorted(finding["code"] for finding in report["findings"])


def define_network(xml):
    done = subprocess.run(["virsh", "-q", "-c", private_libvirt.URI, "net-define", "/dev/stdin"], input=xml, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def is_healthy(machine):
    answer = machine.get("/v1/doctor").json
    assert (answer["findings"], answer["unseen"]) == ([], [])


def test_healthy_after_a_life(own):
    own.done(own.post("/v1/networks", {"name": "net"}))
    vm = own.create("lives", networks=["net"], autostart=True)
    own.create("rests", start=False)
    is_healthy(own)
    for verb in ("pause", "resume", "suspend", "start", "reboot"):
        own.done(own.post(f"/v1/vms/lives/{verb}", {"force": True} if verb == "reboot" else None))
    is_healthy(own)
    virsh("destroy", vm["id"])
    assert own.status("lives") == "stopped"
    is_healthy(own)
    own.stop()
    status, report = look(own, "--deep")
    assert (status, report["findings"], report["unseen"]) == (0, [], [])
    own.start()
    own.remove_all()
    is_healthy(own)


def test_what_is_not_ours_stays_as_it_is(own, name):
    vm = own.create(name, start=False)
    own.stop()
    stranger, copy, orphan = (str(uuid.uuid4()) for _ in range(3))
    define(f"<domain type='qemu'><name>stranger</name><uuid>{stranger}</uuid><memory>65536</memory><os><type>hvm</type></os></domain>")
    for new, tag in ((copy, vm["id"]), (orphan, orphan)):
        xml = domain_xml(vm["id"])
        xml.find("name").text = f"other-{new}"
        xml.find("uuid").text = new
        for element in xml.find("metadata").iter():
            if element.get("id") == vm["id"]:
                element.set("id", tag)
        for device in [d for d in xml.find("devices") if d.tag in ("interface", "serial", "console", "disk")]:
            xml.find("devices").remove(device)
        define(xml)
    define_network("<network><name>strangers</name><bridge name='virbr77'/></network>")
    bystanders = (stranger, copy, orphan, vm["id"])
    before = [virsh("dumpxml", domain) for domain in bystanders] + [virsh("net-dumpxml", "strangers")]
    status, report = look(own, "--fix")
    assert (status, codes(report)) == (1, ["domain_tag_copied", "domain_without_row"])
    assert {finding["subject"] for finding in report["findings"]} == {f"domain:{copy}", f"domain:{orphan}"}
    assert not any(finding["is_fixable"] for finding in report["findings"])
    assert before == [virsh("dumpxml", domain) for domain in bystanders] + [virsh("net-dumpxml", "strangers")]
    for domain in (stranger, copy, orphan):
        virsh("undefine", domain)
    virsh("net-undefine", "strangers")
    assert look(own)[0] == 0
    own.start()


def test_what_virsh_did_while_the_daemon_was_down(own, name):
    """Told by the doctor, and recorded by the next start."""
    vm = own.create(name)
    own.stop()
    virsh("destroy", vm["id"])
    assert codes(look(own)[1]) == ["vm_state_differs"]
    own.start()
    assert own.status(name) == "stopped"
    is_healthy(own)
    own.stop()
    virsh("undefine", vm["id"])
    assert codes(look(own)[1]) == ["vm_domain_missing"]
    own.start()
    assert own.act(name, "start")["status"] == "running"
    is_healthy(own)


def test_a_network_that_is_turned_off(own, name):
    own.create(name, start=False)
    own.stop()
    network = virsh("net-list", "--name").split()[0]
    virsh("net-destroy", network)
    assert codes(look(own)[1]) == ["network_inactive"]
    virsh("net-start", network)
    assert look(own)[0] == 0
    root = ElementTree.fromstring(virsh("net-dumpxml", network))
    for host in root.findall("dns/host"):
        virsh("net-update", network, "delete", "dns-host", f"<host ip='{host.get('ip')}'/>", "--live", "--config")
    assert codes(look(own)[1]) == ["network_entry_missing"]
    own.start()
    own.act(name, "start")
    is_healthy(own)


def test_without_the_filter(own, name):
    own.create(name, start=False)
    own.stop()
    virsh("nwfilter-undefine", "computed-port")
    assert codes(look(own)[1]) == ["network_filter_missing"]
    own.start()
    own.act(name, "start")
    is_healthy(own)
