"""Quotas: limits that are exact, also for those who ask at the same moment, and who may see and set them."""
import concurrent.futures
import threading

import pytest

RESOURCES = ["vms", "vcpus", "memory_mib", "disk_gib", "images", "networks", "ports", "keypairs", "tokens"]
DEFAULTS = {"vms": 10, "vcpus": 20, "memory_mib": 51200, "disk_gib": 1000, "images": 20, "networks": 10, "ports": 50, "keypairs": 100,
            "tokens": 1000}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJvZ5gq5xV4K7v1l0bKx8m8Q0N0mB5B2T0Jx2Qh1d0aB"
NO_NETWORK = {"image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, "networks": [], "start": False}


def limits(client, path="/v1/quota"):
    answer = client.get(path)
    assert answer.status == 200, answer
    return {word: state["limit"] for word, state in answer.json["limits"].items()}


def used(client, path="/v1/quota"):
    return {word: state["used"] for word, state in client.get(path).json["limits"].items() if state["used"]}


def put(client, project, **values):
    answer = client.put(f"/v1/projects/{project}/quota", values)
    assert answer.status == 200, answer
    return answer.json


def refused(answer, resource, *, limit, used, more=1):
    assert (answer.status, answer.code, answer.json["field"]) == (403, "quota_exceeded", resource), answer
    assert answer.json["detail"] == (f"the project's quota of {resource} is {limit}: {used} {'is' if used == 1 else 'are'} used, "
                                     f"{more} more {'is' if more == 1 else 'are'} asked for")


@pytest.fixture
def lab(cloud, name):
    """A member of a project of its own."""
    project = cloud.add_project(f"p-{name}")
    member = cloud.add_user(f"u-{name}", project)
    member.project = project
    return member


def test_the_first_project_has_no_limits(daemon):
    answer = daemon.get("/v1/quota").json
    assert answer["project"]["name"] == "default"
    assert list(answer["limits"]) == RESOURCES
    assert limits(daemon) == dict.fromkeys(RESOURCES)
    assert used(daemon) == {"images": 1}
    assert daemon.get("/v1/projects/default/quota").json == daemon.get(f"/v1/projects/{answer['project']['id']}/quota").json == answer


def test_other_projects_have_the_configurations(lab):
    assert limits(lab) == DEFAULTS
    assert used(lab) == {"tokens": 1}


@pytest.mark.settings(auth="token", default_quota="vms=1, ports = unlimited")
def test_the_configuration_says_what_others_have(own):
    own.add_project("lab")
    assert limits(own, "/v1/projects/lab/quota") == {**dict.fromkeys(RESOURCES), "vms": 1}


def test_what_is_used_is_what_there_is(cloud, lab):
    assert lab.post("/v1/keypairs", {"name": "k", "public_key": KEY}).status == 201
    assert lab.post("/v1/images", {"name": "i", "disk_format": "raw"}).status == 201
    lab.done(lab.post("/v1/networks", {"name": "n"}))
    vm = lab.create("a", image="tiny", vcpus=2, memory_mib=100, disk_gib=3, networks=[{"network": "n"}, {"network": "default"}])
    lab.create("b", networks=[])
    expected = {"vms": 2, "vcpus": 3, "memory_mib": 164, "disk_gib": 4, "images": 1, "networks": 2, "ports": 2, "keypairs": 1, "tokens": 1}
    assert used(lab) == expected
    assert used(cloud, f"/v1/projects/{lab.project}/quota") == expected
    lab.remove(vm["id"])
    lab.delete("/v1/keypairs/k")
    assert used(lab) == {"vms": 1, "vcpus": 1, "memory_mib": 64, "disk_gib": 1, "images": 1, "networks": 2, "tokens": 1}


@pytest.mark.parametrize("resource,asked", [("vms", 1), ("vcpus", 3), ("memory_mib", 100), ("disk_gib", 2), ("ports", 1)])
def test_a_vm_is_refused_as_a_whole(cloud, lab, resource, asked):
    put(cloud, lab.project, **{resource: asked - 1})
    answer = lab.post("/v1/vms", {"name": "a", "image": "tiny", "vcpus": 3, "memory_mib": 100, "disk_gib": 2})
    refused(answer, resource, limit=asked - 1, used=0, more=asked)
    assert used(lab) == {"tokens": 1}, "the default network either"
    put(cloud, lab.project, **{resource: asked})
    lab.create("a", vcpus=3, memory_mib=100, disk_gib=2)


def test_images_of_every_kind_are_counted(cloud, lab):
    vm = lab.create("a", networks=[], start=False)
    put(cloud, lab.project, images=1)
    assert lab.post("/v1/images", {"name": "i", "disk_format": "raw"}).status == 201
    refused(lab.post("/v1/images", {"name": "j", "disk_format": "raw"}), "images", limit=1, used=1)
    refused(lab.post("/v1/images/import", {"name": "j", "url": "http://127.0.0.1:1/x"}), "images", limit=1, used=1)
    refused(lab.post(f"/v1/vms/{vm['id']}/image", {"name": "j"}), "images", limit=1, used=1)
    assert lab.show("a")["task"] is None
    lab.done(lab.delete("/v1/images/i"))
    lab.done(lab.post(f"/v1/vms/{vm['id']}/image", {"name": "j"}))


def test_networks_and_keypairs_are_counted(cloud, lab):
    put(cloud, lab.project, networks=0, keypairs=1)
    refused(lab.post("/v1/networks", {"name": "n"}), "networks", limit=0, used=0)
    refused(lab.post("/v1/vms", {"name": "a", "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}), "networks", limit=0, used=0)
    assert lab.post("/v1/keypairs", {"name": "k", "public_key": KEY}).status == 201
    refused(lab.post("/v1/keypairs", {"name": "l", "type": "ed25519"}), "keypairs", limit=1, used=1)


def test_tokens_are_counted(cloud, lab):
    put(cloud, lab.project, tokens=2)
    made = lab.post("/v1/tokens", {"name": "t"})
    assert made.status == 201, made
    refused(lab.post("/v1/tokens", {"name": "u"}), "tokens", limit=2, used=2)
    assert lab.delete("/v1/tokens/" + made.json["id"]).status == 204
    assert lab.post("/v1/tokens", {"name": "u"}).status == 201


def test_a_replayed_create_is_not_counted_twice(cloud, lab):
    put(cloud, lab.project, keypairs=1)
    first = lab.post("/v1/keypairs", {"name": "k", "public_key": KEY}, key="once")
    again = lab.post("/v1/keypairs", {"name": "k", "public_key": KEY}, key="once")
    assert (first.status, again.json) == (201, first.json)


def test_a_refusal_may_be_tried_again_by_the_same_key(cloud, lab):
    put(cloud, lab.project, keypairs=0)
    refused(lab.post("/v1/keypairs", {"name": "k", "public_key": KEY}, key="once"), "keypairs", limit=0, used=0)
    put(cloud, lab.project, keypairs=1)
    assert lab.post("/v1/keypairs", {"name": "k", "public_key": KEY}, key="once").status == 201


def test_64_at_once_with_room_for_10(cloud, lab):
    """Exactly as many as there is room for, and when some are gone there is room for as many again."""
    put(cloud, lab.project, vms=10)
    gate = threading.Barrier(64)

    def create(number):
        gate.wait()
        return lab.post("/v1/vms", {"name": f"vm-{number}", **NO_NETWORK})

    with concurrent.futures.ThreadPoolExecutor(64) as threads:
        answers = list(threads.map(create, range(64)))
    accepted = [answer for answer in answers if answer.status == 202]
    assert len(accepted) == 10
    assert {answer.code for answer in answers if answer.status != 202} == {"quota_exceeded"}
    assert used(lab)["vms"] == 10
    for answer in accepted:
        lab.done(answer)
    for answer in accepted[:3]:
        lab.remove(answer.json["id"])
    again = [lab.post("/v1/vms", {"name": f"again-{number}", **NO_NETWORK}) for number in range(4)]
    assert [answer.status for answer in again] == [202, 202, 202, 403]


def test_a_create_that_fails_gives_back_what_it_had(own):
    project = own.get("/v1/quota").json["project"]["id"]
    put(own, project, vms=1, ports=1)
    own.arm("virt.define.before=error(hypervisor)")
    operation = own.wait(own.post("/v1/vms", {"name": "a", "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}))
    assert operation["status"] == "failed"
    own.arm("")
    if own.get("/v1/vms/a").status == 200:  # in error, to be looked at: it counts until it is deleted
        own.remove("a")
    assert "vms" not in used(own)
    own.create("b")


def test_limits_are_set_one_by_one(cloud, lab):
    path = f"/v1/projects/{lab.project}/quota"
    assert put(cloud, lab.project, vms=3, ports=None)["limits"]["vms"] == {"used": 0, "limit": 3}
    assert limits(lab) == {**DEFAULTS, "vms": 3, "ports": None}
    put(cloud, lab.project, vms="default", images=0)
    assert limits(lab) == {**DEFAULTS, "ports": None, "images": 0}
    assert cloud.put(path, {}).json == cloud.get(path).json == lab.get("/v1/quota").json


@pytest.mark.parametrize("body,field", [
    ({"moons": 1}, "moons"), ({"vms": -1}, "vms"), ({"vms": "many"}, "vms"), ({"vms": 1.5}, "vms"), ({"vms": True}, "vms"),
    ({"vms": 10 ** 12 + 1}, "vms"), ({"vms": [1]}, "vms")])
def test_what_is_no_limit_changes_nothing(cloud, lab, body, field):
    answer = cloud.put(f"/v1/projects/{lab.project}/quota", {"images": 1, **body})
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)
    assert limits(lab) == DEFAULTS
    assert cloud.put(f"/v1/projects/{lab.project}/quota", [1]).status == 400


def test_a_limit_below_what_is_used_lets_nothing_in(cloud, lab):
    lab.create("a", networks=[])
    lab.create("b", networks=[])
    assert put(cloud, lab.project, vms=1)["limits"]["vms"] == {"used": 2, "limit": 1}
    refused(lab.post("/v1/vms", {"name": "c", **NO_NETWORK}), "vms", limit=1, used=2)
    lab.remove("a")
    refused(lab.post("/v1/vms", {"name": "c", **NO_NETWORK}), "vms", limit=1, used=1)
    lab.remove("b")
    lab.create("c", networks=[])


def test_who_may_see_and_set(cloud, lab, name):
    stranger = cloud.add_user(f"s-{name}", cloud.add_project(f"q-{name}"))
    reader = cloud.add_user(f"r-{name}", lab.project, role="reader")
    path = f"/v1/projects/{lab.project}/quota"
    for client in (lab, reader, cloud):
        assert client.get(path).status == 200
    absent = stranger.get("/v1/projects/nowhere/quota")
    hidden = stranger.get(path)
    assert (hidden.status, hidden.code) == (absent.status, absent.code) == (404, "project_not_found")
    assert stranger.get(f"/v1/projects/p-{name}/quota").code == "project_not_found"
    for client in (lab, reader, stranger):
        assert client.put(path, {"vms": None}).code == "forbidden"
    assert cloud.with_token(None).get("/v1/quota").status == cloud.with_token(None).get(path).status == 401
    assert cloud.put("/v1/projects/nowhere/quota", {"vms": 1}).code == "project_not_found"
    assert limits(lab) == DEFAULTS


def test_limits_outlive_a_restart(own):
    put(own, "default", vms=0)
    own.restart()
    assert limits(own)["vms"] == 0
    refused(own.post("/v1/vms", {"name": "a", **NO_NETWORK}), "vms", limit=0, used=0)


def test_a_wrong_word_in_the_configuration_stops_the_start(own):
    own.stop()
    own.settings["default_quota"] = "moons=1"
    done = own.command()
    assert done.returncode != 0
    assert "default_quota: 'moons' is no resource" in done.stderr
    own.settings["default_quota"] = ""
    own.start()
