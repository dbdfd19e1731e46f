#!/usr/bin/python3
"""private_libvirt.py COMMAND [ARG...]: runs COMMAND as root beside a libvirtd of its own.

Network, mount and process namespaces of their own: qemu:///system inside is the private one. It can be stopped and killed, its guests and
networks exist only inside, and the machine's libvirt is not touched. This program is process 1 in there and reaps orphans as libvirt
expects; when it ends, whatever still runs inside ends too, and with it the files of libvirt, which lie in memory. There is no way out to any network.

As a module: what tests do to the private libvirtd."""
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import time

MARK = "COMPUTED_PRIVATE_LIBVIRT"
URI = "qemu:///system"
PIDS = pathlib.Path("/run/private")
FOLDERS = [pathlib.Path(p) for p in ("/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt", "/etc/libvirt")]
COPIED = FOLDERS[2:]  # configuration, and the capability cache, which saves the probing of every QEMU
ANSWER_S = 60
GROUP_AGE_S = 600


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


# ---- the daemons; also for tests ----
def pid_of(daemon):
    try:
        return int((PIDS / f"{daemon}.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None


def start(daemon="libvirtd"):
    with open(PIDS / f"{daemon}.log", "ab") as log:
        run(daemon, "-d", "-p", PIDS / f"{daemon}.pid", stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def is_answering():
    command = ["virsh", "-q", "-c", URI, "version"]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_S).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def wait_until_answering():
    end = time.monotonic() + ANSWER_S
    while not is_answering():
        if time.monotonic() > end:
            raise TimeoutError(f"libvirtd does not answer; its words: {(PIDS / 'libvirtd.log').read_text()[-1000:]}")
        time.sleep(0.05)


def end(daemon="libvirtd", with_signal=signal.SIGKILL):
    """Ends the daemon and waits until it is gone; running guests stay."""
    pid = pid_of(daemon)
    os.kill(pid, with_signal)
    handle_end = time.monotonic() + ANSWER_S
    while pathlib.Path(f"/proc/{pid}").exists():
        if time.monotonic() > handle_end:
            raise TimeoutError(f"{daemon} does not end")
        time.sleep(0.01)
    (PIDS / f"{daemon}.pid").unlink(missing_ok=True)


# ---- the namespaces ----
def enter():
    """Starts this program again, as process 1 of the namespaces."""
    os.environ[MARK] = "1"
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "--propagation", "private",
               sys.executable, *sys.argv]
    if os.geteuid() != 0:
        command = ["sudo", f"{MARK}=1", *command]
    os.execvp(command[0], command)


def cover_folders():
    """Fresh ones in memory over those that libvirt uses. Without the machine's /run there is no D-Bus and no systemd to be asked."""
    copies = {}
    for folder in COPIED:
        copies[folder] = pathlib.Path("/dev/shm") / f"private-libvirt-{os.getpid()}-{folder.parent.name}"
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/dev/shm")
    for folder, copy in copies.items():
        if folder.is_dir():
            run("cp", "-a", folder, copy)
    for folder in [pathlib.Path("/run"), *FOLDERS]:
        folder.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    for folder, copy in copies.items():
        if copy.is_dir():
            run("cp", "-a", f"{copy}/.", folder)
            shutil.rmtree(copy)


def make_folders():
    for folder in ("/run/lock", "/run/libvirt", PIDS, "/var/lib/libvirt/images", "/var/lib/libvirt/boot", "/var/lib/libvirt/dnsmasq"):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    qemu = pathlib.Path("/var/lib/libvirt/qemu")
    qemu.mkdir()
    shutil.chown(qemu, "libvirt-qemu")
    shutil.rmtree("/etc/libvirt/qemu", ignore_errors=True)  # the machine's own domains and networks


def open_kvm():
    """/dev/kvm as udev would make it. One that libvirt's probe can open (as root) and QEMU's user cannot makes libvirt ask every QEMU anew
    before each start of a guest, which takes seconds."""
    kvm, own = pathlib.Path("/dev/kvm"), PIDS / "kvm"
    if kvm.exists():
        os.mknod(own, stat.S_IFCHR | 0o660, kvm.stat().st_rdev)
        shutil.chown(own, "root", "kvm")
        own.chmod(0o660)
        run("mount", "--bind", own, kvm)


def remove_old_groups():
    """Control groups are the machine's, and outlive guests that ended with their namespace. One that is old and can be removed is nobody's."""
    for guest in pathlib.Path("/sys/fs/cgroup").glob("**/machine/qemu-*-computed-*"):
        try:
            if time.time() - guest.stat().st_mtime > GROUP_AGE_S:
                for folder in [*guest.glob("*/"), guest]:
                    folder.rmdir()
        except OSError:
            pass  # a guest is in it, or somebody else was faster


def prepare():
    run("ip", "link", "set", "lo", "up")
    remove_old_groups()
    cover_folders()
    make_folders()
    open_kvm()
    start("virtlogd")
    start("libvirtd")
    wait_until_answering()


def reap_until_end_of(child):
    """libvirt waits until a process that it ended has been reaped: nothing here may ever be slow."""
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if MARK not in os.environ or os.getpid() != 1:
        enter()
    child = os.fork()
    if child == 0:
        prepare()
        os.execvp(sys.argv[1], sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command's to handle
    return reap_until_end_of(child)


if __name__ == "__main__":
    sys.exit(main())
