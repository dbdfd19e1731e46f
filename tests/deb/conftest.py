"""The Debian packages of build/deb, and a clean Debian with systemd to install them on: debian_machine.py. Root only."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEBS = ROOT / "build" / "deb"
BUILD_S = 600
sys.path.append(str(ROOT / "tests" / "lib"))


def control(deb, field):
    return subprocess.run(["dpkg-deb", "-f", deb, field], check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def dependencies(debs):
    """The packages that must be there already where there is no network: of alternatives the first."""
    names = {re.split(r"[ (|]", item.strip(), maxsplit=1)[0] for deb in debs for item in control(deb, "Depends").split(",")}
    return sorted(names - {control(deb, "Package") for deb in debs})


@pytest.fixture(scope="session")
def packages():
    """The files of both packages."""
    found = sorted(DEBS.glob("*.deb"))
    assert [control(deb, "Package") for deb in found] == ["computectl", "computed"], f"make deb builds two packages; in {DEBS} are: {found}"
    return found


@pytest.fixture(scope="session")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="computed-deb-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def next_packages(packages, folder):
    """The same, built as a later version."""
    out = folder / "next"
    subprocess.run([ROOT / "tools" / "deb.sh", out, control(packages[1], "Version") + "+1"], check=True, capture_output=True, timeout=BUILD_S)
    return sorted(out.glob("*.deb"))
