"""Flavors: four from the first day, others made and deleted."""
import pytest

GIVEN = [("small", 1, 1024, 10), ("medium", 2, 4096, 40), ("large", 4, 8192, 80), ("xlarge", 8, 16384, 160)]


def test_from_the_first_day(own):
    flavors = own.get("/v1/flavors").json["flavors"]
    assert [(f["name"], f["vcpus"], f["memory_mib"], f["disk_gib"]) for f in flavors] == GIVEN
    assert own.get("/v1/flavors/medium").json == flavors[1] == own.get(f"/v1/flavors/{flavors[1]['id']}").json


def test_a_life(daemon, name):
    body = {"name": name, "vcpus": 256, "memory_mib": 16, "disk_gib": 65536, "description": "Größe 🦊 <b>"}
    answer = daemon.post("/v1/flavors", body)
    assert answer.status == 201
    flavor = answer.json
    assert answer.headers["Location"] == "/v1/flavors/" + flavor["id"]
    assert {key: flavor[key] for key in body} == body
    assert daemon.post("/v1/flavors", body).code == "name_taken"
    answer = daemon.delete(f"/v1/flavors/{name}")
    assert (answer.status, answer.body) == (204, b"")
    assert daemon.get(f"/v1/flavors/{name}").code == "flavor_not_found"


def test_a_vm_outlives_its_flavor(daemon, name):
    daemon.post("/v1/flavors", {"name": name, "vcpus": 1, "memory_mib": 64, "disk_gib": 2})
    daemon.done(daemon.post("/v1/vms", {"name": name, "image": "tiny", "flavor": name}))
    assert daemon.delete(f"/v1/flavors/{name}").status == 204
    vm = daemon.show(name)
    assert (vm["memory_mib"], vm["disk_gib"], vm["flavor"]) == (64, 2, name)


@pytest.mark.parametrize("changes,field", [
    ({"name": ""}, "name"), ({"name": "a b"}, "name"), ({"name": None}, "name"), ({"vcpus": 0}, "vcpus"), ({"vcpus": 257}, "vcpus"),
    ({"vcpus": None}, "vcpus"), ({"memory_mib": 15}, "memory_mib"), ({"memory_mib": 4194305}, "memory_mib"), ({"disk_gib": 0}, "disk_gib"),
    ({"disk_gib": 65537}, "disk_gib"), ({"disk_gib": "1"}, "disk_gib"), ({"description": "x" * 256}, "description"),
    ({"description": "a\x01"}, "description"), ({"description": 1}, "description"), ({"id": "x"}, "id")])
def test_refused_fields(daemon, name, changes, field):
    answer = daemon.post("/v1/flavors", {"name": name, "vcpus": 1, "memory_mib": 64, "disk_gib": 1, **changes})
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)


def test_the_same_key_makes_one_flavor(daemon, name):
    body = {"name": name, "vcpus": 1, "memory_mib": 64, "disk_gib": 1}
    first = daemon.post("/v1/flavors", body, key=name)
    assert daemon.post("/v1/flavors", body, key=name).body == first.body
    assert daemon.post("/v1/flavors", {**body, "vcpus": 2}, key=name).status == 422
