"""The daemon under test, and a client of it. Standard library only."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import select
import signal
import sqlite3
import subprocess
import sys
import urllib.parse

from openapi import Document

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "lib"))
from waiting import DEADLINE_S, eventually  # noqa: E402

BINARY = os.environ.get("COMPUTED_BIN", str(ROOT / "build" / "test" / "computed"))
DOCUMENT = Document((ROOT / "src" / "api" / "native" / "openapi.json").read_text())
READY = "computed: listening on "
PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')
ROOM = {"cpu_overcommit": 1000, "memory_overcommit": 1000, "disk_overcommit": 1000, "memory_reserve_mib": 0, "disk_reserve_gib": 0}
PASSWORD = "correct horse battery"


def by_age(items):
    """The order of lists: creation, then id. Two may have been made within one millisecond."""
    return sorted(items, key=lambda item: (item["created_at"], item["id"]))


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class Client:
    """Each answer is held against the OpenAPI document before a test sees it. token: what each request carries; None: nothing."""
    tls = None # an ssl.SSLContext when the server speaks it

    def __init__(self, host, port, token=None):
        self.host, self.port, self.token = host, port, token

    def with_token(self, token):
        """The same server, asked by somebody else; None: by nobody."""
        other = Client(self.host, self.port, token)
        other.tls = self.tls
        return other

    def as_user(self, name, password, project=None, **wanted):
        """Logs in."""
        answer = self.with_token(None).post("/v1/tokens", {"user": name, "password": password, "project": project, **wanted})
        assert answer.status == 201, answer
        return self.with_token(answer.json["token"])

    def connection(self):
        """Not connected yet."""
        if self.tls:
            return http.client.HTTPSConnection(self.host, self.port, timeout=90, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=90)

    def call(self, method, path, body=None, headers=None):
        """body: bytes as they are, anything else as JSON, None for none."""
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("X-Auth-Token", self.token)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection = self.connection()
        try:
            connection.request(method, path, body, headers)
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        DOCUMENT.check_answer(method, path, answer)
        return answer

    def get(self, path, **query):
        """What is in path already stays; query is added to it, encoded."""
        if query:
            path += ("&" if "?" in path else "?") + urllib.parse.urlencode(query)
        return self.call("GET", path)

    def post(self, path, body=None, key=None):
        return self.call("POST", path, body, {"Idempotency-Key": key} if key else None)

    def patch(self, path, body):
        return self.call("PATCH", path, body)

    def put(self, path, body=None):
        return self.call("PUT", path, body)

    def delete(self, path):
        return self.call("DELETE", path)

    # ---- shorthands: what a test needs done, not what it tests ----
    def wait(self, answer):
        """The operation that an accepted request began, at its end."""
        assert answer.status == 202, answer
        path = answer.headers["Location"]
        return eventually(lambda: self._ended(path), f"the end of {path}")

    def _ended(self, path):
        operation = self.get(path, wait=20).json
        return operation if operation["status"] in ("succeeded", "failed") else None

    def ended(self, target, kind):
        """The newest operation of this kind about it, at its end."""
        operation = self.get("/v1/operations", target=target, kind=kind).json["operations"][0]
        return eventually(lambda: self._ended(f"/v1/operations/{operation['id']}"), f"the end of {kind} of {target}")

    def done(self, answer):
        operation = self.wait(answer)
        assert operation["status"] == "succeeded", operation
        return operation

    def create(self, name, **fields):
        """A VM that is there."""
        body = {"name": name, "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1, **fields}
        answer = self.post("/v1/vms", body)
        self.done(answer)
        return self.show(answer.json["id"])

    def show(self, ref):
        answer = self.get("/v1/vms/" + urllib.parse.quote(ref, safe=""))
        assert answer.status == 200, answer
        return answer.json

    def address(self, vm, network=0):
        (text,) = vm["networks"][network]["addresses"]
        return text

    def act(self, ref, verb, body=None):
        self.done(self.post(f"/v1/vms/{ref}/{verb}", body))
        return self.show(ref)

    def remove(self, ref):
        self.done(self.delete(f"/v1/vms/{ref}"))

    def upload(self, ref, data):
        return self.call("PUT", f"/v1/images/{ref}/file", data, {"Content-Type": "application/octet-stream"})

    def add_project(self, name):
        answer = self.post("/v1/projects", {"name": name})
        assert answer.status == 201, answer
        return answer.json["id"]

    def add_user(self, name, project=None, role="member", password=PASSWORD):
        """A new user with a role in a project, logged in there; without a project, nobody's member and not logged in."""
        answer = self.post("/v1/users", {"name": name, "password": password})
        assert answer.status == 201, answer
        if not project:
            return None
        assert self.put(f"/v1/projects/{project}/users/{name}/roles/{role}").status == 204
        return self.as_user(name, password, project)

    def add_image(self, name, data=b"\0" * 65536, disk_format="raw"):
        answer = self.post("/v1/images", {"name": name, "disk_format": disk_format})
        assert answer.status == 201, answer
        assert self.upload(answer.json["id"], data).status == 204
        return answer.json["id"]


class Daemon(Client):
    """computed on a free port, on a fake hypervisor, in a directory of its own. With auth="token" its own calls are the administrator's."""

    def __init__(self, directory, **settings):
        self.directory = pathlib.Path(directory)
        self.state = self.directory / "state"
        self.domains = self.directory / "domains"
        self.failpoints = self.directory / "failpoints"
        self.domains.mkdir(parents=True, exist_ok=True)
        self.arm("")
        self.settings = {"listen": "127.0.0.1:0", "state_dir": self.state, "libvirt_uri": f"fake://{self.domains}", "virt_type": "auto",
                         "auth": "none", "template_dir": ROOT / "templates", "stop_grace": "1s", "guest_port": 0, **ROOM, **settings}
        self.token = None
        if self.settings["auth"] == "token":
            done = self.command("init")
            assert done.returncode == 0, done.stderr
            self.admin_password = done.stdout.split()[-1]
        self.start()
        if self.settings["auth"] == "token":
            self.token = self.as_user("admin", self.admin_password).token

    def environment(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COMPUTED_")}
        environment.update({"COMPUTED_" + key.upper(): str(value) for key, value in self.settings.items()})
        environment["COMPUTED_FAILPOINTS_FILE"] = str(self.failpoints)
        return environment

    def program(self):
        return [BINARY]

    def passed(self):
        """Descriptors that the daemon inherits beside its standard streams."""
        return ()

    def command(self, *arguments):
        """`computed <arguments>` with this daemon's configuration, to its end."""
        return subprocess.run([BINARY, *map(str, arguments)], env=self.environment(), capture_output=True, text=True, timeout=DEADLINE_S)

    def start(self):
        environment = self.environment()
        self.log = self.open_log()
        self.process = subprocess.Popen(self.program(), stdout=subprocess.PIPE, stderr=self.log, env=environment, pass_fds=self.passed())
        line = self._first_line()
        assert line.startswith(READY), f"no ready line but {line!r}; the log: {self.log_text()[-2000:]}"
        url = urllib.parse.urlsplit(line.removeprefix(READY).strip().split(", ")[0])
        super().__init__(url.hostname, url.port, self.token)

    def open_log(self):
        """What its stderr is."""
        return open(self.directory / "log", "ab")

    def _first_line(self):
        readable, _, _ = select.select([self.process.stdout], [], [], DEADLINE_S)
        return self.process.stdout.readline().decode() if readable else ""

    def stop(self):
        """SIGTERM; the daemon must end well. A sanitizer's complaint is a bad end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = "none: it had to be killed"
        self.process.stdout.close()
        self.log.close()
        assert code == 0, f"exit code {code}; the log: {self.log_text()[-4000:]}"

    def restart(self):
        self.stop()
        self.start()

    def dies_of(self, method, path, body=None):
        """A failpoint ends it, perhaps sooner than the answer leaves; what was asked is committed in either case."""
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            self.call(method, path, body)
        assert self.process.wait(DEADLINE_S) == -signal.SIGKILL

    def comes_back(self):
        """A new life after kill or death; nothing is armed."""
        self.arm("")
        self.process.stdout.close()
        self.log.close()
        self.start()

    def log_text(self):
        return (self.directory / "log").read_text(errors="replace")

    def log_lines(self, **fields):
        """The lines whose pairs are so, as dictionaries; a value's quotes are taken off."""
        lines = [{key: value.strip('"') for key, value in PAIR.findall(line)} for line in self.log_text().splitlines()]
        return [line for line in lines if fields.items() <= line.items()]

    # ---- the other side of the hypervisor ----
    def arm(self, text):
        """Failpoints; "" disarms."""
        new = self.failpoints.with_suffix(".new")
        new.write_text(text)
        new.rename(self.failpoints)

    def domain(self, vm_id):
        """The fake's domain, or None."""
        try:
            return json.loads((self.domains / f"{vm_id}.json").read_text())
        except FileNotFoundError:
            return None

    def edit_domain(self, vm_id, **changes):
        """What an administrator does with virsh."""
        new = self.domains / f".{vm_id}.test"
        new.write_text(json.dumps({**self.domain(vm_id), **changes}))
        new.rename(self.domains / f"{vm_id}.json")

    def undefine(self, vm_id):
        (self.domains / f"{vm_id}.json").unlink()

    def hypervisor(self, trouble):
        """trouble: "down" or "hang"; None ends it."""
        for word in ("down", "hang"):
            (self.domains / word).touch() if word == trouble else (self.domains / word).unlink(missing_ok=True)

    def network_record(self, network_id):
        """The fake's network, or None."""
        try:
            return json.loads((self.domains / "networks" / f"{network_id}.json").read_text())
        except FileNotFoundError:
            return None

    def image_files(self, image_id=""):
        """Names in images/, of one image or of all, but for the records of what they are."""
        return sorted(path.name for path in (self.state / "images").glob(image_id + "*") if ".json" not in path.name)

    def instance(self, vm_id):
        return self.state / "instances" / vm_id

    def events(self, kind, resource):
        """The payloads of a resource's events of one type, oldest first."""
        with sqlite3.connect(f"file:{self.state}/computed.db?mode=ro", uri=True) as database:
            rows = database.execute("SELECT payload FROM event WHERE type = ? AND resource = ? ORDER BY seq", (kind, resource)).fetchall()
        database.close()
        return [json.loads(payload) for (payload,) in rows]
