"""Hostile images under strace: whatever they say, nothing outside the state directory is opened for them.

The rule: of all opens and executions that succeed while images come in, by the daemon and its helper processes, the kernel's own name
of what was opened lies in the daemon's folders, or is one of the system's libraries, devices and configuration files listed here. No
password file, no other file of /etc, and none of the secrets that lie beside the folders and that the images name."""
import os
import pathlib
import re
import subprocess

import pytest

import client
from test_image_capture import stopped, write
from web import Web

SYSTEM = re.compile(r"""
    /usr/(local/)?(lib|lib64|libexec)/.* | /(lib|lib64)/.* | /etc/ld\.so\.(cache|preload)             # libraries
  | (/usr(/local)?)?/s?bin/qemu-img | /usr/share/(qemu|zoneinfo|locale|p11-kit|crypto-policies)(/.*)? # the one program that is started
  | /etc/(localtime|nsswitch\.conf|host\.conf|hosts|resolv\.conf|gai\.conf|ssl/openssl\.cnf|gnutls/config|libgcrypt/.*|gcrypt/.*)
  | /dev/(null|zero|random|urandom)(<char\ [0-9:]+>)?
  | /proc/.* | /sys/.* | (pipe|socket|anon_inode|memfd):.* | /memfd:.*
""", re.VERBOSE)
# openat(AT_FDCWD</>, "/proc/self/fd/6", O_RDONLY) = 9</the/real/name>
OPENED = re.compile(r'(?:open|openat|openat2|creat)\(.*\)\s+= \d+<(.*)>$')
EXECUTED = re.compile(r'execve\("([^"]+)".*\)\s+= 0$')


class Traced(client.Daemon):
    """The daemon and all that it starts, with what they open in `trace`."""

    def start(self):
        self.trace = self.directory / "trace"
        wrapper = self.directory / "traced"
        wrapper.write_text(f'#!/bin/sh\nexec strace -D -f -y -qq -s 4096 -e trace=open,openat,openat2,creat,execve -o {self.trace} {self.binary} "$@"\n')
        wrapper.chmod(0o755)
        plain, client.BINARY = client.BINARY, str(wrapper)
        try:
            super().start()
        finally:
            client.BINARY = plain

    binary = client.BINARY

    def opened(self, since):
        """The names of what has been opened and started since that many bytes of the trace."""
        for line in self.trace.read_bytes()[since:].decode(errors="replace").splitlines():
            found = OPENED.search(line) or EXECUTED.search(line)
            if found and "O_PATH" not in line:  # which names a place, and reads nothing there
                yield found.group(1).removesuffix("(deleted)"), line


@pytest.fixture
def traced(tmp_path, monkeypatch):
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")  # a traced process cannot look for its own
    folder = tmp_path / "daemon"
    folder.mkdir()
    daemon = Traced(folder, import_allow="127.0.0.0/8")
    try:
        daemon.add_image("tiny")
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture
def web():
    web = Web()
    yield web
    web.close()


def hostile(folder, secret):
    """Images that name the secret, or /etc/passwd, in every way that a format has. name: (bytes, whether it is let in)."""
    def made(*command, edit=lambda data: data):
        path = folder / "x"
        path.unlink(missing_ok=True)
        subprocess.run(["qemu-img", "create", "-q", *command], check=True, cwd=folder)
        return edit(path.read_bytes())

    def backed(by):
        return made("-f", "qcow2", "-u", "-F", "raw", "-b", by, "x", "3M")

    def with_extent(text):
        return lambda data: data.replace(b'SPARSE "x"', text)

    data_file = made("-f", "qcow2", "-o", "data_file=data,data_file_raw=on", "x", "3M", edit=lambda d: d.replace(b"data\0\0\0\0", b"/etc/pas", 1))
    text = f'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 8 FLAT "{secret}" 0\n'.encode()
    no_capacity = made("-f", "vmdk", "x", "3M", edit=lambda d: d[:12] + bytes(8) + d[20:512] + text.ljust(10240, b"\0") + d[10752:])
    return {
        "absolute": backed("/etc/passwd"), "relative": backed("../../../secret"), "secret": backed(str(secret)),
        "json": backed('json:{"driver":"raw","file":{"driver":"file","filename":"/etc/passwd"}}'), "data-file": data_file,
        "text": text, "embedded": no_capacity,
        "parent": made("-f", "vmdk", "x", "3M", edit=lambda d: d.replace(b"ddb.adapterType", f'parentFileNameHint="{secret}"\n#'.encode()[:99])),
        "extent": made("-f", "vmdk", "x", "3M", edit=with_extent(b'FLAT "/etc/passwd" 0')),
        "l1": made("-f", "qcow2", "x", "3M", edit=lambda d: d[:36] + b"\xff" * 4 + d[40:]),
        "size": made("-f", "qcow2", "x", "3M", edit=lambda d: d[:24] + b"\x7f" + d[25:]),
        "luks": b"LUKS\xba\xbe\0\1".ljust(4096, b"\0"),
    }


def assert_nothing_strange(daemon, since):
    folders = tuple(str(folder.resolve()) + "/" for folder in (daemon.state, daemon.domains))
    exact = {str(path.resolve()) for path in (daemon.state, daemon.domains, daemon.failpoints, daemon.state / "images", pathlib.Path("/"))}
    exact |= {str(pathlib.Path(daemon.binary).resolve()), "/proc/self/exe"}
    strange = [line for name, line in daemon.opened(since)
               if not (name.startswith(folders) or name in exact or SYSTEM.fullmatch(name) or name.startswith(str(client.ROOT / "templates")))]
    assert strange == []


def test_imports(traced, web, tmp_path):
    secret = traced.directory / "secret"
    secret.write_bytes(b"secret".ljust(4096, b"\0"))
    secret.chmod(0o644)
    images = hostile(tmp_path, secret)
    good = subprocess.run("qemu-img create -q -f vmdk good 3M && cat good", shell=True, check=True, capture_output=True, cwd=tmp_path).stdout
    since = traced.trace.stat().st_size
    for name, data in images.items():
        answer = traced.post("/v1/images/import", {"name": name, "url": web.add("/" + name, data)})
        operation = traced.wait(answer)
        assert (operation["status"], operation["error"]["code"]) == ("failed", "image_refused"), (name, operation)
    for name, data in images.items():
        image = traced.post("/v1/images", {"name": f"raw-{name}", "disk_format": "raw"}).json
        assert traced.upload(image["id"], data).code == "image_refused", name
    traced.done(traced.post("/v1/images/import", {"name": "good", "url": web.add("/good", good)}))
    assert_nothing_strange(traced, since)
    # That the trace sees what it must see: qemu-img, and the file that it was given.
    names = [name for name, _ in traced.opened(since)]
    assert [name for name in names if name.endswith("/qemu-img")] and [name for name in names if name.endswith(".fetch")]


def test_captures(traced):
    """A guest writes headers into its disk; somebody rewrites the overlay's."""
    secret = traced.directory / "secret"
    secret.write_bytes(b"secret".ljust(4096, b"\0"))
    header = traced.directory / "header"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-F", "raw", "-b", secret, header, "1M"], check=True)
    vm = stopped(traced, "a")
    disk = write(traced, vm, header.read_bytes())
    since = traced.trace.stat().st_size
    traced.done(traced.post("/v1/vms/a/image", {"name": "data"}))
    # What was written is data there too: an upload that claims it to be raw would be refused, and QEMU is told that it is qcow2.
    image = traced.get("/v1/images/data").json
    assert image["disk_format"] == "qcow2"
    assert subprocess.run(["qemu-img", "info", "-U", traced.state / "images" / f"{image['id']}.qcow2"], check=True, capture_output=True,
                          text=True).stdout.count("backing") == 0
    for backing in (secret, "../../../secret", f'json:{{"driver":"file","filename":"{secret}"}}'):
        subprocess.run(["qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", backing, disk], check=True)
        operation = traced.wait(traced.post("/v1/vms/a/image", {"name": f"x-{os.urandom(4).hex()}"}))
        assert operation["error"]["code"] == "image_refused", operation
    assert_nothing_strange(traced, since)
