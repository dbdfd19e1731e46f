"""Daemons for tests. `daemon` is shared by a file's tests, which keep to names of their own; `own` is one test's alone, to be broken."""
import itertools
import pathlib
import tempfile

import pytest

from client import Daemon

_numbers = itertools.count(1)


@pytest.fixture
def name():
    """A name that no other test uses."""
    return f"vm-{next(_numbers)}"


def running(settings=None):
    with tempfile.TemporaryDirectory(prefix="computed-api-") as directory:
        daemon = Daemon(pathlib.Path(directory), **(settings or {}))
        try:
            daemon.add_image("tiny")
            yield daemon
        finally:
            daemon.hypervisor(None)
            daemon.arm("")
            daemon.stop()


@pytest.fixture(scope="module")
def daemon():
    yield from running()


@pytest.fixture(scope="module")
def cloud():
    """Like `daemon`, but it wants tokens. Its own calls are the administrator's."""
    yield from running({"auth": "token"})


@pytest.fixture
def own(request):
    """@pytest.mark.settings(key=value, …) sets configuration keys."""
    marker = request.node.get_closest_marker("settings")
    yield from running(marker.kwargs if marker else None)


def pytest_configure(config):
    config.addinivalue_line("markers", "settings(**keys): configuration of the test's own daemon")
