"""The short form of the crash matrix: a fixed sample of its cases, on the fake, or, inside tests/lib/private_libvirt.py, on libvirt; and a random
history. CRASH_EVERY makes the sample larger, CRASH_SHIFT makes it another one, CRASH_SLICE (K/N) takes the Kth and every Nth operation after it,
CRASH_SECONDS and CRASH_SEED are the history's."""
import contextlib
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import tempfile
import time

import pytest

import histories
import rig
from client import BINARY
from matrix import FAULTS, GROUND, LEAST, ON_LIBVIRT_ALONE, Bench, Case, cases_of, measure, sample
from operations import OPERATIONS, Imports

IS_REAL = rig.private_libvirt.MARK in os.environ
BEGIN, STEP = map(int, os.environ.get("CRASH_SLICE", "0/1").split("/"))
EVERY = int(os.environ.get("CRASH_EVERY", "1000"))  # LEAST then
SHIFT = int(os.environ.get("CRASH_SHIFT", "0"))
USED = [fault for fault in FAULTS if IS_REAL or fault not in ON_LIBVIRT_ALONE]
SECONDS = float(os.environ.get("CRASH_SECONDS", "10"))
SEED = os.environ.get("CRASH_SEED") or str(random.SystemRandom().randrange(1 << 32))


@pytest.fixture(scope="module")
def ground():
    """A directory whose parents QEMU's user may pass."""
    with tempfile.TemporaryDirectory(prefix="computed-crash-", dir=GROUND) as directory:
        os.chmod(directory, 0o711)
        yield pathlib.Path(directory)


@pytest.fixture(scope="module")
def bench(ground):
    bench = Bench(ground, IS_REAL)
    yield bench
    Imports.close()
    if not bench.machine.is_dead():
        bench.machine.stop()


@pytest.mark.parametrize("number", range(len(OPERATIONS))[BEGIN::STEP], ids=lambda n: OPERATIONS[n].name)
def test_operation(bench, number):
    tally = measure(bench, OPERATIONS[number], USED, EVERY, number + SHIFT)
    assert tally.failures == []
    assert sum(tally.total.values()) > sum(tally.unreached.values())


def test_the_doctor_says_the_same_when_the_daemon_is_down(bench):
    bench.machine.create("crash-last", image="blank", networks=[])
    bench.machine.stop()
    environment = {**os.environ, **{"COMPUTED_" + key.upper(): str(value) for key, value in bench.machine.settings.items()}}
    environment = {k: v for k, v in environment.items() if k != "COMPUTED_BIN"}
    done = subprocess.run([BINARY, "doctor", "--json"], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, []), done
    bench.machine.start()
    bench.machine.converges(lambda: None, time.monotonic())
    bench.machine.becomes_as_at_first()


def test_cases_are_every_point_with_every_fault():
    cases = list(cases_of(OPERATIONS[0], {"a.b.before": 3, "store.commit.after": 1}, ["die", "error"], False))
    assert [(c.point, c.nth, c.fault) for c in cases] == [("a.b.before", 1, "die"), ("a.b.before", 1, "error"), ("a.b.before", 3, "die"),
                                                          ("a.b.before", 3, "error"), ("store.commit.after", 1, "die")]


def test_a_sample_has_some_of_each_fault():
    cases = [Case(None, "a.b.before", nth, fault) for nth in range(50) for fault in ("die", "error")]
    for every, count in ((1, 50), (10, 5), (1000, LEAST)):
        for first in range(7):
            taken = sample(cases, every, first)
            assert [sum(case.fault == fault for case in taken) for fault in ("die", "error")] == [count, count], (every, first)
            assert taken == [case for case in cases if case in taken], "in their order"
    assert sample(cases[:1], 1000, 3) == cases[:1]


@pytest.mark.parametrize("leave,take", [
    (lambda m: (m.instance("x") / "y").mkdir(parents=True), lambda m: ((m.instance("x") / "y").rmdir(), m.instance("x").rmdir())),
    (lambda m: (m.state / "images" / "x").touch(), lambda m: (m.state / "images" / "x").unlink()),
    (lambda m: write(m, "INSERT INTO setting VALUES ('x', 'y')"), lambda m: write(m, "DELETE FROM setting WHERE key = 'x'")),
    (lambda m: write(m, "UPDATE image SET id = upper(id)"), lambda m: write(m, "UPDATE image SET id = lower(id)")),
], ids=["folder", "file", "row", "other row"])
def test_what_is_left_behind_is_seen(bench, leave, take):
    leave(bench.machine)
    try:
        assert bench.machine.left() != bench.machine.at_first
    finally:
        take(bench.machine)
    assert bench.machine.left() == bench.machine.at_first


def write(machine, sql):
    with contextlib.closing(sqlite3.connect(machine.state / "computed.db", isolation_level=None)) as database:
        database.execute(sql)


def test_a_random_history(ground):
    machine = rig.Rig(ground / "history", IS_REAL)
    try:
        print(histories.live(machine, SEED, SECONDS))
    except BaseException as error:
        raise AssertionError(f"CRASH_SEED={SEED}: {error}") from error
    finally:
        if not machine.is_dead():
            machine.kill()
