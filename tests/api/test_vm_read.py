"""GET /v1/vms and /v1/vms/{ref}: pages, filters, and the truth of the hypervisor, or its last known word."""
import time
import urllib.parse

import pytest

from client import by_age, eventually

ALL = {"id", "name", "project", "status", "status_reason", "task", "flavor", "vcpus", "memory_mib", "disk_gib", "image", "keypair", "hostname",
       "networks", "security_groups", "volumes", "metadata", "tags", "autostart", "locked", "restores_to", "expires_at", "ready_at", "fault", "cpu_time_ns", "memory_used_mib", "observed_at", "created_at", "updated_at"}


def pages(daemon, path):
    """The ids on each page, along `next`."""
    seen = []
    while path:
        answer = daemon.get(path)
        assert answer.status == 200, answer
        seen.append([vm["id"] for vm in answer.json["vms"]])
        path = answer.json["next"]
    return seen


def test_nobody(own):
    assert own.get("/v1/vms").json == {"vms": [], "next": None, "stale": False}


def test_every_member_is_always_there(daemon, name):
    vm = daemon.create(name, start=False)
    assert set(vm) == ALL | {"stale"}
    assert set(daemon.get("/v1/vms", name=name).json["vms"][0]) == ALL


def test_by_id_and_by_name(daemon, name):
    vm = daemon.create(name)
    assert daemon.show(vm["id"])["id"] == daemon.show(name)["id"] == vm["id"]


def test_pages_and_deletes_between_them(own):
    ids = [vm["id"] for vm in by_age(own.create(f"vm-{i:02}", start=False) for i in range(25))]
    assert pages(own, "/v1/vms?limit=10") == [ids[:10], ids[10:20], ids[20:]]
    assert pages(own, "/v1/vms?limit=25") == [ids]
    first = own.get("/v1/vms?limit=10").json
    own.remove(ids[9])                       # the marker itself
    own.remove(ids[12])
    assert pages(own, first["next"]) == [ids[10:12] + ids[13:21], ids[21:]]
    assert own.get("/v1/vms").json["next"] is None


def test_next_carries_the_filters(own):
    names = [vm["name"] for vm in by_age(own.create(f"vm-{i}", start=i % 2 == 0) for i in range(4)) if vm["status"] == "running"]
    answer = own.get("/v1/vms?status=running&limit=1").json
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(answer["next"]).query)
    assert query == {"status": ["running"], "limit": ["1"], "marker": [answer["vms"][0]["id"]]}
    assert [vm["name"] for vm in own.get(answer["next"]).json["vms"]] == names[1:] != []


def test_an_unknown_marker(daemon):
    answer = daemon.get("/v1/vms?marker=00000000-0000-4000-8000-000000000000")
    assert (answer.status, answer.json["field"]) == (400, "marker")


def test_filters(daemon, name):
    running, stopped = daemon.create(name + "-r"), daemon.create(name + "-s", start=False)
    assert [vm["id"] for vm in daemon.get("/v1/vms", name=name + "-r").json["vms"]] == [running["id"]]
    assert daemon.get("/v1/vms", name=name).json["vms"] == []
    assert daemon.get("/v1/vms", name="🦊 ünïcode %&=").json["vms"] == []
    assert stopped["id"] in [vm["id"] for vm in daemon.get("/v1/vms", status="stopped").json["vms"]]
    assert running["id"] not in [vm["id"] for vm in daemon.get("/v1/vms", status="stopped").json["vms"]]
    assert daemon.get("/v1/vms", name=name + "-r", status="stopped").json["vms"] == []


# ---- behind our back ----
OUTSIDE = [
    ({"state": "stopped", "reason": "destroyed"}, "stopped"), ({"state": "stopped", "reason": None}, "stopped"), ({"state": "crashed"}, "stopped"),
    ({"state": "paused", "reason": "user"}, "paused"), ({"state": "paused", "reason": "ioerror"}, "paused"),
    ({"state": "stopped", "managed_save": True}, "suspended"),
]


@pytest.mark.parametrize("changes,status", OUTSIDE)
def test_what_virsh_did_is_seen_by_the_next_read(daemon, name, changes, status):
    vm = daemon.create(name)
    daemon.edit_domain(vm["id"], **changes)
    assert daemon.show(name)["status"] == status
    assert daemon.get("/v1/vms", name=name).json["vms"][0]["status"] == status
    assert name in [v["name"] for v in daemon.get("/v1/vms?limit=1000", status=status).json["vms"]]
    daemon.edit_domain(vm["id"], state="running", reason=None, managed_save=False)
    assert daemon.get("/v1/vms", name=name).json["vms"][0]["status"] == "running"


def test_a_pause_tells_its_reason(daemon, name):
    vm = daemon.create(name)
    daemon.edit_domain(vm["id"], state="paused", reason="ioerror")
    assert daemon.show(name)["status_reason"] == "ioerror"


def test_an_undefined_domain_is_a_fault_that_a_start_mends(daemon, name):
    vm = daemon.create(name)
    daemon.undefine(vm["id"])
    vm = daemon.show(name)
    assert (vm["status"], vm["fault"]["code"], vm["status_reason"]) == ("error", "domain_missing", "domain_missing")
    vm = daemon.act(name, "start")
    assert (vm["status"], vm["fault"]) == ("running", None)
    assert daemon.domain(vm["id"])["title"] == name


def test_an_undefined_domain_can_be_deleted(daemon, name):
    vm = daemon.create(name)
    daemon.undefine(vm["id"])
    daemon.remove(name)
    assert not daemon.instance(vm["id"]).exists()


# ---- stale ----
@pytest.mark.parametrize("trouble", ["down", "hang"])
def test_without_an_answer_the_last_known_state_is_shown_as_such(own, trouble):
    vm = own.create("a")
    own.hypervisor(trouble)
    begin = time.monotonic()
    page = eventually(lambda: [p for p in [own.get("/v1/vms").json] if p["stale"]], "a stale list")[0]
    assert time.monotonic() - begin < 30
    assert [v["status"] for v in page["vms"]] == ["running"]
    assert page["vms"][0]["observed_at"] >= vm["created_at"]
    assert (page["vms"][0]["cpu_time_ns"], page["vms"][0]["memory_used_mib"]) == (None, None)
    one = own.show("a")
    assert (one["stale"], one["status"]) == (True, "running")
    own.hypervisor(None)
    eventually(lambda: not own.get("/v1/vms").json["stale"], "a fresh list")
    assert own.show("a")["observed_at"] > page["vms"][0]["observed_at"]


def test_a_domain_that_is_not_ours_is_no_vm(daemon, name):
    other = "11111111-2222-4333-8444-555555555555"
    (daemon.domains / f"{other}.json").write_text('{"name": "theirs", "state": "running"}')
    assert daemon.get(f"/v1/vms/{other}").status == 404
    assert other not in [vm["id"] for vm in daemon.get("/v1/vms?limit=1000").json["vms"]]
    assert daemon.domain(other)["state"] == "running"


# ---- the console ----
def console(daemon, ref, **query):
    answer = daemon.get(f"/v1/vms/{ref}/console-log", **query)
    assert answer.status == 200
    return answer.body.decode()


def test_console_log(daemon, name):
    vm = daemon.create(name)
    assert console(daemon, name) == ""
    log = daemon.instance(vm["id"]) / "console.log"
    log.write_bytes(b"one\r\ntwo\n\x1b[1mthree\x1b[0m\tlogin: ")
    assert console(daemon, name) == "one\r\ntwo\n\x1b[1mthree\x1b[0m\tlogin: "
    assert console(daemon, vm["id"], lines=1).startswith("\x1b[1mthree")
    assert console(daemon, name, lines=1000).startswith("one")


@pytest.mark.parametrize("raw,text", [
    (b"a\x00b\x07c\x7fd", "a\ufffdb\ufffdc\ufffdd"), (b"\xff\xfe", "\ufffd\ufffd"), ("grüße 🦊".encode(), "grüße 🦊"), (b"\xf0\x9f\xa6", "\ufffd" * 3),
    (b"\xc2\x9b31m", "\ufffd\ufffd31m"), (b"\xed\xa0\x80", "\ufffd" * 3), (b"\xc0\xaf", "\ufffd" * 2), (b"\xc3x", "\ufffdx"), (b"<b>&\"'", "<b>&\"'")])
def test_a_guest_may_write_anything(daemon, name, raw, text):
    vm = daemon.create(name)
    (daemon.instance(vm["id"]) / "console.log").write_bytes(raw)
    assert console(daemon, name) == text


@pytest.mark.parametrize("lines", ["0", "-1", "x", "1000001"])
def test_console_lines(daemon, name, lines):
    daemon.create(name)
    answer = daemon.get(f"/v1/vms/{name}/console-log", lines=lines)
    assert (answer.status, answer.json["field"]) == (400, "lines")


def test_the_console_log_outlives_a_stop(daemon, name):
    vm = daemon.create(name)
    log = daemon.instance(vm["id"]) / "console.log"
    log.write_bytes(b"first life\n")
    daemon.act(name, "stop", {"force": True})
    assert console(daemon, name) == "first life\n"
    daemon.act(name, "start")
    with log.open("ab") as file:
        file.write(b"second life\n")
    assert console(daemon, name) == "first life\nsecond life\n"


def test_rotated_console_logs_are_one(daemon, name):
    folder = daemon.instance(daemon.create(name)["id"])
    (folder / "console.log.1").write_bytes(b"one\ntw")
    (folder / "console.log.0").write_bytes(b"o\nthree\n")
    (folder / "console.log").write_bytes(b"four\n")
    assert console(daemon, name) == "one\ntwo\nthree\nfour\n"
    assert console(daemon, name, lines=3) == "two\nthree\nfour\n"
    daemon.remove(name)
    assert not folder.exists()


def test_a_console_log_has_an_end(daemon, name):
    """The newest mebibyte of it."""
    folder = daemon.instance(daemon.create(name)["id"])
    (folder / "console.log.0").write_bytes(b"a" * (1 << 20))
    (folder / "console.log").write_bytes(b"b" * (1 << 19))
    assert console(daemon, name) == "a" * (1 << 19) + "b" * (1 << 19)
