"""Event streams: what ten thousand idle subscribers cost, how soon one hears of a commit, how soon all do."""

import itertools
import time

from figures import Row, Target, percentile
from rig import ROOT, Helper

SUBSCRIBERS, COMMITS, FANS = 10000, 300, 15
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqFDGOPZQ4UfHnXUt8M3zyHBkGoo7hVk4sJ7xDkVO1d"


class Listeners:
    """WebSockets that hear of one type of event, and a client that makes one such event with each call."""

    def __init__(self, daemon, client):
        self.client = client
        self.helper = Helper(ROOT / "build/bench/listeners", daemon.port, "/v1/events?types=keypair.created")
        self.heard = 0

    def commit(self):
        """Milliseconds from the first byte of the request: to its answer, to the first who hears of it, to the last."""
        self.heard += 1
        name = f"bench-{next(_numbers)}"
        began = time.perf_counter_ns()
        answered = self.client.expect(201, "POST", "/v1/keypairs", {"name": name, "public_key": KEY})[0]
        first, last = self.helper.ask("wait", self.heard)
        return answered, (first - began) / 1e6, (last - began) / 1e6

    def close(self):
        self.helper.close()


_numbers = itertools.count(1)


def one(daemon, client):
    listeners = Listeners(daemon, client)
    try:
        listeners.helper.ask("open", 1)
        answered, heard, _ = zip(*(listeners.commit() for _ in range(COMMITS)))
    finally:
        listeners.close()
    late = [max(0.0, theirs - ours) for ours, theirs in zip(answered, heard)]
    return [Row("POST /v1/keypairs to its event at a WebSocket", "ms", list(heard), "its 201", list(answered)),
            Row("event behind the 201, p99", "ms", [percentile(late, 0.99)])]


def many(daemon, client):
    listeners = Listeners(daemon, client)
    try:
        before = daemon.memory_mib()[1]
        began = time.perf_counter_ns()
        listeners.helper.ask("open", SUBSCRIBERS)
        spent = (time.perf_counter_ns() - began) / 1e6
        each = (daemon.memory_mib()[1] - before) * 1024 / SUBSCRIBERS
        answered, first, last = zip(*(listeners.commit() for _ in range(FANS)))
    finally:
        listeners.close()
    count = f"{SUBSCRIBERS:,}"
    return [Row(f"resident memory of one of {count} idle subscribers", "KiB", [each], target=Target("value", 16)),
            Row(f"one WebSocket opened, of {count}", "ms", [spent / SUBSCRIBERS]),
            Row(f"POST to its event at the first of {count}", "ms", list(first), "its 201", list(answered)),
            Row(f"POST to its event at the last of {count}", "ms", list(last))]


def measure(daemon, client):
    return one(daemon, client) + many(daemon, client)
