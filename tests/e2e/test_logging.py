"""A real journal and a real libvirt: what `journalctl COMPUTED_…` finds. The journald is this file's own, in the namespaces that all of these tests run in."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

from client import BINARY, eventually
from machine import Machine, running

JOURNALD = "/lib/systemd/systemd-journald"
SOCKETS = pathlib.Path("/run/systemd/journal")
SETTINGS = "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitBurst=0\nForwardToSyslog=no\n"


class Journal:
    def __init__(self):
        folder = pathlib.Path("/run/systemd/journald.conf.d")
        folder.mkdir(parents=True)
        (folder / "test.conf").write_text(SETTINGS)
        pathlib.Path("/run/log/journal").mkdir(parents=True)
        self.process = subprocess.Popen([JOURNALD], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: (SOCKETS / "stdout").exists() and (SOCKETS / "io.systemd.journal").exists(), "journald's sockets")

    def stream(self):
        """A service's stderr, as systemd connects it."""
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.connect(str(SOCKETS / "stdout"))
        stream.sendall(b"of-systemd\n\n6\n1\n0\n0\n0\n")
        return stream

    def entries(self, *matches):
        """Oldest first."""
        subprocess.run(["journalctl", "--sync"], check=True, timeout=60)
        found = subprocess.run(["journalctl", "-D", "/run/log/journal", "-o", "json", "--all", "--no-pager", *matches], check=True, capture_output=True,
                               text=True, timeout=60)
        return [json.loads(line) for line in found.stdout.splitlines()]

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        shutil.rmtree("/run/systemd")
        shutil.rmtree("/run/log/journal")


class Service(Machine):
    """Its stderr is the journal."""

    def __init__(self, directory, journal=None, **settings):
        self.stderr = journal.stream()
        super().__init__(directory, **settings)

    def environment(self):
        at = os.fstat(self.stderr.fileno())
        return {**super().environment(), "JOURNAL_STREAM": f"{at.st_dev}:{at.st_ino}"}

    def open_log(self):
        return self.stderr.dup()


@pytest.fixture
def journal():
    journal = Journal()
    yield journal
    journal.close()


@pytest.fixture
def service(journal, numbered, tiny):
    yield from running(numbered(), tiny, kind=Service, journal=journal)


def messages(entries):
    return [entry["COMPUTED_MSG"] for entry in entries]


def test_a_create_is_found_by_its_request_and_by_its_vm(service, journal):
    user_data = "#cloud-config\npassword: hush-hush\n"
    answer = service.call("POST", "/v1/vms", service.body("a", user_data=user_data), {"X-Request-Id": "create-1"})
    service.done(answer)
    vm = answer.json["id"]
    found = eventually(lambda: {"request", "operation succeeded"} <= set(messages(journal.entries("COMPUTED_REQUEST_ID=create-1"))) and
                       journal.entries("COMPUTED_REQUEST_ID=create-1"), "its entries")
    (request,) = [entry for entry in found if entry["COMPUTED_MSG"] == "request"]
    assert (request["PRIORITY"], request["SYSLOG_IDENTIFIER"], request["COMPUTED_STATUS"], request["_COMM"]) == ("6", "computed", "202", "computed")
    assert re.match(r"request method=POST path=/v1/vms status=202 ms=\d+\.\d{3} bytes=\d+ user=admin ", request["MESSAGE"])
    steps = [entry for entry in found if entry["COMPUTED_MSG"] == "step done"]
    assert [entry["COMPUTED_STEP"] for entry in steps] == ["overlay", "seed", "sidecar", "network", "define", "start"]
    assert steps == journal.entries(f"COMPUTED_VM={vm}", "COMPUTED_KIND=vm.create", "COMPUTED_MSG=step done")
    calls = {entry["COMPUTED_CALL"]: entry for entry in found if entry["COMPUTED_MSG"] == "libvirt call"}
    assert {"virDomainDefineXMLFlags", "virNetworkLookupByUUIDString", "virDomainCreate"} <= set(calls)
    create = calls["virDomainCreate"]
    assert (create["PRIORITY"], create["COMPUTED_DOMAIN"], create["COMPUTED_OPERATION"]) == ("7", vm, answer.json["operation"])
    assert 0 < float(create["COMPUTED_MS"]) <= float(steps[-1]["COMPUTED_MS"])
    (lookup, *_) = [entry for entry in found if entry.get("COMPUTED_CALL") == "virDomainLookupByUUIDString"]
    assert lookup["COMPUTED_MSG"] == "libvirt call failed" and "Domain not found" in lookup["COMPUTED_ERR"]
    surveys = journal.entries("COMPUTED_CALL=virConnectGetAllDomainStats")
    assert surveys and all("COMPUTED_OPERATION" not in entry for entry in surveys)
    service.done(service.call("POST", "/v1/vms/a/pause", None, {"X-Request-Id": "pause-1"}))
    (pause,) = journal.entries("COMPUTED_CALL=virDomainSuspend")  # QEMU itself must answer it: a thread of its own
    assert (pause["COMPUTED_DOMAIN"], pause["COMPUTED_REQUEST_ID"], pause["COMPUTED_KIND"]) == (vm, "pause-1", "vm.pause")
    everything = json.dumps(journal.entries())
    assert "hush" not in everything and "cloud-config" not in everything and "<domain" not in everything


def test_what_went_wrong_has_a_priority(service, journal):
    service.arm("virt.start.before=error(hypervisor),once")
    vm = service.create_failing("a")
    found = eventually(lambda: journal.entries(f"COMPUTED_VM={vm['id']}", "COMPUTED_MSG=operation failed"), "the failure")
    assert [(entry["PRIORITY"], entry["COMPUTED_CODE"]) for entry in found] == [("4", "hypervisor")]
    assert {entry["PRIORITY"] for entry in journal.entries("-p", "warning", "SYSLOG_IDENTIFIER=computed")} <= {"3", "4"}


def test_a_daemon_that_cannot_start_says_so_as_an_error(service, journal):
    done = subprocess.run([BINARY, "--config", "/nowhere"], env=service.environment(), stdin=subprocess.DEVNULL, stderr=service.stderr, timeout=60)
    assert done.returncode == 1
    (entry,) = journal.entries("COMPUTED_MSG=the daemon cannot go on")
    assert entry["PRIORITY"] == "3" and "/nowhere" in entry["MESSAGE"]


def test_without_the_journals_socket_lines_go_to_stderr(service, journal):
    socket_path = SOCKETS / "socket"
    away = socket_path.with_name("away")
    socket_path.rename(away)
    service.call("GET", "/v1/host", None, {"X-Request-Id": "nobody-listens"})

    def on_stderr():
        return [entry for entry in journal.entries("SYSLOG_IDENTIFIER=of-systemd") if "request_id=nobody-listens" in entry["MESSAGE"]]

    (entry,) = eventually(on_stderr, "the line as text")
    assert re.match(r'\d{4}-\d\d-\d\dT[\d:.]+Z level=info msg="request" method=GET path=/v1/host ', entry["MESSAGE"])
    away.rename(socket_path)
    service.call("GET", "/v1/host", None, {"X-Request-Id": "heard"})
    eventually(lambda: journal.entries("COMPUTED_REQUEST_ID=heard"), "the entry")


def test_a_stderr_that_is_not_the_journal_is_text(journal, numbered, tiny):
    """Though the variable is there: whoever starts us may have sent stderr elsewhere."""
    for machine in running(numbered(), tiny, kind=Elsewhere, journal=journal):
        machine.call("GET", "/v1/host", None, {"X-Request-Id": "elsewhere"})
        eventually(lambda: machine.log_lines(msg="request", request_id="elsewhere"), "the line in the file")
        assert journal.entries("COMPUTED_REQUEST_ID=elsewhere") == []


class Elsewhere(Service):
    def open_log(self):
        return Machine.open_log(self)
