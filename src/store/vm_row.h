/* store/vm_row: the columns of a VM's row, for the files that read whole rows. Private to the room. */
#ifndef STORE_VM_ROW_H
#define STORE_VM_ROW_H

#include "row.h"

#define VM_COLUMNS                                                                                                               \
    "id, name, hostname, project, status, status_reason, task, job, flavor, vcpus, memory_mib, disk_gib, image, image_name, "    \
    "image_ref, metadata, tags, keypair, autostart, is_locked, is_name_unique, expires_at_ms, ready_at_ms, restores_to, "        \
    "fault_code, fault_message, fault_detail, observed_at_ms, created_at_ms, updated_at_ms, row_version"
extern const struct row_type *const vm_row_type;

#endif
