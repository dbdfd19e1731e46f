"""The packages in a root file system that is not running, as when an image of a host is made: everything is there, nothing is started, and
purge finds no libvirt to ask and nothing to keep."""
import pytest

from host import STATE, Host


@pytest.fixture(scope="module")
def host(packages):
    with Host(packages) as machine:
        yield machine


def test_it_is_ready_for_the_first_boot(host, packages):
    host.apt_install(*packages)
    assert host.modes(STATE)[STATE] == ("711", "computed", "computed")
    assert "libvirt" in host.output(["id", "-nG", "computed"]).split()
    assert "good" in host.output(["computed", "--check-config"])
    wants = host.path("/etc/systemd/system")
    for wish in ("multi-user.target.wants/computed.service", "sockets.target.wants/computed.socket", "multi-user.target.wants/computed-guests.service"):
        assert (wants / wish).is_symlink(), wish
    assert not host.succeeds(["test", "-e", f"{STATE}/computed.db"])


def test_without_vms_purge_keeps_nothing(host):
    host.run(["touch", f"{STATE}/computed.db"])
    words = host.apt("purge", "computed").stdout
    assert "kept" not in words
    assert not host.path(STATE).exists()
    assert not host.path("/etc/computed").exists()
    assert not [path for path in host.path("/etc/systemd/system").rglob("computed*")]
