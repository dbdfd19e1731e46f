"""The promises of the virt room, which the fake and libvirt's test driver are held to by tests/contract, asked of real QEMU."""
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = [f"build/test/tests/contract/{name}" for name in ("virt_domains", "virt_devices", "virt_networks")]


@pytest.mark.parametrize("program", PROGRAMS)
def test_real_qemu_keeps_the_promises_of_virt(program):
    subprocess.run(["make", "-s", "--no-print-directory", "V=test", program], cwd=ROOT, check=True)
    done = subprocess.run([ROOT / program, "qemu"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    assert done.returncode == 0, done.stdout
