"""TLS on the addresses others could reach: who is let in, what a client may believe, and renewing the certificate under connections."""
import os
import signal
import socket
import ssl
import subprocess

import pytest

from client import BINARY, Daemon, eventually

COMPUTECTL = os.path.join(os.path.dirname(BINARY), "computectl")
MIB = 1 << 20


class Authority:
    """A small CA in a directory of its own."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        directory.mkdir()
        self.cert, self.key = directory / "ca.pem", directory / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2, "-subj", f"/CN={name}",
                "-keyout", self.key, "-out", self.cert)

    def issue(self, cert, key, serial):
        """A certificate for 127.0.0.1 whose serial number tells it from others, with its issuer behind it."""
        request, extensions = self.directory / "leaf.csr", self.directory / "leaf.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=computed", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-set_serial", serial, "-days", 1, "-extfile", extensions, "-out", cert)
        cert.write_text(cert.read_text() + self.cert.read_text())


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


class TlsDaemon(Daemon):
    """A Daemon that asks itself over TLS, and tells the certificate it shows."""

    def __init__(self, directory, **settings):
        self.ca = Authority(directory / "ca", "the right one")
        self.cert, self.certkey = directory / "cert.pem", directory / "key.pem"
        self.ca.issue(self.cert, self.certkey, serial=1)
        self.tls = ssl.create_default_context(cafile=self.ca.cert)
        super().__init__(directory, tls_cert=self.cert, tls_key=self.certkey, **settings)

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def handshake(self, context=None):
        """A connection of bytes, after its handshake."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        try:
            return (context or self.tls).wrap_socket(plain, server_hostname="127.0.0.1")
        except BaseException:
            plain.close()
            raise

    def serial(self):
        with self.handshake() as connection:
            return int(connection.getpeercert()["serialNumber"], 16)

    def reload(self, said):
        """SIGHUP, until the log says so."""
        before = self.log_text().count(said)
        self.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.log_text().count(said) > before, f"'{said}' in the log")

    def renew(self, serial):
        self.ca.issue(self.cert, self.certkey, serial)
        self.reload("new connections get the certificate")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    daemon = TlsDaemon(tmp_path_factory.mktemp("tls"))
    daemon.add_image("tiny")
    yield daemon
    daemon.stop()


def curl(daemon, *arguments):
    return subprocess.run(["curl", "-sS", "--max-time", "60", *map(str, arguments), daemon.url + "/v1/vms"], capture_output=True, text=True, timeout=90)


def answer_on(connection):
    """The next answer on a connection: its first line."""
    return connection.recv(65536).split(b"\r\n")[0]


REQUEST = b"GET /v1/vms HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


# ---- clients ----
def test_curl_believes_the_authority(tls):
    assert tls.url.startswith("https://")
    done = curl(tls, "--cacert", tls.ca.cert)
    assert done.returncode == 0 and '"vms"' in done.stdout, done


def test_curl_refuses_another_authority(tls, tmp_path):
    done = curl(tls, "--cacert", Authority(tmp_path / "ca", "a wrong one").cert)
    assert done.returncode == 60, done # "peer certificate cannot be authenticated"


def test_computectl_verifies(tls, tmp_path):
    def told(cacert, **environment):
        words = ["--cacert", str(cacert)] if cacert else []
        return subprocess.run([COMPUTECTL, *words, "--url", tls.url, "vm", "list"], env={**os.environ, **environment}, capture_output=True, text=True, timeout=90)

    assert told(tls.ca.cert).returncode == 0
    assert told(None, COMPUTED_CACERT=str(tls.ca.cert)).returncode == 0
    for wrong in (Authority(tmp_path / "ca", "a wrong one").cert, None):
        done = told(wrong)
        assert done.returncode == 1 and "certificate" in done.stderr, done


def test_requests_go_through(tls, name):
    vm = tls.create(name)
    assert tls.act(vm["id"], "stop")["status"] == "stopped"
    tls.remove(vm["id"])


def test_tokens_over_tls(tmp_path):
    daemon = TlsDaemon(tmp_path, auth="token")
    try:
        assert daemon.get("/v1/me").status == 200
        answer = daemon.with_token(None).get("/v1/vms")
        assert answer.status == 401 and answer.headers["WWW-Authenticate"] == 'Bearer realm="computed"'
    finally:
        daemon.stop()


def test_plain_http_is_no_answer(tls):
    with socket.create_connection(("127.0.0.1", tls.port), timeout=60) as connection:
        connection.sendall(REQUEST)
        said = b""
        try:
            while piece := connection.recv(4096):
                said += piece
        except ConnectionResetError:
            pass
    assert b"HTTP" not in said
    assert tls.get("/health").status == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion") # old ones are what it is about
def test_old_versions_are_refused(tls):
    old = ssl.create_default_context(cafile=tls.ca.cert)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        tls.handshake(old).close()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=tls.ca.cert)
        context.minimum_version = context.maximum_version = version
        tls.handshake(context).close()


def test_connections_leave_no_descriptors(tls):
    with tls.handshake() as connection: # whatever is opened once is open now
        connection.sendall(REQUEST)
        assert b"200" in answer_on(connection)
    before = tls.descriptors()
    for i in range(200):
        if i % 2:
            tls.handshake().close()
        else:
            socket.create_connection(("127.0.0.1", tls.port), timeout=60).close()
    eventually(lambda: tls.descriptors() <= before, f"as few descriptors as before ({before})")


# ---- renewing ----
def test_sighup_shows_the_new_certificate(tls):
    with tls.handshake() as connection:
        serial = tls.serial() + 1
        tls.renew(serial)
        assert tls.serial() == serial
        connection.sendall(REQUEST) # with the old one
        assert b"200" in answer_on(connection)


def test_a_transfer_goes_on(tls):
    """An upload whose first half comes before the reload, and its second half after it."""
    image = tls.post("/v1/images", {"name": "renewed", "disk_format": "raw"}).json["id"]
    with tls.handshake() as connection:
        connection.sendall(f"PUT /v1/images/{image}/file HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n"
                           f"Content-Length: {4 * MIB}\r\n\r\n".encode())
        connection.sendall(b"\0" * (2 * MIB))
        serial = tls.serial() + 1
        tls.renew(serial)
        connection.sendall(b"\1" * (2 * MIB))
        assert b"204" in answer_on(connection)
    assert tls.get(f"/v1/images/{image}").json["size_bytes"] == 4 * MIB


def test_a_waiting_request_goes_on(tls, name):
    """?wait= is suspended when the certificate changes."""
    tls.hypervisor("hang")
    try:
        answer = tls.post("/v1/vms", {"name": name, "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1})
        with tls.handshake() as connection:
            connection.sendall(f"GET {answer.headers['Location']}?wait=60 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            tls.renew(tls.serial() + 1)
            tls.hypervisor(None)
            assert b"200" in answer_on(connection)
    finally:
        tls.hypervisor(None)
    tls.done(answer)
    tls.remove(name)


STREAMS = {"sse": "Accept: text/event-stream\r\n",
           "websocket": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"}


def subscribe(tls, kind):
    connection = tls.handshake()
    connection.sendall(f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n{STREAMS[kind]}\r\n".encode())
    assert answer_on(connection).split()[1] == {"sse": b"200", "websocket": b"101"}[kind]
    return connection


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_of_events_goes_on(tls, kind):
    with subscribe(tls, kind) as connection:
        tls.renew(tls.serial() + 1)
        tls.add_image(f"seen-by-{kind}")
        seen = b""
        while f"seen-by-{kind}".encode() not in seen:
            piece = connection.recv(65536)
            assert piece, seen
            seen += piece


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_does_not_hold_up_the_end(tmp_path, kind):
    daemon = TlsDaemon(tmp_path)
    with subscribe(daemon, kind):
        daemon.stop()


@pytest.mark.parametrize("key", ["tls_cert", "tls_key"])
def test_a_broken_file_keeps_the_old_one(tls, key):
    path = {"tls_cert": tls.cert, "tls_key": tls.certkey}[key]
    good, serial = path.read_text(), tls.serial()
    path.write_text("-----BEGIN GARBAGE-----\n")
    tls.reload("the old certificate stays")
    assert f"{key}: " in tls.log_text().rsplit("the old certificate stays", 1)[1]
    assert tls.serial() == serial
    path.write_text(good)
    tls.reload("new connections get the certificate")
    assert tls.serial() == serial


def test_sighup_without_tls_changes_nothing(daemon):
    daemon.process.send_signal(signal.SIGHUP)
    eventually(lambda: "nothing to read again" in daemon.log_text(), "a line in the log")
    assert daemon.get("/health").status == 200
