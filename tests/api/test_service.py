"""As a service manager sees the daemon: readiness, status, watchdog, sockets that are passed, and restarts that nobody notices."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from client import BINARY, DEADLINE_S, ROOT, Daemon, eventually
from test_tls import Authority

sys.path.insert(0, str(ROOT / "tests" / "lib"))
from service_manager import ServiceManager, listening  # noqa: E402

WATCHDOG_S = 2
HANG_MS = 60000
RESTARTS, LOAD_MAX_S = 6, 300
VM = {"name": "one", "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}


class Service(Daemon):
    """A daemon that a service manager has started."""

    def __init__(self, directory, manager, **settings):
        self.manager = manager
        super().__init__(directory, **settings)

    def environment(self):
        return {**super().environment(), **self.manager.environment()}

    def program(self):
        return self.manager.program(BINARY)

    def passed(self):
        return self.manager.descriptors()


@contextlib.contextmanager
def managed(sockets=(), watchdog_s=None, names=(), trouble=None, **settings):
    with tempfile.TemporaryDirectory(prefix="computed-service-") as directory:
        manager = ServiceManager(directory, sockets, watchdog_s, names)
        try:
            (pathlib.Path(directory) / "domains").mkdir()
            if trouble:
                (pathlib.Path(directory) / "domains" / trouble).touch()
            service = Service(directory, manager, **settings)
            try:
                yield service
            finally:
                service.hypervisor(None)
                service.arm("")
                if service.process.poll() is None:
                    service.stop()
        finally:
            manager.close()


def tcp():
    """A listening TCP socket and its address in the configuration's words."""
    made = listening(("127.0.0.1", 0))
    return made, f"127.0.0.1:{made.getsockname()[1]}"


def signalled(service, number, key, count=1):
    """Sends a signal, and waits until the manager has heard the key so often since."""
    since = time.monotonic()
    service.process.send_signal(number)
    return eventually(lambda: len(service.manager.heard(key, since)) >= count, f"{key}=")


# ---- what it says ----
def test_it_says_when_it_is_ready_and_what_it_does():
    with managed() as service:
        heard = service.manager
        eventually(lambda: heard.status.startswith("ready: libvirt fake://"), "the status of one that is ready")
        assert re.fullmatch(r"ready: libvirt fake://\S+, (kvm|qemu)", heard.status)
        assert heard.heard("READY") == ["1"] # before the status
        said = heard.heard("STATUS")
        assert said[0] == "opening the database"
        assert said[1].startswith("waiting for libvirt at fake:///")
        assert heard.heard("WATCHDOG") == [] # nobody asked for it
        service.stop()
        assert heard.order("READY", "STOPPING") == ["READY", "STOPPING"]
        ends = heard.heard("STATUS", heard.times("STOPPING")[0])
        assert ends[0].startswith("stopping: requests under way") and ends[1].startswith("stopping: operations under way")


def test_it_is_ready_without_libvirt_and_says_what_it_waits_for():
    with managed(trouble="down") as service:
        heard = service.manager
        eventually(lambda: "READY" in heard.order("READY", "STATUS")[:-1], "a status after the start")
        assert heard.status.startswith("waiting for libvirt at fake:///")
        service.hypervisor(None)
        eventually(lambda: heard.status.startswith("ready: libvirt"), "libvirt is back")


def test_the_status_counts_operations():
    with managed() as service:
        service.add_image("tiny")
        service.arm("virt.start.before=hang(60000)")
        assert service.post("/v1/vms", VM).status == 202
        eventually(lambda: service.manager.status.endswith(", 1 operation under way"), "one operation")
        service.process.kill()
        service.process.wait()
        service.comes_back()
        eventually(lambda: re.search(r", (kvm|qemu)$", service.manager.status), "no operation is left")


def test_a_reload_begins_and_ends():
    with managed() as service:
        heard = service.manager
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        signalled(service, signal.SIGHUP, "READY")
        assert heard.order("READY", "RELOADING") == ["READY", "RELOADING", "READY"]
        (message,) = [m for _, m in heard.messages if "RELOADING" in m]
        assert before <= int(message["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_a_start_that_fails_is_never_ready(tmp_path):
    manager = ServiceManager(tmp_path)
    done = subprocess.run([BINARY], env={"COMPUTED_STATE_DIR": "/dev/null/state", "COMPUTED_LISTEN": f"unix:{tmp_path}/s", **manager.environment()},
                          capture_output=True, text=True, timeout=DEADLINE_S)
    manager.close()
    assert done.returncode == 1
    assert manager.heard("READY") == []


def test_variables_that_are_meant_for_another_process_are_ignored(tmp_path):
    environment = {"LISTEN_FDS": "3", "LISTEN_PID": "1", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1", "NOTIFY_SOCKET": "/nowhere"}

    class Other(Daemon):
        def environment(self):
            return {**super().environment(), **environment}
    service = Other(tmp_path)
    assert service.get("/health").status == 200
    service.stop()


# ---- the watchdog ----
def pings_for(service, seconds):
    """Waits so long, and says how many pings came."""
    since = time.monotonic()
    eventually(lambda: time.monotonic() - since >= seconds, "the time to pass")
    return len(service.manager.times("WATCHDOG", since))


def silent(service):
    """No ping for longer than the watchdog would bear."""
    return time.monotonic() - service.manager.times("WATCHDOG")[-1] > 1.5 * WATCHDOG_S


def test_the_watchdog_hears_of_it_in_time():
    with managed(watchdog_s=WATCHDOG_S) as service:
        heard = service.manager
        eventually(lambda: len(heard.times("WATCHDOG")) >= 8, "some pings")
        times = heard.times("WATCHDOG")
        assert max(b - a for a, b in zip(times, times[1:])) < WATCHDOG_S


def test_a_hypervisor_that_hangs_is_no_fault_of_the_daemon():
    with managed(watchdog_s=WATCHDOG_S) as service:
        service.add_image("tiny")
        service.create("one")
        service.hypervisor("hang")
        assert service.get("/v1/vms").json["stale"] is True
        assert pings_for(service, 2 * WATCHDOG_S) >= 3
        eventually(lambda: service.manager.status.startswith("waiting for libvirt"), "the status tells of it")
        assert "hangs" not in service.log_text()


def ask_and_leave(service):
    """A request whose answer nobody waits for; its thread hangs in the commit."""
    connection = http.client.HTTPConnection(service.host, service.port)
    connection.request("POST", "/v1/flavors", json.dumps({"name": "xs", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}), {"Content-Type": "application/json"})


def create_and_hang(service):
    """The request's own transaction is the first; what hangs is a job's, on a worker."""
    assert service.post("/v1/vms", VM).status == 202


@pytest.mark.parametrize("point,act,part", [
    ("store.commit.before=hang({})", ask_and_leave, "an HTTP thread"),
    ("store.commit.before=hang({}),nth=2", create_and_hang, "a write to the database"),
    ("service.timer=hang({})", lambda service: None, "the timer's thread"),
])
def test_a_daemon_that_hangs_is_given_up(point, act, part):
    with managed(watchdog_s=WATCHDOG_S) as service:
        service.add_image("tiny")
        eventually(lambda: len(service.manager.times("WATCHDOG")) >= 2, "it lives")
        service.arm(point.format(HANG_MS))
        act(service)
        eventually(lambda: silent(service), "no further ping")
        eventually(lambda: service.manager.status.startswith(f"{part} hangs: "), f"the status names {part}")
        assert f'stuck="{part}"' in service.log_text()
        service.process.kill() # as the service manager would
        service.process.wait()


# ---- sockets ----
def ask_unix(path, target="/health"):
    """Status and headers, over a unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE_S)
        connection.connect(str(path))
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split()[1])


def test_sockets_that_are_passed_are_served(tmp_path):
    """One that `listen` names, one that it does not, and one that is the daemon's own."""
    path, own = tmp_path / "computed.sock", tmp_path / "own.sock"
    made, address = tcp()
    unix = listening(str(path))
    path.chmod(0o640)
    before = path.stat()
    with managed([unix, made], listen=f"{address},unix:{own}") as service:
        assert service.port == made.getsockname()[1]
        assert service.get("/health").status == 200
        assert ask_unix(path) == 200 and ask_unix(own) == 200
        environment_is_clean(service)
        service.stop()
        assert not own.exists() # ours
        assert (path.stat().st_ino, path.stat().st_mode, path.stat().st_gid) == (before.st_ino, before.st_mode, before.st_gid)
        with socket.create_connection(made.getsockname()): # still listens: whoever comes now waits
            service.start()
        assert ask_unix(path) == 200


def environment_is_clean(service):
    """LISTEN_FDS and its like are gone from what getenv() sees: children of libraries inherit nothing. The sockets are close-on-exec."""
    for number in range(3, 3 + len(service.manager.sockets)):
        flags = re.search(r"^flags:\s+(\d+)$", pathlib.Path(f"/proc/{service.process.pid}/fdinfo/{number}").read_text(), re.MULTILINE)
        assert int(flags.group(1), 8) & os.O_CLOEXEC


def test_tls_holds_for_passed_tcp_sockets(tmp_path):
    """And for no unix socket, as with those of the daemon's own."""
    made, address = tcp()
    path = tmp_path / "computed.sock"
    authority = Authority(tmp_path / "ca", "the right one")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    authority.issue(cert, key, serial=1)
    with managed([made, listening(str(path))], listen=address, tls_cert=cert, tls_key=key) as service:
        service.tls = ssl.create_default_context(cafile=authority.cert)
        assert service.get("/health").status == 200
        assert ask_unix(path) == 200
        service.tls = None
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            service.get("/health")


def test_who_connects_while_nobody_serves_is_answered_by_the_next(tmp_path):
    made, address = tcp()
    with managed([made], listen=address) as service:
        service.stop()
        connection = http.client.HTTPConnection(*made.getsockname(), timeout=DEADLINE_S)
        connection.request("GET", "/health")
        service.start()
        assert connection.getresponse().status == 200


def refused(tmp_path, sockets, **settings):
    """The daemon's last words, when it does not start with these sockets."""
    manager = ServiceManager(tmp_path, sockets, names=[f"s{i}.socket" for i in range(len(sockets))])
    environment = {"COMPUTED_STATE_DIR": str(tmp_path / "state"), "COMPUTED_LIBVIRT_URI": f"fake://{tmp_path}", "COMPUTED_LISTEN": f"unix:{tmp_path}/other",
                   **{f"COMPUTED_{key.upper()}": value for key, value in settings.items()}, **manager.environment()}
    done = subprocess.run(manager.program(BINARY), pass_fds=manager.descriptors(), env=environment, capture_output=True, text=True, timeout=DEADLINE_S)
    manager.close()
    assert done.returncode == 1
    return done.stderr


def test_a_passed_socket_that_others_reach_is_refused_without_tokens_and_tls(tmp_path):
    made = listening(("0.0.0.0", 0))
    said = refused(tmp_path, [made])
    assert "'s0.socket' (descriptor 3): '0.0.0.0:" in said and "auth=none" in said
    (tmp_path / "notify").unlink()
    said = refused(tmp_path, [listening(("0.0.0.0", 0))], auth="token")
    assert "'s0.socket' (descriptor 3): '0.0.0.0:" in said and "without TLS" in said


def test_passed_sockets_that_are_none_of_ours_are_refused(tmp_path):
    good, abstract = listening(("127.0.0.1", 0)), f"\0computed-{os.getpid()}"
    assert "'s1.socket' (descriptor 4): '@computed-" in refused(tmp_path, [good, listening(abstract)])
    for wrong in (listening(("127.0.0.1", 0), kind=socket.SOCK_DGRAM), socket.socket(socket.AF_INET), socket.socket(socket.AF_UNIX)):
        (tmp_path / "notify").unlink()
        assert "'s0.socket' (descriptor 3): it is no stream socket that listens" in refused(tmp_path, [wrong])


def test_an_address_that_a_passed_socket_is_in_the_way_of(tmp_path):
    made, address = tcp()
    said = refused(tmp_path, [made], listen="0.0.0.0" + address.removeprefix("127.0.0.1"), auth="token", insecure="yes")
    assert "cannot listen on 0.0.0.0:" in said and "in use" in said


# ---- the units ----
@pytest.fixture
def units(tmp_path):
    """A copy of what is installed, with this build's daemon in its place."""
    done = subprocess.run(["make", "-s", "-C", str(ROOT), "units", f"SBINDIR={pathlib.Path(BINARY).resolve().parent}"], capture_output=True, text=True,
                          timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    shutil.copytree(ROOT / "build" / "systemd", tmp_path / "units")
    return tmp_path / "units"


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE_S)


def test_the_unit_is_hardened(units):
    done = analyze("security", "--offline=true", "--threshold=25", units / "computed.service")
    assert done.returncode == 0, done.stdout[-200:]
    assert "Overall exposure level" in done.stdout


def test_systemd_understands_the_units(units):
    """Everything but the pages of the manual, which are not installed here."""
    done = analyze("verify", "--man=no", units / "computed.service", units / "computed.socket")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_gives_the_daemon_the_time_it_needs(units):
    """TimeoutStopSec= beyond stop_deadline, WatchdogSec= beyond the patience of writes, and as many descriptors as it wants by default."""
    unit = (units / "computed.service").read_text()
    keys = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))
    printed = subprocess.run([BINARY, "--print-config"], capture_output=True, text=True, timeout=DEADLINE_S).stdout
    defaults = dict(re.findall(r"^(\w+) = (.*)$", printed, re.MULTILINE))
    assert defaults["stop_deadline"] == "20s" and keys["TimeoutStopSec"] == "45s"
    assert keys["WatchdogSec"] == "30s" and keys["Type"] == "notify"
    assert int(keys["LimitNOFILE"]) > int(defaults["event_connections"]) + 4096
    assert "libvirt" not in keys["Requires"]


# ---- restarts ----
WRK_POST = """
local n = 0
request = function()
  n = n + 1
  return wrk.format("POST", "/v1/vms", {["Content-Type"] = "application/json"},
    string.format('{"name":"%s-%d","image":"tiny","vcpus":1,"memory_mib":64,"disk_gib":1}', name, n))
end
delay = function() return 40 end
init = function(args) name = args[1] end
"""


def wrk(address, path, *options, arguments=()):
    """A client that asks all the time, until it is interrupted."""
    return subprocess.Popen(["wrk", "-t1", f"-d{LOAD_MAX_S}s", "--timeout", "20s", *options, f"http://{address}{path}", *(["--", *arguments] if arguments else [])],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def fine(load):
    """Its requests, of which none failed: wrk names errors only when there are some."""
    load.send_signal(signal.SIGINT)
    said, _ = load.communicate(timeout=DEADLINE_S)
    assert load.returncode == 0, said
    assert "Socket errors" not in said and "Non-2xx" not in said, said
    return int(re.search(r"(\d+) requests in", said).group(1))


def ask_over_unix(path, is_over, statuses):
    """A client that keeps its connection as long as the server lets it, on the unix socket."""
    while not is_over.is_set():
        connection = http.client.HTTPConnection("localhost", timeout=DEADLINE_S)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(DEADLINE_S)
        connection.sock.connect(str(path))
        keeps = True
        while keeps and not is_over.is_set():
            connection.request("GET", "/v1/flavors")
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            keeps = not answer.will_close
        connection.close()


def restart_under_load(service, address, post, statuses):
    """Restarts as soon as each life has answered on the unix socket. How much each of the clients has asked."""
    loads = [wrk(address, "/v1/vms?limit=5", "-c8"), wrk(address, "/v1/flavors", "-c4", "-H", "Connection: close"),
             wrk(address, "/", "-c2", "-s", str(post), arguments=["load"])]
    try:
        for _ in range(RESTARTS):
            seen = len(statuses)
            eventually(lambda: len(statuses) > seen + 50, "answers of this life")
            service.restart()
        return [fine(load) for load in loads]
    finally:
        for load in loads:
            load.kill()
            load.wait()


def test_restarts_under_load_are_not_noticed(tmp_path):
    """Connections that are kept, ones for a request each, creates, and a unix socket: no error, no other status than success."""
    made, address = tcp()
    unix = listening(str(tmp_path / "computed.sock"))
    post = tmp_path / "post.lua"
    post.write_text(WRK_POST)
    with managed([unix, made], listen=address, default_quota="vms=unlimited", network_prefix=20, watchdog_s=30) as service:
        service.add_image("tiny")
        statuses, is_over = [], threading.Event()
        local = threading.Thread(target=ask_over_unix, args=(tmp_path / "computed.sock", is_over, statuses))
        local.start()
        try:
            asked = restart_under_load(service, address, post, statuses)
        finally:
            is_over.set()
            local.join(DEADLINE_S)
        assert set(statuses) == {200} and min(asked) > RESTARTS, asked
        eventually(lambda: service.get("/health").json["operations_open"] == 0, "creates come to their end", 2 * DEADLINE_S)
        created = service.get("/v1/operations", kind="vm.create", status="failed").json["operations"]
        assert created == []


def test_a_connection_that_is_kept_may_ask_once_more():
    """It is answered, told that this was the last, and closed; one that asks nothing is closed soon."""
    made, address = tcp()
    with managed([made], listen=address) as service:
        kept, idle = service.connection(), service.connection()
        for connection in (kept, idle):
            connection.request("GET", "/health")
            answer = connection.getresponse()
            assert answer.getheader("Connection") != "close"
            answer.read()
        since = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        eventually(lambda: service.manager.heard("STOPPING"), "it is stopping")
        kept.request("POST", "/v1/keypairs", json.dumps({"name": "me"}), {"Content-Type": "application/json"})
        answer = kept.getresponse() # core still works: the key is made by a thread of its
        assert (answer.status, answer.getheader("Connection")) == (201, "close")
        assert idle.sock.recv(1) == b""
        assert 0.5 < time.monotonic() - since < 10
        assert service.process.wait(DEADLINE_S) == 0
        service.comes_back()


def test_a_poll_ends_with_what_is_known():
    """`?wait=` is answered at once, and the operation goes on in the next life."""
    with managed() as service:
        service.add_image("tiny")
        service.arm("virt.start.before=hang(3000)")
        path = service.post("/v1/vms", VM).headers["Location"]
        poll = service.connection()
        poll.request("GET", f"{path}?wait=60")
        eventually(lambda: service.get(path).json["status"] == "running", "it is under way")
        service.process.send_signal(signal.SIGTERM)
        answer = poll.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (200, "close")
        assert json.loads(answer.read())["status"] == "running"
        assert service.process.wait(DEADLINE_S) == 0
        service.comes_back()
        assert service.wait(Location(path))["status"] == "succeeded"


class Location:
    """An answer that names an operation, for Client.wait."""
    status = 202

    def __init__(self, path):
        self.headers = {"Location": path}
