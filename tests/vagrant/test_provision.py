"""provision.sh, run for real on a plain Debian 12 up to a running VM, twice. What is not tried: VirtualBox, the libvirt provider, nested KVM
and synced folders, for which it wants a host with Vagrant and KVM."""
import json
import re

from conftest import CHECKOUT, RELAY, USER, provision

READY_S = 300
PORT = 8081


def curl(box, arrives_at, path, *words, host_port=PORT, **options):
    """As the plain user, what somebody on the host asks through the forwarded port; that ends at this address of the box."""
    return box.output(["curl", "-s", "--connect-to", f"::{arrives_at}:{PORT}", *words, f"http://127.0.0.1:{host_port}{path}"], user=USER, **options)


def status(box, arrives_at, path, *words, **options):
    return curl(box, arrives_at, path, "-o", "/dev/null", "-w", "%{http_code}", *words, **options)


def log_in(box, arrives_at):
    password = box.output(["cat", f"/home/{USER}/computed-password"], user=USER)
    answer = curl(box, arrives_at, "/v1/tokens", "-H", "Content-Type: application/json", "-d", "@-",
                  input=json.dumps({"user": USER, "password": password}))
    return json.loads(answer)["token"]


def guest_process(box):
    return box.output(["pgrep", "-x", "qemu-system-x86"])


def test_it_says_how_guests_run(box):
    health = json.loads(re.search(r"/health: (\{.*\})", box.said).group(1))
    assert health["status"] == "healthy" and health["virt"]["type"] in ("kvm", "qemu"), box.said
    assert ("guests run on KVM" if health["virt"]["type"] == "kvm" else "guests are emulated") in box.said


def test_a_vm_is_created_and_seen_by_client_and_virsh_without_sudo(box):
    box.run(["computectl", "keypair", "create", "me", "--out", "me.key"], user=USER)
    address = box.output(["computectl", "vm", "create", "first", "--image", "tiny", "--flavor", "small", "--keypair", "me", "--wait=ready"],
                         user=USER, timeout_s=READY_S)
    assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", address)
    assert re.search(r"\bfirst +running\b", box.output(["computectl", "vm", "list"], user=USER))
    assert re.search(r"running\s+first\b", box.output(["virsh", "list", "--title"], user=USER))
    said = box.output(["ssh", "-i", "me.key", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", f"root@{address}", "hostname"],
                      user=USER)
    assert said == "first"


def test_the_forwarded_port_wants_a_token_wherever_it_arrives(box):
    for address in ("127.0.0.1", RELAY):
        assert status(box, address, "/v1/vms") == "401"
        assert status(box, address, "/v1/vms", "-H", f"X-Auth-Token: {log_in(box, address)}") == "200"
        assert status(box, address, "/health", host_port=9000) == "200"
        assert status(box, address, "/health", "-H", "Host: elsewhere.example") == "403"
    assert box.output(["stat", "-c", "%a %U", f"/home/{USER}/computed-password"]) == f"600 {USER}"


def test_others_of_the_machine_are_not_let_in(box):
    box.run(["useradd", "-m", "stranger"])
    assert not box.succeeds(["computectl", "vm", "list"], user="stranger")
    assert not box.succeeds(["virsh", "-c", "qemu:///system", "list"], user="stranger")
    assert not box.succeeds(["cat", f"/home/{USER}/computed-password"], user="stranger")


def test_the_daemon_listens_on_loopback_alone(box):
    """The relay apart, which is systemd's."""
    lines = [line.split() for line in box.output(["ss", "-Hltnp", f"sport = {PORT}"]).splitlines()]
    assert {line[3]: "computed" in line[5] for line in lines} == {f"127.0.0.1:{PORT}": True, f"{RELAY}:{PORT}": False}


def test_nothing_in_the_home_or_the_build_is_root_s(box):
    assert box.output(["find", f"/home/{USER}", "!", "-user", USER]) == ""


def test_a_second_time_changes_nothing_and_leaves_the_guest_alone(box):
    guest = guest_process(box)
    password = box.output(["cat", f"/home/{USER}/computed-password"])
    images = box.output(["computectl", "image", "list"], user=USER)
    said = provision(box)
    assert "registering" not in said and "/health: " in said
    assert guest_process(box) == guest
    assert box.output(["cat", f"/home/{USER}/computed-password"]) == password
    assert box.output(["computectl", "image", "list"], user=USER) == images
    assert re.search(r"\bfirst +running\b", box.output(["computectl", "vm", "list"], user=USER))
    assert log_in(box, RELAY)


def test_what_is_lost_is_made_anew_and_what_is_not_wanted_goes(box):
    old = box.output(["cat", f"/home/{USER}/computed-password"])
    box.run(["rm", "computed-password"], user=USER)
    provision(box, relay="")
    assert box.output(["cat", f"/home/{USER}/computed-password"]) != old
    assert log_in(box, "127.0.0.1")
    assert box.output(["ss", "-Hltn", f"src {RELAY}"]) == ""
    assert not box.succeeds(["systemctl", "cat", "computed-box.socket"])


def test_a_wrong_checkout_is_named(plain):
    done = plain.run(["env", "COMPUTED_CHECKOUT=/srv", f"{CHECKOUT}/vagrant/provision.sh"], user=USER, check=False)
    assert done.returncode == 1 and "/srv is no checkout" in done.stderr


def test_the_vm_goes_by_one_command(box):
    box.run(["computectl", "vm", "delete", "first", "--wait"], user=USER)
    assert box.output(["virsh", "-q", "list", "--all"], user=USER) == ""
