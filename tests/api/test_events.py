"""Events: pages, streams, who sees what, gaps, and readers that do not behave."""
import json
import os
import pathlib
import socket
import sqlite3
import subprocess
import time

import pytest

from client import BINARY, eventually
from stream import BYTES, PING, PONG, TEXT, Closed, Refused, ServerSentEvents, WebSocket
from test_descriptors import fds_of
from test_start import Running
from test_tls import TlsDaemon

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqFDGOPZQ4UfHnXUt8M3zyHBkGoo7hVk4sJ7xDkVO1d"


def add_keypair(client, name):
    answer = client.post("/v1/keypairs", {"name": name, "public_key": KEY})
    assert answer.status == 201, answer
    return answer.json["id"]


def history(client, path="/v1/events?limit=7&since=0"):
    """All that is left, page by page."""
    events = []
    while path:
        page = client.get(path)
        assert page.status == 200, page
        events += page.json["events"]
        path = page.json["next"]
    return events


def settled(client):
    """The whole history, when nothing is under way any more."""
    eventually(lambda: all(o["status"] in ("succeeded", "failed") for o in client.get("/v1/operations", limit=1000).json["operations"]),
               "the end of every operation")
    return history(client)


def database(daemon, sql, *values):
    with sqlite3.connect(daemon.state / "computed.db", timeout=30) as connection:
        rows = connection.execute(sql, values).fetchall()
    connection.close()
    return rows


# ---- pages ----
def test_pages_hold_everything_once_and_in_order(daemon, name):
    daemon.create(name)
    events = settled(daemon)
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert history(daemon, "/v1/events?limit=1000") == events


def test_a_vms_life_is_told(daemon, name):
    vm = daemon.create(name)
    daemon.act(name, "stop", {"force": True})
    daemon.remove(name)
    told = [(e["type"], e["data"].get("old_status"), e["data"].get("new_status")) for e in settled(daemon) if e["resource"] == vm["id"]]
    assert told == [("vm.created", None, None), ("vm.status.changed", "pending", "running"), ("vm.started", None, None),
                    ("vm.status.changed", "running", "stopping"), ("vm.status.changed", "stopping", "stopped"), ("vm.stopped", None, None),
                    ("vm.status.changed", "stopped", "deleting"), ("vm.deleted", None, None)]


def test_last_is_where_to_go_on(daemon, name):
    last = settled(daemon)[-1]["seq"]
    page = daemon.get("/v1/events", since=last).json
    assert page == {"events": [], "next": None, "last": last, "gap": None}
    add_keypair(daemon, name)
    assert daemon.get("/v1/events", since=last).json["events"][0]["type"] == "keypair.created"


def test_types_choose(daemon, name):
    daemon.create(name)
    events = settled(daemon)
    for types, want in (("vm.created", lambda t: t == "vm.created"), ("vm.*", lambda t: t.startswith("vm.")),
                        ("vm.status.changed,image.*", lambda t: t == "vm.status.changed" or t.startswith("image."))):
        chosen = [e for e in events if want(e["type"])]
        assert chosen and history(daemon, f"/v1/events?types={types}&limit=2") == chosen
        with WebSocket(daemon, f"/v1/events?since=0&types={types}") as ws:
            assert ws.until_seq(chosen[-1]["seq"]) == chosen
    assert daemon.get("/v1/events", types="nothing.*").json["events"] == []


@pytest.mark.parametrize("query,field", [
    ("since=-1", "since"), ("since=x", "since"), ("since=99999999", "since"), ("limit=0", "limit"), ("limit=1001", "limit"), ("types=", "types"),
    ("types=vm", "types"), ("types=vm.*,", "types"), ("types=*", "types"), ("types=VM.created", "types"), ("types=vm.%25", "types"),
    ("types=" + "vm.created," * 60 + "vm.created", "types"), ("what=1", "what")])
def test_bad_questions_name_the_field(daemon, query, field):
    answer = daemon.get("/v1/events?" + query)
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)
    for stream in (WebSocket, ServerSentEvents):
        with pytest.raises(Refused) as refused:
            stream(daemon, "/v1/events?" + query)
        assert refused.value.status == 400


# ---- gaps ----
def test_a_gap_is_said(own):
    events = settled(own)
    own.stop()
    database(own, "DELETE FROM event WHERE seq <= 3")
    own.start()
    assert own.get("/v1/events", since=1).json["gap"] == {"since": 1, "oldest": 4}
    assert own.get("/v1/events", since=3).json["gap"] is None
    assert own.get("/v1/events").json["gap"] is None
    assert history(own, "/v1/events") == events[3:]
    with WebSocket(own, "/v1/events?since=1") as ws:
        assert ws.next() == {"type": "gap", "since": 1, "oldest": 4}
        assert ws.until_seq(events[-1]["seq"]) == events[3:]
    with ServerSentEvents(own, "/v1/events", {"Last-Event-ID": "1"}) as sse:
        assert sse.next() == ("3", "gap", {"type": "gap", "since": 1, "oldest": 4})
        assert sse.next() == ("4", events[3]["type"], events[3])
    with WebSocket(own, "/v1/events?since=3") as ws:
        assert ws.next() == events[3]


def test_nothing_left_is_a_gap_too(own):
    last = settled(own)[-1]["seq"]
    own.stop()
    database(own, "DELETE FROM event")
    own.start()
    assert own.get("/v1/events", since=1).json == {"events": [], "next": None, "last": last, "gap": {"since": 1, "oldest": last + 1}}
    with WebSocket(own, "/v1/events?since=1") as ws:
        assert ws.next() == {"type": "gap", "since": 1, "oldest": last + 1}
        add_keypair(own, "after")
        assert ws.next()["seq"] == last + 1


# ---- streams ----
def test_a_stream_tells_what_comes(daemon, name):
    with WebSocket(daemon, "/v1/events") as ws, ServerSentEvents(daemon, "/v1/events") as sse:
        last = settled(daemon)[-1]["seq"]
        add_keypair(daemon, name)
        events = settled(daemon)[last:]
        assert ws.until_seq(events[-1]["seq"]) == events
        assert [sse.next() for _ in events] == [(str(e["seq"]), e["type"], e) for e in events]


def test_last_event_id_goes_before_since(daemon):
    events = settled(daemon)
    with ServerSentEvents(daemon, "/v1/events?since=0", {"Last-Event-ID": str(events[-2]["seq"])}) as sse:
        assert sse.next()[2] == events[-1]
    with pytest.raises(Refused) as refused:
        ServerSentEvents(daemon, "/v1/events", {"Last-Event-ID": "new"})
    assert refused.value.status == 400


def test_head_is_the_page_of_no_stream(daemon):
    answer = daemon.call("HEAD", "/v1/events", headers={"Accept": "text/event-stream"})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("headers,code", [
    ({"Sec-WebSocket-Version": "8"}, "invalid"), ({"Sec-WebSocket-Key": None}, "invalid"), ({"Sec-WebSocket-Key": "c2hvcnQ="}, "invalid"),
    ({"Connection": "close"}, "invalid"), ({"Origin": "http://evil.example"}, "origin_refused"), ({"Host": "evil.example"}, "host_refused")])
def test_what_is_refused_before_101(daemon, headers, code):
    with pytest.raises(Refused) as refused:
        WebSocket(daemon, "/v1/events", headers)
    assert refused.value.status in (400, 403) and refused.value.code == code
    assert "upgrade" not in refused.value.head.lower()


def test_a_page_of_the_same_origin_is_let_in(daemon):
    with WebSocket(daemon, "/v1/events?since=0", {"Origin": "http://localhost"}) as ws:
        assert ws.next()["seq"] == 1


@pytest.mark.parametrize("opcode,payload,code", [
    (TEXT, b"hello", 1003), (BYTES, b"\0\1", 1003), (TEXT, b"x" * 65536, 1009), (3, b"", 1002), (PING, b"x" * 126, 1005)])
def test_clients_have_nothing_to_say(daemon, opcode, payload, code):
    with WebSocket(daemon, "/v1/events") as ws:
        ws.send(opcode, payload)
        with pytest.raises(Closed) as closed:
            ws.next()
        assert closed.value.code == code
        with pytest.raises(Closed) as closed:
            ws.more()
        assert closed.value.code is None


def test_who_talks_without_end_is_closed(daemon):
    with WebSocket(daemon, "/v1/events") as ws:
        for _ in range(200):
            ws.send(PING, b"x" * 100)
        _, end = ws.until_closed()
        assert end.code == 1008


def test_pings_are_answered(daemon):
    with WebSocket(daemon, "/v1/events") as ws:
        ws.send(PING, b"there?")
        assert ws.frame() == (PONG, b"there?")


def test_a_client_may_leave(daemon):
    with WebSocket(daemon, "/v1/events") as ws:
        ws.send(8, b"\x03\xe8")
        with pytest.raises(Closed) as closed:
            ws.next()
        assert closed.value.code == 1000


# ---- who sees what ----
@pytest.mark.settings(auth="token")
def test_projects_do_not_meet(own):
    ann, bob = (own.add_user(user, own.add_project(user + "s")) for user in ("ann", "bob"))
    with WebSocket(ann, "/v1/events?since=0") as ws, ServerSentEvents(bob, "/v1/events?since=0") as sse, \
            WebSocket(own, "/v1/events?since=0&project=*") as all_of_them:
        ids = {who: add_keypair(client, who) for who, client in (("ann", ann), ("bob", bob))}
        assert settled(ann) and settled(bob)
        events = history(own, "/v1/events?since=0&limit=1000&project=*")
        seen = {who: history(client) for who, client in (("ann", ann), ("bob", bob))}
        for who, client in (("ann", ann), ("bob", bob)):
            project = client.get("/v1/me").json["project"]
            assert seen[who] == [e for e in events if e["project"] == project]
            assert ids[who] in [e["resource"] for e in seen[who]]
        assert all_of_them.until_seq(events[-1]["seq"]) == events
        assert ws.until_seq(seen["ann"][-1]["seq"]) == seen["ann"]
        assert [sse.next()[2] for _ in seen["bob"]] == seen["bob"]
        assert ann.get("/v1/events?project=*").status == 403


@pytest.mark.settings(auth="token")
def test_nobody_is_told_before_101(own):
    nobody = own.with_token(None)
    for stream in (WebSocket, ServerSentEvents):
        with pytest.raises(Refused) as refused:
            stream(nobody, "/v1/events")
        assert (refused.value.status, refused.value.code) == (401, "unauthorized")


def end_of(stream):
    """The stream says nothing more but its end."""
    with pytest.raises(Closed) as closed:
        while True:
            stream.next()
    return closed.value.code


@pytest.mark.settings(auth="token")
@pytest.mark.parametrize("how", ["revoke", "disable user", "disable project", "take the role"])
def test_what_is_taken_ends_the_streams(own, how):
    project = own.add_project("p")
    ann = own.add_user("ann", project)
    token = ann.get("/v1/me").json["token"]
    with WebSocket(ann, "/v1/events") as ws, ServerSentEvents(ann, "/v1/events") as sse, WebSocket(own, "/v1/events") as other:
        answer = {"revoke": lambda: ann.delete(f"/v1/tokens/{token}"),
                  "disable user": lambda: own.patch("/v1/users/ann", {"enabled": False}),
                  "disable project": lambda: own.patch("/v1/projects/p", {"enabled": False}),
                  "take the role": lambda: own.delete("/v1/projects/p/users/ann/roles/member")}[how]()
        assert answer.status in (200, 204), answer
        assert end_of(ws) == 1008
        assert end_of(sse) is None
        other.send(PING)
        assert other.frame()[0] == PONG


@pytest.mark.settings(auth="token")
def test_a_token_that_expires_ends_its_streams(own):
    ann = own.add_user("ann", own.add_project("p"))
    short = own.with_token(ann.post("/v1/tokens", {"lifetime_s": 3}).json["token"])
    with WebSocket(short, "/v1/events") as ws, ServerSentEvents(short, "/v1/events") as sse, WebSocket(ann, "/v1/events") as lasting:
        assert end_of(ws) == 1008
        assert end_of(sse) is None
        lasting.send(PING)
        assert lasting.frame()[0] == PONG


# ---- readers that do not behave ----
def fill(daemon, count):
    """So many events of four kilobytes."""
    ((project,),) = database(daemon, "SELECT project FROM event LIMIT 1")
    database(daemon, "INSERT INTO event (at_ms, type, project, resource, resource_created_at_ms, payload)"
             " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
             " SELECT 1, 'vm.changed', ?, 'r', 1, json_object('i', i, 'filler', hex(zeroblob(2000))) FROM n", count, project)


@pytest.mark.settings(event_stall="300ms")
def test_a_slow_reader_is_cut_off_and_goes_on_by_number(own):
    own.stop()
    fill(own, 2000)
    own.start()
    events = history(own, "/v1/events?since=0&limit=1000")
    assert len(events) > 2000
    with WebSocket(own, "/v1/events?since=0", receive_buffer=4096) as ws:
        eventually(lambda: is_cut_off(ws), "the end of a reader that does not read")
        told, end = ws.until_closed()
        assert end.code is None and 0 < len(told) < len(events)
    with WebSocket(own, f"/v1/events?since={told[-1]['seq']}") as ws:
        told += ws.until_seq(events[-1]["seq"])
    assert told == events


def is_cut_off(ws):
    """The server's end is closed; asked of the kernel, because reading would make room for more. In its list 01 is an open connection."""
    here, there = (f":{port:04X} " for port in (ws.socket.getsockname()[1], ws.socket.getpeername()[1]))
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()
    return not any(line.split()[1].endswith(there.strip()) and line.split()[2].endswith(here.strip()) and line.split()[3] == "01" for line in lines[1:])


@pytest.mark.settings(event_connections=2)
def test_streams_are_counted(own):
    with WebSocket(own, "/v1/events"), ServerSentEvents(own, "/v1/events"):
        for stream in (WebSocket, ServerSentEvents):
            with pytest.raises(Refused) as refused:
                stream(own, "/v1/events")
            assert (refused.value.status, refused.value.code) == (503, "unavailable")
        assert own.get("/v1/events").status == 200
    with eventually(lambda: try_to_open(own), "a place that is free again") as ws:
        assert ws.is_silent()


def test_streams_leave_nothing_behind(own):
    before = fds_of(own)
    for _ in range(3):
        streams = [kind(own, "/v1/events") for kind in (WebSocket, ServerSentEvents) for _ in range(20)]
        assert fds_of(own) > before + len(streams) // 2 # and perhaps fewer of others
        for stream in streams:
            stream.close()
        eventually(lambda: fds_of(own) <= before, "the descriptors of streams that were left")


def try_to_open(daemon):
    try:
        return WebSocket(daemon, "/v1/events")
    except Refused:
        return None


def test_the_end_of_the_daemon_ends_streams_in_order(own):
    with WebSocket(own, "/v1/events") as ws, ServerSentEvents(own, "/v1/events") as sse, WebSocket(own, "/v1/events") as deaf:
        deaf.send(PING, b"there?")
        assert deaf.frame() == (PONG, b"there?")  # it has joined the others
        began = time.monotonic()
        own.process.terminate()
        assert end_of(ws) == 1001
        ws.close()
        assert end_of(sse) is None
        assert own.process.wait(30) == 0
        assert time.monotonic() - began < 15
        assert deaf.frame()[0] == 8
    own.start()


def test_unix_sockets_have_streams(tmp_path):
    with Running(tmp_path, listen=f"unix:{tmp_path}/socket"), socket.socket(socket.AF_UNIX) as connected:
        connected.connect(f"{tmp_path}/socket")
        with WebSocket(None, "/v1/events", connected=connected) as ws:
            ws.send(PING, b"there?")
            assert ws.frame() == (PONG, b"there?")


def test_tls_has_streams(tmp_path):
    daemon = TlsDaemon(tmp_path)
    try:
        with WebSocket(daemon, "/v1/events", connected=daemon.handshake()) as ws, \
                ServerSentEvents(daemon, "/v1/events", connected=daemon.handshake()) as sse:
            add_keypair(daemon, "over-tls")
            events = settled(daemon)
            assert ws.until_seq(events[-1]["seq"]) == events
            assert [sse.next()[2] for _ in events] == events
            daemon.process.terminate()
            assert end_of(ws) == 1001
            ws.close()
            assert end_of(sse) is None
    finally:
        daemon.stop()


# ---- computectl ----
def computectl(daemon, *words):
    environment = {**os.environ, "COMPUTED_URL": f"http://127.0.0.1:{daemon.port}", "HOME": "/nonexistent"}
    return subprocess.Popen([pathlib.Path(BINARY).parent / "computectl", "events", *words], env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def test_computectl_prints_what_is_left(daemon):
    events = settled(daemon)
    done = computectl(daemon, "--json")
    out, _ = done.communicate(timeout=60)
    assert done.returncode == 0 and [json.loads(line) for line in out.splitlines()] == events
    out, _ = computectl(daemon, "--types", "image.created", "--since", "0").communicate(timeout=60)
    assert [line.split()[2] for line in out.splitlines()] == ["image.created"] and "tiny queued" in out
    done = computectl(daemon, "--since", "soon")
    assert "must be a number" in done.communicate(timeout=60)[1] and done.returncode == 1


def test_computectl_follows(own):
    events = settled(own)
    own.stop()
    database(own, "DELETE FROM event WHERE seq <= 2")
    own.start()
    following = computectl(own, "--follow", "--since", "1", "--json")
    assert [json.loads(following.stdout.readline()) for _ in events[2:]] == events[2:]
    add_keypair(own, "while-it-follows")
    assert json.loads(following.stdout.readline())["type"] == "keypair.created"
    last = settled(own)[-1]["seq"]
    while json.loads(following.stdout.readline())["seq"] < last:
        pass
    own.stop()
    _, said = following.communicate(timeout=60)
    assert following.returncode == 1
    assert "behind 1 and before 3 are gone" in said and f"go on with --since {last}" in said
    own.start()
