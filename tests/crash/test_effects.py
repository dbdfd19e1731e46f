"""An effect without a failpoint is one that no crash test can reach: every call in virt, disk and store that changes something has one.

Two looks. The rooms' public functions are classified here by name, so that a new one must be; and in their sources, what the kernel or SQLite
is told to change stands in a function with a failpoint, or in one that is called from such alone."""
import pathlib
import re
import subprocess

import pytest

from client import BINARY, ROOT

ROOMS = ("disk", "store", "virt")
# Each changes something that outlives the process. The failpoints, without .before and .after.
EFFECTS = {
    "disk_open": ["disk.state_mkdir", "disk.folders_mkdir", "disk.folders_sync"],
    "disk_overlay_create": ["disk.instance_mkdir", "disk.instance_mkdir_sync", "disk.console_create", "disk.overlay_write", "disk.overlay_sync",
                            "disk.overlay_rename", "disk.overlay_folder_sync"],
    "disk_instance_remove": ["disk.instance_unlink", "disk.instance_rmdir", "disk.instance_remove_sync"],
    "disk_upload_begin": ["disk.part_create"],
    "disk_upload_write": ["disk.part_write"],
    "disk_upload_free": ["disk.image_unlink"],
    "disk_image_seal": ["disk.image_chmod", "disk.image_sync", "disk.image_rename", "disk.image_folder_sync"],
    "disk_image_remove": ["disk.image_unlink", "disk.image_remove_sync"],
    "disk_journal": ["disk.journal"],
    "disk_quarantine": ["disk.quarantine", "disk.quarantine_mkdir"],
    "disk_restrict": ["disk.restrict"],
    "disk_seed_write": ["disk.seed_write", "disk.seed_sync", "disk.seed_rename", "disk.seed_folder_sync"],
    "disk_sidecar_write": ["disk.sidecar_write", "disk.sidecar_sync", "disk.sidecar_rename", "disk.sidecar_folder_sync"],
    "disk_sidecar_remove": ["disk.sidecar_remove", "disk.sidecar_folder_sync"],
    "transfer_download": ["disk.fetch_create", "disk.fetch_run", "disk.fetch_rename", "disk.transfer_unlink", "disk.convert_create", "disk.convert_run"],
    "transfer_flatten": ["disk.convert_create", "disk.convert_lend", "disk.convert_run", "disk.transfer_unlink"],
    "qcow2_write_overlay": ["disk.overlay_write"],
    "store_backup": ["store.backup_copy", "store.backup_name"],
    "store_prepare_new": ["store.prepare_new"],
    "store_copy_backup": ["store.restore_copy"],
    "store_set_aside": ["store.set_aside"],
    "store_adopt_new": ["store.adopt"],
    "store_event_add": ["store.event_add"],
    "store_audit_add": ["store.audit_add"],
    "store_audit_add_at": ["store.audit_add"],
    "store_audit_prune": ["store.audit_prune"],
    "store_event_prune": ["store.event_prune"],
    "store_quota_set": ["store.quota_set"],
    "store_flavor_insert": ["store.flavor_insert"],
    "store_vm_tombstone_insert": ["store.vm_tombstone_insert"],
    "store_vm_tombstone_delete": ["store.vm_tombstone_delete"],
    "store_vm_tombstone_prune": ["store.vm_tombstone_prune"],
    "store_flavor_delete": ["store.flavor_delete"],
    "store_image_insert": ["store.image_insert"],
    "store_image_set_status": ["store.image_set_status"],
    "store_image_activate": ["store.image_activate"],
    "store_image_set_format": ["store.image_set_format"],
    "store_image_change": ["store.image_change"],
    "store_image_delete": ["store.image_delete"],
    "store_job_insert": ["store.job_insert"],
    "store_job_claim": ["store.job_claim"],
    "store_job_progress": ["store.job_progress"],
    "store_job_report": ["store.job_report"],
    "store_job_defer": ["store.job_defer"],
    "store_job_end": ["store.job_end"],
    "store_job_request_cancel": ["store.job_request_cancel"],
    "store_job_requeue_running": ["store.job_requeue_running"],
    "store_job_prune": ["store.job_prune"],
    "store_keypair_insert": ["store.keypair_insert"],
    "store_keypair_delete": ["store.keypair_delete"],
    "store_network_insert": ["store.network_insert"],
    "store_network_set_status": ["store.network_set_status"],
    "store_network_delete": ["store.network_delete"],
    "store_port_insert": ["store.port_insert"],
    "store_port_unrelease": ["store.port_unrelease"],
    "store_port_pick_address": ["store.port_pick_address"],
    "store_setting_set": ["store.setting_set"],
    "store_project_restore": ["store.project_restore"],
    "store_project_insert": ["store.project_insert"],
    "store_project_change": ["store.project_change"],
    "store_project_delete": ["store.project_delete"],
    "store_role_grant": ["store.role_grant"],
    "store_role_revoke": ["store.role_revoke"],
    "store_token_insert": ["store.token_insert"],
    "store_token_delete": ["store.token_delete"],
    "store_token_delete_others": ["store.token_delete_others"],
    "store_token_prune": ["store.token_prune"],
    "store_user_insert": ["store.user_insert"],
    "store_user_change": ["store.user_change"],
    "store_user_delete": ["store.user_delete"],
    "store_idempotency_insert": ["store.idempotency_insert"],
    "store_idempotency_prune": ["store.idempotency_prune"],
    "store_open": ["store.migrate"],
    "txn_commit": ["store.commit"],
    "store_vm_insert": ["store.vm_insert"],
    "store_vm_take": ["store.vm_take"],
    "store_vm_take_over": ["store.vm_take_over"],
    "store_vm_settle": ["store.vm_settle"],
    "store_vm_observe": ["store.vm_observe"],
    "store_vm_change": ["store.vm_change"],
    "store_vm_delete": ["store.vm_delete"],
    "store_vm_set_locked": ["store.vm_set_locked"],
    "store_vm_set_ready": ["store.vm_set_ready"],
    "store_vm_set_restore": ["store.vm_set_restore"],
    "store_vm_seed_insert": ["store.vm_seed_insert"],
    "virt_probe": ["virt.probe"],
    "virt_define": ["virt.define"],
    "virt_rename": ["virt.rename"],
    "virt_set_autostart": ["virt.set_autostart"],
    "virt_suspend": ["virt.suspend"],
    "virt_undefine": ["virt.undefine"],
    "virt_start": ["virt.start"],
    "virt_start_paused": ["virt.start_paused"],
    "virt_destroy": ["virt.destroy"],
    "virt_shutdown": ["virt.shutdown"],
    "virt_reboot": ["virt.reboot"],
    "virt_reset": ["virt.reset"],
    "virt_pause": ["virt.pause"],
    "virt_resume": ["virt.resume"],
    "virt_network_ensure": ["virt.network_ensure"],
    "virt_network_add_host": ["virt.network_add_host"],
    "virt_network_remove_host": ["virt.network_remove_host"],
    "virt_network_remove": ["virt.network_remove"],
}
# These read, or change memory, or a transaction that is nothing before its commit.
HARMLESS = set("""
    store_hurry disk_close disk_is_empty disk_database_path disk_state_dir disk_scan_unknown disk_space disk_image_path disk_overlay_path disk_console_path disk_overlay_check
    disk_overlay_read disk_console_follow disk_console_read disk_upload_finish disk_image_open disk_facts_read disk_facts_free disk_facts_find
    disk_facts_hash disk_facts_check inspect_image qcow2_info_done qcow2_read disk_seed_path sidecar_noun_to_string disk_sidecar_exists
    disk_sidecar_read disk_sidecar_each disk_instance_each transfer_check_url transfer_child_main
    store_judge store_facts_read store_facts_free fact_find store_flavor_resolve store_flavor_list store_image_get store_image_resolve
    store_image_list store_job_get store_job_list store_job_is_cancel_requested store_job_count_open store_job_depths job_depth_free store_vm_lines vm_line_free store_keypair_resolve store_keypair_list
    store_network_get store_network_resolve store_network_find_default store_network_list store_network_all store_port_list_by_vm
    store_port_list_by_network store_port_count_by_network store_port_attach store_port_has_mac store_port_check_address store_setting_find
    store_domain_default store_user_find store_user_get store_user_list store_project_get store_project_list store_project_contents store_project_count
    store_role_list store_role_mask store_role_assignments store_role_count_administrators store_token_get store_token_list
    store_token_grant store_token_grant_by_id token_grant_done store_identity_version store_project_default store_project_name store_idempotency_find store_close store_check txn_read txn_write txn_write_within txn_free
    txn_after_commit store_writing_ms store_vm_version store_vm_get store_vm_resolve store_vm_list store_vm_states store_vm_list_unready store_vm_next_expiring
    store_vm_list_on store_vm_list_to_restore
    store_audit_list store_event_list store_event_range store_on_events store_quota_limits store_quota_used store_vm_has_hostname store_vm_promises store_vm_count_by_image store_vm_tombstone_get store_vm_page store_vm_seed_get
    virt_describe virt_description_done domain_xml_build domain_xml_name domain_xml_tag virt_facts_read virt_facts_free virt_facts_domain
    virt_facts_network virt_has_bridges virt_network_cidrs network_xml_build network_xml_filter network_xml_same_filter network_xml_name
    network_xml_domain virt_open virt_close virt_is_connected virt_wait_connected virt_uri virt_host_fingerprint virt_type_to_string
    virt_agent_is_connected virt_state virt_wait_power virt_watch_begin virt_watch_reboot virt_watch_free virt_list_tagged virt_survey_all
    virt_survey_each virt_survey_ref virt_survey_free virt_survey_find virt_survey_stamp virt_survey_asked_ms virt_stuck_readers
""".split())
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
PROTOTYPE = re.compile(r"^(?!static|typedef|#|return|\s)[A-Za-z_][\w \*]*?\b\*?(\w+)\([^;{]*\)\s*;", re.MULTILINE)
FUNCTION = re.compile(r"^([A-Za-z_][^\n;{}#]*\([^;{}]*?\))\n\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
# What changes files; O_CREAT makes one.
SYSTEM_CALL = re.compile(r"\b(?:(rename|renameat2?|unlink|unlinkat|mkdir|mkdirat|rmdir|fchmod|fchown|chmod|fsync|fdatasync|ftruncate|linkat|symlink|"
                         r"pwrite|write|copy_file_range|fallocate)\(|(O_CREAT)\b)")
WRITING_SQL = re.compile(r"^\s*\[(\w+)\]\s*=\s*\"(?:INSERT|UPDATE|DELETE)", re.MULTILINE)
# Functions of src/disk whose changes need no failpoint.
EXEMPT = {
    "orders_file": "a file in memory, for a child",
    "take_lock": "an empty file, for ever",
    "unpack_all": "in the child, within disk.fetch_run",
    "file_write_at": "of others' files, within their failpoints",
    "let_others_pass": "within disk.state_mkdir and disk.folders_mkdir",
    "unlink_if_there": "takes away unfinished files, and others within disk.sidecar_remove",
    "disk_sidecar_write": "takes its own unfinished file away",
    "loan_end": "gives the file back to us alone: whoever takes it up after a crash makes it anew",
}


def public_functions():
    for room in ROOMS:
        for header in sorted((ROOT / "include" / room).glob("*.h")):
            yield from PROTOTYPE.findall(COMMENT.sub("", header.read_text()))


@pytest.fixture(scope="module")
def failpoints():
    listed = subprocess.run([BINARY, "--list-failpoints"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {line.split()[0] for line in listed.splitlines()}


def test_every_public_function_is_classified():
    found = set(public_functions())
    assert len(found) > 150
    assert set(EFFECTS) & HARMLESS == set()
    assert found - set(EFFECTS) - HARMLESS == set(), "say whether they change something"
    assert (set(EFFECTS) | HARMLESS) - found == set(), "they are no more"


def test_every_effect_has_its_failpoints(failpoints):
    missing = [f"{point}.{side}" for points in EFFECTS.values() for point in points for side in ("before", "after") if f"{point}.{side}" not in failpoints]
    assert missing == []


def test_every_failpoint_of_the_rooms_belongs_to_an_effect(failpoints):
    known = {f"{point}.{side}" for points in EFFECTS.values() for point in points for side in ("before", "after")}
    assert {point for point in failpoints if point.startswith(tuple(f"{room}." for room in ROOMS))} - known == set()


# ---- the sources ----
class Room:
    """The functions of a room, by file and name: whether they have a failpoint, and what they say."""

    def __init__(self, room):
        self.bodies, self.statics = {}, set()
        for source in sorted((ROOT / "src" / room).glob("*.c")):
            for head, body in FUNCTION.findall(COMMENT.sub("", source.read_text())):
                key = (source.name, re.search(r"(\w+)\(", head).group(1))
                self.bodies[key] = body
                if head.startswith("static"):
                    self.statics.add(key)

    def callers(self, key):
        named = re.compile(rf"\b{key[1]}\b")
        return [other for other, body in self.bodies.items() if other != key and (key not in self.statics or other[0] == key[0]) and named.search(body)]

    def is_covered(self, key, seen=()):
        """It has a failpoint, or is called from such alone."""
        if "FAILPOINT" in self.bodies[key]:
            return True
        callers = [c for c in self.callers(key) if c not in seen]
        return bool(callers) and all(self.is_covered(c, (*seen, key)) for c in callers)

    def uncovered(self, changes):
        """changes: a pattern. The functions that match it and are not covered."""
        return [f"{key[0]}: {key[1]}" for key, body in self.bodies.items() if changes.search(body) and key[1] not in EXEMPT and not self.is_covered(key)]


def test_every_change_of_files_has_a_failpoint():
    room = Room("disk")
    assert len(room.bodies) > 100
    assert room.uncovered(SYSTEM_CALL) == []
    assert set(EXEMPT) - {name for _, name in room.bodies} == set(), "they are no more"


def test_every_change_of_rows_has_a_failpoint():
    names = [name for source in sorted((ROOT / "src" / "store").glob("*.c")) for name in WRITING_SQL.findall(source.read_text())]
    assert len(names) > 30
    assert Room("store").uncovered(re.compile(r"\b(?:" + "|".join(names) + r")\b")) == []


def test_every_verb_of_the_hypervisor_goes_through_the_dispatching_side():
    """virt.c and network.c have the failpoints: whoever calls a driver's verb elsewhere would pass none."""
    verbs = [name.removeprefix("virt_") for name in EFFECTS if name.startswith("virt_") and not name.startswith(("virt_network", "virt_probe"))]
    call = re.compile(r"driver->(?:" + "|".join(verbs) + r")\(")
    for source in sorted((ROOT / "src" / "virt").glob("*.c")):
        if source.name not in ("virt.c", "network.c"):
            assert not call.search(source.read_text()), source.name


def test_the_look_sees_what_is_missing():
    """A room with one good function, one that lives on its caller's failpoint, and one with none."""
    room = Room("disk")
    room.bodies = {("a.c", "good"): 'FAILPOINT(e, "x");\nhelper();\n', ("a.c", "helper"): "unlinkat(a, b, 0);\n", ("a.c", "bad"): "rename(a, b);\n"}
    room.statics = {("a.c", "helper")}
    assert room.uncovered(SYSTEM_CALL) == ["a.c: bad"]
