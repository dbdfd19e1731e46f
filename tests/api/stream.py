"""Readers of streams: a WebSocket (RFC 6455) as plain as it gets, and server-sent events. Standard library only."""
import base64
import hashlib
import json
import os
import select
import socket
import struct

TEXT, BYTES, CLOSE, PING, PONG = 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PATIENCE_S = 60.0


class Refused(Exception):
    """The answer was not the stream that was asked for."""

    def __init__(self, status, head, body):
        super().__init__(f"{status}: {body[:300]!r}")
        self.status, self.head, self.body = status, head, body

    @property
    def code(self):
        return json.loads(self.body)["code"]


class Closed(Exception):
    """By the server: its close code, or None when the connection just ended."""

    def __init__(self, code, reason=""):
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


class Connection:
    """A socket with what was read from it and not used yet."""

    def __init__(self, daemon, path, headers, receive_buffer=None, connected=None):
        self.socket = connected or socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_S)
        if not connected:
            self.socket.connect((daemon.host, daemon.port))
        self.read = b""
        headers = {"Host": "localhost", **headers}
        if daemon and daemon.token:
            headers["X-Auth-Token"] = daemon.token
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.head = self.until(b"\r\n\r\n").decode()
        self.status = int(self.head.split()[1])

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Closed(None)
        self.read += data

    def take(self, count):
        while len(self.read) < count:
            self.more()
        taken, self.read = self.read[:count], self.read[count:]
        return taken

    def until(self, mark):
        while mark not in self.read:
            self.more()
        return self.take(self.read.index(mark) + len(mark))

    def header(self, name):
        for line in self.head.splitlines()[1:]:
            if line.lower().startswith(name.lower() + ":"):
                return line.split(":", 1)[1].strip()
        return None

    def refuse_unless(self, status):
        if self.status != status:
            raise Refused(self.status, self.head, self.take(int(self.header("Content-Length") or 0)))

    def is_silent(self):
        return not self.read and not select.select([self.socket], [], [], 0)[0]

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class WebSocket(Connection):
    def __init__(self, daemon, path, headers=None, receive_buffer=None, connected=None):
        key = base64.b64encode(os.urandom(16))
        asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key.decode()}
        asked.update(headers or {})
        super().__init__(daemon, path, {name: value for name, value in asked.items() if value}, receive_buffer, connected)
        self.refuse_unless(101)
        assert self.header("Sec-WebSocket-Accept") == base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()

    def frame(self):
        """(opcode, payload) of the next frame, whatever it is."""
        first, length = self.take(2)
        assert first & 0x80 and length < 128, "frames of a server are whole and not masked"
        if length == 126:
            (length,) = struct.unpack(">H", self.take(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.take(8))
        return first & 0x0F, self.take(length)

    def next(self):
        """The next message; pings are answered on the way."""
        while True:
            opcode, payload = self.frame()
            if opcode == TEXT:
                return json.loads(payload)
            if opcode == CLOSE:
                raise Closed(struct.unpack(">H", payload[:2])[0] if payload else 1005, payload[2:].decode())
            if opcode == PING:
                self.send(PONG, payload)

    def send(self, opcode, payload=b""):
        head = bytes([0x80 | opcode])
        size = len(payload)
        head += bytes([0x80 | size]) if size < 126 else struct.pack(">BH", 0xFE, size) if size < 65536 else struct.pack(">BQ", 0xFF, size)
        self.socket.sendall(head + b"\0\0\0\0" + payload)

    def until_seq(self, seq):
        """Messages up to the event of that number."""
        messages = [self.next()]
        while messages[-1].get("seq", 0) < seq:
            messages.append(self.next())
        return messages

    def until_closed(self):
        """What came before, and the end."""
        messages = []
        while True:
            try:
                messages.append(self.next())
            except Closed as end:
                return messages, end


class ServerSentEvents(Connection):
    def __init__(self, daemon, path, headers=None, connected=None):
        super().__init__(daemon, path, {"Accept": "text/event-stream", **(headers or {})}, connected=connected)
        self.refuse_unless(200)
        assert self.header("Content-Type") == "text/event-stream"
        self.text = b""

    def chunk(self):
        size = int(self.until(b"\r\n"), 16)
        data = self.take(size + 2)[:-2]
        if size == 0:
            raise Closed(None)
        return data

    def block(self):
        """The fields of the next block."""
        while b"\n\n" not in self.text:
            self.text += self.chunk()
        block, self.text = self.text.split(b"\n\n", 1)
        return dict(line.split(": ", 1) for line in block.decode().splitlines() if not line.startswith(":"))

    def next(self):
        """(id, event, data) of the next event."""
        while True:
            block = self.block()
            if "data" in block:
                return block.get("id"), block["event"], json.loads(block["data"])
