"""The seed: what a guest finds when it boots first. Read back from the image that the daemon wrote."""
import ipaddress
import json
import stat

import pytest

import iso9660
from test_keypairs import made
from test_vm_create import post


def seed(daemon, vm):
    return iso9660.read(daemon.instance(vm["id"]) / "seed.iso")


@pytest.fixture
def key(daemon, name, tmp_path):
    """(name, public line)"""
    line = made(tmp_path, "-t", "ed25519")[1]
    assert daemon.post("/v1/keypairs", {"name": f"{name}-key", "public_key": line}).status == 201
    return f"{name}-key", line


def test_nocloud(daemon, name, key, tmp_path):
    (tmp_path / "more").mkdir()
    more = made(tmp_path / "more", "-t", "ecdsa", "-b", "256")[1]
    data = "#cloud-config\n# 裏 🦊\nruncmd: [true]\n"
    vm = daemon.create(name, keypair=key[0], ssh_keys=[more], user_data=data)
    assert vm["keypair"] == key[0]
    label, files = seed(daemon, vm)
    assert label == "cidata"
    assert files["user-data"].decode() == data
    meta = json.loads(files["meta-data"])
    assert (meta["instance-id"], meta["local-hostname"], meta["public-keys"]) == (vm["id"], vm["hostname"], [key[1], more])
    (ethernet,) = json.loads(files["network-config"])["ethernets"].values()
    network = daemon.get("/v1/networks/default").json
    assert ethernet["match"]["macaddress"] == vm["networks"][0]["mac"]
    assert ethernet["addresses"] == [daemon.address(vm) + "/" + network["cidr"].split("/")[1]]
    assert ethernet["routes"] == [{"to": "0.0.0.0/0", "via": network["gateway"]}]
    assert ethernet["nameservers"]["addresses"] == [network["gateway"]]
    assert "vendor-data" not in files            # this daemon has no guest_port


def test_config_drive(daemon, name, key):
    vm = daemon.create(name, keypair=key[0], user_data="#!/bin/sh\n", config_drive=True, metadata={"role": "web"})
    label, files = seed(daemon, vm)
    assert label == "config-2"
    meta = json.loads(files["openstack/latest/meta_data.json"])
    assert (meta["uuid"], meta["hostname"], meta["meta"]) == (vm["id"], vm["hostname"], {"role": "web"})
    assert list(meta["public_keys"].values()) == [key[1]]
    assert files["openstack/latest/user_data"] == b"#!/bin/sh\n"
    network = json.loads(files["openstack/latest/network_data.json"])["networks"][0]
    assert network["ip_address"] == daemon.address(vm)
    assert ipaddress.ip_network(f"0.0.0.0/{network['netmask']}").prefixlen == 24


def test_nobody_else_reads_it_and_it_goes_with_the_vm(daemon, name):
    vm = daemon.create(name)
    file = daemon.instance(vm["id"]) / "seed.iso"
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    assert daemon.domain(vm["id"])["seed"] == str(file)
    daemon.remove(name)
    assert not file.exists()


def test_a_guest_without_networks_has_no_network_config(daemon, name):
    assert "network-config" not in seed(daemon, daemon.create(name, networks=[]))[1]


def test_only_the_way_out_has_a_route(daemon, name):
    daemon.done(daemon.post("/v1/networks", {"name": name, "kind": "isolated"}))
    vm = daemon.create(name, networks=[name, "default"])
    ethernets = json.loads(seed(daemon, vm)[1]["network-config"])["ethernets"]
    by_mac = {e["match"]["macaddress"]: e for e in ethernets.values()}
    assert ["routes" in by_mac[n["mac"]] for n in vm["networks"]] == [False, True]


def test_as_much_user_data_as_allowed(daemon, name):
    data = "#!/bin/sh\n" + "x" * (65536 - 10)
    assert seed(daemon, daemon.create(name, user_data=data))[1]["user-data"].decode() == data


def test_all_the_keys_that_are_allowed(daemon, name, tmp_path):
    line = made(tmp_path, "-t", "ed25519")[1].rsplit(" ", 1)[0]
    keys = [f"{line} number-{i}" for i in range(32)]
    assert json.loads(seed(daemon, daemon.create(name, ssh_keys=keys))[1]["meta-data"])["public-keys"] == keys


def test_a_keypair_and_too_many_keys(daemon, name, key):
    answer = post(daemon, name, keypair=key[0], ssh_keys=[key[1]] * 32)
    assert (answer.status, answer.json["field"]) == (400, "ssh_keys")


def test_a_change_of_the_keypair_does_not_reach_the_guest(daemon, name, key):
    vm = daemon.create(name, keypair=key[0])
    daemon.delete(f"/v1/keypairs/{key[0]}")
    daemon.act(name, "stop", {"force": True})
    daemon.act(name, "start")
    assert json.loads(seed(daemon, vm)[1]["meta-data"])["public-keys"] == [key[1]]


def test_the_start_that_mends_a_vm_writes_its_seed_again(daemon, name, key):
    vm = daemon.create(name, keypair=key[0], user_data="#!/bin/sh\n")
    before = seed(daemon, vm)
    daemon.undefine(vm["id"])
    (daemon.instance(vm["id"]) / "seed.iso").unlink()
    assert daemon.show(name)["status"] == "error"
    daemon.act(name, "start")
    assert seed(daemon, vm) == before


@pytest.mark.settings(guest_port=18775)
def test_guests_are_told_where_to_call(own):
    """No gateway of a fake network is an address of this host: what listens there is for the end-to-end tests."""
    vm = own.create("a")
    gateway = own.get("/v1/networks/default").json["gateway"]
    text = seed(own, vm)[1]["vendor-data"].decode()
    url = json.loads(text.removeprefix("#cloud-config\n"))["phone_home"]["url"]
    assert url.startswith(f"http://{gateway}:18775/v1/phone-home/{vm['id']}/")
    token = url.rsplit("/", 1)[1]
    assert len(token) == 32 and token not in own.log_text()
