"""Capacity: counted in the creating transaction; what cannot fit is refused, and told what is missing."""
import pytest

from test_vm_create import at_once, post

GIB = 1 << 30
EXACT = {"cpu_overcommit": 1, "memory_overcommit": 1, "memory_reserve_mib": 0, "disk_overcommit": 1000, "disk_reserve_gib": 0}


def capacity(daemon):
    return daemon.get("/v1/host").json["capacity"]


def refusal(answer):
    assert (answer.status, answer.code) == (409, "no_capacity")
    return answer.json["detail"]


@pytest.mark.settings(**EXACT)
def test_what_is_missing_is_named(own):
    limits = capacity(own)
    cpus, memory_mib = limits["vcpus"]["limit"], limits["memory_mib"]["limit"]
    disk_gib = min(limits["disk_bytes"]["limit"] // GIB + 1, 65536)
    for fields, words, others in [({"vcpus": cpus + 1}, ["cpu"], ["memory", "disk"]), ({"memory_mib": memory_mib + 1}, ["memory"], ["cpu", "disk"]),
                                  ({"vcpus": cpus + 1, "memory_mib": memory_mib + 1}, ["cpu", "memory"], ["disk"])]:
        text = refusal(post(own, "a", **fields))
        assert all(word in text for word in words) and not [word for word in others if word in text], text
    if disk_gib * GIB > limits["disk_bytes"]["limit"]:
        assert "disk" in refusal(post(own, "a", disk_gib=disk_gib))
    assert own.get("/v1/vms").json["vms"] == []


@pytest.mark.settings(**EXACT)
def test_promises_are_counted_and_given_back(own):
    before = capacity(own)
    vm = own.create("a", vcpus=1, memory_mib=96, disk_gib=2)
    after = capacity(own)
    grown = {what: after[what]["promised"] - before[what]["promised"] for what in after}
    assert grown == {"vcpus": 1, "memory_mib": 96, "disk_bytes": 2 * GIB}
    own.act("a", "stop", {"force": True})
    assert capacity(own)["memory_mib"]["promised"] == after["memory_mib"]["promised"]
    own.remove(vm["id"])
    assert {w: c["promised"] for w, c in capacity(own).items()} == {w: c["promised"] for w, c in before.items()}


@pytest.mark.settings(**{**EXACT, "cpu_overcommit": 1000})
def test_at_once_no_more_than_fit(own):
    """Room for ten, sixty-four ask."""
    each = capacity(own)["memory_mib"]["limit"] // 10
    answers = at_once(64, lambda i: post(own, f"vm-{i}", memory_mib=each, networks=[], start=False))
    assert sorted(a.status for a in answers) == [202] * 10 + [409] * 54
    assert {a.code for a in answers if a.status == 409} == {"no_capacity"}
    for answer in answers:
        if answer.status == 202:
            own.done(answer)
    assert len(own.get("/v1/vms").json["vms"]) == 10
    promised = capacity(own)["memory_mib"]
    assert promised["promised"] == 10 * each <= promised["limit"]


@pytest.mark.settings(**{**EXACT, "disk_reserve_gib": 1 << 20})
def test_space_that_must_stay_free(own):
    assert "free" in refusal(post(own, "a"))


@pytest.mark.settings(**{**EXACT, "memory_overcommit": "0.01"})
def test_a_refusal_is_not_kept_for_a_key(own):
    body = {"name": "a", "image": "tiny", "vcpus": 1, "memory_mib": capacity(own)["memory_mib"]["limit"], "disk_gib": 1, "networks": []}
    blocker = own.create("blocker", memory_mib=16)
    assert own.post("/v1/vms", body, key="k").code == "no_capacity"
    own.remove(blocker["id"])
    assert own.post("/v1/vms", body, key="k").status == 202
