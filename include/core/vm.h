/* core/vm: reading virtual machines, with libvirt asked each time, and changing what only the database knows. */
#ifndef CORE_VM_H
#define CORE_VM_H

#include <stdbool.h>

#include "core/core.h"
#include "core/once.h"
#include "model/identity.h"
#include "model/job.h"
#include "model/vm.h"

/* ---- views: rows reconciled with libvirt ---- */
struct vm_query {
    const char *ref;              /* one VM, by id or name; NULL: a list by the members below */
    const char *name;             /* NULL: any */
    const enum vm_status *status; /* NULL: any */
    const char *marker;           /* NULL: from the beginning */
    uint32_t limit;
    const struct vm_window *window; /* NULL; else a page by offset, for which of the above only limit counts */
};
/* Such pages count in what terminated VMs left: as VMs that are VM_DELETING. */
struct vm_window {
    uint64_t offset;   /* at most VM_OFFSET_MAX */
    unsigned statuses; /* bits 1 << enum vm_status; 0: any */
};
enum { VM_OFFSET_MAX = 1000000 };
struct vm_usage {
    bool is_known;
    uint64_t cpu_time_ns;
    uint64_t memory_used_mib;
};
struct vm_view;
/* Begins to ask libvirt; done(arg) is called exactly once, from any thread, perhaps before this returns: then call
 * vm_view_finish. Refusals that need no libvirt (ERR_VM_NOT_FOUND, ERR_NAME_AMBIGUOUS, ERR_INVALID_FIELD) come at once, and done
 * is not called. */
int vm_view_begin(struct core *c, const struct actor *who, const struct vm_query *q, void (*done)(void *arg), void *arg,
                  struct vm_view **out, struct err *e);
/* Reads the rows as they are after reconciling. */
int vm_view_finish(struct vm_view *v, struct err *e);
const struct vm_list *vm_view_list(const struct vm_view *v);
struct vm_usage vm_view_usage(const struct vm_view *v, size_t i);
int64_t vm_view_observed_ms(const struct vm_view *v, size_t i); /* when libvirt last spoke of it; 0: never */
bool vm_view_is_stale(const struct vm_view *v);                 /* libvirt did not answer in time */
bool vm_view_has_more(const struct vm_view *v);
uint64_t vm_view_total(const struct vm_view *v); /* of a page by offset: how many there are in all */
void vm_view_free(struct vm_view *v);
DEFINE_AUTO(vm_view, vm_view_free)

/* ---- verbs: each commits row, job, audit line and event, answers through `once` (record: struct vm_answer) and starts the job
 * ---- */
struct vm_answer {
    const struct vm *vm;
    const struct job *job;
};
int vm_create(struct core *c, const struct actor *who, const struct vm_spec *spec, struct once *once, struct err *e);
/* vm_delete and vm_act ask once->accept with the struct vm as it is. */
int vm_delete(struct core *c, const struct actor *who, const char *ref, struct once *once, struct err *e);
/* The same, but a tombstone stays readable for the configured time. ERR_INVALID_STATE while it is being deleted already. */
int vm_terminate(struct core *c, const struct actor *who, const char *ref, struct once *once, struct err *e);
enum vm_verb {
    VM_VERB_START,
    VM_VERB_STOP,
    VM_VERB_REBOOT,
    VM_VERB_PAUSE,
    VM_VERB_RESUME,
    VM_VERB_SUSPEND,
    VM_VERB_RESTART,      /* a start that shows as rebooting: of a VM that is off, for those to whom that is a restart */
    VM_VERB_START_PAUSED, /* a start of one that was paused when the host's shutdown suspended it */
    VM_VERB_REBOOT_PAUSED /* of a paused VM, which runs then: for those to whom it does already */
};
struct vm_action {
    const char *ref; /* id or name */
    enum vm_verb verb;
    bool is_forced; /* stop: power off at once; reboot: the reset button */
};
int vm_act(struct core *c, const struct actor *who, const struct vm_action *want, struct once *once, struct err *e);
/* Whether the VM is another project's: for front doors that tell "not yours" from "not there". */
int vm_is_elsewhere(struct core *c, const struct actor *who, const char *id, bool *out, struct err *e);
/* Name, metadata, tags, autostart, time to live: at once, no job. The domain's title and flag follow behind. */
int vm_change(struct core *c, const struct actor *who, const char *ref, const struct vm_change *change, struct vm **out,
              struct err *e);

/* A locked VM takes no verb and no change but unlock: ERR_VM_LOCKED. At once. */
int vm_set_locked(struct core *c, const struct actor *who, const char *ref, bool is_locked, struct vm **out, struct err *e);
/* ---- tombstones: what is left of VMs that vm_terminate ended ---- */

/* As a VM that is VM_DELETING. ERR_VM_NOT_FOUND also while the VM itself is still there. */
int vm_tombstone_get(struct core *c, const struct actor *who, const char *id, struct vm **out, struct err *e);
int vm_tombstone_delete(struct core *c, const struct actor *who, const char *id, struct err *e);

/* identity_enter for who has only the id of a VM or a tombstone. ERR_VM_NOT_FOUND also for one in a project where `who` has no
 * role. */
int vm_enter(struct core *c, struct actor *who, const char *id, struct err *e);

/* A guest says that it is up, with the token of its seed. ERR_VM_NOT_FOUND for a wrong one too. */
int vm_phone_home(struct core *c, const char *id, const char *token, struct err *e);

/* The console's text; caller frees. lines 0: all there is, at most max_bytes. */
int vm_console_log(struct core *c, const struct actor *who, const char *ref, uint32_t lines, char **out, size_t *len,
                   struct err *e);

#endif
