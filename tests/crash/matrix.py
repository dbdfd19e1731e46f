#!/usr/bin/python3
"""matrix.py [--real] [--only WORD]... [--fault WORD]... [--slice K/N] [--every N] [--out FILE]: each operation, each failpoint that it
passes, each fault.

On the fake hypervisor, or with --real on the private libvirt (run it under tests/lib/private_libvirt.py then). A failpoint that an operation
passes several times is used at its first and its last pass. On the private libvirt, what happens inside a transaction is left out: before its
commit nothing has happened, whatever the hypervisor is. Results go to FILE as JSON, from which run.py makes docs/crash-matrix.md."""
import argparse
import collections
import dataclasses
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback

from rig import Asking, Rig, eventually, private_libvirt
from operations import OPERATIONS, Imports

FAULTS = {
    "die": "kill -9 of the daemon",
    "die twice": "kill -9, and again during the recovery",
    "error": "the effect fails",
    "libvirtd": "kill -9 of libvirtd",
    "both": "kill -9 of both",
}
ON_LIBVIRT_ALONE = {"libvirtd", "both"}
# An error after a commit would be a lie, for it has happened: only a death matters there.
NO_ERROR = {"store.commit.after"}
# Whoever looks at VMs from time to time passes these; a read may be the one who does, and then no operation is at its point.
DRY_RUNS = 3
LEAST = 2  # cases of each operation and fault that any sample has
REACH_S = 1.0  # after all has ended, a point that was to be passed is waited for so long
GROUND = "/var/tmp"  # every parent can be passed by QEMU's user


@dataclasses.dataclass
class Case:
    operation: object
    point: str
    nth: int
    fault: str

    def __str__(self):
        return f"{self.operation.name} x {self.point}#{self.nth} x {self.fault}"


@dataclasses.dataclass
class Outcome:
    is_reached: bool
    recovery_s: float = 0.0
    reason: str = ""  # "" when all held


class Bench:
    """One daemon, one case after another."""

    def __init__(self, directory, is_real):
        self.directory, self.is_real = pathlib.Path(directory), is_real
        self.numbers, self.machine = itertools.count(1), None
        self.trace = self.directory / "trace"
        self.recovery_passes = {}  # by operation and point: what the recovery after its death passed
        self.renew()

    def renew(self):
        """A fresh daemon: the last one's state is not to be trusted."""
        if self.machine:
            if not self.machine.is_dead():
                self.machine.go_on()
                self.machine.kill()
            if self.is_real:
                sweep_libvirt()
        folder = self.directory / str(next(self.numbers))
        folder.mkdir(mode=0o711)
        self.machine = Rig(folder, self.is_real)

    def name(self):
        return f"crash-{next(self.numbers)}"

    def take_trace(self):
        names = self.trace.read_text().split() if self.trace.exists() else []
        self.trace.unlink(missing_ok=True)
        return names

    # ---- which points ----
    def passes(self, operation):
        """How often each point is passed by every one of some undisturbed runs."""
        runs = []
        for _ in range(DRY_RUNS):
            name = self.name()
            if operation.given:
                operation.given(self.machine, name)
            eventually(lambda: not self.machine.open_jobs(), "rest before a dry run")
            self.machine.arm(f"trace={self.trace}")
            answer = operation.ask(self.machine, name)
            assert answer.status < 300, answer
            self.finishes(operation, name, answer)
            self.machine.arm("")
            runs.append(collections.Counter(self.take_trace()))
            self.machine.converges(lambda: operation.judge(self.machine, name, answer), time.monotonic())
            self.machine.becomes_as_at_first()
        return {point: min(run[point] for run in runs) for point in sorted(set.intersection(*(set(run) for run in runs)))}

    def finishes(self, operation, name, answer):
        """Without asking the daemon: that would pass failpoints of its own."""
        if "expire" in operation.name:
            eventually(lambda: not self.machine.rows(f"SELECT 1 FROM vm WHERE name = '{name}'"), "it is expired")
        eventually(lambda: not self.machine.open_jobs(), "its jobs end")

    # ---- a case ----
    def run(self, case):
        try:
            outcome = getattr(self, "run_" + case.fault.replace(" ", "_"))(case)
            self.machine.becomes_as_at_first()
            return outcome
        except Exception as error:  # whatever it is, it is this case's
            outcome = Outcome(True, reason=f"{type(error).__name__}: {error}"[:600])
            if not isinstance(error, AssertionError):
                traceback.print_exc()
            self.keep_log(case)
            self.renew()
            return outcome

    def keep_log(self, case):
        folder = pathlib.Path(os.environ.get("CRASH_LOGS", self.directory / "logs"))
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.machine.directory / "log", folder / (re.sub(r"[^a-z0-9]+", "-", str(case)) + ".log"))

    def begin(self, case, act):
        name = self.name()
        if case.operation.given:
            case.operation.given(self.machine, name)
        eventually(lambda: not self.machine.open_jobs(), "rest before a case")
        self.machine.arm(f"{case.point}={act},nth={case.nth}")
        return name, Asking(lambda: case.operation.ask(self.machine, name))

    def happens(self, case, name, asking, what):
        """Whether what() comes true before the operation has ended, or soon after it."""
        end = None
        while not what():
            if end is None and not asking.is_alive() and not self.machine.open_jobs() and not self.waits_for_expiry(case, name):
                end = time.monotonic() + REACH_S
            if end is not None and time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def waits_for_expiry(self, case, name):
        return "expire" in case.operation.name and bool(self.machine.rows(f"SELECT 1 FROM vm WHERE name = '{name}'"))

    def settle(self, case, name, answer, since):
        return self.machine.converges(lambda: case.operation.judge(self.machine, name, answer), since)

    def restart(self):
        self.machine.bury()
        self.machine.arm("")
        began = time.monotonic()
        self.machine.start()
        return began

    def not_reached(self, case, name, asking):
        self.machine.arm("")
        self.settle(case, name, asking.ended(), time.monotonic())
        return Outcome(False)

    def run_die(self, case):
        name, asking = self.begin(case, "die")
        if not self.happens(case, name, asking, self.machine.is_dead):
            return self.not_reached(case, name, asking)
        answer = asking.ended()
        self.machine.bury()
        self.machine.arm(f"trace={self.trace}")
        began = time.monotonic()
        self.machine.start()
        recovery_s = self.settle(case, name, answer, began)
        self.machine.arm("")
        self.recovery_passes[case.operation.name, case.point] = len(self.take_trace())
        return Outcome(True, recovery_s)

    def run_die_twice(self, case):
        name, asking = self.begin(case, "die")
        if not self.happens(case, name, asking, self.machine.is_dead):
            return self.not_reached(case, name, asking)
        answer = asking.ended()
        self.machine.bury()
        # Another pass in each case, so that all together are spread over the whole of recoveries.
        passes = self.recovery_passes.get((case.operation.name, case.point), 40)
        nth = random.Random(str(case)).randint(1, max(passes, 1))
        self.machine.arm(f"*=die,nth={nth}")
        if self.machine.start_armed():
            end = time.monotonic() + REACH_S
            while not self.machine.is_dead() and time.monotonic() < end:
                self.machine.rows("SELECT 1")
                time.sleep(0.01)
            if not self.machine.is_dead():
                self.machine.kill()  # the recovery was shorter this time: death comes after it
        return Outcome(True, self.settle(case, name, answer, self.restart()))

    def run_error(self, case):
        code = "hypervisor" if case.point.startswith("virt.") else "internal"
        name, asking = self.begin(case, f"error({code}),once")
        answer = asking.ended()
        recovery_s = self.settle(case, name, answer, time.monotonic())
        self.machine.arm("")
        return Outcome(True, recovery_s)

    def stops(self, case):
        name, asking = self.begin(case, "stop,once")
        if not self.happens(case, name, asking, self.machine.has_stopped):
            return name, asking, False
        private_libvirt.end()
        return name, asking, True

    def run_libvirtd(self, case):
        name, asking, is_reached = self.stops(case)
        if not is_reached:
            return self.not_reached(case, name, asking)
        self.machine.go_on()
        eventually(lambda: self.machine.get("/health").status == 503, "it sees that libvirtd is gone")
        private_libvirt.start()
        private_libvirt.wait_until_answering()
        began = time.monotonic()
        return Outcome(True, self.settle(case, name, asking.ended(), began))

    def run_both(self, case):
        name, asking, is_reached = self.stops(case)
        if not is_reached:
            return self.not_reached(case, name, asking)
        self.machine.kill()
        answer = asking.ended()
        private_libvirt.start()
        began = self.restart()
        private_libvirt.wait_until_answering()
        return Outcome(True, self.settle(case, name, answer, began))


def sweep_libvirt():
    """After a failure: what the broken daemon left must not fail the next cases."""
    from machine import virsh
    for domain in virsh("list", "--all", "--uuid").split():
        virsh("destroy", domain, check=False)
        virsh("undefine", domain, "--managed-save", "--nvram", check=False)
    for network in virsh("net-list", "--all", "--name").split():
        virsh("net-destroy", network, check=False)
        virsh("net-undefine", network, check=False)
    for line in virsh("nwfilter-list").splitlines():
        if "computed" in line:
            virsh("nwfilter-undefine", line.split()[-1], check=False)


def cases_of(operation, passes, faults, is_real):
    for point, count in passes.items():
        if is_real and point.startswith("store.") and not point.startswith("store.commit"):
            continue
        for nth in sorted({1, count}):
            for fault in faults:
                if fault != "error" or point not in NO_ERROR:
                    yield Case(operation, point, nth, fault)


def sample(cases, every, first):
    """Of each fault's cases one of so many, but LEAST at least; `first` says with which one it begins."""
    taken = []
    for fault in FAULTS:
        mine = [case for case in cases if case.fault == fault]
        step = max(1, min(every, len(mine) // LEAST))
        taken += mine[first % step::step]
    return [case for case in cases if case in taken]


class Tally:
    """What is published of one operation."""

    def __init__(self, operation, passes):
        self.operation, self.points, self.passes = operation.name, len(passes), sum(passes.values())
        self.passed, self.total, self.unreached = collections.Counter(), collections.Counter(), collections.Counter()
        self.slowest_s, self.failures = 0.0, []

    def add(self, case, outcome):
        if not outcome.is_reached:
            self.unreached[case.fault] += 1
            return
        self.total[case.fault] += 1
        self.slowest_s = max(self.slowest_s, outcome.recovery_s)
        if outcome.reason:
            self.failures.append(f"{case}: {outcome.reason}")
        else:
            self.passed[case.fault] += 1

    def fail(self, how, error):
        self.failures.append(f"{self.operation}, {how}: {type(error).__name__}: {error}"[:600])
        print("FAILED " + self.failures[-1], flush=True)

    def record(self):
        return {**self.__dict__, "passed": dict(self.passed), "total": dict(self.total), "unreached": dict(self.unreached)}


def measure(bench, operation, faults, every=1, first=0):
    """every, first: as in sample()."""
    began = time.monotonic()
    try:
        passes = bench.passes(operation)
    except Exception as error:  # no case can be run; the other operations can
        tally = Tally(operation, {})
        tally.fail("undisturbed", error)
        bench.renew()
        return tally
    tally = Tally(operation, passes)
    for case in sample(list(cases_of(operation, passes, faults, bench.is_real)), every, first):
        outcome = bench.run(case)
        tally.add(case, outcome)
        if outcome.reason:
            print(f"FAILED {case}: {outcome.reason}", flush=True)
        elif not outcome.is_reached:
            print(f"not reached: {case}", flush=True)
    print(f"{operation.name}: {tally.points} points, {sum(tally.passed.values())} of {sum(tally.total.values())} passed, "
          f"{sum(tally.unreached.values())} not reached, slowest {tally.slowest_s:.2f} s, {time.monotonic() - began:.0f} s in all", flush=True)
    return tally


def chosen(arguments):
    """With its number each, so that samples of different operations begin at different cases."""
    begin, step = map(int, arguments.slice.split("/"))
    listed = list(enumerate(OPERATIONS))[begin::step]
    return [(n, o) for n, o in listed if not arguments.only or any(w in o.name for w in arguments.only)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="operations whose name has it")
    parser.add_argument("--fault", action="append", choices=FAULTS)
    parser.add_argument("--slice", default="0/1", metavar="K/N", help="of the operations the Kth and every Nth after it")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth case of each fault")
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was begun is taken back
    faults = arguments.fault or [f for f in FAULTS if arguments.real or f not in ON_LIBVIRT_ALONE]
    tallies = []
    with tempfile.TemporaryDirectory(prefix="computed-crash-", dir=GROUND) as directory:
        os.chmod(directory, 0o711)
        bench = Bench(directory, arguments.real)
        try:
            for number, operation in chosen(arguments):
                tallies.append(measure(bench, operation, faults, arguments.every, number))
                if arguments.out:
                    arguments.out.parent.mkdir(parents=True, exist_ok=True)
                    arguments.out.write_text(json.dumps([t.record() for t in tallies], indent=1))
        finally:
            Imports.close()
            if not bench.machine.is_dead():
                bench.machine.kill()
    failed = sum(len(t.failures) for t in tallies)
    print(f"{sum(sum(t.passed.values()) for t in tallies)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
