"""GET /health: the truth about the database and libvirt, for anybody."""
from client import eventually


def test_healthy(daemon):
    answer = daemon.get("/health")
    assert answer.status == 200
    health = answer.json
    assert (health["status"], health["service"], health["database"]) == ("healthy", "compute-service", "ok")
    assert health["libvirt"] == {"status": "ok", "uri": daemon.settings["libvirt_uri"]}


def test_how_guests_run_is_shown_once_it_is_proven(daemon):
    health = eventually(lambda: [h for h in [daemon.get("/health").json] if h["virt"]["proven"]], "the probe's end")[0]
    assert health["virt"]["type"] in ("kvm", "qemu")


def test_degraded_and_back(own):
    for trouble in ("down", "hang"):
        own.hypervisor(trouble)
        answer = eventually(lambda: [a for a in [own.get("/health")] if a.status == 503], f"degraded by {trouble}")[0]
        assert answer.json["status"] == "degraded"
        assert answer.json["libvirt"]["status"] == "error"
        assert answer.json["database"] == "ok"
        own.hypervisor(None)
        eventually(lambda: own.get("/health").status == 200, "healthy again")


def test_request_ids(daemon):
    assert daemon.call("GET", "/health", headers={"X-Request-Id": "mine-1"}).headers["X-Request-Id"] == "mine-1"
    assert daemon.get("/health").headers["X-Request-Id"] != daemon.get("/health").headers["X-Request-Id"]


def test_a_hostile_request_id_is_replaced(daemon):
    given = "x" * 300
    answer = daemon.call("GET", "/v1/vms/nobody", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] not in (None, given)
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
