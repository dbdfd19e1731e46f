"""POST /v1/vms: what is asked for is made, what is wrong is named, and nothing is silently ignored."""
from concurrent.futures import ThreadPoolExecutor

import pytest

BODY = {"image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1}


def post(daemon, vm_name, **fields):
    """A create; a field that is ... is left out."""
    body = {**BODY, "name": vm_name, **fields}
    return daemon.post("/v1/vms", {key: value for key, value in body.items() if value is not Ellipsis})


def at_once(count, call):
    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(call, i) for i in range(count)]]


# ---- made ----
def test_by_flavor(daemon, name):
    answer = daemon.post("/v1/vms", {"name": name, "image": "tiny", "flavor": "medium"})
    assert answer.status == 202
    vm = answer.json
    assert answer.headers["Location"] == "/v1/operations/" + vm["operation"]
    assert (vm["status"], vm["task"], vm["fault"], vm["observed_at"]) == ("pending", "vm.create", None, None)
    assert (vm["flavor"], vm["vcpus"], vm["memory_mib"], vm["disk_gib"], vm["image"]) == ("medium", 2, 4096, 40, "tiny")
    operation = daemon.done(answer)
    assert (operation["kind"], operation["target"], operation["progress"], operation["error"]) == ("vm.create", vm["id"], 100, None)
    vm = daemon.show(name)
    assert (vm["status"], vm["task"], vm["stale"]) == ("running", None, False)
    assert vm["cpu_time_ns"] >= 0 and vm["memory_used_mib"] > 0 and vm["observed_at"]
    assert daemon.domain(vm["id"])["state"] == "running"
    assert (daemon.instance(vm["id"]) / "disk.qcow2").exists()


def test_by_sizes(daemon, name):
    vm = daemon.create(name, vcpus=2, memory_mib=96, disk_gib=3)
    assert (vm["flavor"], vm["vcpus"], vm["memory_mib"], vm["disk_gib"]) == (None, 2, 96, 3)


def test_by_ids(daemon, name):
    image, flavor = daemon.get("/v1/images/tiny").json, daemon.get("/v1/flavors/small").json
    answer = daemon.post("/v1/vms", {"name": name, "image": image["id"], "flavor": flavor["id"]})
    daemon.done(answer)
    assert (answer.json["image"], answer.json["flavor"]) == ("tiny", "small")


def test_stopped(daemon, name):
    vm = daemon.create(name, start=False)
    assert (vm["status"], vm["cpu_time_ns"], vm["memory_used_mib"]) == ("stopped", None, None)


def test_autostart(daemon, name):
    assert daemon.domain(daemon.create(name, autostart=True)["id"])["autostart"] is True


def test_labels_come_back_as_they_were(daemon, name):
    metadata = {"équipe": "裏 🦊", "empty": "", "lines": "a\n\tb", "quote": "\"<&>'\\", "k" * 255: "v" * 255, "emoji" * 51: "🦊" * 255}
    tags = ["web", "Ünïcode", "a,b;c", "🦊" * 255, "</domain>"]
    vm = daemon.create(name, metadata=metadata, tags=tags)
    assert (vm["metadata"], vm["tags"]) == (metadata, tags)
    assert list(vm["metadata"]) == list(metadata)


def test_as_many_labels_as_allowed(daemon, name):
    metadata, tags = {f"k{i}": "v" for i in range(128)}, [f"t{i}" for i in range(64)]
    vm = daemon.create(name, metadata=metadata, tags=tags)
    assert (vm["metadata"], vm["tags"]) == (metadata, tags)


@pytest.mark.parametrize("field", ["networks", "keypair", "ssh_keys", "user_data", "config_drive", "ttl_seconds", "metadata", "tags", "start", "flavor",
                                   "volumes", "security_groups"])
def test_null_is_absent(daemon, name, field):
    assert daemon.create(name, **{field: None})["status"] == "running"


@pytest.mark.parametrize("good", ["a", "0", "A" * 63, "a.b_c-d", "vm-00000000-0000-4000-8000"])
def test_good_names(own, good):
    assert own.create(good)["name"] == good


# ---- refused ----
REFUSED_FIELDS = [
    ("name", ...), ("name", ""), ("name", "a" * 64), ("name", "-a"), ("name", ".a"), ("name", "a b"), ("name", "a/b"), ("name", "ä"), ("name", "a\n"),
    ("name", "🦊"), ("name", 5), ("name", None), ("name", ["a"]), ("name", "00000000-0000-4000-8000-000000000000"),
    ("name", "6F1B2C3D-0000-4000-8000-000000000000"), ("name", "a\u202eb"), ("name", "../../etc"), ("name", "x" * 100000),
    ("image", ...), ("image", 5), ("image", None), ("image", {}),
    ("vcpus", 0), ("vcpus", 257), ("vcpus", -1), ("vcpus", 1.5), ("vcpus", 1.0), ("vcpus", "1"), ("vcpus", True), ("vcpus", ...),
    ("memory_mib", 15), ("memory_mib", 4194305), ("memory_mib", 2**63 - 1), ("memory_mib", ...), ("memory_mib", None),
    ("disk_gib", 0), ("disk_gib", 65537), ("disk_gib", ...), ("disk_gib", []),
    ("flavor", 5), ("flavor", ["small"]),
    ("start", "yes"), ("start", 1), ("autostart", 0),
    ("metadata", []), ("metadata", {"a": 1}), ("metadata", {"a": None}), ("metadata", {"a": {}}), ("metadata", {"": "x"}),
    ("metadata", {"k" * 256: "x"}), ("metadata", {"k": "v" * 256}), ("metadata", {"a\nb": "x"}), ("metadata", {f"k{i}": "" for i in range(129)}),
    ("tags", "web"), ("tags", [1]), ("tags", [""]), ("tags", ["a", "a"]), ("tags", ["a\tb"]), ("tags", ["t" * 256]), ("tags", [f"t{i}" for i in range(65)]),
    ("tags", [None]), ("keypair", 1), ("keypair", ["a"]), ("config_drive", "yes"), ("config_drive", 1), ("ttl_seconds", -1), ("ttl_seconds", 315360001),
    ("ttl_seconds", "1h"), ("ttl_seconds", 1.5), ("user_data", 1), ("user_data", {}), ("user_data", "x" * 65537), ("user_data", "🦊" * 20000),
    ("ssh_keys", "ssh-ed25519 AAAA"), ("ssh_keys", [1]), ("ssh_keys", [None]), ("ssh_keys", [""]), ("ssh_keys", ["ssh-ed25519 AAAA"]),
    ("ssh_keys", ["ssh-rsa " + "A" * 16384]), ("ssh_keys", [["a"]]), ("ssh_keys", ["a"] * 33), ("ssh_keys", ["ssh-ed25519 AAAA\nssh-ed25519 AAAA"]),
    ("networks", "default"), ("networks", {}), ("networks", [{}]), ("networks", [1]), ("networks", [None]), ("networks", [["a"]]),
    ("networks", [{"network": 1}]), ("networks", [{"network": "default", "ip": "10.0.0.9"}]), ("networks", [{"network": "default", "fixed_ip": 1}]),
    ("networks", [{"network": "default", "fixed_ip": ""}]), ("networks", [{"network": "default", "fixed_ip": "x" * 100}]), ("networks", ["a"] * 9),
    ("unknown", 1), ("Name", "a"), ("id", "00000000-0000-4000-8000-000000000000"), ("status", "running"),
]


@pytest.mark.parametrize("field,value", REFUSED_FIELDS, ids=lambda v: repr(v)[:24])
def test_refused_fields(daemon, name, field, value):
    answer = post(daemon, name, **{field: value})
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)
    assert daemon.get("/v1/vms", name=name).json["vms"] == []


LATER = [("security_groups", ["web"]), ("security_groups", []), ("volumes", [{"size_gib": 1}]), ("volumes", [])]


@pytest.mark.parametrize("field,value", LATER)
def test_what_comes_later_is_refused_aloud(daemon, name, field, value):
    answer = post(daemon, name, **{field: value})
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)
    assert "not supported yet" in answer.json["detail"]


@pytest.mark.parametrize("given,field", [
    ({}, "flavor"), ({"vcpus": 1}, "memory_mib"), ({"vcpus": 1, "memory_mib": 64}, "disk_gib"), ({"memory_mib": 64, "disk_gib": 1}, "vcpus"),
    ({"flavor": "small", "vcpus": 1}, "vcpus"), ({"flavor": "small", "memory_mib": 64}, "memory_mib"), ({"flavor": "small", "disk_gib": 1}, "disk_gib")])
def test_a_flavor_or_all_sizes(daemon, name, given, field):
    answer = daemon.post("/v1/vms", {"name": name, "image": "tiny", **given})
    assert (answer.status, answer.json["field"]) == (400, field)


@pytest.mark.parametrize("ref", ["nothing", "", "a b", "🦊", "a\nb", "../../etc/passwd", "x" * 5000, "00000000-0000-4000-8000-000000000000"])
@pytest.mark.parametrize("field,other", [("image", {"flavor": "small"}), ("flavor", {"image": "tiny"}), ("keypair", {"flavor": "small", "image": "tiny"})])
def test_what_is_named_and_not_there(daemon, name, field, other, ref):
    answer = daemon.post("/v1/vms", {"name": name, **other, field: ref})
    assert (answer.status, answer.code, answer.json["field"]) == (404, f"{field}_not_found", field)


def test_an_image_without_bytes(daemon, name):
    daemon.post("/v1/images", {"name": name, "disk_format": "raw"})
    answer = post(daemon, name, image=name)
    assert (answer.status, answer.code, answer.json["field"]) == (409, "conflict", "image")


def test_a_disk_too_small_for_its_image(daemon, name):
    header = b"QFI\xfb" + (3).to_bytes(4, "big") + bytes(12) + (16).to_bytes(4, "big") + (5 << 30).to_bytes(8, "big")
    header += bytes(4) + (10).to_bytes(4, "big") + (65536).to_bytes(8, "big") + (131072).to_bytes(8, "big") + (1).to_bytes(4, "big")
    header += bytes(4) + bytes(8) + bytes(24) + (4).to_bytes(4, "big") + (104).to_bytes(4, "big")
    daemon.add_image(name, header.ljust(262144, b"\0"), "qcow2")
    answer = post(daemon, name, image=name, disk_gib=4)
    assert (answer.status, answer.json["field"]) == (400, "disk_gib")
    assert post(daemon, name, image=name, disk_gib=5).status == 202


def test_a_taken_name(daemon, name):
    daemon.create(name)
    answer = post(daemon, name)
    assert (answer.status, answer.code) == (409, "name_taken")


def test_a_name_is_free_again_after_the_delete(daemon, name):
    first = daemon.create(name)
    daemon.remove(name)
    assert daemon.create(name)["id"] != first["id"]


# ---- at once ----
def test_eight_for_one_name(daemon, name):
    answers = at_once(8, lambda i: post(daemon, name))
    assert sorted(a.status for a in answers) == [202] + [409] * 7
    assert {a.code for a in answers if a.status == 409} == {"name_taken"}
    daemon.done(next(a for a in answers if a.status == 202))
    assert len(daemon.get("/v1/vms", name=name).json["vms"]) == 1


def test_eight_on_one_image(daemon, name):
    answers = at_once(8, lambda i: post(daemon, f"{name}-{i}"))
    assert [daemon.done(a)["status"] for a in answers] == ["succeeded"] * 8
    assert {daemon.show(f"{name}-{i}")["status"] for i in range(8)} == {"running"}


# ---- Idempotency-Key ----
def test_the_same_request_gets_the_first_answer(daemon, name):
    body = {**BODY, "name": name}
    first = daemon.post("/v1/vms", body, key="key" + name)
    daemon.done(first)
    again = daemon.post("/v1/vms", body, key="key" + name)
    assert (again.status, again.body, again.headers["Location"]) == (first.status, first.body, first.headers["Location"])
    assert len(daemon.get("/v1/vms", name=name).json["vms"]) == 1


def test_another_body_under_the_same_key(daemon, name):
    daemon.post("/v1/vms", {**BODY, "name": name}, key=name)
    for other in ({**BODY, "name": name + "-b"}, {**BODY, "name": name, "start": True}):
        answer = daemon.post("/v1/vms", other, key=name)
        assert (answer.status, answer.code) == (422, "idempotency_key_reused")


def test_another_path_under_the_same_key(daemon, name):
    vm = daemon.create(name)
    daemon.done(daemon.post(f"/v1/vms/{vm['id']}/pause", key=name))
    assert daemon.post(f"/v1/vms/{vm['id']}/resume", key=name).code == "idempotency_key_reused"


def test_a_refusal_is_not_kept(daemon, name):
    assert daemon.post("/v1/vms", {**BODY, "name": name, "image": "later-" + name}, key=name).status == 404
    daemon.add_image("later-" + name)
    assert daemon.post("/v1/vms", {**BODY, "name": name, "image": "later-" + name}, key=name).status == 202


def test_eight_times_the_same_key(daemon, name):
    answers = at_once(8, lambda i: daemon.post("/v1/vms", {**BODY, "name": name}, key=name))
    assert {(a.status, a.body) for a in answers} == {(202, answers[0].body)}
    daemon.done(answers[0])
    assert len(daemon.get("/v1/vms", name=name).json["vms"]) == 1


def test_a_key_outlives_the_daemon(own, name):
    first = own.post("/v1/vms", {**BODY, "name": name}, key=name)
    own.done(first)
    own.restart()
    assert own.post("/v1/vms", {**BODY, "name": name}, key=name).body == first.body


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_keys_that_are_none(daemon, name, key):
    answer = daemon.call("POST", "/v1/vms", {**BODY, "name": name}, {"Idempotency-Key": key})
    assert (answer.status, answer.json["field"]) == (400, "Idempotency-Key")


def test_the_longest_key(daemon, name):
    assert daemon.post("/v1/vms", {**BODY, "name": name}, key=("~!" + name).ljust(255, "x")).status == 202
