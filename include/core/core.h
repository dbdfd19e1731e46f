/* core: the only room with rules. It knows no wire format and no front door.
 *
 * Threads: functions without a note are for HTTP threads (memory and SQLite only, no wait) and for any other. */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/timer.h"
#include "disk/disk.h"
#include "store/store.h"
#include "virt/virt.h"

struct core;

enum virt_choice { VIRT_CHOICE_AUTO, VIRT_CHOICE_KVM, VIRT_CHOICE_QEMU };

struct core_config {
    const char *region;
    const char *template_dir;
    enum virt_choice virt_type;
    uint32_t workers;
    int64_t stop_grace_ms;      /* from the ACPI request to power-off */
    int64_t survey_deadline_ms; /* how long a list waits for libvirt */
    int64_t create_deadline_ms;
    int64_t power_deadline_ms;
    int64_t delete_deadline_ms; /* a delete goes on behind it, slowly, with its last error shown */
    int64_t image_deadline_ms;
    int64_t probe_deadline_ms; /* one rung of the ladder */
    int64_t operation_retention_ms;
    uint32_t operation_keep; /* ended operations kept at the most */
    int64_t event_retention_ms;
};

/* Borrows config, store, disk and timer until core_free. virt is given later because its callbacks need the core. */
int core_new(const struct core_config *config, struct store *store, struct disk *disk, struct timer *timer, struct core **out,
             struct err *e);
/* For struct virt_config: pass the core as arg. */
void core_on_virt_event(void *core, enum virt_event_kind kind, const char *id);
int64_t core_stamp(void *core);
/* Starts workers, the reconciler and the probe; what the last life left under way goes on. */
int core_start(struct core *c, struct virt *virt, struct err *e);
/* Finishes or parks what is under way within the deadline. False: a step has not come back; nothing may be freed then, the
 * process has to end. What it was doing goes on at the next start. */
bool core_stop(struct core *c, int64_t deadline_ms);
void core_free(struct core *c);
DEFINE_AUTO(core, core_free)

#endif
