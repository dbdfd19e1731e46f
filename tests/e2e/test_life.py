"""A VM's whole life, with what libvirt, the guest and the disk say at each station."""
import hashlib
import json

import pytest

from machine import SMALL, domain_state, domain_xml, domains, eventually, qemu_img, virsh


def test_from_create_to_nothing(daemon, name):
    vm = daemon.create(name)
    assert (vm["status"], vm["task"], vm["fault"], vm["image"]) == ("running", None, None, "tiny")
    assert domain_state(vm["id"])[0] == "running"
    daemon.boots(name)

    assert daemon.act(name, "pause")["status"] == "paused"
    assert domain_state(vm["id"]) == ("paused", "user")
    assert daemon.act(name, "resume")["status"] == "running"

    # The guest is asked, and obeys: had it been powered off, the reason would be "destroyed".
    assert daemon.act(name, "stop")["status"] == "stopped"
    assert domain_state(vm["id"]) == ("shut off", "shutdown")

    assert daemon.act(name, "start")["status"] == "running"
    daemon.boots(name, times=2)
    daemon.removes_cleanly(vm["id"])


def test_reboot_asks_the_guest(daemon, name):
    vm = daemon.create(name)
    daemon.boots(name)
    assert daemon.act(name, "reboot")["status"] == "running"
    daemon.boots(name, times=2)
    daemon.removes_cleanly(vm["id"])


def test_forced_reboot_asks_nobody(daemon, name):
    vm = daemon.create(name)
    daemon.boots(name)
    assert daemon.act(name, "reboot", {"force": True})["status"] == "running"
    daemon.boots(name, times=2)
    daemon.removes_cleanly(vm["id"])


@pytest.mark.settings(stop_grace="1s")
def test_stop_powers_off_after_the_grace_period(own, name):
    vm = own.create(name, image="blank")
    assert own.act(name, "stop")["status"] == "stopped"
    assert domain_state(vm["id"]) == ("shut off", "destroyed")


@pytest.mark.settings(stop_grace="1h", power_deadline="2h")
def test_forced_stop_does_not_ask(own, name):
    vm = own.create(name, image="blank")
    assert own.act(name, "stop", {"force": True})["status"] == "stopped"
    assert domain_state(vm["id"]) == ("shut off", "destroyed")


def test_delete_of_a_running_vm(daemon, name):
    vm = daemon.create(name)
    daemon.removes_cleanly(vm["id"])


def test_create_without_start(daemon, name):
    vm = daemon.create(name, start=False)
    assert vm["status"] == "stopped"
    assert domain_state(vm["id"])[0] == "shut off"
    assert daemon.act(name, "start")["status"] == "running"
    daemon.removes_cleanly(vm["id"])


def test_the_domain_is_what_was_asked(daemon, name):
    vm = daemon.create(name, vcpus=2, memory_mib=128, start=False)
    domain = domain_xml(vm["id"])
    assert domain.findtext("uuid") == vm["id"]
    assert domain.findtext("name") != name
    assert name in domain.findtext("title")
    assert domain.findtext("vcpu") == "2"
    assert domain.find("memory").get("unit") == "KiB" and domain.findtext("memory") == str(128 * 1024)
    assert domain.get("type") == "qemu"
    assert domain.find("devices/disk/source").get("file") == str(daemon.overlay(vm["id"]))
    assert domain.find("devices/graphics") is None
    (interface,) = domain.findall("devices/interface")
    (promised,) = vm["networks"]
    assert interface.find("mac").get("address") == promised["mac"]
    assert interface.find("source").get("network") == f"computed-{promised['network_id']}"
    assert [(p.get("name"), p.get("value")) for p in interface.findall("filterref/parameter")] == [("IP", promised["addresses"][0])]
    daemon.removes_cleanly(vm["id"])


def test_rename_reaches_the_domain(daemon, name):
    vm = daemon.create(name, start=False)
    answer = daemon.patch(f"/v1/vms/{name}", {"name": f"{name}-renamed"})
    assert answer.status == 200 and answer.json["name"] == f"{name}-renamed"
    eventually(lambda: f"{name}-renamed" in domain_xml(vm["id"]).findtext("title"), "the title follows")
    daemon.removes_cleanly(vm["id"])


def test_the_overlay_is_sound(daemon, name):
    vm = daemon.create(name, start=False)
    chain = json.loads(qemu_img("info", "--backing-chain", "--output=json", daemon.overlay(vm["id"])))
    assert [link["format"] for link in chain] == ["qcow2", "qcow2"]
    assert chain[0]["virtual-size"] == SMALL["disk_gib"] << 30
    assert chain[0]["backing-filename-format"] == "qcow2"
    assert chain[0]["full-backing-filename"] == str(daemon.image_file("tiny"))
    qemu_img("check", daemon.overlay(vm["id"]))
    daemon.removes_cleanly(vm["id"])


def test_the_base_image_is_never_touched(own, name):
    def portrait():
        file = own.image_file("tiny")
        stat = file.stat()
        return stat.st_uid, stat.st_gid, stat.st_mode, stat.st_size, hashlib.sha256(file.read_bytes()).hexdigest()

    before = portrait()
    vm = own.create(name)
    own.boots(name)
    own.act(name, "stop")
    assert portrait() == before
    own.removes_cleanly(vm["id"])
    assert portrait() == before


def test_an_image_in_use_stays(daemon, name):
    vm = daemon.create(name, start=False)
    answer = daemon.delete("/v1/images/tiny")
    assert (answer.status, answer.code) == (409, "in_use")
    daemon.removes_cleanly(vm["id"])


def test_console_log_keeps_the_last_lines(daemon, name):
    vm = daemon.create(name)
    daemon.boots(name)
    last = daemon.get(f"/v1/vms/{name}/console-log", lines=1)
    assert last.headers["Content-Type"].startswith("text/plain")
    assert "login:" in last.body.decode() and "rc" not in last.body.decode()
    daemon.removes_cleanly(vm["id"])


def test_a_guest_that_powers_itself_off_is_stopped(daemon, name):
    vm = daemon.create(name)
    daemon.boots(name)
    virsh("shutdown", vm["id"])
    daemon.reaches(name, "stopped")
    assert vm["id"] in domains()
    daemon.removes_cleanly(vm["id"])


def test_sigterm_leaves_guests_running(own, name):
    vm = own.create(name)
    own.restart()
    assert domain_state(vm["id"])[0] == "running"
    assert own.status(name) == "running"
