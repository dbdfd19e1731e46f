"""Out of descriptors: a daemon that may open few more files than it has, and more clients than that. And what a thousand requests
leave behind in a daemon that lacks nothing."""
import http.client
import json
import os
import pathlib
import resource
import socket

from client import BINARY, eventually

SPARE = 24  # descriptors that the daemon may open beside those that it has
CLIENTS = 120
ROUNDS = 3
FDS_SLACK, MEMORY_SLACK_KIB = 5, 8 * 1024
REQUESTS = 1000
REFUSALS = {409, 503}  # the name is taken, or try again later
VM = {"image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}


def fds_of(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def limit(daemon, soft):
    _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (soft, hard))


def memory_kib_of(daemon):
    with open(f"/proc/{daemon.process.pid}/smaps_rollup") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Private_Dirty:"))


def is_sanitized():
    """Then freed memory is kept back, to catch who uses it."""
    program = pathlib.Path(BINARY).read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def half_an_upload(daemon, image):
    """A connection with an upload whose end does not come; None when it is refused."""
    connection = socket.create_connection((daemon.host, daemon.port), timeout=5)
    try:
        connection.sendall(f"PUT /v1/images/{image}/file HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
                           f"Content-Length: 100000\r\n\r\n".encode() + b"x" * 50000)
    except OSError:
        connection.close()
        return None
    return connection


def connect(daemon, timeout_s):
    connection = http.client.HTTPConnection(daemon.host, daemon.port, timeout=timeout_s)
    connection.connect()
    return connection


def ask(connection, method, path, body=None):
    """The answer's status; None when there is none: the daemon closes, or lets the connection wait for another to end."""
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        return None


def asks(i):
    vm = {**VM, "name": f"pressed-{i}"}
    return [("GET", "/v1/vms"), ("POST", "/v1/networks", b'{"name":"n"}'), ("GET", "/health"), ("POST", "/v1/vms", json.dumps(vm).encode())]


def press(daemon, images):
    """Takes every descriptor that there is, and asks for more: those who were there first are answered."""
    first = [connect(daemon, timeout_s=30) for _ in range(4)]
    held = [half_an_upload(daemon, images[i % len(images)]) for i in range(CLIENTS)]
    late = connect(daemon, timeout_s=0.2)
    try:
        statuses = [ask(connection, *request) for i, connection in enumerate(first) for request in asks(i)]
        return statuses, ask(late, "GET", "/health")
    finally:
        for connection in [*first, *filter(None, held), late]:
            connection.close()


def is_at_rest(daemon, fds):
    """Nothing is under way, and what was open is closed."""
    open_operations = [o for s in ("pending", "running") for o in daemon.get("/v1/operations", status=s).json["operations"]]
    return not open_operations and fds_of(daemon) <= fds + FDS_SLACK


def test_more_clients_than_descriptors(own):
    """Each is answered or turned away; what was there stays, and when they leave everything works as before."""
    kept = own.create("kept")
    images = [own.post("/v1/images", {"name": f"i-{i}", "disk_format": "raw"}).json["id"] for i in range(8)]
    eventually(lambda: is_at_rest(own, fds_of(own)), "nothing under way")
    before = fds_of(own)
    limit(own, before + SPARE)
    for _ in range(ROUNDS):
        statuses, late = press(own, images)
        assert all(status and (status // 100 == 2 or status in REFUSALS) for status in statuses), statuses
        assert late in (None, 200, 503)
    eventually(lambda: is_at_rest(own, before), f"{before} descriptors, as before")
    limit(own, 4096)
    assert own.show("kept")["status"] == kept["status"] == "running"
    for image in images:
        eventually(lambda image=image: own.get(f"/v1/images/{image}").json["status"] == "queued", "an upload that ended early is forgotten")
        assert own.upload(image, b"\0" * 4096).status == 204
    assert own.create("after")["status"] == "running"
    for vm in own.get("/v1/vms").json["vms"]:
        assert vm["status"] == "running" or vm["fault"], vm
        own.remove(vm["id"])
    assert not list(own.state.glob("instances/*")) and not list(own.domains.glob("*-*.json"))


def test_jobs_without_descriptors_fail_well(own):
    """A create that cannot open its files ends in error with a fault, and can be deleted; it leaves no file."""
    own.create("first")
    eventually(lambda: is_at_rest(own, fds_of(own)), "nothing under way")
    fds = fds_of(own)
    own.arm("disk.instance_mkdir.before=hang(2000),once")  # the create is accepted, and its job waits for the limit
    answer = own.post("/v1/vms", {**VM, "name": "starved", "networks": []})
    limit(own, fds + 1)  # one for the connection: a disk takes a folder and a file
    eventually(lambda: own.get(answer.headers["Location"]).json["error"], "a step that fails")
    limit(own, 4096)
    operation = own.wait(answer)  # what could not be taken back is tried again
    vm = own.show("starved")
    assert operation["status"] == "failed" and operation["error"]["code"] == "unavailable", operation
    assert vm["status"] == "error" and vm["fault"]["code"] == "unavailable", vm
    own.remove("starved")
    own.remove("first")
    assert not list(own.state.glob("instances/*"))


def one_of_each(daemon, i):
    """Ten requests."""
    vm = daemon.create(f"vm-{i}", metadata={"round": str(i)}, user_data="#!/bin/sh\n")
    image = daemon.add_image(f"image-{i}")
    daemon.get("/v1/vms")
    assert daemon.post("/v1/vms", {"name": "no such image", **VM}).status == 400
    daemon.post("/v1/keypairs", {"name": f"key-{i}"})
    daemon.delete(f"/v1/keypairs/key-{i}")
    daemon.remove(vm["id"])
    daemon.done(daemon.delete(f"/v1/images/{image}"))


def test_a_thousand_requests_leave_nothing(own):
    for i in range(10):
        one_of_each(own, f"warm-{i}")
    eventually(lambda: is_at_rest(own, fds_of(own)), "nothing under way")
    fds, memory_kib = fds_of(own), memory_kib_of(own)
    for i in range(REQUESTS // 10):
        one_of_each(own, i)
    eventually(lambda: is_at_rest(own, fds), f"{fds} descriptors, as before")
    assert is_sanitized() or memory_kib_of(own) <= memory_kib + MEMORY_SLACK_KIB
