"""Waiting for what comes by itself: a condition, asked again and again, with a deadline."""
import time

DEADLINE_S = 90.0  # a sanitized build on a busy machine is slow; whoever waits goes on as soon as it is there


def eventually(check, what, deadline_s=DEADLINE_S, pause_s=0.01):
    """What check() returns, once it is true."""
    end = time.monotonic() + deadline_s
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(pause_s)
