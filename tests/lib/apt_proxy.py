"""A booted machine (debian_machine.py) has no network but its own. Its apt gets through to the mirrors by this: an HTTP proxy that listens
inside and asks outside."""
import contextlib
import ctypes
import http.client
import http.server
import os
import shutil
import socket
import subprocess
import threading
import urllib.parse

PORT = 3142
ANSWER_S = 120
PASSED_ON = ("Range", "If-Range", "If-Modified-Since", "Cache-Control", "User-Agent")
GIVEN_BACK = ("Content-Length", "Content-Range", "Content-Type", "Last-Modified", "ETag", "Accept-Ranges", "Location")


def listen_in(pid):
    """A listening socket in the network namespace of this process. A thread enters it: namespaces are each thread's own."""
    made = []

    def make():
        with open(f"/proc/{pid}/ns/net", "rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) == 0:
                made.append(socket.create_server(("127.0.0.1", PORT), backlog=64))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not made:
        raise OSError(f"no socket in the network of process {pid}")
    return made[0]


def host_proxy():
    """HOST:PORT of the one that the host's own apt uses, if any."""
    asked = subprocess.run(["apt-config", "dump", "--format", "%v", "Acquire::http::Proxy"], check=True, capture_output=True, text=True, timeout=60)
    return urllib.parse.urlsplit(asked.stdout.strip()).netloc


class Handler(http.server.BaseHTTPRequestHandler):
    """One of apt's connections, with one to its mirror, which is kept: there are hundreds of files."""
    protocol_version = "HTTP/1.1"
    proxy = ""
    mirror = upstream = None

    def finish(self):
        if self.upstream:
            self.upstream.close()
        super().finish()

    def do_GET(self):
        headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
        try:
            self._give(self._ask(headers))
        except (OSError, http.client.HTTPException) as error:
            self.close_connection = True
            self.upstream = None
            with contextlib.suppress(OSError):
                self.send_error(502, explain=str(error))

    def _ask(self, headers):
        url = urllib.parse.urlsplit(self.path)
        if not self.upstream or self.mirror != url.netloc:
            self.upstream, self.mirror = http.client.HTTPConnection(self.proxy or url.netloc, timeout=ANSWER_S), url.netloc
        path = self.path if self.proxy else url.path + (f"?{url.query}" if url.query else "")
        self.upstream.request("GET", path, headers={**headers, "Host": url.netloc})
        return self.upstream.getresponse()

    def _give(self, answer):
        self.send_response(answer.status)
        for name in GIVEN_BACK:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        if "Content-Length" not in answer.headers and answer.status != 304:
            self.close_connection = True
        self.end_headers()
        shutil.copyfileobj(answer, self.wfile, 1 << 20)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def apt_proxy(machine):
    """While it lasts, the booted machine's apt finds the host's mirrors."""
    handler = type("MachineHandler", (Handler,), {"proxy": host_proxy()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listen_in(machine.init)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = machine.path("/etc/apt/apt.conf.d/zz-proxy")
    settings.write_text(f'Acquire::http::Proxy "http://127.0.0.1:{PORT}";\n')
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(settings)
        server.shutdown()
        server.server_close()
