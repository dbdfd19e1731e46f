"""Networks: a bridge and a range each; made and removed by operations, never under a VM."""
import ipaddress
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import by_age


def test_a_life(daemon, name):
    answer = daemon.post("/v1/networks", {"name": name})
    assert answer.status == 202
    network = answer.json
    assert answer.headers["Location"] == "/v1/operations/" + network["operation"]
    assert (network["status"], network["kind"], network["is_default"], network["status_reason"]) == ("pending", "nat", False, None)
    operation = daemon.done(answer)
    assert (operation["kind"], operation["target"]) == ("network.create", network["id"])
    shown = daemon.get(f"/v1/networks/{name}").json
    assert shown["status"] == "active" and shown["bridge"]
    assert shown == daemon.get(f"/v1/networks/{network['id']}").json
    cidr = ipaddress.ip_network(shown["cidr"])
    assert (cidr.prefixlen, cidr.is_private) == (24, True)
    assert ipaddress.ip_address(shown["gateway"]) == cidr[1]
    record = daemon.network_record(network["id"])
    assert (record["bridge"], record["cidr"], record["state"]) == (shown["bridge"], shown["cidr"], "running")
    answer = daemon.delete(f"/v1/networks/{name}")
    assert answer.json["kind"] == "network.delete"
    daemon.done(answer)
    assert daemon.get(f"/v1/networks/{network['id']}").code == "network_not_found"
    assert daemon.network_record(network["id"]) is None


def test_isolated_with_a_range_of_its_own(daemon, name):
    daemon.done(daemon.post("/v1/networks", {"name": name, "kind": "isolated", "cidr": "10.200.7.0/26"}))
    shown = daemon.get(f"/v1/networks/{name}").json
    assert (shown["kind"], shown["cidr"], shown["gateway"], shown["status"]) == ("isolated", "10.200.7.0/26", "10.200.7.1", "active")
    daemon.done(daemon.delete(f"/v1/networks/{name}"))


@pytest.mark.parametrize("body,field", [
    ({"cidr": "10.1.2.3/24"}, "cidr"), ({"cidr": "10.1.2.0"}, "cidr"), ({"cidr": "10.1.2.0/33"}, "cidr"), ({"cidr": "10.1.2.0/30"}, "cidr"),
    ({"cidr": "10.0.0.0/8"}, "cidr"), ({"cidr": "8.8.8.0/24"}, "cidr"), ({"cidr": "127.0.0.0/24"}, "cidr"), ({"cidr": "169.254.0.0/24"}, "cidr"),
    ({"cidr": "fd00::/64"}, "cidr"), ({"cidr": ""}, "cidr"), ({"cidr": 5}, "cidr"), ({"cidr": "x" * 5000}, "cidr"), ({"cidr": "010.1.2.0/24"}, "cidr"),
    ({"cidr": "10.1.2.0/24 "}, "cidr"), ({"kind": "user"}, "kind"), ({"kind": "bridge"}, "kind"), ({"kind": ""}, "kind"), ({"kind": 1}, "kind"),
    ({"bridge": "br0"}, "bridge")], ids=lambda v: repr(v)[:40])
def test_refused(daemon, name, body, field):
    answer = daemon.post("/v1/networks", {"name": name, **body})
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)


def test_ranges_never_overlap(daemon, name):
    daemon.done(daemon.post("/v1/networks", {"name": name, "cidr": "10.201.0.0/20"}))
    for cidr in ("10.201.0.0/20", "10.201.15.0/24", "10.201.0.0/16"):
        answer = daemon.post("/v1/networks", {"name": f"{name}-b", "cidr": cidr})
        assert (answer.status, answer.code, answer.json["field"]) == (409, "cidr_taken", "cidr")
    daemon.done(daemon.delete(f"/v1/networks/{name}"))


def test_a_taken_name(daemon, name):
    daemon.done(daemon.post("/v1/networks", {"name": name}))
    answer = daemon.post("/v1/networks", {"name": name})
    assert (answer.status, answer.code) == (409, "name_taken")


def test_the_same_key_makes_one_network(daemon, name):
    first = daemon.post("/v1/networks", {"name": name}, key=name)
    daemon.done(first)
    again = daemon.post("/v1/networks", {"name": name}, key=name)
    assert (again.status, again.body) == (202, first.body)


def test_at_once_each_gets_a_range_of_its_own(daemon, name):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: daemon.post("/v1/networks", {"name": f"{name}-{i}"}), range(8)))
    for answer in answers:
        daemon.done(answer)
    ranges = [ipaddress.ip_network(a.json["cidr"]) for a in answers]
    assert not [(a, b) for a in ranges for b in ranges if a is not b and a.overlaps(b)]
    assert len({a.json["bridge"] for a in answers}) == 8


def test_in_use(daemon, name):
    daemon.done(daemon.post("/v1/networks", {"name": name}))
    daemon.create(f"{name}-vm", networks=[name])
    answer = daemon.delete(f"/v1/networks/{name}")
    assert (answer.status, answer.code) == (409, "in_use")
    daemon.remove(f"{name}-vm")
    daemon.done(daemon.delete(f"/v1/networks/{name}"))


def test_a_network_that_could_not_be_made(own):
    own.arm("virt.network_ensure.before=error(hypervisor)")
    operation = own.wait(own.post("/v1/networks", {"name": "a"}))
    own.arm("")
    assert (operation["status"], operation["error"]["code"]) == ("failed", "hypervisor")
    shown = own.get("/v1/networks/a").json
    assert shown["status"] == "error" and shown["status_reason"]
    assert own.network_record(shown["id"]) is None
    own.done(own.delete("/v1/networks/a"))


def test_pages(own):
    networks = []
    for i in range(3):
        answer = own.post("/v1/networks", {"name": f"net-{i}"})
        own.done(answer)
        networks.append(answer.json)
    names = [network["name"] for network in by_age(networks)]
    first = own.get("/v1/networks?limit=2").json
    assert [network["name"] for network in first["networks"]] == names[:2]
    second = own.get(first["next"]).json
    assert ([network["name"] for network in second["networks"]], second["next"]) == (names[2:], None)


def test_networks_outlive_the_daemon(own):
    own.done(own.post("/v1/networks", {"name": "a"}))
    before = own.get("/v1/networks").json
    own.restart()
    assert own.get("/v1/networks").json == before


def test_without_bridges_there_are_none_to_make(own):
    (own.domains / "session").touch()
    answer = own.post("/v1/networks", {"name": "a"})
    assert (answer.status, answer.code) == (409, "not_supported")
