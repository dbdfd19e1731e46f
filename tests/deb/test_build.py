"""What is in the packages, and that it does not depend on who builds them, and where."""
import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import BUILD_S, ROOT

NOBODY = 65534


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, timeout=BUILD_S, **options).stdout


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def unpacked(packages, folder):
    for deb in packages:
        run("dpkg-deb", "-x", deb, folder / "unpacked")
    return folder / "unpacked"


def test_another_user_elsewhere_builds_the_same_bytes(packages, folder):
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("build", ".git"))
    for path in [tree, *tree.rglob("*")]:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    (folder / "tmp").mkdir()
    os.chown(folder / "tmp", NOBODY, NOBODY)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder / "tmp"), "TMPDIR": str(folder / "tmp"), "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    run("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", tree / "tools" / "deb.sh", env=environment)
    built = sorted((tree / "build" / "deb").rglob("*.deb"))
    assert {path.name: digest(path) for path in built} == {path.name: digest(path) for path in packages[0].parent.rglob("*.deb")}
    assert len(built) == 4  # with the debugging symbols


def test_lintian_has_nothing_to_say(packages, tmp_path):
    debs = sorted(packages[0].parent.rglob("*.deb"))
    words = ["lintian", "--allow-root", "--fail-on", "error,warning", "--display-info", *debs]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # it leaves files behind
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hardening-no" not in done.stdout, done.stdout


def test_programs_do_not_know_where_they_were_built(unpacked):
    for program in ("usr/sbin/computed", "usr/bin/computectl"):
        strings = run("strings", "-a", unpacked / program)
        assert "computed" in strings
        assert "/computed-deb" not in strings and str(ROOT) not in strings


def test_the_configuration_explains_every_key(unpacked):
    """As it is installed, and with every default that it shows written out."""
    shown = (unpacked / "etc/computed/computed.conf").read_text()
    keys = {line.split(" = ")[0] for line in run(unpacked / "usr/sbin/computed", "--print-config", env={}).splitlines() if " = " in line}
    described = shown.replace("\n#", "\n").splitlines()
    assert len(keys) > 40
    for key in keys:
        at = next(i for i, line in enumerate(described) if line.startswith(f"{key} ="))
        assert described[at - 1].startswith(" "), f"{key} has no meaning"
    chosen = [line for line in shown.splitlines() if line and not line.startswith(("#", "["))]
    assert chosen == ["listen = unix:/run/computed/computed.sock, 127.0.0.1:8081", "auth = token", "admin_group = computed"]


def test_install_and_uninstall_below_a_prefix(folder):
    destination = folder / "installed"
    make = ["make", "-s", "-C", ROOT, f"DESTDIR={destination}", "PREFIX=/opt/computed"]
    run(*make, "install")
    top = destination / "opt/computed"
    template_dir = [line for line in run(top / "sbin/computed", "--print-config", env={}).splitlines() if line.startswith("template_dir = ")]
    assert template_dir == [f"template_dir = {top}/share/computed/templates"]
    assert "ExecStart=/opt/computed/sbin/computed" in (top / "lib/systemd/system/computed.service").read_text()
    assert "@SBINDIR@" not in "".join(path.read_text() for path in (top / "lib/systemd/system").iterdir())

    configuration = destination / "etc/computed/computed.conf"
    configuration.write_text("region = mine\n")
    run(*make, "install")
    assert configuration.read_text() == "region = mine\n"
    run(*make, "uninstall")
    assert [path for path in destination.rglob("*") if path.is_file()] == [configuration]
    assert not (top / "share/computed").exists()


def test_the_version_is_one(packages, unpacked):
    version = run("dpkg-deb", "-f", packages[1], "Version").strip()
    for program in ("usr/sbin/computed", "usr/bin/computectl"):
        assert run(unpacked / program, "--version").split()[1] == version.rsplit("-", 1)[0]
    assert pathlib.Path(packages[1]).name == f"computed_{version}_amd64.deb"
