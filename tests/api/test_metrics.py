"""GET /metrics: who may, what is counted, and what is left out when libvirt or the database does not say it."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import pytest

from client import BINARY, PASSWORD, Daemon, eventually
from prometheus import Metrics, promtool, scrape, scrape_until
from stream import ServerSentEvents, WebSocket
from test_audit import lines
from test_tenant import Tenant
from test_workspace import body as workspace_body, workspace_of

REQUESTS, DURATIONS = "computed_http_requests_total", "computed_http_request_duration_seconds"
CREATED, ENDED = "computed_instances_created_total", "computed_operations_total"
PER_VM = ("computed_instance_cpu_seconds_total", "computed_instance_memory_bytes")
LIBVIRTS = {"computed_instances", *PER_VM}
UGLY = 'a "quote", a \\ and {braces}'
ASK = """
import http.client, socket, sys
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(sys.argv[1])
connection.request("GET", sys.argv[2])
print(connection.getresponse().status)
"""
NOBODY = 65534


# ---- who ----

@pytest.fixture(scope="module")
def opened():
    with tempfile.TemporaryDirectory(prefix="computed-api-") as directory:
        os.chmod(directory, 0o755)
        daemon = Daemon(pathlib.Path(directory), auth="token", metrics="loopback", listen=f"127.0.0.1:0, unix:{directory}/socket")
        daemon.socket = pathlib.Path(directory) / "socket"
        os.chmod(daemon.socket, 0o666)
        daemon.member = daemon.add_user("member", daemon.add_project("home"))
        yield daemon
        daemon.stop()


def by_socket(daemon, path):
    """As somebody who is nobody."""
    done = subprocess.run([sys.executable, "-c", ASK, daemon.socket, path], cwd="/", check=True, capture_output=True, text=True, timeout=60,
                          **({"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}))
    return int(done.stdout)


def test_administrators_only(cloud):
    member = cloud.add_user("member", cloud.add_project("home"))
    assert cloud.with_token(None).get("/metrics").status == 401
    assert member.get("/metrics").json["detail"] == "metrics:show needs the role admin"
    assert scrape(cloud).one("computed_build_info") == 1
    refusals = {(None, "refused:unauthorized"), ("member", "refused:forbidden")}
    eventually(lambda: {(line["user"], line["outcome"]) for line in lines(cloud, project="*", action="metrics:show")} == refusals, "their audit lines")


def test_head(daemon):
    answer = daemon.call("HEAD", "/metrics")
    assert (answer.status, answer.body) == (200, b"")


def test_what_scrapers_say_they_take(daemon):
    accept = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    assert daemon.call("GET", "/metrics", headers={"Accept": accept}).status == 200
    assert daemon.call("GET", "/metrics", headers={"Accept": "text/plain; version=0.0.4"}).status == 200
    assert daemon.get("/metrics?x=1").status == 400


def test_loopback_needs_no_token(opened):
    assert scrape(opened.with_token(None)).one("computed_build_info") == 1
    assert by_socket(opened, "/metrics") == 200


@pytest.mark.parametrize("path", ["/v1/host", "/v1/vms", "/v1/me", "/v1/events"])
def test_and_for_nothing_else(opened, path):
    assert opened.with_token(None).get(path).status == 401
    assert by_socket(opened, path) == 401


def test_a_token_counts_on_loopback_too(opened):
    assert opened.with_token("ct_" + "x" * 43).get("/metrics").status == 401
    assert opened.member.get("/metrics").status == 403
    assert opened.get("/metrics").status == 200
    assert opened.call("GET", "/metrics", headers={"X-Auth-Token": opened.token, "Authorization": "Bearer another"}).status == 401


def test_a_visitor_has_no_project(opened):
    assert opened.with_token(None).get("/metrics?project=*").status == 403
    for project in ("home", "default", "nowhere"):
        assert opened.with_token(None).get(f"/metrics?project={project}").status == 404


def test_a_word_that_is_none(daemon):
    done = subprocess.run([BINARY], env={**daemon.environment(), "COMPUTED_METRICS": "public"}, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "'public' is none of: admin, loopback" in done.stderr


# ---- requests ----

def of_route(metrics, method, route):
    return {labels["code"]: value for labels, value in metrics.all(REQUESTS, method=method, route=route)}


def test_a_request_counts_on_its_route(daemon):
    daemon.get("/v1/flavors")
    before = scrape_until(daemon, lambda m: m.all(REQUESTS, route="/v1/flavors", method="GET"), "the first one counted")
    seen = of_route(before, "GET", "/v1/flavors")
    for _ in range(3):
        assert daemon.get("/v1/flavors").status == 200
    assert daemon.get("/v1/flavors?nonsense=1").status == 400
    assert daemon.get("/v1/flavors/small").status == 200
    after = scrape_until(daemon, lambda m: sum(of_route(m, "GET", "/v1/flavors").values()) == sum(seen.values()) + 4, "four more")
    assert of_route(after, "GET", "/v1/flavors") == {**seen, "200": seen["200"] + 3, "400": seen.get("400", 0) + 1}
    assert "/v1/flavors/small" not in after.text


def test_what_matches_no_route_is_one_series(daemon):
    for i in range(20):
        assert daemon.get(f"/no/such/path/{i}").status == 404
    assert daemon.call("PUT", "/v1/vms").status == 405
    metrics = scrape_until(daemon, lambda m: m.sum(REQUESTS, route="unmatched", code="404") >= 20 and m.sum(REQUESTS, route="unmatched", code="405") >= 1,
                           "them counted")
    assert {labels["method"] for labels, _ in metrics.all(REQUESTS, route="unmatched")} == {"any"}
    assert "/no/such" not in metrics.text


def test_histograms_add_up(daemon):
    daemon.create("adds-up")
    metrics = scrape_until(daemon, lambda m: m.sum("computed_operation_duration_seconds_count", kind="vm.create") > 0, "a create")
    for family in (name for name, kind in metrics.types.items() if kind == "histogram"):
        rows = metrics.samples[f"{family}_count"]
        assert rows
        for labels, count in rows:
            buckets = [value for _, value in metrics.all(f"{family}_bucket", **labels)]
            bounds = [have["le"] for have, _ in metrics.all(f"{family}_bucket", **labels)]
            assert buckets == sorted(buckets) and buckets[-1] == count > 0 and bounds[-1] == "+Inf"
            assert [float(bound) for bound in bounds] == sorted(map(float, bounds))
            assert 0 <= metrics.one(f"{family}_sum", **labels) < count * 90
    for labels, count in metrics.samples[f"{DURATIONS}_count"]:
        ended = sum(value for code, value in of_route(metrics, labels["method"], labels["route"]).items() if code != "0")
        assert count == ended or labels["route"] == "/v1/operations/{id}", labels


def test_who_waits_on_purpose_is_not_timed(own):
    answer = own.post("/v1/networks", {"name": "waits"})
    assert own.get(answer.headers["Location"], wait=20).status == 200
    metrics = scrape_until(own, lambda m: of_route(m, "GET", "/v1/operations/{id}").get("200") == 1, "the wait counted")
    assert not metrics.all(f"{DURATIONS}_count", route="/v1/operations/{id}")
    assert own.get(answer.headers["Location"]).status == 200
    scrape_until(own, lambda m: m.sum(f"{DURATIONS}_count", route="/v1/operations/{id}") == 1, "the one that did not wait")


def test_streams_are_counted_while_they_last(own):
    readers = [ServerSentEvents(own, "/v1/events"), WebSocket(own, "/v1/events")]
    metrics = scrape_until(own, lambda m: m.one("computed_event_streams") == 2, "two streams")
    assert metrics.one("computed_http_requests_active") == 1
    assert metrics.one("computed_http_connections") >= 2
    for reader in readers:
        reader.close()
    metrics = scrape_until(own, lambda m: m.one("computed_event_streams") == 0, "none")
    assert metrics.sum(REQUESTS, route="/v1/events") >= 1
    assert not metrics.all(f"{DURATIONS}_count", route="/v1/events")


# ---- operations and creates ----

def test_every_door_counts_its_creates(own):
    def created(**labels):
        return scrape(own).sum(CREATED, **labels)

    def counts(what, **flavors):
        eventually(lambda: all(created(flavor=flavor) == count for flavor, count in flavors.items()), what)

    assert [labels["flavor"] for labels, value in scrape(own).all(CREATED, type="vm") if value == 0] == ["", "small", "medium", "large", "xlarge"]
    own.create("native", flavor="small", vcpus=None, memory_mib=None, disk_gib=None)
    own.create("sizes")
    counts("the native door's", small=1, **{"": 1})
    assert own.post("/api/v1/vms", workspace_body(workspace_of(own), type="medium")).status == 201
    counts("the workspace door's", medium=1)
    Tenant(own, "acme").made(flavor="large")
    counts("the tenant door's", large=1)
    assert own.post("/v1/flavors", {"name": "mine", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}).status == 201
    assert created(flavor="mine") == 0 and scrape(own).all(CREATED, flavor="mine")
    assert created() == 4
    assert own.delete("/v1/flavors/mine").status == 204
    assert scrape(own).all(CREATED, flavor="mine"), "a counter does not go away"


def test_operations_count_by_outcome(own):
    own.arm("virt.start.before=error(hypervisor)")
    answer = own.post("/v1/vms", {"name": "fails", "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1})
    assert own.wait(answer)["status"] == "failed"
    own.arm("")
    own.create("succeeds")
    metrics = scrape_until(own, lambda m: m.sum(ENDED, kind="vm.create") == 2, "both ends")
    assert {labels["outcome"]: value for labels, value in metrics.all(ENDED, kind="vm.create")} == {"succeeded": 1, "failed": 1, "cancelled": 0}
    assert metrics.one("computed_operation_duration_seconds_count", kind="vm.create") == 2
    assert metrics.sum(CREATED) == 1


def test_a_cancelled_one_is_neither(own):
    own.hypervisor("hang")
    answer = own.post("/v1/vms", {"name": "given-up", "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1})
    assert answer.status == 202
    scrape_until(own, lambda m: m.sum("computed_operations", kind="vm.create", status="running") == 1, "it runs")
    assert own.delete(answer.headers["Location"]).status in (200, 202)
    own.hypervisor(None)
    metrics = scrape_until(own, lambda m: m.sum(ENDED, kind="vm.create") == 1 and m.sum("computed_operations", kind="vm.create") == 0, "its end")
    assert metrics.one(ENDED, kind="vm.create", outcome="cancelled") == 1


@pytest.mark.settings(workers=1)
def test_the_queue_is_counted(own):
    own.hypervisor("hang")
    for i in range(3):
        assert own.post("/v1/vms", {"name": f"vm-{i}", "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}).status == 202
    metrics = scrape_until(own, lambda m: m.sum("computed_operations", status="running") == 1, "one runs")
    assert metrics.one("computed_operations", kind="vm.create", status="queued") == 2
    own.hypervisor(None)
    scrape_until(own, lambda m: m.sum("computed_operations") == 0 and m.sum(CREATED) == 3, "all are done")


# ---- VMs ----

PATIENT = pytest.mark.settings(survey_deadline="20s")  # on a busy machine, where the fake takes its time


@PATIENT
def test_vms_by_state_and_what_they_use(own):
    running, stopped = own.create("running", memory_mib=96), own.create("stopped", start=False)
    paused = own.create("paused")["id"]
    own.act("paused", "pause")
    metrics = scrape(own)
    states = {labels["status"]: value for labels, value in metrics.all("computed_instances")}
    assert {status: count for status, count in states.items() if count} == {"running": 1, "stopped": 1, "paused": 1}
    assert "error" in states
    for family in PER_VM:
        assert {labels["vm"] for labels, _ in metrics.all(family)} == {running["id"], paused}
    assert metrics.all(PER_VM[1], vm=running["id"]) == [({"vm": running["id"], "name": "running", "project": running["project"]}, 96 << 20)]
    assert not metrics.all(PER_VM[0], vm=stopped["id"])
    first = metrics.one(PER_VM[0], vm=running["id"])
    eventually(lambda: scrape(own).sum(PER_VM[0], vm=running["id"]) > first, "CPU time goes on")


@PATIENT
def test_what_virsh_did_is_seen_at_once(own):
    vm = own.create("behind")["id"]
    own.edit_domain(vm, state="stopped", reason="user")
    metrics = scrape(own)
    assert metrics.one("computed_instances", status="stopped") == 1
    assert not metrics.all(PER_VM[0])


def test_names_are_escaped(own):
    assert own.post("/api/v1/vms", workspace_body(workspace_of(own), name=UGLY)).status == 201
    metrics = scrape_until(own, lambda m: m.all(PER_VM[1]), "it runs")
    ((labels, _),) = metrics.all(PER_VM[1])
    assert labels["name"] == UGLY
    assert promtool("check", "metrics", given=metrics.text) == ""


def timed_scrape(client):
    began = time.monotonic()
    return scrape(client), time.monotonic() - began


@pytest.mark.parametrize("trouble, connected", [("hang", 1), ("down", 0)])
def test_libvirt_that_does_not_answer(own, trouble, connected):
    own.create("there")
    scrape_until(own, lambda m: m.one("computed_libvirt_up") == 1, "it answers")
    own.hypervisor(trouble)
    metrics = scrape_until(own, lambda m: m.one("computed_libvirt_connected") == connected, trouble)
    assert metrics.one("computed_libvirt_up") == 0
    assert not LIBVIRTS & set(metrics.types), "what was true before is not told"
    assert not LIBVIRTS & set(metrics.samples)
    assert metrics.one("computed_host_vcpus_promised") == 1, "the database knows"
    assert metrics.one("computed_database_up") == 1
    assert promtool("check", "metrics", given=metrics.text) == ""
    if trouble == "hang":
        eventually(lambda: scrape(own).one("computed_libvirt_stuck_readers") > 0, "a reader is stuck")
    own.hypervisor(None)
    metrics = scrape_until(own, lambda m: m.one("computed_libvirt_up") == 1, "it is back")
    assert LIBVIRTS <= set(metrics.types)
    scrape_until(own, lambda m: m.one("computed_libvirt_stuck_readers") == 0, "none is stuck")


@pytest.mark.settings(survey_deadline="1s", http_threads=1)
def test_many_scrapers_wait_together(own):
    """Two deadlines at the most, however many they are: one for the survey under way, one for the next. Others are answered meanwhile."""
    own.hypervisor("hang")
    with concurrent.futures.ThreadPoolExecutor(24) as many:
        scrapes = [many.submit(timed_scrape, own) for _ in range(24)]
        assert own.get("/v1/flavors").status == 200
        for metrics, seconds in (waiting.result() for waiting in scrapes):
            assert metrics.one("computed_libvirt_up") == 0
            assert seconds < 10, "as many deadlines as scrapers"
    own.hypervisor(None)
    with concurrent.futures.ThreadPoolExecutor(24) as many:
        for metrics, _ in many.map(lambda _: timed_scrape(own), range(48)):
            assert metrics.one("computed_host_cpus") >= 1
    scrape_until(own, lambda m: m.one("computed_libvirt_up") == 1, "it is back")


@pytest.mark.settings(auth="token")
def test_what_was_refused_is_counted(own):
    before = scrape(own).one("computed_audit_refusals_total")
    for _ in range(3):
        assert own.with_token(None).get("/v1/vms").status == 401
    assert scrape(own).one("computed_audit_refusals_total") == before + 3
    assert scrape(own).one("computed_audit_left_out_total") == 0
    assert PASSWORD not in scrape(own).text


# ---- the host and the process ----

def test_the_host_is_what_host_says(own):
    own.create("promised", vcpus=3, memory_mib=200, disk_gib=2)
    capacity, metrics = own.get("/v1/host").json["capacity"], scrape(own)
    vcpus, memory, disk = (capacity[what] for what in ("vcpus", "memory_mib", "disk_bytes"))
    assert metrics.one("computed_host_cpus") == vcpus["real"]
    assert metrics.one("computed_host_vcpus_limit") == vcpus["limit"]
    assert metrics.one("computed_host_vcpus_promised") == vcpus["promised"] == 3
    assert metrics.one("computed_host_memory_bytes") == memory["real"] << 20
    assert metrics.one("computed_host_memory_limit_bytes") == memory["limit"] << 20
    assert metrics.one("computed_host_memory_promised_bytes") == 200 << 20
    assert metrics.one("computed_host_disk_bytes") == disk["real"]
    assert metrics.one("computed_host_disk_limit_bytes") == disk["limit"]
    assert metrics.one("computed_host_disk_promised_bytes") == 2 << 30
    assert 0 < metrics.one("computed_host_disk_free_bytes") < disk["real"]
    assert 0 < metrics.one("computed_host_memory_available_bytes") < memory["real"] << 20


def test_the_process_is_what_the_kernel_says(own):
    metrics, proc = scrape(own), pathlib.Path(f"/proc/{own.process.pid}")
    resident_kib = int(next(line for line in (proc / "status").read_text().splitlines() if line.startswith("VmRSS")).split()[1])
    assert abs(metrics.one("process_resident_memory_bytes") / 1024 - resident_kib) < 8192
    assert abs(metrics.one("process_open_fds") - len(list((proc / "fd").iterdir()))) <= 4
    assert abs(metrics.one("process_start_time_seconds") - time.time()) < 90
    assert 0 < metrics.one("process_cpu_seconds_total") < 90
    assert metrics.one("process_max_fds") >= metrics.one("process_open_fds")


def test_counters_begin_anew(own):
    own.create("before")
    scrape_until(own, lambda m: m.sum(CREATED) == 1, "it is counted")
    own.restart()
    metrics = scrape_until(own, lambda m: m.one("computed_libvirt_up") == 1, "libvirt answers")
    assert metrics.sum(CREATED) == metrics.sum(ENDED, kind="vm.create") == 0
    assert metrics.one("computed_instances", status="running") == 1


def test_promtool_has_nothing_to_say(own):
    own.create("promtool")
    own.get("/health")
    metrics = scrape_until(own, lambda m: m.all(f"{DURATIONS}_count", route="/health"), "a duration")
    assert promtool("check", "metrics", given=metrics.text) == ""
    assert all(metrics.family(name) for name in metrics.samples)
    assert all(f"# HELP {family} " in metrics.text for family in metrics.types)
    for family, kind in metrics.types.items():
        assert (kind == "counter") == family.endswith("_total")


def test_a_parser_that_is_wrong_would_show():
    metrics = Metrics('# TYPE a gauge\na{x="1\\"\\\\\\n",y=""} 2.5\na 3\n')
    assert metrics.samples == {"a": [({"x": '1"\\\n', "y": ""}, 2.5), ({}, 3.0)]}
    assert json.dumps(metrics.types) == '{"a": "gauge"}'
