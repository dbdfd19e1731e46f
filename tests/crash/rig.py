"""Daemons to be killed, and what must be true of them afterwards: on the fake hypervisor, or on the private libvirt.

Jobs are read from the database itself, because what is asked of the daemon passes failpoints."""
import http.client
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "api"), str(TESTS / "lib"), str(TESTS / "e2e")]

import private_libvirt  # noqa: E402
from client import Daemon, eventually  # noqa: E402
from machine import virsh  # noqa: E402

CONVERGED_S = 10.0
DEATH_S = 60.0
TRANSIENT_VM = {"pending", "stopping", "starting", "rebooting", "deleting"}
TRANSIENT = {"networks": {"pending", "deleting"}, "images": {"saving", "deleting"}}
PAGED = ("vms", "networks", "images", "keypairs", "users", "projects")
# What has a retention of its own; every other table, also one that this program does not know yet, is emptied with what its rows are about.
RETAINED = {"job", "event", "audit", "idempotency", "address_release", "sqlite_sequence"}
SHARED_FILTER = "computed-port"  # of all networks, and made with the first
NOT_LEFT = ("computed.db", "lock", "probe")


class Asking(threading.Thread):
    """A request beside the one who watches the daemon. The answer is None when the connection was lost."""

    def __init__(self, ask):
        super().__init__(daemon=True)
        self.ask, self.answer, self.error = ask, None, None
        self.start()

    def run(self):
        try:
            self.answer = self.ask()
        except (OSError, http.client.HTTPException):
            pass
        except Exception as error:  # the watcher's to raise
            self.error = error

    def ended(self, deadline_s=DEATH_S):
        self.join(deadline_s)
        assert not self.is_alive(), "no answer and no end of the connection"
        if self.error:
            raise self.error
        return self.answer


class Rig(Daemon):
    """is_real: on the private libvirt. Guests are of the image `blank`, which boots nothing."""

    def __init__(self, directory, is_real, **settings):
        self.is_real = is_real
        if is_real:
            settings = {"libvirt_uri": private_libvirt.URI, "virt_type": "qemu", "guest_port": 8775, **settings}
        super().__init__(directory, **{"stop_grace": "200ms", "import_allow": "127.0.0.0/8", "log_level": "debug", **settings})
        assert self.put("/v1/host/maintenance", {"reason": "its row is to be there"}).status == 200
        assert self.delete("/v1/host/maintenance").status == 204
        self.add_image("blank", b"\0" * 65536, "raw")
        eventually(lambda: self.get("/v1/host").json["virt_type"] and not list(self.state.glob("probe/*")), "the probing guest has ended")
        self.at_first = self.left()

    # ---- deaths ----
    def has_stopped(self):
        """By a failpoint's `stop`; false: it runs, or has ended."""
        seen = os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return seen is not None and seen.si_code in (os.CLD_STOPPED, os.CLD_TRAPPED)

    def is_dead(self):
        return self.process.poll() is not None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def bury(self):
        """After its death, so that start() can follow."""
        assert self.process.wait(DEATH_S) == -signal.SIGKILL, f"exit code {self.process.returncode}; the log: {self.log_text()[-3000:]}"
        self.process.stdout.close()
        self.log.close()

    def start_armed(self):
        """True when it lives until it is ready."""
        try:
            self.start()
            return True
        except AssertionError:
            return False

    def go_on(self):
        os.kill(self.process.pid, signal.SIGCONT)

    # ---- looks from outside ----
    def rows(self, sql):
        database = sqlite3.connect(f"file:{self.state}/computed.db?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def open_jobs(self):
        return self.rows("SELECT kind, status, direction, step, attempts, error_message FROM job WHERE status IN ('pending', 'running')")

    def keys(self, table):
        """Which rows it has."""
        columns = [name for name, in self.rows(f"SELECT name FROM pragma_table_info('{table}') WHERE pk > 0")]
        return sorted(self.rows(f"SELECT {', '.join(columns or ['rowid'])} FROM {table}"))

    def left(self):
        """Everything in the three places, as one dictionary to be compared."""
        files = sorted(str(p.relative_to(self.state)) for p in self.state.rglob("*") if not p.name.startswith(NOT_LEFT))
        tables = {name for name, in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")} - RETAINED
        keys = {table: self.keys(table) for table in sorted(tables)}
        if self.is_real:
            filters = sorted(line.split()[-1] for line in virsh("nwfilter-list").splitlines())
            world = [virsh("list", "--all", "--name"), virsh("net-list", "--all", "--name"), [f for f in filters if f != SHARED_FILTER]]
        else:
            world = sorted(str(p.relative_to(self.domains)) for p in self.domains.rglob("*.json"))
        return {"files": files, "rows": keys, "world": world}

    # ---- what must hold ----
    def is_at_rest(self):
        """Nothing is under way."""
        jobs = self.open_jobs()
        assert not jobs, f"{len(jobs)} jobs have not ended: {jobs[:8]}"
        for vm in self.every("vms"):
            assert vm["task"] is None and vm["status"] not in TRANSIENT_VM, f"a VM is {vm['status']}"
            assert vm["status"] != "error" or vm["fault"], "error without a fault"
        for noun, words in TRANSIENT.items():
            for item in self.every(noun):
                assert item["status"] not in words, f"one of {noun} is {item['status']}"
                assert item["status"] != "error" or item["status_reason"], f"one of {noun} has no reason for its error"

    def every(self, noun):
        answer = self.get(f"/v1/{noun}", **({"limit": 1000} if noun in PAGED else {}))
        assert answer.status == 200, answer
        assert not answer.json.get("stale"), "a list is stale"
        return answer.json[noun]

    def is_healthy(self):
        answer = self.get("/v1/doctor")
        assert answer.status == 200, answer
        findings = [(f["code"], f["subject"], f["text"]) for f in answer.json["findings"]]
        assert answer.json["is_healthy"], f"the doctor: {findings} {answer.json['unseen']}"

    def converges(self, judge, since):
        """All invariants within the time; how long it took from `since` on."""
        while True:
            try:
                self.is_at_rest()
                judge()
                self.is_healthy()
                return time.monotonic() - since
            except (AssertionError, sqlite3.OperationalError):
                if time.monotonic() - since > CONVERGED_S:
                    raise
                time.sleep(0.02)

    def remove_everything(self):
        assert self.delete("/v1/host/maintenance").status == 204
        for noun in ("vms", "networks", "images"):
            for item in self.every(noun):
                if item.get("locked"):
                    assert self.post(f"/v1/vms/{item['id']}/unlock").status == 200
                if item["name"] != "blank":
                    answer = self.delete(f"/v1/{noun}/{item['id']}")
                    if answer.status != 404:
                        self.done(answer)
        for record in self.get("/api/v1/vms", status="terminated", limit=1000).json["vms"]:
            assert self.delete(f"/api/v1/vms/{record['id']}").status == 204
        for noun in ("keypairs", "flavors", "users", "projects"):
            for item in self.every(noun):
                if noun == "keypairs" or item["name"].startswith("crash-"):
                    assert self.delete(f"/v1/{noun}/{item['id']}").status in (204, 404)

    def becomes_as_at_first(self):
        """What a keypair leaves beside its row goes after the answer."""
        self.remove_everything()
        end = time.monotonic() + CONVERGED_S
        while (now := self.left()) != self.at_first:
            assert time.monotonic() < end, f"left behind: {now}, at first {self.at_first}"
            time.sleep(0.02)

    # ---- libvirtd ----
    def restart_libvirtd(self):
        private_libvirt.start()
        private_libvirt.wait_until_answering()


def failpoints_of(binary):
    """Every name in the build, once."""
    listed = subprocess.run([binary, "--list-failpoints"], check=True, stdout=subprocess.PIPE, text=True)
    return sorted({line.split()[0] for line in listed.stdout.splitlines() if line.strip()})

