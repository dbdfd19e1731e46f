"""The promises of the virt room, which the fake and libvirt's test driver are held to by tests/contract, asked of real QEMU."""
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = "build/test/tests/contract/virt_domains"


def test_real_qemu_keeps_the_promises_of_virt():
    subprocess.run(["make", "-s", "--no-print-directory", "V=test", PROGRAM], cwd=ROOT, check=True)
    done = subprocess.run([ROOT / PROGRAM, "qemu"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    assert done.returncode == 0, done.stdout
