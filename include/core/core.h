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
struct event_record;

/* What becomes of guests when the host shuts down. */
enum guests_action {
    GUESTS_SHUTDOWN, /* asked to, and powered off after their grace */
    GUESTS_SUSPEND,  /* to a file that holds their memory */
    GUESTS_LEAVE,    /* nothing, by us */
    GUESTS_ACTION_COUNT
};

enum virt_choice { VIRT_CHOICE_AUTO, VIRT_CHOICE_KVM, VIRT_CHOICE_QEMU };

struct core_config {
    const char *region;
    const char *template_dir;
    enum virt_choice virt_type;
    uint32_t workers;
    enum guests_action host_shutdown;
    int64_t stop_grace_ms;      /* from the ACPI request to power-off */
    int64_t survey_deadline_ms; /* how long a list waits for libvirt */
    int64_t create_deadline_ms;
    int64_t power_deadline_ms;
    int64_t retry_min_ms;       /* until what failed is tried again, for the first time; 0: a second */
    int64_t delete_deadline_ms; /* a delete goes on behind it, slowly, with its last error shown */
    int64_t image_deadline_ms;
    int64_t probe_deadline_ms; /* one rung of the ladder */
    int64_t operation_retention_ms;
    uint32_t operation_keep; /* ended operations kept at the most */
    int64_t event_retention_ms;
    int64_t token_lifetime_ms;     /* of a token that asks for none; 0: a day */
    int64_t token_lifetime_max_ms; /* 0: a year */
    int64_t audit_retention_ms;
    int64_t tombstone_retention_ms; /* of VMs that were terminated */
    uint64_t audit_keep;            /* audit lines kept at the most */
    /* What projects may have that have no limits of their own: quota_limits_parse's text; NULL: no limits. */
    const char *default_quota;
    /* Networks: each takes a subnet of this prefix from the first of the pools that is free. Comma-separated CIDRs. */
    const char *network_pools;
    uint32_t network_prefix;
    bool refuses_user_network; /* as virt_config's: its guests could reach this host's loopback */
    /* Capacity: what is promised may be so many times what is there. */
    double cpu_overcommit, memory_overcommit, disk_overcommit;
    uint64_t memory_reserve_mib; /* the host's own */
    uint64_t disk_reserve_gib;   /* stays free of real bytes */
    /* Imports. */
    const char *import_allow; /* comma-separated CIDRs that may be fetched from although they are not global */
    uint64_t import_max_gib;
    uint64_t import_rate_mib_s; /* 0: no cap */
    int64_t import_deadline_ms;
    /* Guests call here to say that they are ready: starts to listen on this network's gateway address; called on a worker, fine
     * to call again. NULL, or guest_port 0: guests have no such address. */
    int (*guest_listen)(void *arg, const char *gateway, struct err *e);
    void *guest_listen_arg;
    uint32_t guest_port;
    /* An event as its followers get it: malloc'ed, made once for all of them; NULL: no memory. May be NULL. */
    char *(*event_text)(const struct event_record *event);
};

/* Borrows config, store, disk and timer until core_free. virt is given later because its callbacks need the core. */
int core_new(const struct core_config *config, struct store *store, struct disk *disk, struct timer *timer, struct core **out,
             struct err *e);
/* For struct virt_config: pass the core as arg. */
void core_on_virt_event(void *core, enum virt_event_kind kind, const char *id);
int64_t core_stamp(void *core);
/* Starts workers, the reconciler, the probe, the life of VMs and the maker of keys; what the last life left under way goes on. */
int core_start(struct core *c, struct virt *virt, struct err *e);
/* The daemon is about to stop: who polls for an operation's end is told how far it is, and so is whoever comes. Everything else
 * goes on. */
void core_end_polls(struct core *c);
/* Finishes or parks what is under way within the deadline. False: a step has not come back; nothing may be freed then, the
 * process has to end. What it was doing goes on at the next start. */
bool core_stop(struct core *c, int64_t deadline_ms);
void core_free(struct core *c);
const char *core_region(const struct core *c); /* this host's, by the configuration */
DEFINE_AUTO(core, core_free)

#endif
