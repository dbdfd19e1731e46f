"""GET /metrics on real libvirt and QEMU: what guests use, and one guest, or all of libvirt, that does not answer."""
import pytest

import private_libvirt
from machine import domain_state, eventually, virsh
from prometheus import scrape, scrape_until
from test_hangs import qemu_of, stopped, timed

PER_VM = ("computed_instance_cpu_seconds_total", "computed_instance_memory_bytes")
ANSWER_S = 2.5  # a survey under way and one's own, and a busy machine's little more


@pytest.fixture(scope="module")
def guests(daemon):
    """Two that run and one that does not."""
    vms = [daemon.create(f"guest-{i}", start=i < 2) for i in range(3)]
    yield [vm["id"] for vm in vms]
    daemon.remove_all()


def is_whole(metrics, ids):
    return all({labels["vm"] for labels, _ in metrics.all(family)} == set(ids) for family in PER_VM)


def test_what_guests_use(daemon, guests):
    metrics = scrape_until(daemon, lambda m: m.one("computed_libvirt_up") == 1, "libvirt answers")
    assert is_whole(metrics, guests[:2])
    assert metrics.one("computed_instances", status="running") == 2 and metrics.one("computed_instances", status="stopped") == 1
    for vm in guests[:2]:
        used = int(next(line for line in virsh("dominfo", vm).splitlines() if line.startswith("Used memory")).split()[2])
        assert metrics.one(PER_VM[1], vm=vm) == used * 1024
        before = metrics.one(PER_VM[0], vm=vm)
        assert before > 0
        eventually(lambda: scrape(daemon).sum(PER_VM[0], vm=vm) > before, "CPU time goes on")


def test_a_guest_that_hangs_hides_nobody(daemon, guests):
    with stopped(qemu_of(guests[0])):
        for _ in range(5):
            _, seconds = timed(lambda: scrape(daemon))
            assert seconds < ANSWER_S
            scrape_until(daemon, lambda m: m.one("computed_libvirt_up") == 1 and is_whole(m, guests[:2]), "both are said")


def test_libvirt_that_hangs(daemon, guests):
    with stopped(private_libvirt.pid_of("libvirtd")):
        metrics, seconds = timed(lambda: scrape(daemon))
        assert seconds < ANSWER_S
        assert metrics.one("computed_libvirt_up") == 0 and metrics.one("computed_host_vcpus_promised") == 3
        assert is_whole(metrics, []) and "computed_instances" not in metrics.types
    private_libvirt.wait_until_answering()
    scrape_until(daemon, lambda m: m.one("computed_libvirt_up") == 1 and is_whole(m, guests[:2]), "all is said again")
    assert domain_state(guests[0])[0] == "running"
