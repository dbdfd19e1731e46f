"""The half of a service manager that a daemon sees: it holds the listening sockets, hears what it is told, watches, and restarts."""
import contextlib
import os
import pathlib
import socket
import sys
import threading
import time

FIRST_FD = 3 # SD_LISTEN_FDS_START

# What happens between fork and exec: sockets from descriptor 3 on, and LISTEN_PID.
LAUNCHER = """
import fcntl, os, sys
program, *numbers = sys.argv[1:]
aside = [fcntl.fcntl(int(n), fcntl.F_DUPFD_CLOEXEC, 64) for n in numbers]
for n in numbers:
    os.close(int(n))
for target, n in enumerate(aside, 3):
    os.dup2(n, target)
os.environ.update(LISTEN_PID=str(os.getpid()), WATCHDOG_PID=str(os.getpid()))
os.execv(program, [program])
"""


def listening(address, backlog=4096, kind=socket.SOCK_STREAM):
    """A socket as a socket unit makes it: at a path (also "\\0name"), or at (host, port)."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    made = socket.socket(family, kind)
    if family != socket.AF_UNIX:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(address)
    if kind == socket.SOCK_STREAM:
        made.listen(backlog)
    return made


class ServiceManager:
    def __init__(self, directory, sockets=(), watchdog_s=None, names=()):
        self.sockets, self.watchdog_s, self.names = list(sockets), watchdog_s, names
        self.path = pathlib.Path(directory) / "notify"
        self.messages = [] # (when, {key: value}), in order
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def _hear(self):
        with contextlib.suppress(OSError):
            while data := self._socket.recv(65536):
                self.messages.append((time.monotonic(), dict(line.split("=", 1) for line in data.decode().splitlines())))

    def close(self):
        with contextlib.suppress(OSError):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.sendto(b"", str(self.path))
        self._thread.join(10)
        for each in [self._socket, *self.sockets]:
            each.close()

    # ---- for the daemon's start ----
    def environment(self):
        told = {"NOTIFY_SOCKET": str(self.path)}
        if self.sockets:
            told["LISTEN_FDS"] = str(len(self.sockets))
            told["LISTEN_FDNAMES"] = ":".join(self.names or ["computed.socket"] * len(self.sockets))
        if self.watchdog_s:
            told["WATCHDOG_USEC"] = str(int(self.watchdog_s * 1000000))
        return told

    def descriptors(self):
        return tuple(each.fileno() for each in self.sockets)

    def program(self, program):
        return [sys.executable, "-ISc", LAUNCHER, str(program), *map(str, self.descriptors())]

    # ---- what it heard ----
    def heard(self, key, since=0.0):
        """The values of one key, oldest first."""
        return [message[key] for when, message in list(self.messages) if when >= since and key in message]

    def times(self, key, since=0.0):
        return [when for when, message in list(self.messages) if when >= since and key in message]

    def order(self, *keys):
        """Which of these keys came, in the order in which they did."""
        return [key for _, message in list(self.messages) for key in message if key in keys]

    @property
    def status(self):
        return (self.heard("STATUS") or [""])[-1]
