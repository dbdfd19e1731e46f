"""A clean Debian 12 with systemd as process 1, for tests of what is installed: packages, units, provisioning. Root only.

    with Machine(packages=["libvirt-daemon-system"]) as machine:
        machine.apt_install("build/deb/x.deb")      # not booted: a chroot with the host's network, in which no service starts
        machine.boot()                              # systemd, in namespaces of its own; no network but lo
        machine.run(["systemctl", "start", "x"])    # in the booted machine now
        machine.poweroff()                          # units are stopped in order; boot() again finds the same disk

The root file system comes from mmdebstrap and is cached in build/cache for a week, per list of packages; each machine unpacks one of its
own below /var/tmp. Nothing of it outlives the program: its processes die with their process 1, its mounts with their namespace; the
folder and the control group go at the end of the `with`, and those of a program that was killed at the begin of the next.

It is no virtual machine: kernel, clock and block devices are the host's, there is no udev, and settings of the kernel outside the network
namespace are read-only."""
import fcntl
import hashlib
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import time

from waiting import eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "cache"
INIT = pathlib.Path(__file__).with_suffix(".sh")
SUITE = "bookworm"
BASE = ["systemd-sysv", "dbus", "iproute2", "procps", "ca-certificates"]
MAX_AGE_S = 7 * 86400
BUILD_S = 1200
BOOT_S = 120
PAUSE_S = 0.05  # between two looks, each of which is a process
COMMAND_S = 120
PREFIX = "computed-machine-"
# Programs that would change the host: its devices, its modules, its settings.
MASKED = ["systemd-udevd.service", "systemd-udev-trigger.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket",
          "systemd-sysctl.service", "systemd-modules-load.service", "proc-sys-fs-binfmt_misc.automount", "dev-hugepages.mount",
          "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount"]
NOT_GIVEN = ["sys_boot", "sys_module", "sys_rawio", "sys_time", "syslog", "wake_alarm", "audit_control", "audit_read", "mac_admin", "mac_override"]
CLEAN = ["env", "-i", "container=machine", "LANG=C.UTF-8", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
         "DEBIAN_FRONTEND=noninteractive"]
# join GROUP... -- COMMAND
JOIN = ["bash", "-e", "-c", 'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs"; shift; done; shift; exec "$@"', "join"]


class CommandFailed(AssertionError):
    pass


# ---- the cached root file system ----
def apt_settings():
    """The ways of the host's apt to its mirrors."""
    return subprocess.run(["bash", "-c", ". tools/lib.sh; apt_settings"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout


def build(archive, packages):
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, open(archive.with_name("machine.log"), "w") as log:
        settings = pathlib.Path(folder) / "apt.conf"
        settings.write_text(apt_settings())
        fresh = archive.with_name(f".{archive.name}")  # mmdebstrap knows the format by the ending
        command = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--aptopt={settings}", f"--include={','.join(packages)}", SUITE, fresh]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, timeout=BUILD_S)
    if done.returncode != 0:
        fresh.unlink(missing_ok=True)
        raise CommandFailed(f"{shlex.join(map(str, command))}:\n{pathlib.Path(log.name).read_text()[-3000:]}")
    fresh.rename(archive)


def root_archive(packages):
    """The cached root file system with these packages; made when there is none, or it is old."""
    packages = sorted({*BASE, *packages})
    archive = CACHE / f"machine-{hashlib.sha256(' '.join([SUITE, 'minbase', *packages]).encode()).hexdigest()[:16]}.tar.zst"
    CACHE.mkdir(parents=True, exist_ok=True)
    os.chown(CACHE, ROOT.stat().st_uid, ROOT.stat().st_gid)  # the tree's owner, who is not root, puts guest images there
    with open(CACHE / "machine.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists() or time.time() - archive.stat().st_mtime > MAX_AGE_S:
            build(archive, packages)
    return archive


# ---- control groups ----
def hierarchies():
    """The host's, {mount options: where}; that of version 2 has none."""
    found, controllers = {}, {line.split()[0] for line in pathlib.Path("/proc/cgroups").read_text().splitlines()[1:]}
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind in ("cgroup", "cgroup2"):
            found[",".join(o for o in options.split(",") if o in controllers or o.startswith("name="))] = pathlib.Path(where)
    return found


def first_version():
    """What of it a machine gets: nothing where version 2 has the controllers, which libvirt wants for its guests. systemd adds version 2 itself."""
    found = hierarchies()
    return [] if "" in found and "memory" in (found[""] / "cgroup.controllers").read_text().split() else [options for options in found if options]


def make_groups(name):
    """One in each hierarchy."""
    groups = [where / name for where in hierarchies().values()]
    for group in groups:
        group.mkdir()
        for setting in ("cpuset.cpus", "cpuset.mems"):  # of version 1: begins with none at all
            if (group / "cgroup.clone_children").exists() and (group / setting).exists():
                (group / setting).write_text((group.parent / setting).read_text())
                (group / "cgroup.clone_children").write_text("1")
    return groups


def groups_of(pid):
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, group = line.split(":", 2)
        found[names] = group.lstrip("/")
    return [where / found[options] for options, where in hierarchies().items()]


def try_remove_group(group):
    """Innermost first; False while something in it still dies."""
    try:
        for folder, _, _ in os.walk(group, topdown=False):
            os.rmdir(folder)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def remove_groups(name):
    for group in (where / name for where in hierarchies().values()):
        eventually(lambda group=group: try_remove_group(group), f"{group} is empty", 60, PAUSE_S)


def remove_leftovers():
    """Of programs that were killed: their folders say by whom they were made."""
    for folder in pathlib.Path("/var/tmp").glob(f"{PREFIX}*"):
        maker = folder.name[len(PREFIX):].split("-")[0]
        if maker.isdigit() and not pathlib.Path(f"/proc/{maker}").exists():
            remove_groups(folder.name)
            remove_folder(folder)


def remove_folder(folder):
    subprocess.run(["rm", "-rf", "--one-file-system", folder], check=True, timeout=300)


class Machine:
    def __init__(self, packages=(), hostname="machine"):
        self.packages, self.hostname = list(packages), hostname
        self.folder = self.process = None
        self.groups = []
        self.is_updated = False
        self.init = None  # the booted machine's process 1, as the host counts

    def __enter__(self):
        if os.geteuid() != 0:
            raise RuntimeError("machines need root")
        remove_leftovers()
        archive = root_archive(self.packages)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir="/var/tmp"))
        try:
            self.groups = make_groups(self.folder.name)
            self.root.mkdir(mode=0o755)
            subprocess.run(["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", self.root, "-xf", archive], check=True, timeout=600)
            self._configure()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        try:
            self._end()
        finally:
            self._remove()

    @property
    def root(self):
        return self.folder / "root"

    def _configure(self):
        self.path("/etc/hostname").write_text(f"{self.hostname}\n")
        self.path("/etc/hosts").write_text(f"127.0.0.1 localhost {self.hostname}\n::1 localhost\n")
        self.path("/etc/resolv.conf").unlink(missing_ok=True)
        shutil.copyfile("/etc/resolv.conf", self.path("/etc/resolv.conf"))
        self.path("/var/log/journal").mkdir(exist_ok=True)  # kept: it can be read after a death, too
        for unit in MASKED:
            self.path("/etc/systemd/system").joinpath(unit).symlink_to("/dev/null")

    def _remove(self):
        try:
            remove_groups(self.folder.name)
        finally:
            remove_folder(self.folder)

    # ---- files: /run, /tmp, /dev, /proc and /sys are mounts that only the machine sees ----
    def path(self, inside):
        """Where a file of the machine lies on the host."""
        return self.root / str(inside).lstrip("/")

    def copy_in(self, source, inside):
        """A file or a folder, owned by root."""
        subprocess.run(["cp", "-R", "--preserve=mode,timestamps,links", "-T", source, self.path(inside)], check=True, timeout=300)

    # ---- commands ----
    def run(self, command, user=None, check=True, timeout_s=COMMAND_S, **options):
        """In the booted machine, else in its chroot: the CompletedProcess, with the output as text. As `user` in a login shell.
        Of `options` those of subprocess.run (input, …)."""
        words = [str(word) for word in command]
        if user:
            words = ["su", "-", user, "-c", shlex.join(words)]
        inside = [*CLEAN, "timeout", "-k", "5", str(timeout_s), *words]
        entered = ([*JOIN, *groups_of(self.init), "--", "nsenter", "--all", "--root", "--wd", "-t", str(self.init)] if self.init
                   else self._unshared())
        options = {"text": True, "capture_output": True, "errors": "replace", **({} if "input" in options else {"stdin": subprocess.DEVNULL}), **options}
        done = subprocess.run([*entered, *inside], timeout=timeout_s + 30, **options)
        if check and done.returncode != 0:
            raise CommandFailed(f"{shlex.join(words)}: exit {done.returncode}\n{done.stdout or ''}{done.stderr or ''}\n{self.journal(60)}")
        return done

    def _unshared(self, *spaces):
        # The process that waits outside is not in the group, the first one inside is before the group becomes the root of all it sees.
        return ["unshare", "--mount", "--pid", "--ipc", *spaces, "--fork", "--kill-child", "--propagation", "private",
                *JOIN, *self.groups, "--", "unshare", "--cgroup", "setpriv", f"--bounding-set={','.join(f'-{name}' for name in NOT_GIVEN)}",
                INIT, self.root, " ".join(first_version())]

    def output(self, command, **options):
        return self.run(command, **options).stdout.strip()

    def succeeds(self, command, **options):
        return self.run(command, check=False, **options).returncode == 0

    def until(self, command, deadline_s=COMMAND_S, **options):
        """Waits until the command succeeds; its output."""
        what = f"{shlex.join(map(str, command))} succeeds"
        try:
            return eventually(lambda: self._attempt(command, options), what, deadline_s, PAUSE_S).stdout.strip()
        except AssertionError as failure:
            raise CommandFailed(f"{failure}\n{self.journal(60)}") from None

    def _attempt(self, command, options):
        done = self.run(command, check=False, **options)
        return done if done.returncode == 0 else None

    def journal(self, lines=200, *words):
        """The end of the journal, of all boots; also when the machine is down."""
        # Not by run(), which shows it when it fails.
        done = subprocess.run(["journalctl", "-q", "--no-pager", "--merge", f"--directory={self.path('/var/log/journal')}", "-n", str(lines), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60)
        return done.stdout + done.stderr

    # ---- packages ----
    def apt(self, *words, timeout_s=900):
        return self.run(["apt-get", "-y", "--no-install-recommends", *words], timeout_s=timeout_s)

    def _update_once(self):
        """A cached root file system may be older than what the mirrors still have."""
        if not self.init and not self.is_updated:
            self.apt("update")
            self.is_updated = True

    def apt_install(self, *what, timeout_s=900):
        """Names, or files of the host (*.deb), of which apt takes the dependencies. What is not there yet can be fetched before boot() only."""
        self._update_once()
        return self.apt("install", *map(self._place, what), timeout_s=timeout_s)

    def apt_satisfy(self, *debs):
        """What these files of the host depend on, without themselves: they can be installed without a network then."""
        self._update_once()
        for deb in debs:
            fields = [subprocess.run(["dpkg-deb", "-f", deb, field], check=True, capture_output=True, text=True, timeout=60).stdout.strip()
                      for field in ("Pre-Depends", "Depends")]
            self.apt("satisfy", ", ".join(filter(None, fields)))

    def _place(self, what):
        if not str(what).endswith(".deb"):
            return str(what)
        inside = pathlib.Path("/root/debs") / pathlib.Path(what).name
        self.path(inside).parent.mkdir(exist_ok=True)
        self.copy_in(what, inside)
        return str(inside)

    # ---- life ----
    def boot(self, deadline_s=BOOT_S):
        """Waits until systemd says that it is up; whether as "running" or "degraded", which it returns."""
        remove_groups(self.folder.name)
        self.groups = make_groups(self.folder.name)
        command = ["setpriv", "--pdeathsig", "KILL", *self._unshared("--net", "--uts"), "/sbin/init"]
        with open(self.folder / "console.log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            self.init = eventually(self._find_init, "systemd is started", deadline_s, PAUSE_S)
            return eventually(self._state, "systemd is up", deadline_s, PAUSE_S)
        except AssertionError as failure:
            console = (self.folder / "console.log").read_text(errors="replace")
            raise CommandFailed(f"{failure}\n{console[-3000:]}\n{self.journal()}") from None

    def _find_init(self):
        if self.process.poll() is not None:
            raise CommandFailed(f"it ended with {self.process.returncode}")
        # Before it is systemd it is the script that prepares for it.
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next((int(child) for child in children if pathlib.Path(f"/proc/{child}/comm").read_text() == "systemd\n"), None)

    def _state(self):
        if self.process.poll() is not None:
            raise CommandFailed(f"systemd ended with {self.process.returncode}")
        state = self.output(["systemctl", "is-system-running"], check=False)
        return state if state in ("running", "degraded") else None

    def poweroff(self, deadline_s=BOOT_S):
        """Units stop in their order, as on a host that is switched off."""
        self.run(["systemctl", "poweroff", "--no-block"], check=False)
        try:
            self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise CommandFailed(f"not down within {deadline_s} s\n{self.journal()}") from None
        finally:
            self._end()

    def _end(self):
        """Like pulling the plug: the kernel ends what lives in the process namespace of the one that is killed."""
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = self.init = None
