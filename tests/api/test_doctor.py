"""The doctor on the fake: each kind of defect, planted by itself, is found by itself, with a command; what can be mended is, and a second
look is clean."""
import json
import os
import re
import subprocess

import pytest

from client import BINARY, ROOT, eventually
from doctor_lab import (BESIDES, DEFECTS, NEEDS_BYTES, STRANGER, World, codes, disk_gone, domain_of_nobody, domain_with_copied_tag, environment,
                        image_may_be_written, instance_without_row, look, network_with_copied_tag, rules, run, stranger_in_state_dir, vm_waits_for_ever)


@pytest.fixture
def world(own):
    return World(own)


@pytest.mark.parametrize("plant,code", DEFECTS, ids=[plant.__name__ for plant, _ in DEFECTS])
def test_a_defect_is_found_and_mended(world, plant, code):
    deep = ["--deep"] if plant.__name__ in NEEDS_BYTES else []
    status, report = look(world.daemon, *deep)
    assert (status, report["findings"], report["unseen"], report["is_healthy"]) == (0, [], [], True)
    plant(world)
    status, report = look(world.daemon, *deep)
    assert (status, codes(report)) == (1, sorted([code, *BESIDES.get(plant.__name__, [])])), report["findings"]
    assert all(finding["command"] and finding["text"] and finding["subject"] for finding in report["findings"])
    found = {finding["code"]: finding["is_fixable"] for finding in report["findings"]}
    left = sorted(c for c, is_fixable in found.items() if not is_fixable)
    _, after = look(world.daemon, "--fix", *deep)
    assert codes(after) == left, after["findings"]
    assert look(world.daemon, *deep)[1]["findings"] == after["findings"]


def test_every_code_that_can_be_planted_is():
    """Two need a daemon that is stuck or a disk that is full of log; damage has a test of its own."""
    elsewhere = {"database_damaged", "database_wal_long", "operation_overdue", "network_filter_missing"}
    assert {code for _, code in DEFECTS} | elsewhere == set(rules())


def test_the_rules_say_what_fix_mends(world):
    """A finding is fixable only where its rule says that such findings may be."""
    for plant in (instance_without_row, stranger_in_state_dir, disk_gone, domain_of_nobody, image_may_be_written):
        plant(world)
    fixable = {finding["code"] for finding in look(world.daemon)[1]["findings"] if finding["is_fixable"]}
    assert fixable == {"file_orphan", "disk_missing", "image_writable"} <= {code for code, is_mended in rules().items() if is_mended}


def test_the_codes_are_documented():
    text = (ROOT / "docs" / "doctor.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| .* \|$", text, re.MULTILINE)
    lines = subprocess.run([BINARY, "doctor", "--codes"], check=True, capture_output=True, text=True).stdout.splitlines()
    assert [(code, severity, "yes" if fix == "fix" else "") for code, severity, fix in map(str.split, lines)] == rows


# ---- how it mends ----
def test_an_act_is_journaled_and_audited(world):
    instance_without_row(world)
    vm_waits_for_ever(world)
    look(world.daemon, "--fix")
    journal = (world.state / "doctor.log").read_text()
    assert f"file_orphan file:instances/{STRANGER}: mending" in journal and f"vm_stuck vm:{world.other}: mending" in journal
    (folder,) = (world.state / "quarantine").iterdir()
    assert sorted(p.name for p in (folder / f"instances_{STRANGER}").iterdir()) == ["console.log", "disk.qcow2"]
    assert world.value("SELECT count(*) FROM audit WHERE user = 'doctor' AND action = 'doctor:fix' AND outcome = 'succeeded'") == 2
    assert world.value("SELECT fault_code FROM vm WHERE id = ?", world.other) == "internal"
    world.daemon.start()
    assert world.daemon.show("two")["status"] == "error" and world.daemon.show("two")["fault"]["message"]
    world.daemon.remove("two")


def test_a_vm_that_runs_is_settled_as_running(world):
    world.sql(("UPDATE vm SET task = 'vm.stop', status = 'stopping', job = ? WHERE id = ?", (STRANGER, world.vm)),
              ("INSERT INTO event (at_ms, type, project, resource, resource_created_at_ms, payload) SELECT at_ms, 'vm.status.changed', project,"
               " resource, resource_created_at_ms, '{\"old_status\": \"running\", \"new_status\": \"stopping\"}' FROM event"
               " WHERE type = 'vm.created' AND resource = ?", (world.vm,)))
    assert codes(look(world.daemon)[1]) == ["vm_stuck"]
    assert look(world.daemon, "--fix")[1]["findings"] == []
    assert world.value("SELECT status FROM vm WHERE id = ?", world.vm) == "running"


def test_what_a_domain_uses_is_not_moved(world):
    """A restored old database: newer VMs have no rows, and run."""
    world.sql(("DELETE FROM vm WHERE id = ?", (world.vm,)), ("DELETE FROM port WHERE vm = ?", (world.vm,)),
              ("DELETE FROM event WHERE resource = ?", (world.vm,)), ("UPDATE sqlite_sequence SET seq = (SELECT max(seq) FROM event) WHERE name = 'event'",))
    before = world.daemon.domain(world.vm)
    _, report = look(world.daemon, "--fix")
    assert {"file_orphan", "domain_without_row"} <= set(codes(report))
    assert not any(finding["is_fixable"] for finding in report["findings"])
    assert world.disk(world.vm).exists() and world.daemon.domain(world.vm) == before


def test_foreign_things_stay_byte_for_byte(world):
    domain_with_copied_tag(world)
    network_with_copied_tag(world)
    stranger_in_state_dir(world)
    paths = [*world.daemon.domains.glob("*.json"), *(world.daemon.domains / "networks").glob("*.json"), world.state / "notes.txt"]
    before = {path: path.read_bytes() for path in paths}
    look(world.daemon, "--fix")
    assert {path: path.read_bytes() for path in paths} == before


POINTS = ["disk.journal", "disk.quarantine_mkdir", "disk.quarantine", "store.vm_settle", "store.audit_add", "store.commit"]


@pytest.mark.parametrize("point", [f"{name}.{side}" for name in POINTS for side in ("before", "after")])
def test_a_death_while_mending(world, point):
    """What was to be done is in the journal; the next one does it."""
    instance_without_row(world)
    vm_waits_for_ever(world)
    done = subprocess.run([BINARY, "doctor", "--fix"], env={**environment(world.daemon), "COMPUTED_FAILPOINTS": f"{point}=die"},
                          capture_output=True, timeout=90)
    assert done.returncode == -9
    left = codes(look(world.daemon)[1])
    assert set(left) <= {"file_orphan", "vm_stuck"}
    journal = world.state / "doctor.log"
    assert journal.exists() or left == ["file_orphan", "vm_stuck"]
    assert look(world.daemon, "--fix")[1]["findings"] == []
    world.daemon.start()
    assert world.daemon.show("two")["status"] == "error"


# ---- what it cannot see ----
def test_without_libvirt_it_says_so(world):
    stranger_in_state_dir(world)
    world.daemon.hypervisor("down")
    status, report = look(world.daemon)
    assert (status, codes(report), len(report["unseen"])) == (2, ["file_unknown"], 1) and report["unseen"][0].startswith("libvirt: ")
    done = run(world.daemon, "--fix")
    assert done.returncode == 2 and "nothing is mended" in done.stderr


def test_a_damaged_database_is_told_and_nothing_else_judged(world):
    pages = world.state / "computed.db"
    data = bytearray(pages.read_bytes())
    root = world.value("SELECT rootpage FROM sqlite_schema WHERE name = 'vm'")
    size = int.from_bytes(data[16:18], "big")
    data[(root - 1) * size:root * size] = b"\xff" * size
    pages.write_bytes(data)
    status, report = look(world.daemon)
    assert (status, codes(report)) == (1, ["database_damaged"]), report["unseen"]
    assert not any(finding["is_fixable"] for finding in report["findings"])


def test_a_database_of_another_version(world):
    world.sql("PRAGMA user_version = 1")
    status, report = look(world.daemon)
    assert status == 2 and "start the daemon once" in report["unseen"][0]


def test_no_database(world):
    (world.state / "computed.db").unlink()
    done = run(world.daemon, "--json")
    assert done.returncode == 2 and "--rebuild" in done.stderr and not done.stdout


def test_looking_changes_nothing(world):
    def tree():
        return {path: (path.stat().st_mode, path.stat().st_mtime_ns, path.stat().st_size) for path in world.state.rglob("*") if path.is_file()}

    before = tree()
    look(world.daemon, "--deep")
    assert tree() == before


def test_wrong_words(world):
    assert run(world.daemon, "--cure").returncode == 2
    assert run(world.daemon, "me").returncode == 2
    done = run(world.daemon, "--help")
    assert done.returncode == 0 and "--fix" in done.stdout


# ---- the running one ----
def test_the_daemon_must_be_down(own):
    done = run(own)
    assert done.returncode == 2 and "computectl doctor" in done.stderr


def test_the_running_one_answers(own):
    own.create("here")
    assert own.get("/v1/doctor").json | {"looked_at": None} == {"is_healthy": True, "looked_at": None, "findings": [], "unseen": []}
    (own.state / "notes.txt").write_text("mine")
    answer = own.get("/v1/doctor").json
    assert codes(answer) == ["file_unknown"] and not answer["is_healthy"]
    (own.state / "notes.txt").unlink()
    own.hypervisor("down")
    assert len(own.get("/v1/doctor").json["unseen"]) == 1
    own.hypervisor(None)
    assert own.get("/v1/doctor?deep=1").status == 400


def ctl(daemon, *words):
    command = [os.path.join(os.path.dirname(BINARY), "computectl"), "--url", f"http://{daemon.host}:{daemon.port}", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=90)


def test_the_client_asks_the_running_one(own):
    assert ctl(own, "doctor").returncode == 0
    (own.state / "notes.txt").write_text("mine")
    done = ctl(own, "doctor")
    assert done.returncode == 1 and "file:notes.txt" in done.stdout and f"$ ls -ld {own.state}/notes.txt" in done.stdout
    assert "1 finding" in done.stderr
    assert codes(json.loads(ctl(own, "--json", "doctor").stdout)) == ["file_unknown"]


def test_what_is_under_way_is_left_out(own):
    own.arm("virt.define.before=hang(3000)")
    pending = own.post("/v1/vms", {"name": "slow", "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1})
    eventually(lambda: own.instance(pending.json["id"]).exists(), "its folder")
    assert own.get("/v1/doctor").json["findings"] == []
    own.arm("")
    own.done(pending)


def test_a_hung_libvirt_does_not_hang_the_doctor(own):
    own.hypervisor("hang")
    answer = own.get("/v1/doctor").json
    assert answer["unseen"] == ["libvirt: the hypervisor does not answer"]
    own.hypervisor(None)
    assert eventually(lambda: own.get("/v1/doctor").json["is_healthy"], "libvirt seen again")


def test_a_database_made_anew_is_healthy(world):
    for path in world.state.glob("computed.db*"):
        path.unlink()
    done = run(world.daemon, "--rebuild")
    assert done.returncode == 0, done
    world.daemon.start()  # asks libvirt what the VMs do now
    eventually(lambda: world.daemon.show("one")["status"] == "running", "one runs")
    assert world.daemon.get("/v1/doctor").json["findings"] == []
    world.daemon.stop()
    assert look(world.daemon)[1]["findings"] == []
    world.daemon.start()
