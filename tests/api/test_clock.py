"""A wall clock that is set forward or back by an hour. Deadlines do not notice; times to live follow it; nothing waits for an hour."""
import pytest

from client import Daemon, eventually

HOUR_S = 3600


class Clocked(Daemon):
    def environment(self):
        return super().environment() | {"COMPUTED_CLOCK_FILE": str(self.directory / "clock")}

    def set_clock(self, seconds):
        """Off by so much."""
        new = self.directory / "clock.new"
        new.write_text(str(seconds * 1000))
        new.rename(self.directory / "clock")


@pytest.fixture
def clocked(tmp_path, request):
    marker = request.node.get_closest_marker("settings")
    daemon = Clocked(tmp_path, **(marker.kwargs if marker else {}))
    daemon.add_image("tiny")
    yield daemon
    daemon.arm("")
    daemon.stop()


def hour(daemon):
    return daemon.create("clock", networks=[])["created_at"][11:13]


def test_the_seam(clocked):
    before = hour(clocked)
    clocked.remove("clock")
    clocked.set_clock(HOUR_S)
    assert int(hour(clocked)) in {(int(before) + 1) % 24, (int(before) + 2) % 24}


def test_forward_ends_what_has_a_time_to_live(clocked):
    clocked.create("lives", ttl_seconds=HOUR_S * 2)
    clocked.create("ends", ttl_seconds=HOUR_S // 2)
    clocked.set_clock(HOUR_S)
    clocked.create("wakes", ttl_seconds=HOUR_S * 2)  # the end of another one is looked for at once
    eventually(lambda: clocked.get("/v1/vms/ends").status == 404, "its time is over")
    assert clocked.show("lives")["status"] == clocked.show("wakes")["status"] == "running"


def test_back_ends_nothing_early(clocked):
    vm = clocked.create("lives", ttl_seconds=HOUR_S // 2)
    clocked.set_clock(-HOUR_S)
    clocked.create("ends", ttl_seconds=1)
    eventually(lambda: clocked.get("/v1/vms/ends").status == 404, "its time is over")
    shown = clocked.show("lives")
    assert [shown[key] for key in ("id", "status", "expires_at", "created_at")] == [vm[key] for key in ("id", "status", "expires_at", "created_at")]
    clocked.remove("lives")


@pytest.mark.settings(create_deadline="2s")
@pytest.mark.parametrize("seconds", [HOUR_S, -HOUR_S], ids=["forward", "back"])
def test_deadlines_hold(clocked, seconds):
    clocked.arm("virt.start.before=hang(1000),once")
    answer = clocked.post("/v1/vms", {"name": "in-time", "image": "tiny", "flavor": "small"})
    clocked.set_clock(seconds)
    clocked.done(answer)
    clocked.arm("virt.start.before=hang(7000),once")
    answer = clocked.post("/v1/vms", {"name": "late", "image": "tiny", "flavor": "small"})
    clocked.set_clock(0)
    assert clocked.wait(answer)["error"]["code"] == "timeout"


def test_back_does_not_hold_up_what_was_deferred(clocked):
    clocked.create("vm")
    clocked.arm("virt.undefine.before=error(hypervisor)")
    answer = clocked.delete("/v1/vms/vm")
    path = answer.headers["Location"]
    eventually(lambda: clocked.get(path).json["error"], "the first try has failed")
    clocked.set_clock(-HOUR_S)
    clocked.arm("")
    clocked.done(answer)


@pytest.mark.parametrize("seconds", [HOUR_S, -HOUR_S], ids=["forward", "back"])
def test_order_and_restart(clocked, seconds):
    """Events keep their order, lists are whole page by page, and a restart changes nothing."""
    first = clocked.create("first")
    clocked.set_clock(seconds)
    second = clocked.create("second")
    clocked.restart()
    seen, path = [], "/v1/vms?limit=1"
    while path:
        page = clocked.get(path).json
        seen += [vm["id"] for vm in page["vms"]]
        path = page["next"]
    assert sorted(seen) == sorted([first["id"], second["id"]])
    for vm in (first, second):
        assert clocked.events("vm.created", vm["id"]) and clocked.show(vm["id"])["status"] == "running"
        clocked.remove(vm["id"])
