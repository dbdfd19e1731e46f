/* core/vm_power: start, stop, reboot, pause, resume, suspend. Which status allows which verb is one table; each verb is a job of
 * one or two steps that find out what is true before they act, so that running them again does no harm. */
#include "once.h"
#include "record.h"
#include "vm_job.h"
#include "vm_network.h"
#include "vm_seed.h"

#include "base/clock.h"
#include "base/str.h"
#include "core/vm.h"
#include "store/audit.h"

enum { WAIT_SLICE_MS = 1000 };

static struct virt *virt_of(struct job_run *r)
{
    return vm_job_core(r)->virt;
}

/* ---- start ---- */

/* A domain that somebody undefined is defined again on the disk that is still there; one that exists stays as its administrator
 * left it. */
static int repair_domain(struct job_run *r, struct err *e)
{
    struct virt_state now;
    const struct vm *vm = NULL;

    if (vm_job_vm(r, &vm, e) < 0 || virt_state(virt_of(r), vm->id, &now, e) < 0)
        return -1;
    if (now.power != VIRT_ABSENT)
        return 0;
    if (disk_overlay_check(vm_job_core(r)->disk, vm->id, e) < 0 || vm_job_seed(r, e) < 0)
        return -1;
    return vm_job_define(r, e);
}

static int start(struct job_run *r, struct err *e)
{
    return vm_job_of(r)->ends_paused ? virt_start_paused(virt_of(r), r->job->target, e)
                                     : virt_start(virt_of(r), r->job->target, e);
}

static int settle_start(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    bool is_paused = vm_job_of(r) && vm_job_of(r)->ends_paused;
    const struct vm_settled ok = { .status = is_paused ? VM_PAUSED : VM_RUNNING };

    return vm_job_end(r, t, outcome, &ok, is_paused ? "vm.paused" : "vm.started", e);
}

/* ---- stop ---- */

/* Waits for the guest to turn itself off; true in *off when it did. Slices, so that a delete need not wait for the whole grace.
 */
static int await_shutdown(struct job_run *r, bool *off, struct err *e)
{
    int64_t end = clock_boot_ms() + vm_job_core(r)->config.stop_grace_ms;
    struct virt_state now = { .power = VIRT_RUNNING };

    for (int64_t left = end - clock_boot_ms(); left > 0; left = end - clock_boot_ms()) {
        if (virt_wait_power(virt_of(r), r->job->target, VIRT_STOPPED, left < WAIT_SLICE_MS ? left : WAIT_SLICE_MS, &now, e) < 0)
            return -1;
        if (now.power != VIRT_RUNNING)
            break;
        if (job_is_cancelled(r))
            return err_set(e, ERR_CANCELLED, "cancelled");
    }
    *off = now.power != VIRT_RUNNING && now.power != VIRT_PAUSED;
    return 0;
}

/* A guest whose QEMU is silent needs no grace. */
static int stop_softly(struct job_run *r, bool *off, struct err *e)
{
    if (virt_shutdown(virt_of(r), r->job->target, e) == 0)
        return await_shutdown(r, off, e);
    if (e->code != ERR_TIMEOUT)
        return -1;
    err_clear(e);
    return 0;
}

static int stop(struct job_run *r, struct err *e)
{
    struct virt_state now;
    bool is_off = false;

    if (virt_state(virt_of(r), r->job->target, &now, e) < 0)
        return -1;
    /* A paused guest hears no button. */
    if (now.power == VIRT_RUNNING && !vm_job_of(r)->is_forced && stop_softly(r, &is_off, e) < 0)
        return -1;
    return is_off ? 0 : virt_destroy(virt_of(r), r->job->target, e);
}

/* ---- reboot ---- */

static int reboot_softly(struct job_run *r, bool *seen, struct err *e)
{
    AUTO(virt_watch) w = NULL;

    if (virt_watch_begin(virt_of(r), r->job->target, &w, e) < 0 || virt_reboot(virt_of(r), r->job->target, e) < 0)
        return -1;
    return virt_watch_reboot(w, vm_job_core(r)->config.stop_grace_ms, seen, e);
}

/* A paused guest hears no button; it goes on in its firmware. */
static int reset(struct job_run *r, struct err *e)
{
    if (virt_reset(virt_of(r), r->job->target, e) < 0)
        return -1;
    return vm_job_of(r)->from == VM_PAUSED ? virt_resume(virt_of(r), r->job->target, e) : 0;
}

static int reboot(struct job_run *r, struct err *e)
{
    const struct vm_job *vj = vm_job_of(r);
    bool seen = false;

    if (!vj->is_forced && vj->from != VM_PAUSED && reboot_softly(r, &seen, e) < 0)
        return -1;
    return seen ? 0 : reset(r, e);
}

/* ---- pause, resume ---- */

static int pause_guest(struct job_run *r, struct err *e)
{
    return virt_pause(virt_of(r), r->job->target, e);
}

static int resume(struct job_run *r, struct err *e)
{
    struct virt_state now;

    if (virt_state(virt_of(r), r->job->target, &now, e) < 0)
        return -1;
    if (now.power != VIRT_SUSPENDED)
        return virt_resume(virt_of(r), r->job->target, e);
    return vm_job_link(r, e) < 0 ? -1 : virt_start(virt_of(r), r->job->target, e);
}

/* ---- suspend ---- */

static int suspend(struct job_run *r, struct err *e)
{
    return virt_suspend(virt_of(r), r->job->target, e);
}

/* ---- the kinds ---- */

#define SETTLE(verb, to, event)                                                                                                  \
    static int settle_##verb(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)                         \
    {                                                                                                                            \
        return vm_job_end(r, t, outcome, &(struct vm_settled){ .status = (to) }, event, e);                                      \
    }
SETTLE(stop, VM_STOPPED, "vm.stopped")
SETTLE(reboot, VM_RUNNING, "vm.rebooted")
SETTLE(pause, VM_PAUSED, "vm.paused")
SETTLE(resume, VM_RUNNING, "vm.resumed")
SETTLE(suspend, VM_SUSPENDED, "vm.suspended")

/* A network that somebody stopped comes back before the guest does; its entries stay when the start fails, the VM has them. */
static const struct job_step start_steps[] = {
    { "repair", repair_domain, NULL, 20 },
    { "network", vm_job_link, NULL, 40 },
    { "start", start, NULL, 100 },
};
static const struct job_step stop_steps[] = { { "stop", stop, NULL, 100 } };
static const struct job_step reboot_steps[] = { { "reboot", reboot, NULL, 100 } };
static const struct job_step pause_steps[] = { { "pause", pause_guest, NULL, 100 } };
static const struct job_step resume_steps[] = { { "resume", resume, NULL, 100 } };
static const struct job_step suspend_steps[] = { { "suspend", suspend, NULL, 100 } };

#define KIND(verb)                                                                                                               \
    const struct job_kind vm_##verb##_kind = {                                                                                   \
        .name = "vm." #verb,                                                                                                     \
        .steps = verb##_steps,                                                                                                   \
        .step_count = ARRAY_LEN(verb##_steps),                                                                                   \
        .policy = JOB_UNWIND,                                                                                                    \
        .is_cancellable = true,                                                                                                  \
        .prepare = vm_job_prepare,                                                                                               \
        .release = vm_job_release,                                                                                               \
        .settle = settle_##verb,                                                                                                 \
    }
KIND(start);
KIND(stop);
KIND(reboot);
KIND(pause);
KIND(resume);
KIND(suspend);

/* ---- the verbs ---- */

#define IN(status) (1u << (status))

static const struct power_verb {
    const char *name;
    const char *action;
    const struct job_kind *kind;
    enum vm_task task;
    unsigned allowed; /* statuses */
} verbs[] = {
    [VM_VERB_START] = { "started", "vm:start", &vm_start_kind, VM_TASK_START, IN(VM_STOPPED) | IN(VM_SUSPENDED) | IN(VM_ERROR) },
    [VM_VERB_STOP] = { "stopped", "vm:stop", &vm_stop_kind, VM_TASK_STOP, IN(VM_RUNNING) | IN(VM_PAUSED) },
    [VM_VERB_REBOOT] = { "rebooted", "vm:reboot", &vm_reboot_kind, VM_TASK_REBOOT, IN(VM_RUNNING) },
    [VM_VERB_PAUSE] = { "paused", "vm:pause", &vm_pause_kind, VM_TASK_PAUSE, IN(VM_RUNNING) },
    [VM_VERB_RESUME] = { "resumed", "vm:resume", &vm_resume_kind, VM_TASK_RESUME, IN(VM_PAUSED) | IN(VM_SUSPENDED) },
    [VM_VERB_RESTART] = { "restarted", "vm:reboot", &vm_start_kind, VM_TASK_REBOOT, IN(VM_STOPPED) | IN(VM_SUSPENDED) },
    [VM_VERB_REBOOT_PAUSED] = { "rebooted", "vm:reboot", &vm_reboot_kind, VM_TASK_REBOOT, IN(VM_PAUSED) },
    [VM_VERB_START_PAUSED] = { "started", "vm:start", &vm_start_kind, VM_TASK_START,
                               IN(VM_STOPPED) | IN(VM_SUSPENDED) | IN(VM_ERROR) },
    [VM_VERB_SUSPEND] = { "suspended", "vm:suspend", &vm_suspend_kind, VM_TASK_SUSPEND, IN(VM_RUNNING) | IN(VM_PAUSED) },
};

static int refuse(const struct vm *vm, const struct power_verb *v, struct err *e)
{
    if (vm_refuse_locked(vm, e) < 0)
        return -1;
    if (vm->task != VM_TASK_NONE)
        return err_set(e, ERR_VM_BUSY, "VM '%s' is busy with %s; wait for that operation, or delete the VM", vm->name,
                       vm_task_to_string(vm->task));
    if (!(v->allowed & IN(vm->status)))
        return err_set(e, ERR_INVALID_STATE, "VM '%s' cannot be %s while it is %s", vm->name, v->name,
                       vm_status_to_string(vm->status));
    return 0;
}

int vm_power_submit(const struct change *ch, const struct vm_action *want, struct vm *vm, struct job **out, struct err *e)
{
    const struct power_verb *v = &verbs[want->verb];
    AUTO(job) job = NULL;
    AUTO_FREE char *params = vm_job_params(
        &(struct vm_job){ .is_forced = want->is_forced, .ends_paused = want->verb == VM_VERB_START_PAUSED, .from = vm->status });
    struct job_request job_wanted = { .kind = v->kind->name, .target = vm->id, .params = params };
    enum vm_status shown = vm_task_status(v->task, vm->status);

    if (!params)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (core_submit(ch, &job_wanted, &job, e) < 0 || store_vm_take(ch->txn, vm, v->task, job->id, e) < 0 ||
        record_vm_status(ch->txn, vm, shown, NULL, e) < 0 ||
        store_audit_add(ch->txn, &(struct audit){ ch->who, v->action, "vm", vm->id, "accepted" }, e) < 0)
        return -1;
    vm->status = shown;
    vm->task = v->task;
    *out = TAKE(job);
    return 0;
}

int vm_act(struct core *c, const struct actor *who, const struct vm_action *want, struct once *once, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;
    AUTO(job) job = NULL;
    bool is_replay = false;

    if (once_begin(c, once, &t, &is_replay, e) < 0)
        return -1;
    if (is_replay)
        return 0;
    if (store_vm_resolve(t, actor_scope(who), want->ref, &vm, e) < 0 || once_accept(once, vm, e) < 0 ||
        refuse(vm, &verbs[want->verb], e) < 0)
        return -1;
    const struct actor at = actor_in(who, vm->project);
    if (vm_power_submit(&(struct change){ c, &at, t }, want, vm, &job, e) < 0)
        return -1;
    return once_commit(t, once, &(struct vm_answer){ vm, job }, e);
}
