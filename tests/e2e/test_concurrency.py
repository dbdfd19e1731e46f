"""Many at once: creates on one image, creates for one name, deletes of one VM; and two daemons for one state directory."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from machine import domain_state, eventually, second_daemon

MANY = 8


def at_once(function, items):
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(function, items))


def test_creates_on_one_image(daemon, name):
    names = [f"{name}-{i}" for i in range(MANY)]
    answers = at_once(lambda n: daemon.post("/v1/vms", daemon.body(n)), names)
    at_once(daemon.done, answers)
    assert [daemon.status(n) for n in names] == ["running"] * MANY
    assert [domain_state(a.json["id"])[0] for a in answers] == ["running"] * MANY
    at_once(daemon.remove, names)
    for answer in answers:
        daemon.is_gone(answer.json["id"])


def test_creates_for_one_name(daemon, name):
    answers = at_once(lambda _: daemon.post("/v1/vms", daemon.body(name, start=False)), range(MANY))
    won = [a for a in answers if a.status == 202]
    lost = [(a.status, a.code) for a in answers if a.status != 202]
    assert len(won) == 1 and lost == [(409, "name_taken")] * (MANY - 1)
    daemon.done(won[0])
    assert [d.name for d in daemon.instance("").iterdir()] == [won[0].json["id"]]
    daemon.removes_cleanly(won[0].json["id"])


def test_deletes_of_one_vm(daemon, name):
    vm = daemon.create(name)
    answers = at_once(lambda _: daemon.delete(f"/v1/vms/{vm['id']}"), range(MANY))
    assert {a.status for a in answers} <= {202, 404, 409} and 202 in {a.status for a in answers}
    eventually(lambda: daemon.get(f"/v1/vms/{vm['id']}").status == 404, "the VM is gone")
    daemon.is_gone(vm["id"])


def test_verbs_on_one_vm(daemon, name):
    vm = daemon.create(name)
    answers = at_once(lambda verb: daemon.post(f"/v1/vms/{name}/{verb}"), ["pause"] * MANY)
    assert {a.status for a in answers} <= {202, 409} and 202 in {a.status for a in answers}
    at_once(daemon.wait, [a for a in answers if a.status == 202])
    assert daemon.status(name) == "paused" and domain_state(vm["id"])[0] == "paused"
    daemon.removes_cleanly(vm["id"])


def test_a_create_overtaken_by_its_delete(daemon, name):
    answer = daemon.post("/v1/vms", daemon.body(name))
    daemon.done(daemon.delete(f"/v1/vms/{answer.json['id']}"))
    daemon.is_gone(answer.json["id"])


def test_the_second_daemon_refuses(daemon):
    status, out, err = second_daemon(daemon)
    assert status != 0 and out == ""
    assert str(daemon.state) in err or "another" in err
    assert daemon.get("/health").status == 200


@pytest.mark.parametrize("count", [1, MANY])
def test_sigterm_in_the_middle_of_creates(own, name, count):
    answers = at_once(lambda i: own.post("/v1/vms", own.body(f"{name}-{i}")), range(count))
    own.restart()  # asserts exit status 0
    for answer in answers:
        own.done(answer)
        assert own.show(answer.json["id"])["status"] == "running"
        own.removes_cleanly(answer.json["id"])
