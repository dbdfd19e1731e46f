"""What libvirt's helper for AppArmor makes of our domains: it works without AppArmor in the kernel, when it is asked not to load anything.

Its own profile names the suffixes that it may read, and what it finds in a domain's XML becomes what that guest may open."""
import pathlib
import re
import subprocess
import uuid
import xml.etree.ElementTree as ElementTree

import pytest

from machine import domain_xml

HELPER = "/usr/lib/libvirt/virt-aa-helper"
PROFILE = pathlib.Path("/etc/apparmor.d/usr.lib.libvirt.virt-aa-helper")
VARIABLES = {"@{HOME}": "(?:/home/[^/]+|/root)", "@{PROC}": "/proc", "@{pid}": "[0-9]+"}
TOKEN = re.compile(r"@\{\w+\}|\*\*|.")
MEANS = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")", ",": "|", "[": "[", "]": "]", "-": "-", "^": "^"}


def pattern(glob):
    return re.compile("".join(VARIABLES.get(token) or MEANS.get(token) or re.escape(token) for token in TOKEN.findall(glob)))


def profile_rules():
    """[(is denied, pattern, permissions)] of the helper's own profile."""
    rule = re.compile(r"^\s*(?:audit\s+)?(deny\s+)?(?:owner\s+)?([@/]\S+)\s+(\w+),", re.MULTILINE)
    return [(bool(deny), pattern(glob), permissions) for deny, glob, permissions in rule.findall(PROFILE.read_text())]


def may_read(path):
    matching = [is_denied for is_denied, glob, permissions in profile_rules() if "r" in permissions and glob.fullmatch(str(path))]
    return bool(matching) and not any(matching)


def ask(domain, tmp_path):
    """({path: permissions} that the guest gets, {path: permissions} that it is denied without a word, what the helper opened)"""
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=open,openat", "-o", trace, HELPER, "--dryrun", "--create", "--uuid",
               f"libvirt-{domain.findtext('uuid')}"]
    done = subprocess.run(command, input=ElementTree.tostring(domain, encoding="unicode"), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rules = re.findall(r'^\s*(deny )?"([^"]+)" (\w+),', done.stdout + done.stderr, re.MULTILINE)
    opened = {pathlib.Path(path) for path in re.findall(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)", .*\) = \d+$', trace.read_text(), re.MULTILINE)}
    return ({pathlib.Path(path): permissions for deny, path, permissions in rules if not deny},
            {pathlib.Path(path): permissions for deny, path, permissions in rules if deny}, opened)


def below(state, paths):
    return {path for path in paths if path.is_relative_to(state)}


@pytest.fixture(scope="module", params=["tiny", "blank"])
def vm(request, daemon):
    """One on a qcow2 image, one on a raw one."""
    vm = daemon.create(f"on-{request.param}", image=request.param)
    yield vm
    daemon.removes_cleanly(vm["id"])


def files_of(daemon, vm):
    return daemon.overlay(vm["id"]), daemon.image_file(vm["image"]), daemon.instance(vm["id"]) / "seed.iso"


def is_given_its_files_alone(daemon, vm, allowed, denied):
    overlay, image, seed = files_of(daemon, vm)
    assert {path: permissions for path, permissions in allowed.items() if path.is_relative_to(daemon.state)} == \
        {overlay: "rwk", image: "rk", seed: "rk"}
    assert {path: permissions for path, permissions in denied.items() if path.is_relative_to(daemon.state)} == {image: "w", seed: "w"}


def test_a_guest_gets_its_files_and_no_others(daemon, vm, tmp_path):
    """The XML names the whole chain: the helper need not look into any of them."""
    allowed, denied, opened = ask(domain_xml(vm["id"]), tmp_path)
    is_given_its_files_alone(daemon, vm, allowed, denied)
    assert below(daemon.state, opened) == set()


def test_the_helper_may_read_what_it_has_to(daemon, vm, tmp_path):
    """Somebody's edit of the domain left the chain out: the helper looks for it in the files, as far as its own profile lets it."""
    domain = domain_xml(vm["id"])
    for disk in domain.iterfind("devices/disk"):
        disk.remove(disk.find("backingStore"))
    allowed, denied, opened = ask(domain, tmp_path)
    is_given_its_files_alone(daemon, vm, allowed, denied)
    overlay, image, seed = files_of(daemon, vm)
    assert {overlay, image} <= below(daemon.state, opened) <= {overlay, image, seed}
    assert [path for path in below(daemon.state, opened) if not may_read(path)] == []


@pytest.mark.parametrize("state", ["/var/lib/computed", "/srv/computed", "/home/olga/computed"])
def test_all_disks_have_names_that_the_helper_may_read(state):
    some = uuid.UUID(int=1)
    for name in (f"instances/{some}/disk.qcow2", f"instances/{some}/seed.iso", f"images/{some}.qcow2", f"images/{some}.raw", f"probe/{some}.raw"):
        assert may_read(f"{state}/{name}"), name


def test_the_profile_has_been_understood():
    assert not may_read("/var/lib/computed/computed.db") and not may_read("/var/lib/computed/instances/console.log")
    assert not may_read("/home/olga/.local/share/computed/images/a.qcow2") and not may_read("/dev/sda")
    assert may_read("/var/lib/libvirt/images/a") and may_read("/srv/anything")
