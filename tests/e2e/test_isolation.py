"""Two projects' guests on one host cannot reach each other: not by ping, not by ARP, not by a stolen address; nor can a guest take its
neighbour's address on its own network."""
import sqlite3

import pytest

from guest import Key, address
from machine import BOOT_S, eventually


def another_project(machine):
    """Gives all that is there to a second project: what is made next belongs to the first again."""
    machine.stop()
    with sqlite3.connect(machine.state / "computed.db") as database:
        database.execute("INSERT INTO project SELECT ?, id, 'other', '', 1, 0 FROM domain", ("f" * 32,))
        for table in ("vm", "network", "keypair"):
            database.execute(f"UPDATE {table} SET project = ?", ("f" * 32,))
    machine.start()


@pytest.fixture
def two(own, tmp_path):
    """(VM of the other project, its key, VM of the default project, its key), both up."""
    keys, vms = [], []
    for name in ("theirs", "ours"):
        keys.append(Key(own, name, tmp_path))
        vms.append(own.create(name, keypair=name))
        eventually(lambda: own.show(vms[-1]["id"])["ready_at"], f"{name} is ready", BOOT_S)
        if name == "theirs":
            another_project(own)
    yield own, vms[0], keys[0], vms[1], keys[1]
    with sqlite3.connect(own.state / "computed.db") as database:
        (project,) = database.execute("SELECT id FROM project WHERE name = 'default'").fetchone()
        database.execute("UPDATE network SET is_default = 0, name = 'theirs' WHERE project = ?", ("f" * 32,))
        for table in ("vm", "network", "keypair"):
            database.execute(f"UPDATE {table} SET project = ?", (project,))


def outcome(key, host, command):
    return key.run(host, f"{command} >/dev/null 2>&1 && echo works || echo fails")


def works(key, host, command):
    """What shows that the same command, refused elsewhere, can succeed."""
    assert outcome(key, host, command) == "works", command


def fails(key, host, command):
    """The command runs inside and does not work; the way to it does."""
    assert outcome(key, host, command) == "fails", command


def test_projects_share_no_broadcast_domain(two):
    own, theirs, their_key, ours, our_key = two
    a, b = address(ours), address(theirs)
    assert a.rsplit(".", 1)[0] != b.rsplit(".", 1)[0]
    assert own.get("/v1/vms").json["vms"][0]["id"] == ours["id"] and len(own.get("/v1/vms").json["vms"]) == 1

    gateway, their_gateway = (ip.rsplit(".", 1)[0] + ".1" for ip in (a, b))
    works(our_key, a, f"ping -c 2 -W 2 {gateway}")
    works(our_key, a, f"nc -w 3 {gateway} 53 </dev/null")
    works(our_key, a, f"arping -c 2 -w 3 -I eth0 {gateway}")
    works(our_key, a, f"arping -c 2 -w 3 -I eth0 -s {a} {gateway}")

    fails(our_key, a, f"ping -c 2 -W 2 {b}")
    fails(their_key, b, f"ping -c 2 -W 2 {a}")
    fails(our_key, a, f"nc -w 3 {b} 22 </dev/null")
    our_key.run(a, f"ip route add {b}/32 dev eth0")
    fails(our_key, a, f"arping -c 2 -w 3 -I eth0 {b}")

    # The neighbour's address, and one of the neighbour's subnet: nothing comes back, and the rightful owner goes on.
    our_key.run(a, f"ip route del {b}/32; ip addr add {b}/24 dev eth0")
    fails(our_key, a, f"arping -c 2 -w 3 -I eth0 -s {b} {their_gateway}")
    fails(our_key, a, f"ping -c 2 -W 2 -I {b} {their_gateway}")
    assert their_key.run(b, "hostname") == "theirs"


def test_a_neighbours_address_cannot_be_stolen(own, tmp_path):
    key = Key(own, "key", tmp_path)
    vms = [own.create(name, keypair="key") for name in ("thief", "owner")]
    for vm in vms:
        eventually(lambda: own.show(vm["id"])["ready_at"], "it is ready", BOOT_S)
    thief, owner = map(address, vms)
    gateway = thief.rsplit(".", 1)[0] + ".1"
    works(key, thief, f"ping -c 2 -W 5 {owner}")
    works(key, thief, f"ping -c 2 -W 5 -I {thief} {gateway}")
    works(key, thief, f"arping -c 2 -w 3 -I eth0 -s {thief} {gateway}")

    key.run(thief, f"ip addr add {owner}/24 dev eth0")
    fails(key, thief, f"ping -c 2 -W 2 -I {owner} {gateway}")
    fails(key, thief, f"arping -c 2 -w 3 -I eth0 -s {owner} {gateway}")
    assert key.run(owner, "hostname") == "owner"

    # Nor one that nobody has.
    free = thief.rsplit(".", 1)[0] + ".250"
    key.run(thief, f"ip addr add {free}/24 dev eth0")
    fails(key, thief, f"ping -c 2 -W 2 -I {free} {gateway}")
    assert key.run(thief, "hostname") == "thief"
