"""Tokens: logging in, what a token is good for, and when it is good for nothing any more."""
import concurrent.futures
import pathlib
import sqlite3
import time

import pytest

from client import PASSWORD, eventually

SECRET = "planted-secret-of-the-test"
pytestmark = pytest.mark.settings(auth="token")


def log_in(client, user, password=PASSWORD, **wanted):
    return client.with_token(None).post("/v1/tokens", {"user": user, "password": password, **wanted})


def without_request_id(answer):
    return {key: value for key, value in answer.json.items() if key != "request_id"}


# ---- logging in ----
def test_login(cloud, name):
    cloud.add_user(name, "default")
    answer = log_in(cloud, name, name="what for")
    assert answer.status == 201 and answer.headers["Cache-Control"] == "no-store"
    made = answer.json
    assert answer.headers["Location"] == f"/v1/tokens/{made['id']}"
    secret = made.pop("token")
    assert (made["name"], made["roles"]) == ("what for", None) and made["expires_at"] > made["created_at"]
    someone = cloud.with_token(secret)
    me = someone.get("/v1/me").json
    assert (me["user_name"], me["token"], me["expires_at"], me["roles"]) == (name, made["id"], made["expires_at"], ["reader", "member"])
    assert someone.get("/v1/tokens/current").json == someone.get(f"/v1/tokens/{made['id']}").json == made


def test_both_headers_are_one(cloud):
    nobody = cloud.with_token(None)
    me = cloud.get("/v1/me").json
    for headers in ({"X-Auth-Token": cloud.token}, {"Authorization": f"Bearer {cloud.token}"}, {"authorization": f"bearer {cloud.token}"},
                    {"X-Auth-Token": cloud.token, "Authorization": f"Bearer {cloud.token}"}):
        assert nobody.call("GET", "/v1/me", headers=headers).json == me


@pytest.mark.parametrize("headers", [
    {}, {"X-Auth-Token": ""}, {"X-Auth-Token": "x"}, {"X-Auth-Token": "x" * 5000}, {"X-Auth-Token": "ct_" + "A" * 43}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "},
    {"Authorization": "Basic YWRtaW46YWRtaW4="}, {"Authorization": "Bearer x"}, {"X-Auth-Token": "'; DROP TABLE token; --"}, {"X-Tenant-ID": "default"},
    {"X-Forwarded-User": "admin"}], ids=lambda v: repr(v)[:40])
def test_what_lets_nobody_in(cloud, headers):
    nobody = cloud.with_token(None)
    answer = nobody.call("GET", "/v1/vms", headers=headers)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert nobody.call("POST", "/v1/tokens", {"name": "another"}, headers).status == 401


def test_two_tokens_at_once(cloud, name):
    other = cloud.add_user(name, "default")
    answer = cloud.call("GET", "/v1/me", headers={"Authorization": f"Bearer {other.token}"})
    assert answer.status == 401


def test_wrong_is_wrong(cloud, name):
    """A stranger learns nothing: the same answer for a wrong password, a user that is not there, one without a password, and a disabled one."""
    cloud.add_user(name, "default")
    cloud.post("/v1/users", {"name": f"{name}-blank"})
    cloud.add_user(f"{name}-off", "default")
    cloud.patch(f"/v1/users/{name}-off", {"enabled": False})
    answers = [log_in(cloud, name, "wrong password"), log_in(cloud, f"{name}-nobody"), log_in(cloud, f"{name}-blank"), log_in(cloud, f"{name}-off"), log_in(cloud, name, "")]
    assert {answer.status for answer in answers} == {401}
    assert all(without_request_id(answer) == without_request_id(answers[0]) for answer in answers)
    assert log_in(cloud, name).status == 201


@pytest.mark.parametrize("body,field", [
    ({"user": "admin"}, "password"), ({"password": PASSWORD}, "user"), ({"user": 5, "password": PASSWORD}, "user"), ({"user": "admin", "password": 5}, "password"),
    ({"user": "", "password": PASSWORD}, "user"), ({"user": "x" * 256, "password": PASSWORD}, "user"), ({"user": "admin", "password": "x" * 1025}, "password"),
    ({"project": 5}, "project"), ({"project": ""}, "project"), ({"roles": "member"}, "roles"), ({"roles": []}, "roles"), ({"roles": ["king"]}, "roles"), ({"roles": [5]}, "roles"),
    ({"roles": ["reader"] * 4}, "roles"), ({"name": 5}, "name"), ({"name": "x" * 65}, "name"), ({"name": "a\u0007"}, "name"), ({"lifetime_s": 0}, "lifetime_s"),
    ({"lifetime_s": -1}, "lifetime_s"), ({"lifetime_s": "1h"}, "lifetime_s"), ({"lifetime_s": 1 << 62}, "lifetime_s"), ({"lifetime_s": 1.5}, "lifetime_s"),
    ({"token": "mine"}, "token")], ids=lambda v: repr(v)[:40])
def test_refused(cloud, body, field):
    answer = cloud.post("/v1/tokens", body)
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)


@pytest.mark.parametrize("body", [None, [], "admin", b"{"])
def test_bodies_that_make_no_sense(cloud, body):
    assert cloud.post("/v1/tokens", body).status == 400


def test_a_query_is_refused(cloud):
    assert cloud.post("/v1/tokens?project=default", {}).code == "invalid_field"


# ---- guessing ----
@pytest.mark.parametrize("user", ["admin", "nobody"])
def test_guessing_is_slowed_down(own, user):
    """With the right password too, until Retry-After is over; and what is slowed down says nothing of whether the user is there."""
    answers = []
    while not answers or answers[-1].status == 401:
        assert len(answers) < 100, "nobody stops this"
        answers.append(log_in(own, user, f"guess {len(answers)}"))
    assert len(answers) > 3
    late = answers[-1]
    assert (late.status, late.code) == (429, "too_many_requests") and int(late.headers["Retry-After"]) >= 1
    assert log_in(own, user, own.admin_password).status == 429
    assert own.get("/v1/me").status == 200, "tokens go on"


# ---- scope ----
def test_one_project(cloud, name):
    project = cloud.add_project(name)
    cloud.add_user(name, project)
    assert log_in(cloud, name).json["project"] == log_in(cloud, name, project=name).json["project"] == log_in(cloud, name, project=project).json["project"] == project
    cloud.put(f"/v1/projects/default/users/{name}/roles/reader")
    there, here = cloud.as_user(name, PASSWORD, "default"), cloud.as_user(name, PASSWORD, project)
    image = here.post("/v1/images", {"name": name, "disk_format": "raw"}).json["id"]
    assert there.get(f"/v1/images/{image}").code == "image_not_found"
    assert there.post("/v1/images", {"name": name, "disk_format": "raw"}).code == "forbidden"
    assert here.get("/v1/me").json["roles"] == ["reader", "member"] and there.get("/v1/me").json["roles"] == ["reader"]


def test_a_project_that_is_not_ones_own(cloud, name):
    """Looks like one that is not there."""
    mine, other = cloud.add_project(name), cloud.add_project(f"{name}-other")
    cloud.add_user(name, mine)
    assert without_request_id(log_in(cloud, name, project=other)) == {
        **without_request_id(log_in(cloud, name, project="f" * 32)), "detail": log_in(cloud, name, project=other).json["detail"]}
    assert log_in(cloud, name, project=other).status == log_in(cloud, name, project=f"{name}-none").status >= 400


def test_some_roles(cloud, name):
    cloud.add_user(name, "default")
    answer = log_in(cloud, name, roles=["reader"])
    assert answer.json["roles"] == ["reader"]
    reader = cloud.with_token(answer.json["token"])
    assert reader.get("/v1/me").json["roles"] == ["reader"]
    assert reader.get("/v1/images").status == 200
    assert reader.post("/v1/images", {"name": name, "disk_format": "raw"}).code == "forbidden"
    assert reader.post("/v1/tokens", {"roles": ["member"]}).status == 403
    assert reader.post("/v1/tokens", {}).json["roles"] == ["reader"]
    assert log_in(cloud, name, roles=["admin"]).status == 403


def test_another_for_oneself(cloud, name):
    member = cloud.add_user(name, "default")
    own_end = member.get("/v1/me").json["expires_at"]
    answer = member.post("/v1/tokens", {"name": "ci", "roles": ["reader"], "lifetime_s": 60})
    assert answer.status == 201
    another = cloud.with_token(answer.json["token"])
    assert another.get("/v1/me").json["user_name"] == name
    assert answer.json["expires_at"] < own_end
    assert another.post("/v1/tokens", {"lifetime_s": 86400}).json["expires_at"] <= answer.json["expires_at"], "no longer a life than its own"


# ---- lists ----
def test_ones_own_are_listed(cloud, name):
    member = cloud.add_user(name, "default")
    secrets = [member.token] + [log_in(cloud, name, name=f"n{i}").json["token"] for i in range(2)]
    answer = member.get("/v1/tokens")
    assert [token["name"] for token in answer.json["tokens"]] == ["", "n0", "n1"]
    assert not [secret for secret in secrets if secret.encode() in answer.body]
    seen, path = [], "/v1/tokens?limit=2"
    while path:
        page = member.get(path).json
        seen.append(page["tokens"])
        path = page["next"]
    assert [len(page) for page in seen] == [2, 1] and sum(seen, []) == answer.json["tokens"]
    other = cloud.add_user(f"{name}-other", "default")
    mine = seen[0][0]["id"]
    assert other.get(f"/v1/tokens/{mine}").code == other.delete(f"/v1/tokens/{mine}").code == "token_not_found"
    assert mine not in [token["id"] for token in other.get("/v1/tokens").json["tokens"]]
    assert mine in [token["id"] for token in cloud.get("/v1/tokens?project=*", limit=1000).json["tokens"]]
    assert member.get("/v1/me").status == 200


# ---- ends ----
def test_expiry(cloud, name):
    cloud.add_user(name, "default")
    answer = log_in(cloud, name, lifetime_s=1)
    someone = cloud.with_token(answer.json["token"])
    eventually(lambda: someone.get("/v1/me").status == 401, "the token expires")
    assert answer.json["id"] not in [token["id"] for token in cloud.as_user(name, PASSWORD).get("/v1/tokens").json["tokens"]]


def test_revocation(cloud, name):
    member = cloud.add_user(name, "default")
    other = cloud.as_user(name, PASSWORD)
    assert member.delete(f"/v1/tokens/{other.get('/v1/me').json['token']}").status == 204
    assert other.get("/v1/me").status == 401
    assert member.delete("/v1/tokens/current").status == 204
    for answer in (member.get("/v1/me"), member.delete("/v1/tokens/current"), member.post("/v1/tokens", {})):
        assert answer.status == 401


def test_disabling_works_at_once(cloud, name):
    project = cloud.add_project(name)
    member = cloud.add_user(name, project)
    cloud.patch(f"/v1/projects/{name}", {"enabled": False})
    assert member.get("/v1/me").status == 401
    assert log_in(cloud, name).status in (401, 403)
    cloud.patch(f"/v1/projects/{name}", {"enabled": True})
    again = cloud.as_user(name, PASSWORD)
    cloud.patch(f"/v1/users/{name}", {"enabled": False})
    assert again.get("/v1/me").status == log_in(cloud, name).status == 401
    cloud.patch(f"/v1/users/{name}", {"enabled": True})
    assert again.get("/v1/me").status == 401, "being disabled has ended it"
    last = cloud.as_user(name, PASSWORD)
    cloud.delete(f"/v1/users/{name}")
    assert last.get("/v1/me").status == 401


def test_tokens_outlive_the_daemon(own):
    own.restart()
    assert own.get("/v1/me").json["auth"] == "token"


# ---- secrets ----
def test_secrets_are_kept_nowhere(own):
    member = own.add_user("member", "default", password=SECRET)
    log_in(own, "member", SECRET + " wrong")
    log_in(own, SECRET + " as a name")
    own.with_token(SECRET).get("/v1/me")
    member.patch("/v1/users/member", {"password": SECRET + " two", "original_password": SECRET})
    third = member.post("/v1/tokens", {}).json["token"]
    own.patch("/v1/users/member", {"password": SECRET + " three"})
    own.stop()
    words = [SECRET, own.token, member.token, third, own.admin_password]
    found = [(word, file) for word in words for file in own.directory.rglob("*") if file.is_file() and word.encode() in file.read_bytes()]
    with sqlite3.connect(own.state / "computed.db") as database:
        hashes = [row[0] for row in database.execute("SELECT password_hash FROM user")]
    database.close()
    own.start()
    assert found == []
    assert all(text.startswith("$argon2id$") for text in hashes)


# ---- cost ----
def peak_kib(daemon):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def test_a_storm_of_logins(own):
    """Each costs 64 MiB and a tenth of a second: they stand in a short queue, and who finds it full is told to come back. Others go on."""
    before = peak_kib(own)
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        storm = [pool.submit(log_in, own, f"user-{i}") for i in range(64)]
        assert own.get("/v1/me").status == 200
        answers = [login.result() for login in storm]
    assert {answer.status for answer in answers} == {401, 503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers if answer.status == 503)
    assert peak_kib(own) - before < 16 * 64 << 10, "not sixty-four at once"


def test_three_hundred_logins(cloud, name):
    """One who logs in again and again, as a test run's clients do, pays for argon2 once."""
    cloud.add_user(name, "default")
    start = time.monotonic()
    for _ in range(300):
        assert log_in(cloud, name).status == 201
    assert time.monotonic() - start < 15
