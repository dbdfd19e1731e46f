#!/usr/bin/python3
"""check_packaging.py: holds debian/ against the tree: one version, one list of what a build and a host need.

debian/control must be written out, so it says a second time what the Makefile and tools/deps.sh say."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD_ESSENTIAL = {"gcc", "make"}
# The packages that the daemon's Depends name by another way: libvirt-daemon-system brings the client, iptables an ebtables.
BROUGHT = {"libvirt-clients": "libvirt-daemon-system", "ebtables": "iptables"}


def one(pattern, name):
    match = re.search(pattern, (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)
    if not match:
        sys.exit(f"check_packaging.py: {name} has nothing like {pattern}")
    return match.group(1)


def shell_list(variable):
    return set(one(rf"^{variable}=\((.*?)\)", "tools/deps.sh").split())


def field(name, package=None):
    """Package names of a field of debian/control: of the source, or of one binary package."""
    paragraph = rf"^Package: {package}\n(?:(?!\n\n).)*?^" if package else "^"
    text = one(rf"{paragraph}{name}:(.*?)(?=^\S|\Z)", "debian/control")
    return {re.split(r"[ (|]", item.strip(), maxsplit=1)[0] for item in text.split(",")} - {""}


def differences(what, left, right):
    return [f"{what}: {name} is in {where} alone" for where, names in
            (("debian/control", left - right), ("tools/deps.sh", right - left)) for name in sorted(names)]


def main():
    wrong = []
    ours, theirs = one(r"^VERSION := (\S+)", "Makefile"), one(r"\A\S+ \(([^)]+)\)", "debian/changelog")
    if theirs.rsplit("-", 1)[0] != ours:
        wrong.append(f"debian/changelog is about {theirs}, the Makefile about {ours}")
    tools = {name for name in field("Build-Depends") if name.startswith(("debhelper", "dh-"))}
    wrong += differences("what a build needs", field("Build-Depends") - tools, shell_list("build") - BUILD_ESSENTIAL)
    needed = {BROUGHT.get(name, name) for name in shell_list("hypervisor")}
    depends = {name for name in field("Depends", "computed") if not name.startswith("${")} - {"computectl"}
    wrong += differences("what a host needs", depends, needed)
    print("\n".join(wrong) if wrong else f"debian/ fits the tree: {ours}, {len(depends)} packages of a host")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
