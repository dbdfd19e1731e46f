"""Users, projects and roles: their records, their refusals, and who may do what with them."""
import urllib.parse

import pytest

from client import PASSWORD, by_age

pytestmark = pytest.mark.settings(auth="token")


def fields(record, *names):
    return tuple(record[name] for name in names)


# ---- users ----
def test_a_user(cloud, name):
    answer = cloud.post("/v1/users", {"name": name, "description": "who", "password": PASSWORD, "enabled": False})
    assert answer.status == 201
    user = answer.json
    assert answer.headers["Location"] == f"/v1/users/{user['id']}"
    assert fields(user, "name", "description", "enabled", "has_password") == (name, "who", False, True)
    assert cloud.get(f"/v1/users/{name}").json == cloud.get(f"/v1/users/{user['id']}").json == user
    changed = cloud.patch(f"/v1/users/{name}", {"name": f"{name} b", "description": "", "enabled": True}).json
    assert changed == {**user, "name": f"{name} b", "description": "", "enabled": True}
    assert cloud.get(f"/v1/users/{name}").code == "user_not_found"
    assert cloud.delete(f"/v1/users/{user['id']}").status == 204
    assert cloud.get(f"/v1/users/{user['id']}").code == "user_not_found"
    assert cloud.delete(f"/v1/users/{user['id']}").code == "user_not_found"


def test_what_a_user_gets_by_itself(cloud, name):
    user = cloud.post("/v1/users", {"name": name}).json
    assert fields(user, "description", "enabled", "has_password") == ("", True, False)
    answer = cloud.with_token(None).post("/v1/tokens", {"user": name, "password": PASSWORD})
    assert (answer.status, answer.code) == (401, "unauthorized")


def test_no_answer_holds_a_password(cloud, name):
    answers = [cloud.post("/v1/users", {"name": name, "password": PASSWORD}), cloud.get("/v1/users"), cloud.get(f"/v1/users/{name}"),
               cloud.patch(f"/v1/users/{name}", {"password": PASSWORD + "!"})]
    for answer in answers:
        assert PASSWORD.encode() not in answer.body and b"argon2" not in answer.body


NAMES = [("", "name"), (5, "name"), ("x" * 256, "name"), ("a\u0007b", "name"), ("é" * 200, "name"), ("a" * 32, "name"), ("a/b", "name"), (" a", "name"), ("*", "name")]
WRONG = [({"name": value}, field) for value, field in NAMES] + [
    ({"description": 5}, "description"), ({"description": "x" * 256}, "description"), ({"description": "a\nb"}, "description"),
    ({"enabled": "yes"}, "enabled"), ({"enabled": 1}, "enabled"), ({"id": "a" * 32}, "id"), ({"domain": "x"}, "domain"), ({"is_admin": True}, "is_admin")]
WRONG_PASSWORDS = [({"password": value}, "password") for value in ("", "1234567", 12345678, "x" * 1025, "é" * 600)]


@pytest.mark.parametrize("body,field", WRONG + WRONG_PASSWORDS + [({"original_password": PASSWORD}, "original_password")], ids=lambda v: repr(v)[:40])
def test_a_user_that_is_refused(cloud, name, body, field):
    before = len(cloud.get("/v1/users", limit=1000).json["users"])
    answer = cloud.post("/v1/users", {"name": name, **body})
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)
    assert len(cloud.get("/v1/users", limit=1000).json["users"]) == before


@pytest.mark.parametrize("body,field", WRONG + WRONG_PASSWORDS, ids=lambda v: repr(v)[:40])
def test_a_change_of_a_user_that_is_refused(cloud, name, body, field):
    user = cloud.post("/v1/users", {"name": name, "password": PASSWORD}).json
    answer = cloud.patch(f"/v1/users/{name}", body)
    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)
    assert cloud.get(f"/v1/users/{user['id']}").json == user


def test_a_user_without_a_name(cloud):
    answer = cloud.post("/v1/users", {})
    assert (answer.status, answer.json["field"]) == (400, "name")
    assert cloud.post("/v1/users", []).status == 400
    assert cloud.post("/v1/users", b"{").code == "invalid_json"


def test_a_taken_name(cloud, name):
    for path in ("/v1/users", "/v1/projects"):
        assert cloud.post(path, {"name": name}).status == 201
        assert cloud.post(path, {"name": f"{name}-b"}).status == 201
        for answer in (cloud.post(path, {"name": name}), cloud.patch(f"{path}/{name}-b", {"name": name})):
            assert (answer.status, answer.code) == (409, "name_taken")
        assert cloud.get(f"{path}/{name}-b").status == 200


def test_odd_names(cloud):
    """Spaces and letters of all languages, found by the name too."""
    for given in ("Zoë Ångström", "a b%c?d", "..."):
        created = cloud.post("/v1/users", {"name": given}).json
        assert cloud.get("/v1/users/" + urllib.parse.quote(given, safe="")).json == created


def test_a_changed_password(cloud, name):
    cloud.add_user(name, "default")
    assert cloud.patch(f"/v1/users/{name}", {"password": "another password"}).status == 200
    assert cloud.with_token(None).post("/v1/tokens", {"user": name, "password": PASSWORD}).status == 401
    cloud.as_user(name, "another password")


# ---- projects ----
def test_a_project(cloud, name):
    answer = cloud.post("/v1/projects", {"name": name, "description": "what", "enabled": False})
    assert answer.status == 201
    project = answer.json
    assert answer.headers["Location"] == f"/v1/projects/{project['id']}"
    assert fields(project, "name", "description", "enabled") == (name, "what", False)
    assert cloud.get(f"/v1/projects/{name}").json == cloud.get(f"/v1/projects/{project['id']}").json == project
    changed = cloud.patch(f"/v1/projects/{name}", {"name": f"{name}-b", "enabled": True}).json
    assert changed == {**project, "name": f"{name}-b", "enabled": True}
    assert cloud.delete(f"/v1/projects/{project['id']}").status == 204
    assert cloud.get(f"/v1/projects/{project['id']}").code == "project_not_found"
    assert cloud.delete(f"/v1/projects/{project['id']}").code == "project_not_found"


@pytest.mark.parametrize("body,field", WRONG + [({"name": "x" * 65}, "name"), ({"password": PASSWORD}, "password")], ids=lambda v: repr(v)[:40])
def test_a_project_that_is_refused(cloud, name, body, field):
    project = cloud.post("/v1/projects", {"name": f"{name}-there"}).json
    for answer in (cloud.post("/v1/projects", {"name": name, **body}), cloud.patch(f"/v1/projects/{name}-there", body)):
        assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_field", field)
    assert cloud.get(f"/v1/projects/{project['id']}").json == project
    assert cloud.get(f"/v1/projects/{name}").status == 404


def test_a_project_with_things_in_it_stays(cloud, name):
    project = cloud.add_project(name)
    member = cloud.add_user(name, project)
    image = member.post("/v1/images", {"name": name, "disk_format": "raw"}).json["id"]
    answer = cloud.delete(f"/v1/projects/{name}")
    assert (answer.status, answer.code) == (409, "in_use")
    assert "image" in answer.json["detail"]
    member.done(member.delete(f"/v1/images/{image}"))
    assert cloud.delete(f"/v1/projects/{name}").status == 204
    assert member.get("/v1/me").status == 401


def test_the_project_default_stays(cloud):
    assert cloud.delete("/v1/projects/default").status == 409


@pytest.mark.parametrize("plural", ["users", "projects"])
def test_pages(cloud, name, plural):
    made = [cloud.post(f"/v1/{plural}", {"name": f"{name}-{i}"}).json for i in range(3)]
    seen, path = [], f"/v1/{plural}?limit=2"
    while path:
        page = cloud.get(path).json
        assert len(page[plural]) <= 2
        seen += page[plural]
        path = page["next"]
    assert seen == by_age(seen) and [item["id"] for item in seen].count(made[0]["id"]) == 1
    assert by_age(made) == [item for item in seen if item in made]
    behind = cloud.get(f"/v1/{plural}", limit=1, marker=by_age(made)[0]["id"]).json[plural]
    assert behind == [by_age(made)[1]]
    for query in ("limit=0", "limit=1001", "limit=x", "marker=x", "name=x"):
        assert cloud.get(f"/v1/{plural}?{query}").code == "invalid_field"


# ---- roles ----
def test_the_roles(cloud):
    roles = cloud.get("/v1/roles").json["roles"]
    assert [role["name"] for role in roles] == ["reader", "member", "admin"]


def test_granting_and_revoking(cloud, name):
    project = cloud.add_project(name)
    user = cloud.post("/v1/users", {"name": name}).json["id"]
    path = f"/v1/projects/{name}/users/{name}/roles/reader"
    for _ in range(2):
        assert cloud.put(path).status == 204
    expected = [{"user": user, "user_name": name, "project": project, "project_name": name, "role": "reader"}]
    for query in ({"user": name}, {"project": project}, {"user": user, "project": name}):
        assert cloud.get("/v1/role-assignments", **query).json["role_assignments"] == expected
    assert expected[0] in cloud.get("/v1/role-assignments").json["role_assignments"]
    assert expected[0] in cloud.get("/v1/role-assignments", project="*").json["role_assignments"]
    assert cloud.get("/v1/role-assignments", user=name, project="default").json["role_assignments"] == []
    for _ in range(2):
        assert cloud.delete(path).status == 204
    assert cloud.get("/v1/role-assignments", user=name).json["role_assignments"] == []


@pytest.mark.parametrize("path,status,code", [
    ("/v1/projects/nothing/users/admin/roles/reader", 404, "project_not_found"), ("/v1/projects/default/users/nobody/roles/reader", 404, "user_not_found"),
    ("/v1/projects/default/users/admin/roles/king", 404, "role_not_found")])
def test_grants_that_are_refused(cloud, path, status, code):
    for answer in (cloud.put(path), cloud.delete(path)):
        assert (answer.status, answer.code) == (status, code)


def test_filters_that_name_nothing(cloud):
    assert cloud.get("/v1/role-assignments", user="nobody").code == "user_not_found"
    assert cloud.get("/v1/role-assignments", project="nothing").code == "project_not_found"
    assert cloud.get("/v1/role-assignments?role=member").code == "invalid_field"


def test_a_role_works_at_once(cloud, name):
    project = cloud.add_project(name)
    someone = cloud.add_user(name, project, "reader")
    body = {"name": name, "disk_format": "raw"}
    assert someone.post("/v1/images", body).code == "forbidden"
    cloud.put(f"/v1/projects/{name}/users/{name}/roles/member")
    assert someone.post("/v1/images", body).status == 201
    cloud.delete(f"/v1/projects/{name}/users/{name}/roles/member")
    assert someone.post("/v1/images", {**body, "name": f"{name}-b"}).code == "forbidden"
    cloud.delete(f"/v1/projects/{name}/users/{name}/roles/reader")
    assert someone.get("/v1/images").status == 401


# ---- who may ----
@pytest.mark.parametrize("method,path,body", [
    ("GET", "/v1/users", None), ("POST", "/v1/users", {"name": "mine"}), ("DELETE", "/v1/users/admin", None), ("POST", "/v1/projects", {"name": "mine"}),
    ("PATCH", "/v1/projects/default", {"name": "mine"}), ("DELETE", "/v1/projects/default", None),
    ("PUT", "/v1/projects/default/users/admin/roles/admin", None), ("DELETE", "/v1/projects/default/users/admin/roles/admin", None)])
def test_what_is_for_administrators(cloud, name, method, path, body):
    member = cloud.add_user(name, "default")
    answer = member.call(method, path, body)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert cloud.with_token(None).call(method, path, body).status == 401
    assert cloud.get("/v1/users/mine").status == cloud.get("/v1/projects/mine").status == 404


def test_everybody_sees_itself(cloud, name):
    """And its projects and roles, and nobody else's."""
    project = cloud.add_project(name)
    reader = cloud.add_user(name, project, "reader")
    me = reader.get("/v1/me").json
    assert fields(me, "auth", "user_name", "project", "project_name", "roles", "is_admin") == ("token", name, project, name, ["reader"], False)
    assert reader.get(f"/v1/users/{name}").json["id"] == reader.get(f"/v1/users/{me['user']}").json["id"] == me["user"]
    assert reader.get("/v1/users/admin").code == "user_not_found"
    assert [p["id"] for p in reader.get("/v1/projects").json["projects"]] == [project]
    assert reader.get("/v1/projects/default").code == "project_not_found"
    assert [(a["user_name"], a["role"]) for a in reader.get("/v1/role-assignments").json["role_assignments"]] == [(name, "reader")]


def test_ones_own_password(cloud, name):
    member = cloud.add_user(name, "default")
    second = cloud.as_user(name, PASSWORD)
    assert member.patch(f"/v1/users/{name}", {"password": "another password"}).status in (400, 401)
    assert member.patch(f"/v1/users/{name}", {"password": "another password", "original_password": "wrong"}).status == 401
    cloud.as_user(name, PASSWORD)
    assert member.patch(f"/v1/users/{name}", {"password": "another password", "original_password": PASSWORD}).status == 200
    assert member.get("/v1/me").status == 200
    assert second.get("/v1/me").status == 401
    cloud.as_user(name, "another password")


def test_one_changes_nothing_else(cloud, name):
    member = cloud.add_user(name, "default")
    user = member.get(f"/v1/users/{name}").json
    for body in ({"name": f"{name}-b"}, {"enabled": False}, {"description": "king"}):
        assert member.patch(f"/v1/users/{name}", body).code == "forbidden"
    assert member.patch("/v1/users/admin", {"password": "another password", "original_password": PASSWORD}).status in (403, 404)
    assert cloud.get(f"/v1/users/{name}").json == user


def test_the_last_administrator_stays(own):
    for answer in (own.patch("/v1/users/admin", {"enabled": False}), own.delete("/v1/users/admin"), own.delete("/v1/projects/default/users/admin/roles/admin")):
        assert (answer.status, answer.code) == (409, "conflict")
    own.add_user("second", "default", "admin")
    assert own.patch("/v1/users/admin", {"enabled": False}).status == 200
    assert own.get("/v1/me").status == 401


# ---- without tokens ----
def test_everybody_is_the_administrator(daemon, name):
    me = daemon.get("/v1/me").json
    assert fields(me, "auth", "user", "user_name", "project_name", "is_admin", "token", "expires_at") == ("none", None, "admin", "default", True, None, None)
    assert daemon.post("/v1/users", {"name": name, "password": PASSWORD}).status == 201
    assert daemon.post("/v1/tokens", {"name": "no user"}).code == "conflict"
    assert daemon.get("/v1/tokens/current").code == "token_not_found"
