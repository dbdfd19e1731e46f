"""`make check-cloud-image`: the same as test_login.py with real cloud-init: a Debian image made by tools/mkimage-debian.sh, in both layouts of
the seed. Slow: each boot takes a minute or two where guests are emulated."""
import pathlib
import subprocess

import pytest

from guest import Key, address
from machine import eventually

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
READY_S = 900
SIZE = {"image": "debian", "vcpus": 2, "memory_mib": 1024, "disk_gib": 4}
USER_DATA = """#cloud-config
write_files:
  - path: /etc/told
    content: written by cloud-init
runcmd:
  - [touch, /run/ran]
"""


@pytest.fixture(scope="module")
def debian(daemon):
    built = subprocess.run([TOOLS / "mkimage-debian.sh"], check=True, stdout=subprocess.PIPE, text=True)
    answer = daemon.post("/v1/images", {"name": "debian", "disk_format": "qcow2", "properties": {"os": "debian", "default_user": "debian"}})
    assert answer.status == 201, answer
    assert daemon.upload(answer.json["id"], pathlib.Path(built.stdout.strip()).read_bytes()).status == 204


@pytest.mark.parametrize("layout", ["nocloud", "config-drive"])
def test_cloud_init(daemon, debian, tmp_path, layout):
    key = Key(daemon, layout, tmp_path)
    answer = daemon.post("/v1/vms", daemon.body(layout, keypair=layout, user_data=USER_DATA, config_drive=layout == "config-drive",
                                                metadata={"purpose": "proof"}, **SIZE))
    daemon.done(answer)
    host = address(answer.json)
    eventually(lambda: daemon.show(layout)["ready_at"], "cloud-init has finished", READY_S)

    assert key.run(host, "hostname", "debian") == layout
    assert "status: done" in key.run(host, "cloud-init status --wait --long", "debian")
    assert key.run(host, "cat /etc/told; echo; ls /run/ran", "debian").splitlines() == ["written by cloud-init", "/run/ran"]
    inside = key.run(host, "ip -o -4 addr; ip route; sudo cat /run/cloud-init/result.json", "debian")
    assert f"{host}/24" in inside and f"default via {host.rsplit('.', 1)[0]}.1" in inside
    assert ("DataSourceNoCloud" if layout == "nocloud" else "DataSourceConfigDrive") in inside
    assert host in key.run(host, f"getent hosts {layout}.default.internal; getent ahostsv4 {layout}", "debian")

    assert int(key.run(host, "df -BM --output=size / | tail -1", "debian").strip().rstrip("M")) > 3000, "the disk grows to the VM's size"

    # The key is there again after a stop and a start, and user data has not run again.
    daemon.act(layout, "stop")
    daemon.act(layout, "start")
    eventually(lambda: key.ssh(host, "true", "debian").returncode == 0, "ssh after a restart", READY_S)
    assert key.run(host, "cat /etc/told", "debian") == "written by cloud-init"
    daemon.removes_cleanly(answer.json["id"])
