"""A clean Debian on which the packages are installed, and what one asks it."""
import json
import os
import re

from debian_machine import Machine

from conftest import dependencies

SOCKET = "/run/computed/computed.sock"
STATE = "/var/lib/computed"
# Where packages and libvirt write for themselves, whatever is installed.
NOT_LISTED = ("/proc", "/sys", "/dev", "/run", "/tmp", "/root", "/home", "/var/log", "/var/cache", "/var/lib/dpkg", "/var/lib/apt", "/var/lib/systemd")
FOREIGN = """<domain type='qemu'><name>foreign</name><memory unit='MiB'>32</memory><os><type>hvm</type></os>
<devices><controller type='usb' model='none'/><memballoon model='none'/></devices></domain>"""


class Host(Machine):
    def __init__(self, packages):
        super().__init__(packages=[*dependencies(packages), "curl"])

    # ---- the daemon ----
    def unit(self, name, prop):
        return self.output(["systemctl", "show", "-P", prop, name])

    def daemon_pid(self):
        return int(self.unit("computed.service", "MainPID"))

    def ctl(self, *words, **options):
        return self.output(["computectl", *words], **options)

    def vms(self, **options):
        return {vm["name"]: vm for vm in json.loads(self.ctl("--json", "vm", "list", **options))["vms"]}

    def status_over_tcp(self, path, token=None):
        header = ["-H", f"X-Auth-Token: {token}"] if token else []
        return int(self.output(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *header, f"http://127.0.0.1:8081{path}"]))

    # ---- libvirt ----
    def virsh(self, *words, **options):
        return self.output(["virsh", "-q", "-c", "qemu:///system", *words], **options)

    def qemu_pid(self, domain):
        """Of a running one, and really there."""
        pid = int(self.output(["cat", f"/run/libvirt/qemu/{domain}.pid"]))
        assert domain in self.output(["cat", f"/proc/{pid}/cmdline"]), f"{pid} is not {domain}"
        return pid

    def define(self, xml):
        self.run(["virsh", "-q", "-c", "qemu:///system", "define", "/dev/stdin"], input=xml)

    # ---- files ----
    def files(self):
        found = set()
        for folder, folders, names in os.walk(self.root):
            inside = "/" + os.path.relpath(folder, self.root).removeprefix(".")
            if inside in NOT_LISTED:
                folders.clear()
                continue
            found |= {os.path.join(inside, name) for name in [*folders, *names]}
        return found

    def modes(self, *paths):
        """{path: (mode, user, group)}"""
        lines = self.output(["stat", "-c", "%n %a %U %G", *paths]).splitlines()
        return {line.split(" ")[0]: tuple(line.split(" ")[1:]) for line in lines}

    def state_files(self):
        """{path below the state directory: mode as a number}"""
        lines = self.output(["find", STATE, "-mindepth", "1", "-printf", "%m %P\n"]).splitlines()
        return {path: int(mode, 8) for mode, path in (line.split(" ", 1) for line in lines)}


def matching(names, pattern):
    return {name: value for name, value in names.items() if re.fullmatch(pattern, name)}
