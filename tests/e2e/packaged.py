"""The daemon as its package runs it: a user of its own in group libvirt with one capability, on a libvirtd that lets that group in."""
import contextlib
import os
import pathlib
import shutil
import subprocess

import private_libvirt
from client import BINARY, ROOT
from machine import Machine

ID = 899  # of user and group computed: a service's, below 1000
NOBODY = 65534
CAPABILITIES = "-all,+dac_read_search"
SANDBOX = ROOT / "tests" / "lib" / "sandbox.sh"

# Debian's libvirtd asks polkit, whose shipped rule lets group libvirt in. Without polkit the socket's own group does the same.
LIBVIRTD = """
unix_sock_group = "libvirt"
unix_sock_rw_perms = "0770"
auth_unix_ro = "none"
auth_unix_rw = "none"
"""
# A console log is rotated at every other line, and what virtlogd then makes is root's.
VIRTLOGD = "\nmax_size = 128\nmax_backups = 9\n"
FORGETFUL = "\nremember_owner = 0\n"  # as on file systems without trusted attributes


def gid_of(group):
    return int(subprocess.run(["getent", "group", group], check=True, stdout=subprocess.PIPE, text=True).stdout.split(":")[2])


def as_user(uid, groups=(), gid=NOBODY):
    """The beginning of a command line."""
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups",
            "--inh-caps=-all", "--bounding-set=-all"]


@contextlib.contextmanager
def appended(path, text):
    before = path.read_bytes()
    path.write_bytes(before + text.encode())
    try:
        yield
    finally:
        path.write_bytes(before)


@contextlib.contextmanager
def user():
    """computed is a name here; the machine's own files stay as they are."""
    lines = {"passwd": f"computed:x:{ID}:{ID}::/var/lib/computed:/usr/sbin/nologin\n", "group": f"computed:x:{ID}:\n"}
    with contextlib.ExitStack() as undo:
        for name, line in lines.items():
            real, own = pathlib.Path("/etc") / name, private_libvirt.PIDS / name
            shutil.copy(real, own)
            text = own.read_text()
            if name == "group":
                text = "".join(f"{entry}{'' if entry.endswith(':') else ','}computed\n" if entry.startswith("libvirt:") else f"{entry}\n"
                               for entry in text.splitlines())
            own.write_text(text + line)
            subprocess.run(["mount", "--bind", own, real], check=True)
            undo.callback(subprocess.run, ["umount", "--lazy", real], check=True)
        yield


def restart_libvirt():
    for daemon in ("libvirtd", "virtlogd"):
        private_libvirt.end(daemon)
    for daemon in ("virtlogd", "libvirtd"):
        private_libvirt.start(daemon)
    private_libvirt.wait_until_answering()


@contextlib.contextmanager
def host(remembers_owners):
    """Nobody else's guests run meanwhile."""
    etc = pathlib.Path("/etc/libvirt")
    with user():
        with appended(etc / "libvirtd.conf", LIBVIRTD), appended(etc / "virtlogd.conf", VIRTLOGD), \
                appended(etc / "qemu.conf", "" if remembers_owners else FORGETFUL):
            restart_libvirt()
            yield
        restart_libvirt()


class Packaged(Machine):
    """Command lines are root's, as an administrator types them; the daemon is computed's."""

    def __init__(self, directory, umask, is_hardened, **settings):
        self.umask, self.is_hardened, self.is_by_hand = umask, is_hardened, False
        self.socket = directory / "run" / "computed.sock"
        self.binary = directory / "computed"  # a checkout in somebody's home would be out of reach
        shutil.copy(BINARY, self.binary)
        shutil.copytree(ROOT / "templates", directory / "templates")
        for folder, mode in (("state", 0o711), ("run", 0o755)):
            (directory / folder).mkdir()
            (directory / folder).chmod(mode)
            os.chown(directory / folder, ID, ID)
        super().__init__(directory, listen=f"127.0.0.1:0,unix:{self.socket}", template_dir=directory / "templates", auth="token",
                         admin_group="computed", import_allow="127.0.0.0/8", **settings)

    def environment(self):
        """A service manager says so of the user."""
        return {k: v for k, v in super().environment().items() if not k.startswith("XDG_")} | {"HOME": str(self.state), "USER": "computed"}

    def program(self):
        if self.is_by_hand:
            return [self.binary]  # as root
        rights = [f"--reuid={ID}", f"--regid={ID}", f"--groups={gid_of('libvirt')}", "--no-new-privs", f"--inh-caps={CAPABILITIES}",
                  f"--ambient-caps={CAPABILITIES}", f"--bounding-set={CAPABILITIES}"]
        command = ["sh", "-c", f'umask {self.umask:04o}; exec "$@"', "sh", "setpriv", *rights, self.binary]
        return ["unshare", "--mount", "--propagation", "private", SANDBOX, self.directory, *command] if self.is_hardened else command
