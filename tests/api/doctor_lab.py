"""Worlds for the doctor: one of everything on the fake, the daemon down, and defects to plant: each takes a world, and harms it."""
import json
import os
import re
import sqlite3
import subprocess
import uuid

from client import BINARY

STRANGER = "11111111-2222-4333-8444-555555555555"


# ---- asking ----
def environment(daemon):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("COMPUTED_")}
    return {**inherited, **{"COMPUTED_" + key.upper(): str(value) for key, value in daemon.settings.items()}}


def run(daemon, *words):
    return subprocess.run([BINARY, "doctor", *words], env=environment(daemon), capture_output=True, text=True, timeout=90)


def look(daemon, *words):
    """(exit code, report) of the command line, with the daemon down."""
    done = run(daemon, "--json", *words)
    assert done.stdout, done
    report = json.loads(done.stdout)
    assert done.returncode == (2 if report["unseen"] else 1 if report["findings"] else 0), done
    return done.returncode, report


def codes(report):
    return sorted({finding["code"] for finding in report["findings"]})


def rules():
    """code: whether --fix mends it."""
    lines = subprocess.run([BINARY, "doctor", "--codes"], check=True, capture_output=True, text=True).stdout.splitlines()
    return {code: fix == "fix" for code, _, fix in map(str.split, lines)}


# ---- a world with one of everything, whose daemon is down ----
class World:
    def __init__(self, daemon):
        self.daemon = daemon
        self.state = daemon.state
        self.image = daemon.get("/v1/images/tiny").json["id"]
        daemon.done(daemon.post("/v1/networks", {"name": "net"}))
        daemon.post("/v1/keypairs", {"name": "key"})
        self.vm = daemon.create("one", networks=["net"])["id"]
        self.other = daemon.create("two", networks=["net"], start=False)["id"]
        self.network = daemon.get("/v1/networks/net").json["id"]
        daemon.stop()

    def sql(self, *statements):
        """As one that knows no rules."""
        database = sqlite3.connect(self.state / "computed.db")
        database.create_function("next_vm_version", 0, lambda: 1 << 40)
        database.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            database.execute(*statement) if isinstance(statement, tuple) else database.execute(statement)
        database.commit()
        database.close()

    def value(self, statement, *values):
        database = sqlite3.connect(self.state / "computed.db")
        (row,) = database.execute(statement, values).fetchall()
        database.close()
        return row[0]

    def disk(self, vm):
        return self.state / "instances" / vm / "disk.qcow2"

    def base(self):
        return self.state / "images" / f"{self.image}.raw"

    def edit_network(self, **changes):
        path = self.daemon.domains / "networks" / f"{self.network}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def copy_domain(self, new, **changes):
        record = {**self.daemon.domain(self.other), **changes}
        (self.daemon.domains / f"{new}.json").write_text(json.dumps(record))

    def copy_network(self, new, **changes):
        record = {**self.daemon.network_record(self.network), "bridge": "cn-other", "cidr": "10.250.0.0/24", **changes}
        (self.daemon.domains / "networks" / f"{new}.json").write_text(json.dumps(record))


# ---- defects ----
def instance_without_row(w):
    folder = w.state / "instances" / STRANGER
    folder.mkdir(mode=0o711)
    (folder / "disk.qcow2").write_bytes(w.disk(w.other).read_bytes())
    (folder / "console.log").touch()


def image_file_without_row(w):
    (w.state / "images" / f"{STRANGER}.qcow2").write_bytes(b"QFI\xfb")


def part_left_behind(w):
    (w.state / "images" / f"{w.image}.part").write_bytes(b"x")


def overlay_half_written(w):
    (w.state / "instances" / w.vm / "disk.qcow2.tmp").write_bytes(b"x")


def network_sidecar_without_row(w):
    (w.state / "networks" / f"{STRANGER}.json").write_text("{}")


def keypair_sidecar_without_row(w):
    (w.state / "keypairs" / f"{STRANGER}.json").write_text("{}")


def vm_sidecar_gone(w):
    (w.state / "instances" / w.other / "vm.json").unlink()


def image_sidecar_gone(w):
    (w.state / "images" / f"{w.image}.json").unlink()


def keypair_sidecar_gone(w):
    (sidecar,) = (w.state / "keypairs").iterdir()
    sidecar.unlink()


def stranger_in_state_dir(w):
    (w.state / "notes.txt").write_text("mine")


def link_in_the_place_of_a_file(w):
    w.base().unlink()
    w.base().symlink_to("/etc/hostname")


def image_file_gone(w):
    w.base().unlink()


def image_file_longer(w):
    rewrite(w.base(), w.base().read_bytes() + b"\0" * 512)


def image_file_younger(w):
    later = w.value("SELECT updated_at_ms FROM image") / 1000 + 60
    os.utime(w.base(), (later, later))


def image_bytes_changed(w):
    times = w.base().stat()
    rewrite(w.base(), b"\1" + w.base().read_bytes()[1:])
    os.utime(w.base(), ns=(times.st_atime_ns, times.st_mtime_ns))


def rewrite(path, data):
    mode = path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(data)
    os.utime(path, (0, 0))
    path.chmod(mode & 0o7777)


def image_may_be_written(w):
    w.base().chmod(0o644)


def image_has_two_files(w):
    (w.state / "images" / f"{w.image}.qcow2").write_bytes(w.disk(w.other).read_bytes())


def disk_gone(w):
    w.disk(w.other).unlink()


def disk_no_overlay(w):
    rewrite(w.disk(w.other), b"\0" * 65536)


def disk_without_format(w):
    image(w, "rebase", "-u", "-b", str(w.base()), "-F", "raw")
    data = w.disk(w.other).read_bytes()
    at = data.index((0xe2792aca).to_bytes(4, "big"))  # the extension that names it becomes an unknown one
    rewrite(w.disk(w.other), data[:at] + (0x12345678).to_bytes(4, "big") + data[at + 4:])


def disk_on_another_file(w):
    rewrite(w.disk(w.other), w.disk(w.other).read_bytes().replace(str(w.base()).encode(), b"/" + b"x" * (len(str(w.base())) - 1)))


def disk_marked_corrupt(w):
    data = bytearray(w.disk(w.other).read_bytes())
    data[79] |= 2
    rewrite(w.disk(w.other), bytes(data))


def disk_contradicts_itself(w):
    data = bytearray(w.disk(w.other).read_bytes())
    at = int.from_bytes(data[40:48], "big")  # the first entry of the L1 table points behind the file
    data[at:at + 8] = (1 << 63 | 1 << 40).to_bytes(8, "big")
    rewrite(w.disk(w.other), bytes(data))


def disk_too_small(w):
    w.sql(("UPDATE vm SET disk_gib = 2 WHERE id = ?", (w.other,)))


def image(w, *words):
    subprocess.run(["qemu-img", *words, str(w.disk(w.other))], check=True, capture_output=True)


def database_readable(w):
    (w.state / "computed.db").chmod(0o644)


def row_names_nobody(w):
    w.sql(("UPDATE vm SET image = ? WHERE id = ?", (STRANGER, w.other)))


def event_deleted(w):
    w.sql("DELETE FROM event WHERE seq = (SELECT seq FROM event WHERE type = 'operation.x' OR type LIKE 'image.active' LIMIT 1)")


def event_told_twice(w):
    w.sql(("INSERT INTO event (at_ms, type, project, resource, resource_created_at_ms, payload)"
           " SELECT at_ms, type, project, resource, resource_created_at_ms, payload FROM event WHERE type = 'network.created' AND resource = ?", (w.network,)))


def event_before_its_number(w):
    w.sql("UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'event'")


def status_change_untold(w):
    w.sql(("INSERT INTO event (at_ms, type, project, resource, resource_created_at_ms, payload)"
           " SELECT at_ms, 'vm.status.changed', project, resource, resource_created_at_ms,"
           " '{\"old_status\": \"paused\", \"new_status\": \"stopped\"}' FROM event WHERE type = 'vm.created' AND resource = ?", (w.other,)))


def status_without_event(w):
    w.sql(("UPDATE vm SET status = 'error', status_reason = 'internal', fault_code = 'internal', fault_message = 'x' WHERE id = ?", (w.other,)))


def record_gone(w):
    w.sql("DELETE FROM keypair")
    for path in (w.state / "keypairs").iterdir():
        path.unlink()


def record_back(w):
    w.sql(("INSERT INTO event (at_ms, type, project, resource, resource_created_at_ms, payload)"
           " SELECT at_ms, 'network.deleted', project, resource, resource_created_at_ms, payload FROM event WHERE type = 'network.created'"
           " AND resource = ?", (w.network,)))


def operation_about_nothing(w):
    w.sql(("INSERT INTO job SELECT ?, kind, actor_user, project, actor_is_admin, request_id, address, ?, 'pending', 'forward', 0, 0, 0, params, 0,"
           " NULL, timeout_ms, 0, NULL, 0, NULL, NULL, NULL, created_at_ms, 0, updated_at_ms, 0, details, actor_user_id FROM job WHERE kind = 'vm.create' LIMIT 1",
           (str(uuid.uuid4()), STRANGER)))


def vm_waits_for_ever(w):
    w.sql(("UPDATE vm SET task = 'vm.start', job = ? WHERE id = ?", (STRANGER, w.other)))


def vm_in_error_without_reason(w):
    w.sql(("UPDATE vm SET status = 'error', fault_code = 'internal', fault_message = NULL WHERE id = ?", (w.other,)),
          ("INSERT INTO event (at_ms, type, project, resource, resource_created_at_ms, payload)"
           " SELECT at_ms, 'vm.status.changed', project, resource, resource_created_at_ms,"
           " '{\"old_status\": \"stopped\", \"new_status\": \"error\"}' FROM event WHERE type = 'vm.created' AND resource = ?", (w.other,)))


def image_waits_for_ever(w):
    w.sql(("UPDATE image SET status = 'deleting', job = ?", (STRANGER,)))


def network_waits_for_ever(w):
    w.sql(("UPDATE network SET status = 'deleting', job = ? WHERE id = ?", (STRANGER, w.network)))


def domain_undefined(w):
    w.daemon.undefine(w.other)


def domain_started_by_virsh(w):
    w.daemon.edit_domain(w.other, state="running")


def domain_flag_changed(w):
    w.daemon.edit_domain(w.other, autostart=True)


def domain_lost_its_interface(w):
    w.daemon.edit_domain(w.other, nics=[])


def domain_of_nobody(w):
    w.copy_domain(STRANGER, tag=STRANGER, disk="/srv/elsewhere.qcow2", seed=None)


def domain_with_copied_tag(w):
    w.copy_domain(STRANGER, disk="/srv/elsewhere.qcow2", seed=None)


def domain_without_tag(w):
    w.daemon.edit_domain(w.other, tag=None)


def domain_on_foreign_disk(w):
    w.daemon.edit_domain(w.other, disk="/srv/elsewhere.qcow2")


def stranger_on_our_disk(w):
    w.copy_domain(STRANGER, tag=None, seed=None)


def seed_gone(w):
    (w.state / "instances" / w.other / "seed.iso").unlink()


def network_undefined(w):
    (w.daemon.domains / "networks" / f"{w.network}.json").unlink()


def network_off(w):
    w.edit_network(state="stopped")


def network_without_tag(w):
    w.edit_network(tag=None)


def network_with_copied_tag(w):
    w.copy_network(STRANGER)


def network_of_nobody(w):
    w.copy_network(STRANGER, tag=STRANGER)


def network_on_another_bridge(w):
    w.edit_network(bridge="virbr7")


def dns_forgot(w):
    w.edit_network(dns=[])


def dns_remembers(w):
    dns = w.daemon.network_record(w.network)["dns"]
    gone = re.sub(r"\d+$", "77", dns[0]["ip"])
    w.edit_network(dns=[*dns, {"ip": gone, "host": "gone"}])


def two_defaults(w):
    w.sql("DROP INDEX network_default", "UPDATE network SET is_default = 1",
          ("INSERT INTO network SELECT ?, 'twin', project, 'user', NULL, NULL, 1, 'active', NULL, NULL, 0, created_at_ms, updated_at_ms FROM network LIMIT 1",
           (STRANGER,)))
    (w.state / "networks" / f"{STRANGER}.json").write_text("{}")


def two_of_one_range(w):
    w.sql(("INSERT INTO network SELECT ?, 'twin', project, kind, substr(cidr, 1, instr(cidr, '/')) || '25', 'cn-twin', 0, 'error', 'x', NULL, 0, created_at_ms,"
           " updated_at_ms FROM network WHERE id = ?", (STRANGER, w.network)))
    (w.state / "networks" / f"{STRANGER}.json").write_text("{}")


def addresses_forgotten(w):
    w.sql(("UPDATE network SET next_ipv4 = next_ipv4 + 5 WHERE id = ?", (w.network,)))


def port_with_the_gateways_address(w):
    gateway = w.value("SELECT min(ipv4) FROM port") - 1
    prefix = "02:" + ":".join((w.network[:2], w.network[2:4], w.network[4:6]))
    mac = f"{prefix}:{gateway >> 8 & 255:02x}:{gateway & 255:02x}"
    old = w.value("SELECT mac FROM port WHERE vm = ?", w.other)
    free = w.value("SELECT ipv4 FROM port WHERE vm = ?", w.other)
    text = ".".join(str(gateway >> shift & 255) for shift in (24, 16, 8, 0))
    record = w.daemon.network_record(w.network)
    kept = [d for d in record["dns"] if d["ip"] != ".".join(str(free >> shift & 255) for shift in (24, 16, 8, 0))]
    w.edit_network(dns=[*kept, {"ip": text, "host": "two"}], dhcp=[*record["dhcp"], {"mac": mac, "ip": text}])
    nics = [{**nic, "mac": mac if nic["mac"] == old else nic["mac"]} for nic in w.daemon.domain(w.other)["nics"]]
    w.daemon.edit_domain(w.other, nics=nics)
    w.sql(("UPDATE port SET ipv4 = ?, mac = ? WHERE vm = ?", (gateway, mac, w.other)),
          ("INSERT INTO address_release VALUES (?, ?, 0)", (w.network, free)))


def port_with_a_wrong_mac(w):
    mac = "02:00:00:00:00:01"
    record = w.daemon.network_record(w.network)
    old = w.value("SELECT mac FROM port WHERE vm = ?", w.other)
    w.edit_network(dhcp=[{**d, "mac": mac} if d["mac"] == old else d for d in record["dhcp"]])
    w.daemon.edit_domain(w.other, nics=[{**nic, "mac": mac} for nic in w.daemon.domain(w.other)["nics"]])
    w.sql(("UPDATE port SET mac = ? WHERE vm = ?", (mac, w.other)))


def port_of_a_later_interface(w):
    w.sql(("UPDATE port SET ordinal = 1 WHERE vm = ?", (w.other,)))


def address_free_and_taken(w):
    w.sql(("INSERT INTO address_release SELECT network, ipv4, 0 FROM port WHERE vm = ?", (w.other,)))


DEFECTS = [
    (instance_without_row, "file_orphan"), (image_file_without_row, "file_orphan"), (part_left_behind, "file_leftover"),
    (overlay_half_written, "file_leftover"), (network_sidecar_without_row, "file_orphan"), (keypair_sidecar_without_row, "file_orphan"),
    (vm_sidecar_gone, "sidecar_missing"), (image_sidecar_gone, "sidecar_missing"), (keypair_sidecar_gone, "sidecar_missing"),
    (stranger_in_state_dir, "file_unknown"), (link_in_the_place_of_a_file, "file_unknown"), (image_file_gone, "image_file_missing"),
    (image_file_longer, "image_size_differs"), (image_file_younger, "image_modified"), (image_bytes_changed, "image_bytes_differ"),
    (image_may_be_written, "image_writable"), (image_has_two_files, "image_file_second"), (disk_gone, "disk_missing"),
    (disk_no_overlay, "disk_unreadable"), (disk_without_format, "disk_backing_format_missing"), (disk_on_another_file, "disk_backing_wrong"),
    (disk_marked_corrupt, "disk_marked_corrupt"), (disk_contradicts_itself, "disk_check_failed"), (disk_too_small, "disk_too_small"), (database_readable, "database_mode_open"),
    (row_names_nobody, "database_reference_broken"), (event_deleted, "event_missing"), (event_told_twice, "event_twice"),
    (event_before_its_number, "event_unborn"), (status_change_untold, "event_chain_broken"), (status_without_event, "event_untold"),
    (record_gone, "record_lost"), (record_back, "record_returned"), (operation_about_nothing, "operation_aimless"),
    (vm_waits_for_ever, "vm_stuck"), (vm_in_error_without_reason, "vm_error_without_fault"), (image_waits_for_ever, "image_stuck"),
    (network_waits_for_ever, "network_stuck"), (domain_undefined, "vm_domain_missing"), (domain_started_by_virsh, "vm_state_differs"),
    (domain_flag_changed, "vm_autostart_differs"), (domain_lost_its_interface, "vm_interface_missing"), (domain_of_nobody, "domain_without_row"),
    (domain_with_copied_tag, "domain_tag_copied"), (domain_without_tag, "domain_untagged"), (domain_on_foreign_disk, "domain_disk_foreign"),
    (stranger_on_our_disk, "domain_uses_vm_file"), (seed_gone, "domain_file_missing"), (network_undefined, "network_missing"),
    (network_off, "network_inactive"), (network_without_tag, "network_untagged"), (network_with_copied_tag, "network_tag_copied"),
    (network_of_nobody, "network_without_row"), (network_on_another_bridge, "network_bridge_differs"), (dns_forgot, "network_entry_missing"),
    (dns_remembers, "network_entry_orphan"), (two_defaults, "network_default_twice"), (two_of_one_range, "network_overlap"),
    (addresses_forgotten, "network_addresses_forgotten"), (port_with_the_gateways_address, "port_outside"), (port_with_a_wrong_mac, "port_mac_wrong"),
    (port_of_a_later_interface, "port_missing"), (address_free_and_taken, "address_free_and_taken"),
]
# What comes of the same harm by itself: a link is no file, so the image has none.
BESIDES = {"link_in_the_place_of_a_file": ["image_file_missing"]}
NEEDS_BYTES = {"image_bytes_changed", "disk_contradicts_itself"}
