"""GET /v1/host: what is there, what may be promised, what is."""
import os

import pytest


def test_host(daemon):
    host = daemon.get("/v1/host").json
    assert host["networking"] == "bridges"
    assert host["virt_type"] in ("kvm", "qemu", None)
    vcpus, memory, disk = (host["capacity"][what] for what in ("vcpus", "memory_mib", "disk_bytes"))
    assert 1 <= vcpus["real"] <= os.cpu_count()
    assert vcpus["limit"] == vcpus["real"] * 1000 and vcpus["overcommit"] == 1000
    assert 0 < memory["available"] <= memory["real"] and memory["limit"] == memory["real"] * 1000
    space = os.statvfs(daemon.state)
    assert disk["real"] == space.f_blocks * space.f_frsize
    assert 0 < disk["available"] <= disk["real"]


@pytest.mark.settings(cpu_overcommit="2.5", memory_overcommit="0.5", memory_reserve_mib=64, disk_overcommit=3, disk_reserve_gib=2)
def test_the_limits_are_the_configurations(own):
    capacity = own.get("/v1/host").json["capacity"]
    vcpus, memory, disk = (capacity[what] for what in ("vcpus", "memory_mib", "disk_bytes"))
    assert (vcpus["overcommit"], vcpus["limit"]) == (2.5, int(vcpus["real"] * 2.5 + 0.5))
    assert (memory["overcommit"], memory["reserve"]) == (0.5, 64)
    assert abs(memory["limit"] - (memory["real"] - 64) / 2) <= 1
    assert (disk["overcommit"], disk["reserve"], disk["limit"]) == (3, 2 << 30, disk["real"] * 3)


def test_what_is_promised(own):
    assert own.get("/v1/host").json["vms"] == 0
    own.create("a", vcpus=2, memory_mib=64, disk_gib=3)
    own.create("b", vcpus=1, memory_mib=32, disk_gib=1, start=False)
    host = own.get("/v1/host").json
    assert host["vms"] == 2
    assert [host["capacity"][what]["promised"] for what in ("vcpus", "memory_mib", "disk_bytes")] == [3, 96, 4 << 30]


def test_without_bridges(own):
    (own.domains / "session").touch()
    assert own.get("/v1/host").json["networking"] == "user"
