"""Where VMs are on the network: the address is in the answer to the create, is nobody else's, and goes back late."""
import ipaddress

import pytest

from test_vm_create import BODY, at_once, post


def addresses(answers):
    return [ipaddress.ip_address(address) for a in answers for n in a.json["networks"] for address in n["addresses"]]


def test_the_address_is_in_the_answer(daemon, name):
    answer = post(daemon, name)
    assert answer.status == 202
    (nic,) = answer.json["networks"]
    network = daemon.get("/v1/networks/default").json
    assert (nic["network"], nic["network_id"], nic["kind"]) == ("default", network["id"], "nat")
    assert ipaddress.ip_address(nic["addresses"][0]) in ipaddress.ip_network(network["cidr"])
    assert nic["addresses"][0] != network["gateway"]
    assert answer.json["hostname"] == name
    daemon.done(answer)
    assert daemon.show(name)["networks"] == answer.json["networks"]
    assert daemon.get("/v1/vms", name=name).json["vms"][0]["networks"] == answer.json["networks"]


def test_libvirt_knows_the_address_before_the_start(daemon, name):
    vm = daemon.create(name)
    (nic,) = vm["networks"]
    record = daemon.network_record(nic["network_id"])
    assert [h["ip"] for h in record["dhcp"] if h["mac"] == nic["mac"]] == nic["addresses"]
    assert [h["ip"] for h in record["dns"] if h["host"] == vm["hostname"]] == nic["addresses"]
    (interface,) = daemon.domain(vm["id"])["nics"]
    assert interface["mac"] == nic["mac"]
    daemon.remove(name)
    assert vm["hostname"] not in [h["host"] for h in daemon.network_record(nic["network_id"])["dns"]]


def test_at_once_on_a_new_project_one_default_network_is_made(own):
    answers = at_once(16, lambda i: post(own, f"vm-{i}"))
    assert [a.status for a in answers] == [202] * 16
    given = addresses(answers)
    assert len(set(given)) == 16
    for answer in answers:
        own.done(answer)
    (network,) = own.get("/v1/networks").json["networks"]
    cidr = ipaddress.ip_network(network["cidr"])
    assert (network["name"], network["is_default"], network["status"]) == ("default", True, "active")
    assert all(cidr[1] < address < cidr[-1] for address in given)
    assert len({n["mac"] for a in answers for n in a.json["networks"]}) == 16
    assert len(list((own.domains / "networks").glob("*.json"))) == 1


def test_no_networks(own):
    assert own.create("a", networks=[])["networks"] == []
    assert own.get("/v1/networks").json["networks"] == []
    assert own.domain(own.show("a")["id"])["nics"] == []


def test_several_networks(daemon, name):
    for kind in ("nat", "isolated"):
        daemon.done(daemon.post("/v1/networks", {"name": f"{name}-{kind}", "kind": kind}))
    vm = daemon.create(name, networks=[f"{name}-isolated", {"network": f"{name}-nat"}, "default"])
    assert [n["network"] for n in vm["networks"]] == [f"{name}-isolated", f"{name}-nat", "default"]
    assert [n["kind"] for n in vm["networks"]] == ["isolated", "nat", "nat"]
    assert len({n["mac"] for n in vm["networks"]}) == 3
    assert [n["mac"] for n in daemon.domain(vm["id"])["nics"]] == [n["mac"] for n in vm["networks"]]


def test_a_network_by_its_id(daemon, name):
    daemon.create(name)
    network = daemon.get("/v1/networks/default").json
    assert daemon.create(f"{name}-b", networks=[network["id"]])["networks"][0]["network"] == "default"


@pytest.mark.parametrize("ref", ["nothing", "", "a b", "🦊", "x" * 5000, "00000000-0000-4000-8000-000000000000"])
def test_a_network_that_is_not_there(daemon, name, ref):
    for networks in ([ref], [{"network": ref}]):
        answer = post(daemon, name, networks=networks)
        assert (answer.status, answer.code, answer.json["field"]) == (404, "network_not_found", "networks")


def test_a_network_twice(daemon, name):
    daemon.create(name)
    answer = post(daemon, f"{name}-b", networks=["default", "default"])
    assert (answer.status, answer.json["field"]) == (400, "networks")


# ---- fixed addresses ----
@pytest.fixture
def network(daemon, name):
    daemon.done(daemon.post("/v1/networks", {"name": f"{name}-net"}))
    return daemon.get(f"/v1/networks/{name}-net").json


def fixed(daemon, vm_name, network, address):
    return post(daemon, vm_name, networks=[{"network": network["name"], "fixed_ip": str(address)}])


def test_a_fixed_address(daemon, name, network):
    wanted = ipaddress.ip_network(network["cidr"])[77]
    answer = fixed(daemon, name, network, wanted)
    assert answer.json["networks"][0]["addresses"] == [str(wanted)]
    again = fixed(daemon, f"{name}-b", network, wanted)
    assert (again.status, again.code, again.json["field"]) == (409, "address_taken", "networks")
    assert daemon.get("/v1/vms", name=f"{name}-b").json["vms"] == []


def test_eight_for_one_address(daemon, name, network):
    wanted = ipaddress.ip_network(network["cidr"])[9]
    answers = at_once(8, lambda i: fixed(daemon, f"{name}-{i}", network, wanted))
    assert sorted(a.status for a in answers) == [202] + [409] * 7
    assert {a.code for a in answers if a.status == 409} == {"address_taken"}


@pytest.mark.parametrize("which", [0, 1, -1, "8.8.8.8", "10.0.0.256", "a.b.c.d", "::1"])
def test_addresses_that_are_not_the_networks_to_give(daemon, name, network, which):
    wanted = ipaddress.ip_network(network["cidr"])[which] if isinstance(which, int) else which
    answer = fixed(daemon, name, network, wanted)
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", "networks")


def test_an_address_rests_after_a_delete(daemon, name, network):
    wanted = ipaddress.ip_network(network["cidr"])[2]
    daemon.done(fixed(daemon, name, network, wanted))
    daemon.remove(name)
    again = fixed(daemon, name, network, wanted)
    assert (again.status, again.code) == (409, "address_taken")
    vm = daemon.create(name, networks=[network["name"]])
    assert vm["networks"][0]["addresses"] != [str(wanted)]


def test_a_full_network(own):
    own.done(own.post("/v1/networks", {"name": "small", "cidr": "10.202.0.0/29"}))
    answers = at_once(8, lambda i: post(own, f"vm-{i}", networks=["small"]))
    assert sorted(a.status for a in answers) == [202] * 5 + [409] * 3
    assert {a.code for a in answers if a.status == 409} == {"no_capacity"}
    assert sorted(addresses(a for a in answers if a.status == 202)) == list(ipaddress.ip_network("10.202.0.0/29"))[2:7]


def test_a_create_that_fails_leaves_no_entry(own):
    own.create("keeps")
    own.arm("virt.start.before=error(hypervisor),once")
    answer = post(own, "fails")
    assert own.wait(answer)["status"] == "failed"
    (nic,) = answer.json["networks"]
    hosts = own.network_record(nic["network_id"])["dns"]
    assert [h["ip"] for h in hosts] == own.show("keeps")["networks"][0]["addresses"]


def test_hostnames_are_the_projects_own(daemon, name):
    names = [daemon.create(vm)["hostname"] for vm in (f"{name}.X", f"{name}_X", f"{name}-X")]
    assert len(set(names)) == 3
    assert all(set(n) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for n in names)


# ---- where there are no bridges ----
@pytest.mark.settings(listen="127.0.0.1:0")
def test_session_mode_promises_no_address(own):
    """User networking reaches the host's loopback, where this daemon makes everybody an administrator: none is offered here."""
    (own.domains / "session").touch()
    vm = own.create("a")
    assert vm["networks"] == []
    answer = own.post("/v1/vms", {**BODY, "name": "b", "networks": ["default"]})
    assert answer.status in (404, 409) and answer.json["field"] == "networks"
