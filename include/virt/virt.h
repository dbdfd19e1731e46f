/* virt: the hypervisor. One dispatching side (this header), two drivers behind it: libvirt, and a file-backed fake for what
 * reality cannot be made to show.
 *
 * Threads: a connector thread owns the (re)connecting, so that nobody else can hang in virConnectOpen; an event thread runs
 * libvirt's loop and its keepalive; a bounded set of reader threads answers surveys, each on a read connection of its own. Verbs
 * run on the caller's thread (a job worker), on a connection that is not the readers', and end at the latest when keepalive gives
 * up. No lock is held across a libvirt call.
 *
 * Errors: ERR_UNAVAILABLE libvirt does not answer or is not there; ERR_HYPERVISOR it said no (its words in detail);
 * ERR_DOMAIN_MISSING; ERR_FOREIGN_DOMAIN the domain does not carry our tag: it is not touched. */
#ifndef VIRT_VIRT_H
#define VIRT_VIRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/id.h"
#include "base/timer.h"

struct virt;

enum virt_power {
    VIRT_ABSENT,  /* no such domain */
    VIRT_RUNNING, /* blocked and pm-suspended included */
    VIRT_PAUSED,
    VIRT_STOPPED,
    VIRT_CRASHED,
    VIRT_SUSPENDED /* stopped with a managed save image */
};

struct virt_state {
    enum virt_power power;
    const char *reason; /* a static word such as "ioerror", "user", "crashed", "watchdog"; NULL when it tells nothing */
};

enum virt_event_kind {
    VIRT_EVENT_CONNECTED,
    VIRT_EVENT_DISCONNECTED,
    VIRT_EVENT_DOMAIN,
    VIRT_EVENT_AGENT /* the guest's agent has opened its channel */
};
/* Called on the event or connector thread; must not block nor call back into virt's verbs. id is "" but for VIRT_EVENT_DOMAIN and
 * VIRT_EVENT_AGENT. */
typedef void virt_event_fn(void *arg, enum virt_event_kind kind, const char *id);

struct virt_config {
    /* "qemu:///system", "qemu:///session", "test:///default", "fake:///absolute/dir"; NULL or "": system when it opens
     * read-write, else session, unless we are root or a service. */
    const char *uri;
    const char *template_dir;
    const char *state_dir;       /* a destructive verb wants a disk path below it; the probe's files lie in state_dir/probe */
    uint32_t readers;            /* 1..8 */
    bool refuses_user_network;   /* virt_define takes no domain whose guest could reach this host's loopback */
    int keepalive_interval_s;    /* 5 */
    unsigned keepalive_count;    /* 3 */
    virt_event_fn *on_event;     /* may be NULL */
    int64_t (*stamp)(void *arg); /* called right before a survey asks; its result is the survey's stamp; may be NULL */
    void *arg;
};

/* Returns at once: connecting goes on behind it, with backoff, for ever. */
int virt_open(const struct virt_config *config, struct timer *timer, struct virt **out, struct err *e);
/* Every survey under way is answered (NULL) first; a reader that hangs in libvirt is left behind. */
void virt_close(struct virt *v);
static inline void virt_free(struct virt *v)
{
    virt_close(v);
}
DEFINE_AUTO(virt, virt_free)
bool virt_is_connected(struct virt *v);
/* Waits for the connection: ERR_UNAVAILABLE with the last reason in detail. Not for HTTP threads. */
int virt_wait_connected(struct virt *v, int64_t timeout_ms, struct err *e);
/* The URI in use, "" while none; borrowed, for v's life. */
const char *virt_uri(struct virt *v);
/* What answers depend on: kernel release, libvirt and QEMU version, /dev/kvm's presence and mode, as one line; caller frees. */
int virt_host_fingerprint(struct virt *v, char **out, struct err *e);

/* ---- how guests are run ---- */
enum virt_type { VIRT_TYPE_KVM, VIRT_TYPE_QEMU };
struct virt_accel {
    enum virt_type type;
    char cpu[64]; /* "host-passthrough", "host-model", "maximum", a model's name, "" for the hypervisor's default */
};
const char *virt_type_to_string(enum virt_type t);
/* Starts a very small transient guest that enters 64-bit mode and answers on its serial port, and waits for the answer: proof
 * that a guest really runs so. ERR_TIMEOUT when it did not answer in time. Leaves no domain and no file. One at a time. The fake
 * and libvirt's test driver always answer. */
int virt_probe(struct virt *v, const struct virt_accel *accel, int64_t timeout_ms, struct err *e);

/* ---- domains ---- */
/* An interface: on a network of ours (virt/network.h), whose filter lets nothing out but this MAC and address, or, with network
 * NULL, on QEMU's user networking. */
struct virt_nic {
    const char *network; /* the network's id */
    const char *mac;
    const char *ipv4; /* NULL: none is known, and no filter is set */
};
struct virt_domain {
    const char *id;   /* the VM's id is the domain's UUID; its libvirt name is made from it */
    const char *name; /* the VM's: goes to the title and the metadata */
    const char *project;
    const char *job;
    uint32_t vcpus;
    uint64_t memory_mib;
    const char *disk_path;    /* qcow2 */
    const char *image_path;   /* the disk's backing file, whose owner and mode stay; NULL: none is named */
    const char *image_format; /* "qcow2" or "raw" */
    const char *console_path;
    const char *seed_path; /* read-only, on the bus of the disk: a CD-ROM, or a disk where that is virtio; NULL: none */
    const struct virt_nic *nics;
    size_t nic_count;
    struct virt_accel accel;
    bool autostart; /* libvirt's flag */
};
/* Defines, or redefines with the same result. ERR_TEMPLATE_INVALID: template unreadable, refused by libvirt, or with user
 * networking where that is refused (file and reason in detail). ERR_FOREIGN_DOMAIN: a domain of this UUID exists without our tag.
 */
int virt_define(struct virt *v, const struct virt_domain *d, struct err *e);
/* Title and metadata after a rename; fine for a running domain. */
int virt_rename(struct virt *v, const char *id, const char *name, struct err *e);
/* libvirt's autostart flag. ERR_DOMAIN_MISSING. */
int virt_set_autostart(struct virt *v, const char *id, bool autostart, struct err *e);
/* Memory to a managed save, and off; fine when that has happened. The next start goes on from there. ERR_INVALID_STATE when the
 * guest is off without one. */
int virt_suspend(struct virt *v, const char *id, struct err *e);
/* Whether the guest's agent has its channel open now. */
int virt_agent_is_connected(struct virt *v, const char *id, bool *out, struct err *e);
/* With managed save, snapshots' metadata, NVRAM and checkpoints' metadata. Fine when gone. */
int virt_undefine(struct virt *v, const char *id, struct err *e);
/* Fine when it runs; from a managed save when there is one. */
int virt_start(struct virt *v, const char *id, struct err *e);
/* The same, but it comes to be paused before it has run a single instruction (where the driver can do that; else it is paused
 * at once). Fine when it is paused or runs. */
int virt_start_paused(struct virt *v, const char *id, struct err *e);
/* Powers off at once; fine when it does not run, or is not there. */
int virt_destroy(struct virt *v, const char *id, struct err *e);
/* Asks the guest (ACPI) and returns at once; fine when it does not run. */
int virt_shutdown(struct virt *v, const char *id, struct err *e);
/* Asks the guest and returns at once. */
int virt_reboot(struct virt *v, const char *id, struct err *e);
/* The reset button. */
int virt_reset(struct virt *v, const char *id, struct err *e);
/* Fine when paused. */
int virt_pause(struct virt *v, const char *id, struct err *e);
/* Fine when running. */
int virt_resume(struct virt *v, const char *id, struct err *e);
/* VIRT_ABSENT is no error. */
int virt_state(struct virt *v, const char *id, struct virt_state *out, struct err *e);
/* Waits until the domain's power is `want` (or it is absent), woken by events. Also returns 0 when the time is over:
 * *out is what it is then, and the caller compares. */
int virt_wait_power(struct virt *v, const char *id, enum virt_power want, int64_t timeout_ms, struct virt_state *out,
                    struct err *e);
/* Waits for a restart of the guest's machine (a reboot event) after `virt_reboot`; false in *seen when the time is over. Begin
 * before asking. */
struct virt_watch;
int virt_watch_begin(struct virt *v, const char *id, struct virt_watch **out, struct err *e);
int virt_watch_reboot(struct virt_watch *w, int64_t timeout_ms, bool *seen, struct err *e);
void virt_watch_free(struct virt_watch *w);
DEFINE_AUTO(virt_watch, virt_watch_free)
/* The ids of all domains that carry our tag; caller frees with free(). */
int virt_list_tagged(struct virt *v, uuid_text **out, size_t *count, struct err *e);

/* ---- surveys: what is true now, without ever blocking the asker ---- */
struct virt_observation {
    uuid_text id;
    struct virt_state state;
    bool has_usage; /* running or paused, and asked for by virt_survey_each */
    uint64_t cpu_time_ns;
    uint64_t memory_used_mib;
};
struct virt_survey; /* immutable, counted */
/* NULL: libvirt did not answer within the deadline (or is not there). Called exactly once, on a reader or on the timer's thread,
 * perhaps before virt_survey_* returns. The survey is borrowed: keep it with virt_survey_ref. */
typedef void virt_survey_fn(void *arg, struct virt_survey *s);

/* All domains by one bulk call (and one for managed saves). Askers that come while one is being taken share the next: what they
 * get was asked after they asked. */
void virt_survey_all(struct virt *v, int64_t deadline_ms, virt_survey_fn *fn, void *arg);
/* State and usage (virDomainGetInfo) of these domains only; `base` (may be NULL) lends its handles. Absent ones are in it as
 * VIRT_ABSENT. ids are copied. */
void virt_survey_each(struct virt *v, struct virt_survey *base, const uuid_text *ids, size_t count, int64_t deadline_ms,
                      virt_survey_fn *fn, void *arg);
struct virt_survey *virt_survey_ref(struct virt_survey *s);
void virt_survey_free(struct virt_survey *s); /* drops a reference; NULL is fine */
DEFINE_AUTO(virt_survey, virt_survey_free)
/* NULL: not in it, so absent for survey_all. */
const struct virt_observation *virt_survey_find(const struct virt_survey *s, const char *id);
int64_t virt_survey_stamp(const struct virt_survey *s);
int64_t virt_survey_asked_ms(const struct virt_survey *s); /* wall time */
/* Readers that are stuck now, for /health and tests. */
uint32_t virt_stuck_readers(struct virt *v);

#endif
