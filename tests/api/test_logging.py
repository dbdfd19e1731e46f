"""The log as somebody reads it who wants to know what became of a request (docs/logging.md)."""
import re
import socket

import pytest

from client import ROOT, eventually
from stream import ServerSentEvents, WebSocket

VM = {"image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}
CREATE_STEPS = ["overlay", "seed", "sidecar", "network", "define", "start"]
MANUAL = (ROOT / "docs" / "logging.md").read_text().split("\n## Keys\n")[1].split("\n## ")[0]
KEYS = {key for row in re.findall(r"^\| (`.*?) \|", MANUAL, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}


def asked(daemon, method, path, body=None, request_id="r-1"):
    return daemon.call(method, path, body, {"X-Request-Id": request_id})


def request_line(daemon, request_id):
    """A request's line comes when its answer has gone."""
    (line,) = eventually(lambda: daemon.log_lines(msg="request", request_id=request_id), f"the line of {request_id}")
    return line


def ended(daemon, answer):
    """The lines of an operation, which is over in the log as well."""
    operation = daemon.wait(answer)
    eventually(lambda: {line["msg"] for line in daemon.log_lines(operation=operation["id"])} & {"operation succeeded", "operation failed"}, "its last line")
    return daemon.log_lines(operation=operation["id"])


def test_a_create_from_the_request_to_its_last_step(daemon, name):
    answer = asked(daemon, "POST", "/v1/vms", {"name": name, **VM}, "create-1")
    lines = ended(daemon, answer)
    request = request_line(daemon, "create-1")
    assert (request["method"], request["path"], request["status"], request["user"], request["address"]) == ("POST", "/v1/vms", "202", "admin", "127.0.0.1")
    assert re.fullmatch(r"\d+\.\d{3}", request["ms"]) and request["bytes"] == str(len(answer.body)) and request["project"] == answer.json["project"]
    assert [line["msg"] for line in lines] == ["operation begun"] + ["step done"] * len(CREATE_STEPS) + ["operation succeeded"]
    assert [line["step"] for line in lines if "step" in line] == CREATE_STEPS
    for line in lines:
        whose = (line["level"], line["vm"], line["kind"], line["operation"], line["request_id"])
        assert whose == ("info", answer.json["id"], "vm.create", answer.json["operation"], "create-1")
    assert all(re.fullmatch(r"\d+\.\d{3}", line["ms"]) for line in lines[1:-1])
    assert int(lines[-1]["ms"]) >= sum(float(line["ms"]) for line in lines[1:-1]) // 1 - len(lines)


def test_a_create_that_fails_is_told_with_its_undo(own):
    own.arm("virt.start.before=error(hypervisor),once\nvirt.undefine.before=error(internal),once\n")
    lines = ended(own, asked(own, "POST", "/v1/vms", {"name": "a", **VM}))
    told = [(line["level"], line["msg"], line.get("step")) for line in lines]
    begun = ("info", "operation begun", None)
    done = [("info", "step done", step) for step in CREATE_STEPS[:-1]]
    turned = [("info", "step failed", "start"), ("warn", "operation turns back", None), ("info", "operation is undone", "start")]
    again = [("info", "undo failed", "define"), ("warn", "undo is tried again", None), ("info", "operation is undone", "define")]
    undone = told[len(told) - told[::-1].index(again[-1]):-1]
    assert told[:len(done) + 4] == [begun, *done, *turned] and [line for line in told if line in again] == again
    assert {msg for _, msg, _ in undone} == {"undo done"} and undone[-1] == ("info", "undo done", "overlay")
    assert told[-1][:2] == ("warn", "operation failed")
    assert lines[-1]["code"] == "hypervisor" and lines[-1]["err"] and int(lines[-1]["ms"]) >= 0
    assert {line["code"] for line in lines if line["msg"] in ("step failed", "operation turns back")} == {"hypervisor"}
    assert {line["code"] for line in lines if line["msg"].startswith("undo ") and "code" in line} == {"internal"}
    assert {line["request_id"] for line in lines} == {"r-1"}


def test_a_delete_that_is_tried_again_says_why_and_when(own):
    own.create("a")
    own.arm("virt.destroy.before=error(unavailable),once\nvirt.undefine.before=error(hypervisor),once\n")
    lines = ended(own, asked(own, "DELETE", "/v1/vms/a"))
    waits = [line for line in lines if line["msg"] == "operation is tried again until it succeeds"]
    assert [(line["level"], line["attempt"], line["code"]) for line in waits] == [("warn", "1", "unavailable"), ("info", "2", "hypervisor")]
    assert 0 < int(waits[0]["in_ms"]) < int(waits[1]["in_ms"])
    assert [line["step"] for line in lines if line["msg"] == "operation goes on"] == ["power-off", "undefine"]
    assert lines[-1]["msg"] == "operation succeeded"


def test_what_the_next_life_finishes_keeps_its_request(own):
    own.arm("virt.start.before=die")
    own.dies_of("POST", "/v1/vms", {"name": "a", **VM})
    own.comes_back()
    operation = own.ended(own.show("a")["id"], "vm.create")
    lines = eventually(lambda: [line["msg"] for line in own.log_lines(operation=operation["id"])][-1:] == ["operation succeeded"]
                       and own.log_lines(operation=operation["id"]), "its last line")
    assert [line["step"] for line in lines if line["msg"] == "operation goes on"] == ["start"]
    assert len({line["request_id"] for line in lines}) == 1 and lines[0]["request_id"] != "-"


def test_probers_are_quiet_until_something_is_wrong(own):
    for _ in range(20):
        assert own.get("/health").status == 200
    own.hypervisor("down")
    eventually(lambda: asked(own, "GET", "/health", request_id="sick").status == 503, "the loss is noticed")
    eventually(lambda: own.log_lines(msg="request", request_id="sick", status="503"), "a line about the failure")
    assert {line["status"] for line in own.log_lines(msg="request", path="/health")} == {"503"}


@pytest.mark.settings(log_level="debug")
def test_probers_can_be_seen(own):
    asked(own, "GET", "/health", request_id="probe")
    line = request_line(own, "probe")
    assert (line["level"], line["path"], line["status"]) == ("debug", "/health", "200")


@pytest.mark.settings(auth="token", log_level="debug")
def test_who_it_was(own):
    project = own.add_project("lab")
    olga = own.add_user("olga", project)
    asked(olga, "GET", "/v1/vms", request_id="olga-1")
    asked(own.with_token(None), "GET", "/v1/vms", request_id="nobody-1")
    line, nobody = request_line(own, "olga-1"), request_line(own, "nobody-1")
    assert (line["user"], line["project"], line["status"]) == ("olga", project, "200")
    assert (nobody["user"], nobody["project"], nobody["status"]) == ("-", "-", "401")


@pytest.mark.parametrize("method,path", [("GET", "/v1/tokens/{}"), ("PUT", "/v1/tokens/{}"), ("DELETE", "/v1/tokens/{}"), ("GET", "/v1/tokens/{}/more"),
                                         ("GET", "/v1/tokens/%2e/{}"), ("POST", "/v1/phone-home/7a8b2b59-0c3f-45c2-bf90-7249d8f2ea2d/{}")])
def test_a_token_in_a_path_is_not_shown(daemon, name, method, path):
    """Also where there is no such route."""
    secret = f"hush{name.replace('-', '')}x{abs(hash((method, path)))}"
    with socket.create_connection(("127.0.0.1", daemon.port)) as connection:
        connection.sendall(f"{method} {path.format(secret)} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {name}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        while connection.recv(65536):
            pass
    line = request_line(daemon, name)
    assert int(line["status"]) >= 400 and secret not in daemon.log_text()
    assert "/tokens/" in line["path"] or "/phone-home/" in line["path"]


@pytest.mark.settings(log_level="debug", guest_port=18776)
def test_what_a_guest_is_given_is_not_logged(own):
    """test_audit.py does the same for every secret of the API."""
    key = own.post("/v1/keypairs", {"name": "k", "type": "ed25519"}).json
    vm = own.create("a", user_data="#cloud-config\npassword: hush-user-data", keypair="k")
    own.act("a", "stop", {"force": True})
    own.act("a", "start")
    own.remove("a")
    log = own.log_text()
    assert vm["id"] in log and "hush" not in log and "cloud-config" not in log
    assert key["private_key"].splitlines()[2] not in log and key["public_key"].split()[1] not in log


def test_streams_have_a_line(daemon, name):
    with ServerSentEvents(daemon, "/v1/events", {"X-Request-Id": name}) as stream:
        daemon.post("/v1/networks", {"name": name})
        stream.next()
    line = request_line(daemon, name)
    assert (line["path"], line["status"], line["bytes"]) == ("/v1/events", "200", "0")
    with WebSocket(daemon, "/v1/events", {"X-Request-Id": name + "-ws"}):
        assert request_line(daemon, name + "-ws")["status"] == "101"


def arguments(text):
    """Of the call whose arguments text begins with, as source."""
    found, depth, begin = [], 1, 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[()\[\]{},]', text):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.group(), 0)
        if depth == 0 or (depth == 1 and token.group() == ","):
            found.append(text[begin:token.start()].strip())
            begin = token.end()
        if depth == 0:
            return found


def written_keys(source):
    """What stands where keys stand in the calls of base/log."""
    for call in re.finditer(r"\blog_(info|warn|error|debug|write|err)\(", source):
        before = {"write": 2, "err": 3}.get(call.group(1), 1)
        yield from arguments(source[call.end():])[before:-1:2]


def test_all_keys_are_in_the_manual(daemon):
    """One vocabulary: whoever filters by a key finds all of it."""
    written = {key for path in (ROOT / "src").rglob("*.c") if path.name != "log.c" for key in written_keys(path.read_text())}
    literal = {key.strip('"') for key in written if key.startswith('"')}
    assert len(literal) > 30 and literal <= KEYS, literal - KEYS
    assert written - {f'"{key}"' for key in literal} == {"c->key", "err"}  # src/virt/call.c's
    used = {key for line in daemon.log_lines() for key in line} - {"level", "msg"}
    assert used and used <= KEYS, used - KEYS
