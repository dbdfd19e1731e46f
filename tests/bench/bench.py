#!/usr/bin/env python3
"""The daemon beside what it stands on, in one run: libvirt's own calls, virsh, bare libmicrohttpd, SQLite alone.

Runs beside a private libvirtd (run.sh sees to that) because it makes a thousand domains. docs/performance.md says what the rows mean."""

import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import platform
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid

import events
from figures import Row, Target, save, table
from rig import ROOT, URI, Client, Daemon, Failed, Helper, interleaved, ms_since, process_ms, wrk

DEADLINE_S = 470
CREATES, STARTS, READS, READIES = 40, 40, 31, 21
CREATORS = 8
WRK_ROUNDS, WRK_SECONDS = 3, 2
GUESTS_RUNNING = 5
VIRSH_LIST = ("virsh", "-q", "-c", URI, "list", "--all")
SMALL = {"image": "tiny", "flavor": "small", "networks": []}  # as the raw domains beside them


class Bench:
    def __init__(self, box, stack):
        self.box = box
        self.rows = []
        self.ids = []
        self.rest = contextlib.ExitStack()
        stack.callback(lambda: self.rest.close())
        self.daemon = Daemon(self.make_dir("state"), box / "computed.log")
        stack.callback(self.daemon.stop)
        self.client = None
        self.raw = None
        self.stack = stack

    def make_dir(self, name):
        path = self.box / name
        path.mkdir()
        path.chmod(0o711)
        return path

    def add(self, *row, **more):
        self.rows.append(Row(*row, **more))

    def connect(self):
        """After a start, which picks a new port."""
        self.rest.close()
        self.client = Client(self.daemon.port)
        self.rest.callback(self.client.close)

    # ---- beginning ----

    def first_start(self):
        self.add("first start to ready, empty state_dir", "ms", [self.daemon.start()])
        self.connect()
        self.register_image()
        self.create(False)  # waits until it is known how guests run here
        self.delete(self.ids[0])
        cpu = self.client.get("/health")["virt"]["cpu"]
        self.raw = Helper(ROOT / "build/bench/raw_libvirt", URI, ROOT / "templates", cpu or "")
        self.stack.callback(self.raw.close)

    def restarts(self, what):
        def ready():
            self.daemon.stop()
            return self.daemon.start()

        exe = ROOT / "build/computed"
        found = interleaved(READIES, {"ready": ready, "version": lambda: process_ms(exe, "--version")})
        self.add(f"start to ready, {what}", "ms", found["ready"], "computed --version", found["version"], Target("value", 100))
        self.connect()

    def memory(self, when, limit=None):
        self.client.get("/v1/vms")  # the readers are there, too
        private, resident = self.daemon.memory_mib()
        self.add(f"private memory, {when}", "MiB", [private], target=Target("value", limit) if limit else None)
        self.add(f"resident memory, {when}", "MiB", [resident])

    def register_image(self):
        path = self.box / "tiny.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "16M"], check=True)
        image = self.client.expect(201, "POST", "/v1/images", {"name": "tiny", "disk_format": "qcow2"})[1]
        content = {"body": path.read_bytes(), "content_type": "application/octet-stream"}
        self.client.expect(204, "PUT", f"/v1/images/{image['id']}/file", **content)
        raw_dir = self.make_dir("raw")
        self.raw_disk, self.raw_console = raw_dir / "disk.qcow2", raw_dir / "console.log"
        base = next((self.box / "state/images").glob(f"{image['id']}*.qcow2"))
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", self.raw_disk, "10G"]
        subprocess.run(command, check=True)

    # ---- creating ----

    def post(self, client, start):
        """(milliseconds to the 202, VM)"""
        return client.expect(202, "POST", "/v1/vms", dict(SMALL, name=f"b-{uuid.uuid4().hex[:12]}", start=start))

    def create(self, start):
        """(milliseconds to the 202, milliseconds until the operation has succeeded)"""
        began = time.perf_counter_ns()
        answered, vm = self.post(self.client, start)
        self.client.wait(vm["operation"])
        self.ids.append(vm["id"])
        return answered, ms_since(began)

    def delete(self, vm):
        began = time.perf_counter_ns()
        operation = self.client.expect(202, "DELETE", f"/v1/vms/{vm}")[1]
        self.client.wait(operation["id"])
        self.ids.remove(vm)
        return ms_since(began)

    def raw_define(self):
        return self.raw.ask_ms("define", uuid.uuid4(), self.raw_disk, self.raw_console)

    def creates(self):
        commit = sqlite_commit(self.box / "reference.db")

        def define():
            spent = self.raw_define()
            self.raw.ask("drop")
            return spent

        found = interleaved(CREATES, {"create": lambda: self.create(False), "define": define, "commit": commit})
        posts, wholes = zip(*found["create"])
        self.add("POST /v1/vms to 202", "ms", list(posts), "one SQLite commit", found["commit"], Target("value", 5))
        self.add("POST to stopped (start: false)", "ms", list(wholes), "raw define", found["define"], Target("excess", 10))

    def starts(self):
        def ours():
            spent = self.create(True)[1]
            return spent, self.delete(self.ids[-1])

        def raw():
            spent = self.raw_define() + self.raw.ask_ms("start")
            return spent, self.raw.ask_ms("drop")

        found = interleaved(STARTS, {"ours": ours, "raw": raw})
        started, deleted = zip(*found["ours"])
        raw_started, raw_dropped = zip(*found["raw"])
        self.add("POST to running", "ms", list(started), "raw define + create", list(raw_started), Target("excess", 10))
        self.add("DELETE of a running VM to gone", "ms", list(deleted), "raw destroy + undefine", list(raw_dropped))

    def fill(self, total):
        """Several clients at once; nobody waits for a VM before it asks for the next."""
        share = [(total - len(self.ids)) // CREATORS + (i < (total - len(self.ids)) % CREATORS) for i in range(CREATORS)]

        def work(count):
            client = Client(self.daemon.port)
            with contextlib.closing(client):
                return [self.post(client, False) for _ in range(count)]

        count, began = sum(share), time.perf_counter_ns()
        with concurrent.futures.ThreadPoolExecutor(CREATORS) as pool:
            made = [one for answers in pool.map(work, share) for one in answers]
        for _, vm in made:
            self.client.wait(vm["operation"])
        self.ids += [vm["id"] for _, vm in made]
        if count >= 500:
            self.add(f"POST to 202, {CREATORS} clients creating {count}", "ms", [spent for spent, _ in made])
            self.add(f"one VM created (stopped), of {count} at once", "ms", [ms_since(began) / count])

    def shrink(self, total):
        for vm in self.ids[total:]:
            self.delete(vm)

    # ---- reading ----

    def read(self, path, count=None):
        spent, answer = self.client.expect(200, "GET", path)
        if answer["stale"] or (count is not None and len(answer["vms"]) != count):
            raise Failed(f"GET {path}: stale, or not {count} VMs")
        return spent

    def reads(self, note=""):
        total = len(self.ids)
        one = self.ids[total // 2]
        raw_lists = []

        def raw_list():
            answer = self.raw.ask("list")
            raw_lists.append([ns / 1e6 for ns in answer[1:]])
            return sum(raw_lists[-1])

        found = interleaved(READS, {
            "list": lambda: self.read("/v1/vms?limit=1000", total),
            "virsh": lambda: process_ms(*VIRSH_LIST),
            "page": lambda: self.read("/v1/vms?limit=100", min(total, 100)),
            "raw": raw_list,
            "one": lambda: self.read(f"/v1/vms/{one}"),
            "raw one": lambda: self.raw.ask_ms("info", one),
        })  # fmt: skip
        is_full = total >= 1000

        def target(limit):
            return Target("ratio", limit) if is_full else None

        self.add(f"list of {total}{note}", "ms", found["list"], "virsh list --all", found["virsh"], target(0.15))
        self.add(f"list of {total}{note}", "ms", found["list"], "list + serial virDomainGetInfo", found["raw"], target(0.25))
        if total > 100:
            self.add(f"page of 100 of {total}{note}", "ms", found["page"], "virsh list --all", found["virsh"], target(0.1))
        self.add(f"one VM of {total}{note}", "ms", found["one"], "raw lookup + virDomainGetInfo", found["raw one"])

    def reads_with_guests(self):
        guests = self.ids[:GUESTS_RUNNING]
        self.verb(guests, "start", {})
        self.reads(f", {len(guests)} running")
        self.verb(guests, "stop", {"force": True})

    def verb(self, vms, verb, body):
        for operation in [self.client.expect(202, "POST", f"/v1/vms/{vm}/{verb}", body)[1] for vm in vms]:
            self.client.wait(operation["id"])

    def load(self):
        hello = Helper(ROOT / "build/bench/hello", 2)
        self.stack.callback(hello.close)
        bare = f"http://127.0.0.1:{hello.read()[0]}"
        ours = f"http://127.0.0.1:{self.daemon.port}"
        paths = ["/v1/flavors", "/health", f"/v1/vms/{self.ids[0]}", "/v1/vms?limit=100"]
        sizes = {path: len(self.client.ask("GET", path)[2]) for path in paths}
        measures = {path: lambda p=path: wrk(ours + p, WRK_SECONDS) for path in paths}
        measures |= {size: lambda n=size: wrk(f"{bare}/{n}", WRK_SECONDS) for size in sizes.values()}
        found = interleaved(WRK_ROUNDS, measures)
        for path, size in sizes.items():
            what = path.replace(self.ids[0], "{id}")
            self.add(f"GET {what}, {size} bytes", "req/s", found[path], f"bare libmicrohttpd, {size} bytes", found[size])

    def streams(self):
        self.rows += events.measure(self.daemon, self.client)

    def run(self):
        for step, text in (
            (self.first_start, "first start, with the probe"),
            (lambda: self.restarts("no VMs"), "restarts"),
            (lambda: self.memory("idle after start", 8), "memory"),
            (self.creates, "creates"),
            (self.starts, "starts"),
            (lambda: self.shrink(10), "deletes"),
            (self.reads, "reads, 10 VMs"),
            (lambda: self.fill(100), "creates, 100"),
            (self.reads, "reads, 100 VMs"),
            (lambda: self.fill(1000), "creates, 1000"),
            (self.reads, "reads, 1000 VMs"),
            (lambda: self.memory("1000 VMs", 16), "memory"),
            (self.reads_with_guests, "reads, 1000 VMs, some running"),
            (self.load, "load"),
            (lambda: self.memory("after the load"), "memory"),
            (self.streams, "event streams"),
            (lambda: self.restarts("1000 VMs"), "restarts, 1000 VMs"),
            (lambda: self.memory("1000 VMs, after a restart"), "memory"),
        ):
            began = time.monotonic()
            step()
            print(f"  {text}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)


def sqlite_commit(path):
    """One row, one commit, as durable as the daemon's: what a 202 cannot be faster than."""
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id TEXT PRIMARY KEY, x TEXT) STRICT;")

    def commit():
        began = time.perf_counter_ns()
        db.execute("INSERT INTO t VALUES (?, ?)", (uuid.uuid4().hex, "x" * 500))
        return ms_since(began)

    return commit


def version(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")[0].strip()


def setting():
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpus": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "kernel": platform.release(),
        "libvirt": version("libvirtd", "--version"),
        "qemu": version("qemu-system-x86_64", "--version"),
        "computed": version(str(ROOT / "build/computed"), "--version"),
    }


def give_up(signum, _frame):
    raise Failed(f"ended by {signal.Signals(signum).name}" + (f": not done after {DEADLINE_S} s" if signum == signal.SIGALRM else ""))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", metavar="FILE", help="write the figures there as well")
    arguments = options.parse_args()
    if not os.environ.get("COMPUTED_PRIVATE_LIBVIRT"):
        sys.exit("bench.py: only beside a private libvirtd, because it makes a thousand domains: use run.sh")
    for signum in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, give_up)
    signal.alarm(DEADLINE_S)
    where = setting()
    box = pathlib.Path(tempfile.mkdtemp(prefix="computed-bench-", dir="/var/tmp"))
    box.chmod(0o711)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, box, ignore_errors=True)
        bench = Bench(box, stack)
        try:
            bench.run()
        except Failed as failure:
            print(f"bench.py: {failure}\n{bench.daemon.last_words()}", file=sys.stderr)
            return 1
        finally:
            print(" · ".join(f"{k} {v}" for k, v in where.items()) + "\n")
            print(table(bench.rows))
    if arguments.json:
        save(arguments.json, bench.rows, where)
    missed = [row.what for row in bench.rows if row.is_met is False]
    print(f"\n{len(missed)} of {sum(row.is_met is not None for row in bench.rows)} targets missed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
