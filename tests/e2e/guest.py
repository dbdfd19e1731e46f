"""What is true inside a guest: through its ssh server, at the address that the API promised."""
import ipaddress
import re
import subprocess

from client import eventually

SSH_S = 60
OPTIONS = ["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
           "-o", "ConnectTimeout=20", "-o", "IdentitiesOnly=yes"]


def address(vm, network=0):
    """Of the VM's interface on its first (or another) network, as the API tells."""
    (text,) = vm["networks"][network]["addresses"]
    assert ipaddress.ip_address(text).is_private
    return text


class Key:
    """A keypair that the daemon made; the private half as a file."""

    def __init__(self, machine, name, directory):
        answer = machine.post("/v1/keypairs", {"name": name})
        assert answer.status == 201, answer
        self.name, self.public = name, answer.json["public_key"]
        self.file = directory / f"{name}.key"
        self.file.touch(mode=0o600)
        self.file.write_text(answer.json["private_key"])

    def ssh(self, host, command, user="root"):
        """One try: the finished process."""
        return subprocess.run(["ssh", *OPTIONS, "-i", self.file, f"{user}@{host}", command], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=SSH_S)

    def run(self, host, command, user="root"):
        """What the command printed; it and the way to it must work."""
        done = self.ssh(host, command, user)
        assert done.returncode == 0, f"ssh {user}@{host} {command!r}: {done.returncode} {done.stdout}{done.stderr}"
        return done.stdout.strip()


def leases(machine, ref):
    """The addresses that the guest's DHCP client got, as it says on its console: {"eth0": "10.77.0.2"}."""
    return dict(re.findall(r"TINY lease (\w+) ([\d.]+)", machine.console(ref)))


def has_lease(machine, ref, interface="eth0", deadline_s=240):
    return eventually(lambda: leases(machine, ref).get(interface), f"a lease for {ref}'s {interface}", deadline_s)
