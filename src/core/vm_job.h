/* core/vm_job: what the VM's operations have in common: their VM, their parameters, and how they end. */
#ifndef CORE_VM_JOB_H
#define CORE_VM_JOB_H

#include <stdbool.h>

#include "internal.h"

#include "job/job.h"
#include "model/image.h"
#include "model/vm.h"
#include "store/vm.h"

extern const struct job_kind vm_create_kind, vm_delete_kind, vm_start_kind, vm_stop_kind, vm_reboot_kind, vm_pause_kind,
    vm_resume_kind, vm_suspend_kind, vm_update_kind;

/* A job's scratch. vm is NULL when the row is gone. */
struct vm_job {
    struct vm *vm;
    bool wants_start;    /* vm.create */
    bool is_forced;      /* vm.stop, vm.reboot */
    bool ends_paused;    /* vm.start */
    enum vm_status from; /* what it was when the verb was accepted */
};
int vm_job_prepare(struct job_run *r, struct err *e);
void vm_job_release(struct job_run *r);
static inline struct core *vm_job_core(const struct job_run *r)
{
    return r->user;
}
static inline struct vm_job *vm_job_of(const struct job_run *r)
{
    return r->scratch;
}
/* The VM, or ERR_VM_NOT_FOUND. */
int vm_job_vm(const struct job_run *r, const struct vm **out, struct err *e);

/* ERR_VM_LOCKED when its owner forbids changes. */
int vm_refuse_locked(const struct vm *vm, struct err *e);

/* After a change of the VM's row: its sidecar follows, and, when the domain shows what was changed, the domain. */
int vm_update_submit(const struct change *ch, const struct vm *vm, bool is_shown, struct err *e);

/* Takes the VM over for its deletion: task, job, event, and the audit line of `action`. */
int vm_delete_submit(const struct change *ch, struct vm *vm, const char *action, struct job **out, struct err *e);

/* The row of the VM's image. Caller frees. ERR_IMAGE_NOT_FOUND. */
int vm_job_image(const struct job_run *r, struct image **out, struct err *e);

/* {"start":…} and the like, for core_submit: all of it but the VM. Caller frees; NULL: no memory. */
char *vm_job_params(const struct vm_job *vj);

/* A power verb about a VM that it is allowed for and that nothing holds: task, job, event and audit line. want->ref is not looked
 * at. */
struct vm_action;
int vm_power_submit(const struct change *ch, const struct vm_action *want, struct vm *vm, struct job **out, struct err *e);

/* The VM while this job holds it; NULL when the row is gone, or a delete has taken it over. */
int vm_job_held(struct job_run *r, struct txn *t, struct vm **out, struct err *e);

/* Ends the task: the VM becomes `ok`, or, when outcome is set, error with that fault (what it was before, when it was cancelled).
 * `event` is written on success. Fine when the row is gone or another job holds it by now. */
int vm_job_end(struct job_run *r, struct txn *t, const struct err *outcome, const struct vm_settled *ok, const char *event,
               struct err *e);

/* Steps that several kinds share. A domain of this id that does not carry our tag is somebody else's: it stays, and nothing of
 * ours is left. */
int vm_job_power_off(struct job_run *r, struct err *e);
int vm_job_undefine(struct job_run *r, struct err *e);

/* Defines the VM's domain as its row says; waits until it is known how guests run here. */
int vm_job_define(struct job_run *r, struct err *e);

#endif
