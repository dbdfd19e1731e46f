#!/usr/bin/python3
"""histories.py [--real] [--seconds N] [--seed S] [--clients N]: several clients at once, the daemon killed at random, then the truth.

Each client works with VMs, networks and keypairs of its own, so that what it was told decides what must be there at the end: an acknowledged
create is there until a delete of it was asked for; an acknowledged delete is gone; what got no answer may be either. The seed is printed; it
gives the same choices again, if not the same moments.

With --real the daemon is on the private libvirt (run it under tests/lib/private_libvirt.py then), and libvirtd is killed, too."""
import argparse
import dataclasses
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

from operations import BODY
from rig import Asking, Rig, failpoints_of, private_libvirt
from client import BINARY

SETTLE_S = 30.0  # many are under way at once, and a delete waits for its turn
NOUNS = ("vms", "networks", "keypairs")
KILL_EVERY_S = (0.2, 1.5)
BACKLOG = 24  # clients ask faster than libvirt does: beyond so many open operations they wait


@dataclasses.dataclass
class Thing:
    """What one client knows of one thing: the last that it was told."""
    noun: str
    name: str
    told: str = "nothing"  # nothing (asked, no answer), created, refused, deleting (asked, no answer), deleted
    wants: str = "running"
    at: float = 0.0

    def tell(self, word):
        self.told, self.at = word, time.monotonic()


class Worker(threading.Thread):
    """One client: creates, changes, deletes, and writes down what it was answered."""

    def __init__(self, rig, seed, number):
        super().__init__(daemon=True)
        self.rig, self.chance, self.number = rig, random.Random(f"{seed}/{number}"), number
        self.things, self.over, self.error, self.asked, self.answered = [], threading.Event(), None, 0, 0

    def run(self):
        try:
            while not self.over.is_set():
                if len(self.rig.open_jobs()) > BACKLOG:
                    self.over.wait(0.05)
                else:
                    self.chance.choice([self.create, self.create, self.change, self.delete])()
        except Exception as error:  # the main thread's to raise
            self.error = error

    def ask(self, what):
        """The answer, or None when there was none."""
        self.asked += 1
        asking = Asking(what)
        answer = asking.ended()
        if answer is None:
            self.over.wait(0.02)  # it is down: the next one comes up soon
        else:
            self.answered += 1
            assert answer.status < 500 or answer.status in (503, 507), answer
        return answer

    def body(self, noun, name, thing):
        if noun != "vms":
            return {"name": name}
        thing.wants = self.chance.choice(["running", "stopped"])
        return {"name": name, **BODY, "start": thing.wants == "running"}

    def create(self):
        noun = self.chance.choices(NOUNS, [6, 1, 1])[0]
        if sum(t.told in ("created", "nothing") for t in self.things) > 12:
            return
        thing = Thing(noun, f"h{self.number}-{len(self.things)}")
        self.things.append(thing)
        body = self.body(noun, thing.name, thing)
        answer = self.ask(lambda: self.rig.post(f"/v1/{noun}", body))
        if answer is not None:
            thing.tell("created" if answer.status < 300 else "refused")

    def mine(self, *nouns):
        alive = [t for t in self.things if t.told == "created" and t.noun in nouns]
        return self.chance.choice(alive) if alive else None

    def change(self):
        thing = self.mine("vms")
        if thing:
            verb = self.chance.choice(["start", "stop", "pause", "resume", "suspend", "reboot"])
            body = {"force": True} if verb in ("stop", "reboot") else None
            thing.wants = "any"
            self.ask(lambda: self.rig.post(f"/v1/vms/{thing.name}/{verb}", body))

    def delete(self):
        thing = self.mine(*NOUNS)
        if thing:
            thing.tell("deleting")
            answer = self.ask(lambda: self.rig.delete(f"/v1/{thing.noun}/{thing.name}"))
            if answer is not None:
                thing.tell("deleted" if answer.status < 300 else "created")


class Killer:
    """Kills the daemon at a moment, or at a failpoint; on real libvirt libvirtd, too."""

    def __init__(self, rig, seed):
        self.rig, self.chance, self.kills, self.libvirtd_kills = rig, random.Random(f"{seed}/killer"), 0, 0
        self.points = [p for p in failpoints_of(BINARY) if p.startswith(("disk.", "virt.", "store.", "job."))]

    def strike(self):
        how = self.chance.choice(["moment", "point", "pass"] + (["libvirtd"] if self.rig.is_real else []))
        pause_s = self.chance.uniform(*KILL_EVERY_S)
        if how == "libvirtd":
            time.sleep(pause_s)
            private_libvirt.end()
            self.rig.restart_libvirtd()
            self.libvirtd_kills += 1
            return
        if how == "point":
            self.rig.arm(f"{self.chance.choice(self.points)}=die")
        elif how == "pass":
            self.rig.arm(f"*=die,nth={self.chance.randint(20, 2000)}")
        end = time.monotonic() + pause_s
        while time.monotonic() < end and not self.rig.is_dead():
            time.sleep(0.005)
        self.restart()

    def restart(self):
        if not self.rig.is_dead():
            self.rig.kill()
        self.rig.bury()
        self.rig.arm("")
        self.rig.start()
        self.kills += 1


def check(rig, things):
    """What the clients were told against what is there."""
    there = {noun: {item["name"]: item for item in rig.every(noun)} for noun in NOUNS}
    for thing in things:
        item = there[thing.noun].pop(thing.name, None)
        if thing.told == "created":
            assert item, f"{thing}: acknowledged, and lost"
            if thing.noun == "vms" and thing.wants != "any":
                assert item["status"] in (thing.wants, "error"), f"{thing}: {item['status']}"
        elif thing.told in ("deleted", "refused"):
            assert item is None, f"{thing}: there: {item}"
    del there["networks"]  # the default one is made by itself
    assert not any(there.values()), f"nobody asked for: {there}"


def settles(rig, things):
    end = time.monotonic() + SETTLE_S
    while True:
        try:
            rig.is_at_rest()
            check(rig, things)
            rig.is_healthy()
            return
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def live(rig, seed, seconds, clients=4):
    """One history; a line about it."""
    workers = [Worker(rig, seed, number) for number in range(clients)]
    killer = Killer(rig, seed)
    for worker in workers:
        worker.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not any(w.error for w in workers):
        killer.strike()
    for worker in workers:
        worker.over.set()
    for worker in workers:
        worker.join(60)
        if worker.error:
            raise worker.error
    things = [thing for worker in workers for thing in worker.things]
    settles(rig, things)
    rig.becomes_as_at_first()
    asked, answered = sum(w.asked for w in workers), sum(w.answered for w in workers)
    return (f"{asked} requests, {asked - answered} without an answer, {len(things)} things, {killer.kills} deaths of computed, "
            f"{killer.libvirtd_kills} of libvirtd")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("CRASH_SECONDS", "20")))
    parser.add_argument("--seed", default=os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(1 << 32))))
    parser.add_argument("--clients", type=int, default=4)
    arguments = parser.parse_args()
    print(f"CRASH_SEED={arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="computed-crash-", dir="/var/tmp") as directory:
        os.chmod(directory, 0o711)
        rig = Rig(pathlib.Path(directory) / "1", arguments.real)
        try:
            print(live(rig, arguments.seed, arguments.seconds, arguments.clients))
        except BaseException:
            kept = pathlib.Path(os.environ.get("CRASH_LOGS", directory + ".logs"))
            kept.mkdir(parents=True, exist_ok=True)
            print("the log:", shutil.copy(rig.directory / "log", kept / f"history-{arguments.seed}.log"), file=sys.stderr)
            raise
        finally:
            if not rig.is_dead():
                rig.stop()


if __name__ == "__main__":
    main()
