"""What real clients make of the stream, node's ws and a browser's EventSource, while operations run and the daemon is killed: the history that
they have put together is the server's, each event once."""
import json
import os
import re
import signal
import subprocess
import types
import urllib.request

import pytest

from client import ROOT, eventually
from stream import TEXT, WebSocket
from test_events import history, settled

LIVES = 3
NODE = """
const WebSocket = require('ws');
let last = 0;
function follow() {
    const ws = new WebSocket(process.argv[1] + '?since=' + last);
    ws.on('message', data => { last = JSON.parse(data).seq; console.log(String(data)); });
    ws.on('close', () => setTimeout(follow, 20));
    ws.on('error', () => {});
}
follow();
"""
PAGE = """
window.told = [];
window.source = new EventSource('/v1/events?since=0');
for (const type of %s)
    window.source.addEventListener(type, event => window.told.push([event.lastEventId, JSON.parse(event.data)]));
"""


def documented_types():
    """A browser hears only of the types that it asks for by name."""
    return re.findall(r"^\| `([a-z.]+)` \|", (ROOT / "docs" / "events.md").read_text(), re.MULTILINE)


class Node:
    def __init__(self, daemon, directory):
        self.told = directory / "told"
        with open(self.told, "wb") as out:
            self.process = subprocess.Popen(["node", "-e", NODE, f"ws://127.0.0.1:{daemon.port}/v1/events"], stdout=out, stderr=subprocess.DEVNULL,
                                            env={**os.environ, "NODE_PATH": "/usr/share/nodejs"})

    def events(self):
        return [json.loads(line) for line in self.told.read_text().split("\n")[:-1]]

    def close(self):
        self.process.kill()
        self.process.wait()


class Browser:
    """Chromium without a window, at a page of the daemon's own, told what to do over its debugging port."""

    def __init__(self, daemon, directory):
        self.process = subprocess.Popen(["chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
                                         f"--user-data-dir={directory}/profile", f"http://127.0.0.1:{daemon.port}/health"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            self.open_page(daemon, directory)
        except BaseException:
            self.end()
            raise

    def open_page(self, daemon, directory):
        port_file = directory / "profile" / "DevToolsActivePort"
        port = int(eventually(lambda: port_file.exists() and port_file.read_text().split(), "the browser's debugging port")[0])
        url = eventually(lambda: self.page(port, daemon.port), "the browser's page")
        self.socket = WebSocket(types.SimpleNamespace(host="127.0.0.1", port=port, token=None), url.split(str(port), 1)[1])
        eventually(lambda: self.evaluate("location.protocol == 'http:' && document.readyState == 'complete'"), "the page's arrival")
        self.evaluate(PAGE % json.dumps(documented_types()))

    @staticmethod
    def page(port, daemon_port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=60) as answer:
            pages = [page for page in json.load(answer) if f":{daemon_port}/health" in page["url"]]
        return pages and pages[0]["webSocketDebuggerUrl"]

    def evaluate(self, expression):
        call = {"id": 1, "method": "Runtime.evaluate", "params": {"expression": expression, "returnByValue": True}}
        self.socket.send(TEXT, json.dumps(call).encode())
        answer = self.socket.next()
        assert answer["id"] == 1 and "exceptionDetails" not in answer["result"], answer
        return answer["result"]["result"].get("value")

    def events(self):
        told = self.evaluate("window.told")
        assert all(last_id == str(event["seq"]) for last_id, event in told)
        return [event for _, event in told]

    def close(self):
        self.socket.close()
        self.end()

    def end(self):
        os.killpg(self.process.pid, signal.SIGKILL) # it is a family
        self.process.wait()


@pytest.fixture(params=[Node, Browser])
def reader(request, own, tmp_path):
    """One that comes back to the same address."""
    own.settings["listen"] = f"127.0.0.1:{own.port}"
    reader = request.param(own, tmp_path)
    yield reader
    reader.close()


def kill(daemon):
    """As a crash would, and the next start."""
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait()
    daemon.comes_back()


def create(daemon, names):
    for name in names:
        answer = daemon.post("/v1/vms", {"name": name, "image": "tiny", "vcpus": 1, "memory_mib": 64, "disk_gib": 1})
        assert answer.status == 202, answer


def test_the_replayed_history_is_the_servers(own, reader):
    for life in range(LIVES):
        create(own, [f"seen-{life}-{number}" for number in range(3)])
        last = history(own)[-1]["seq"]
        eventually(lambda: [e for e in reader.events() if e["seq"] >= last], "events of this life at the reader")
        create(own, [f"cut-{life}-{number}" for number in range(3)])
        assert own.delete(f"/v1/vms/seen-{life}-0").status == 202
        kill(own)
    events = settled(own)
    assert {e["type"] for e in events} <= set(documented_types())
    eventually(lambda: len(reader.events()) >= len(events), "the whole history at the reader")
    assert reader.events() == events == history(own)
