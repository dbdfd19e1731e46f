"""What is measured with: the daemon under test, a client that costs next to nothing, the programs beside it."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
URI = "qemu:///system"
TIMEOUT_S = 90


class Failed(Exception):
    pass


def ms_since(began_ns):
    return (time.perf_counter_ns() - began_ns) / 1e6


class Client:
    """One kept connection. A request is one send, an answer is read as it comes: what is timed is the daemon."""

    def __init__(self, port):
        self.host = f"127.0.0.1:{port}"
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self.sock.close()

    def _receive(self):
        data = bytearray()
        while (end := data.find(b"\r\n\r\n")) < 0:
            self._more(data)
        head = data[:end].decode("latin-1")
        length = re.search(r"(?im)^content-length: *(\d+)", head)
        size = end + 4 + (int(length[1]) if length else 0)
        while len(data) < size:
            self._more(data)
        return int(head.split(" ", 2)[1]), head, bytes(data[end + 4 :])

    def _more(self, data):
        got = self.sock.recv(1 << 20)
        if not got:
            raise Failed("the daemon closed the connection")
        data += got

    def ask(self, method, path, body=None, content_type="application/json"):
        """(milliseconds, status, body) from the first byte sent to the last byte received."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n"
        if body is not None:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        wire = head.encode() + b"\r\n" + (body or b"")
        began = time.perf_counter_ns()
        self.sock.sendall(wire)
        status, _, answer = self._receive()
        return ms_since(began), status, answer

    def expect(self, want, method, path, body=None, **more):
        """(milliseconds, decoded answer)"""
        spent, status, answer = self.ask(method, path, body, **more)
        if status != want:
            raise Failed(f"{method} {path}: {status}, not {want}: {answer[:400].decode(errors='replace')}")
        return spent, json.loads(answer) if answer[:1] in (b"{", b"[") else answer

    def get(self, path):
        return self.expect(200, "GET", path)[1]

    def wait(self, operation):
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            op = self.get(f"/v1/operations/{operation}?wait=60")
            if op["status"] == "succeeded":
                return
            if op["status"] == "failed":
                raise Failed(f"operation {operation} failed: {op['error']}")
        raise Failed(f"operation {operation} does not end")


class Daemon:
    """The release build on a state directory of its own."""

    def __init__(self, state_dir, log):
        self.env = dict(os.environ, COMPUTED_LISTEN="127.0.0.1:0", COMPUTED_STATE_DIR=str(state_dir), COMPUTED_VIRT_TYPE="qemu",
                        COMPUTED_LIBVIRT_URI=URI, COMPUTED_CPU_OVERCOMMIT="1000", COMPUTED_MEMORY_OVERCOMMIT="1000",
                        COMPUTED_DISK_OVERCOMMIT="1000", COMPUTED_GUEST_PORT="0",
                        COMPUTED_EVENT_CONNECTIONS="10500")
        self.log = log
        self.process = None
        self.port = 0

    def start(self):
        """Milliseconds from exec to the ready line."""
        with open(self.log, "ab") as log:
            began = time.perf_counter_ns()
            self.process = subprocess.Popen([ROOT / "build/computed"], env=self.env, stdout=subprocess.PIPE, stderr=log, text=True)
            line = self.process.stdout.readline()
            spent = ms_since(began)
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if not found:
            raise Failed("the daemon did not start")
        self.port = int(found[1])
        return spent

    def stop(self):
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process = None

    def last_words(self):
        ended = self.process and self.process.poll()
        text = pathlib.Path(self.log).read_text(encoding="utf-8", errors="replace") if pathlib.Path(self.log).exists() else ""
        return f"the daemon {'runs' if ended is None else f'ended with {ended}'}; its log ends so:\n{text[-2000:]}"

    def memory_mib(self):
        """(private, resident)"""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        kib = {m[1]: int(m[2]) for m in re.finditer(r"(?m)^(\w+): +(\d+) kB", text)}
        return (kib["Private_Clean"] + kib["Private_Dirty"]) / 1024, kib["Rss"] / 1024


class Helper:
    """A program of this folder that answers lines; it ends when its stdin is closed."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.process.args[0]} ended")
        return [int(word) for word in line.split()]

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.read()

    def ask_ms(self, *words):
        return self.ask(*words)[-1] / 1e6

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def process_ms(*command):
    """A whole process, from fork to exit."""
    began = time.perf_counter_ns()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return ms_since(began)


def wrk(url, seconds):
    """Requests per second of 2 threads and 16 connections."""
    out = subprocess.run(["wrk", "-t2", "-c16", f"-d{seconds}s", url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise Failed(f"wrk {url}: not every request was answered with 200\n{out}")
    return float(re.search(r"Requests/sec: +([\d.]+)", out)[1])


def interleaved(rounds, measures):
    """Each measure once a round, the round's first in turn, so that nobody is always measured in another's wake."""
    samples = {name: [] for name in measures}
    names = list(measures)
    for i in range(rounds):
        first = i % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(measures[name]())
    return samples
