"""A guest that somebody can log in to: the address is in the answer, and ssh works at the first try."""
import json
import os
import pathlib
import sqlite3
import subprocess

import pytest

from guest import Key, address, has_lease
from machine import BOOT_S, domain_xml, eventually

CREATES = int(os.environ.get("COMPUTED_CREATES", "6"))


@pytest.fixture(scope="module")
def key(daemon, tmp_path_factory):
    return Key(daemon, "e2e", tmp_path_factory.mktemp("key"))


def created(daemon, name, **fields):
    """(the 202's VM, the VM when it is there)"""
    answer = daemon.post("/v1/vms", daemon.body(name, **fields))
    assert answer.status == 202, answer
    daemon.done(answer)
    return answer.json, daemon.show(answer.json["id"])


def is_ready(daemon, ref):
    return eventually(lambda: daemon.show(ref)["ready_at"], f"{ref} says that it is ready", BOOT_S)


def ready_events(daemon, vm_id):
    with sqlite3.connect(f"file:{daemon.state}/computed.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT payload FROM event WHERE type = 'vm.ready' AND resource = ?", (vm_id,)).fetchall()
    return [json.loads(payload)["by"] for (payload,) in rows]


def test_ssh_works_at_the_first_try(daemon, key, name):
    promised, vm = created(daemon, name, keypair=key.name)
    assert vm["networks"] == promised["networks"] and vm["keypair"] == key.name
    is_ready(daemon, name)
    assert key.run(address(promised), "hostname") == name
    inside = key.run(address(promised), "ip -o -4 addr show eth0; cat /sys/class/net/eth0/address")
    assert f"{address(promised)}/24" in inside and promised["networks"][0]["mac"] in inside
    daemon.removes_cleanly(vm["id"])


def test_every_address_in_the_answer_is_the_guests(daemon, key):
    """Creates and deletes in a row; addresses come again only when nobody else is left."""
    seen = []
    for i in range(CREATES):
        promised, vm = created(daemon, f"row-{i}")
        assert has_lease(daemon, vm["id"]) == address(promised)
        seen.append(address(promised))
        daemon.removes_cleanly(vm["id"])
    assert len(set(seen)) == len(seen), "an address was given again while its last lease could live"


def test_the_seed_is_nobody_elses(daemon, key, name):
    _, vm = created(daemon, name, keypair=key.name, start=False)
    seed = daemon.instance(vm["id"]) / "seed.iso"
    assert seed.stat().st_mode & 0o077 == 0
    daemon.act(name, "start")
    assert seed.stat().st_mode & 0o007 == 0
    daemon.removes_cleanly(vm["id"])


def test_user_data_runs_and_further_keys_count(daemon, key, name):
    _, vm = created(daemon, name, ssh_keys=[key.public], user_data="#!/bin/sh\necho written by user data >/root/told\n")
    is_ready(daemon, name)
    assert key.run(address(vm), "cat /root/told") == "written by user data"
    daemon.removes_cleanly(vm["id"])


def test_names_are_found_inside(daemon, key, name):
    _, one = created(daemon, f"{name}-one", keypair=key.name)
    _, two = created(daemon, f"{name}-two", keypair=key.name)
    is_ready(daemon, one["id"])
    assert address(two) in key.run(address(one), f"nslookup {two['hostname']}")
    assert address(two) in key.run(address(one), f"nslookup {two['hostname']}.default.internal")
    for vm in (one, two):
        daemon.removes_cleanly(vm["id"])


def test_several_networks(daemon, key, name):
    for network, kind in ((f"{name}-nat", "nat"), (f"{name}-inside", "isolated")):
        daemon.done(daemon.post("/v1/networks", {"name": network, "kind": kind}))
    promised, vm = created(daemon, name, keypair=key.name, networks=[f"{name}-nat", f"{name}-inside"])
    is_ready(daemon, name)
    assert has_lease(daemon, name, "eth0") == address(promised, 0)
    assert has_lease(daemon, name, "eth1") == address(promised, 1)
    routes = key.run(address(promised, 0), "ip route")
    assert "default via" in routes and routes.count("default") == 1 and "dev eth0" in routes.split("default", 1)[1].splitlines()[0]
    daemon.removes_cleanly(vm["id"])
    for network in (f"{name}-nat", f"{name}-inside"):
        daemon.done(daemon.delete(f"/v1/networks/{network}"))


def test_no_network(daemon, name):
    _, vm = created(daemon, name, networks=[], start=False)
    assert vm["networks"] == [] and domain_xml(vm["id"]).find("devices/interface") is None
    daemon.removes_cleanly(vm["id"])


def test_the_guest_phones_home(daemon, key, name):
    """The tiny guest does as cloud-init does; the console would say it too, but not before."""
    _, vm = created(daemon, name)
    eventually(lambda: "phone-home" in daemon.log_text(), "the guest's call", BOOT_S)
    is_ready(daemon, name)
    assert len(ready_events(daemon, vm["id"])) == 1
    daemon.removes_cleanly(vm["id"])


AGENT = """#!/bin/sh
for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name")" = org.qemu.guest_agent.0 ] && exec 3<>"/dev/${port##*/}"
done
(while :; do sleep 60; done) <&3 >/dev/null 2>&1 &
"""


def test_the_agent_makes_it_ready(daemon, name):
    """User data runs before the login prompt, so the agent's word is the first."""
    _, vm = created(daemon, name, networks=[], user_data=AGENT)
    is_ready(daemon, name)
    assert ready_events(daemon, vm["id"]) == ["agent"]
    daemon.removes_cleanly(vm["id"])


def test_the_console_makes_it_ready(daemon, name):
    _, vm = created(daemon, name, networks=[])
    is_ready(daemon, name)
    assert ready_events(daemon, vm["id"]) == ["console"]
    daemon.removes_cleanly(vm["id"])


def test_the_client_waits_until_it_is_ready(daemon, key, name):
    ctl = pathlib.Path(os.environ.get("COMPUTED_BIN", pathlib.Path(__file__).parents[2] / "build/test/computed")).with_name("computectl")
    done = subprocess.run([ctl, "--url", f"http://{daemon.host}:{daemon.port}", "vm", "create", name, "--image", "tiny", "--vcpus", "1",
                           "--memory-mib", "96", "--disk-gib", "1", "--keypair", key.name, "--wait=ready"], capture_output=True, text=True,
                          timeout=BOOT_S)
    assert done.returncode == 0, done.stderr
    vm = daemon.show(name)
    assert vm["ready_at"] and address(vm) in done.stdout
    assert key.run(address(vm), "hostname") == name
    daemon.removes_cleanly(vm["id"])
