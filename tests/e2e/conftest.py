"""Real daemons on a real libvirt and QEMU. Runs inside tests/lib/private_libvirt.py only: tests kill libvirtd and define domains as they like.

`daemon` is shared by a file's tests, which keep to names of their own; `own` is one test's alone."""
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "api"), str(TESTS / "lib")]

import private_libvirt  # noqa: E402
from machine import running  # noqa: E402

_numbers = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "settings(**keys): configuration of the test's own daemon")


def pytest_sessionstart(session):
    if private_libvirt.MARK not in os.environ:
        pytest.exit(f"run them as: make e2e, or {TESTS}/lib/private_libvirt.py /usr/bin/python3 -m pytest {TESTS}/e2e", returncode=2)


@pytest.fixture
def name():
    """A name that no other test uses."""
    return f"vm-{next(_numbers)}"


@pytest.fixture(scope="session")
def tiny():
    """The tiny guest's image file, built once for all."""
    built = subprocess.run([TESTS.parent / "tools" / "mkimage-tiny.sh"], check=True, stdout=subprocess.PIPE, text=True)
    return pathlib.Path(built.stdout.strip()).resolve()


@pytest.fixture(scope="session")
def ground():
    """A directory whose parents QEMU's user may pass."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="computed-e2e-", dir="/var/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def numbered(ground):
    """Makes directories for daemons."""
    numbers = itertools.count(1)

    def make():
        path = ground / str(next(numbers))
        path.mkdir(mode=0o711)
        return path

    return make


@pytest.fixture(scope="module")
def daemon(numbered, tiny):
    yield from running(numbered(), tiny)


@pytest.fixture
def own(numbered, tiny, request):
    marker = request.node.get_closest_marker("settings")
    yield from running(numbered(), tiny, **(marker.kwargs if marker else {}))
