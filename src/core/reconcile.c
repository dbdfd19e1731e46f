/* core/reconcile: libvirt owns existence and run state, the database intent and identity. A difference is written back by
 * compare-and-set and becomes an event; what an administrator did is recorded, never undone. A VM that a task holds is its job's
 * affair. */
#include "reconcile.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "housekeeping.h"
#include "internal.h"
#include "record.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/runner.h"
#include "base/str.h"

/* After an answer that did not come or housekeeping that could not be done, and for a while after libvirt came (back): it lists a
 * guest that died without it as running until it has noticed. */
enum { IDLE_PERIOD_MS = 30000, WATCHFUL_PERIOD_MS = 1000, WATCHFUL_MS = 10000, SURVEY_PATIENCE_MS = 10000 };

/* ---- judging ---- */

static struct vm_settled missing(void)
{
    return (struct vm_settled){
        .status = VM_ERROR,
        .reason = "domain_missing",
        .fault_code = err_code_word(ERR_DOMAIN_MISSING),
        .fault_message = "The virtual machine's domain was removed from libvirt by somebody else. Start it to define it again on "
                         "its disk, or delete it.",
    };
}

static bool is_missing_fault(const struct vm_state *row)
{
    return strcmp(row->fault_code, err_code_word(ERR_DOMAIN_MISSING)) == 0;
}

/* A fault outlives a domain that is merely off: what failed is still to be told. A domain that runs again has outlived its fault.
 */
static bool keeps_fault(const struct vm_state *row, const struct virt_state *now)
{
    if (row->status != VM_ERROR)
        return false;
    if (now->power == VIRT_ABSENT)
        return true;
    return (now->power == VIRT_STOPPED || now->power == VIRT_CRASHED || now->power == VIRT_SUSPENDED) && !is_missing_fault(row);
}

static struct vm_settled settled_by(const struct virt_state *now)
{
    switch (now->power) {
    case VIRT_ABSENT:
        return missing();
    case VIRT_RUNNING:
        return (struct vm_settled){ .status = VM_RUNNING };
    case VIRT_PAUSED:
        return (struct vm_settled){ .status = VM_PAUSED, .reason = now->reason };
    case VIRT_STOPPED:
        return (struct vm_settled){ .status = VM_STOPPED, .reason = now->reason };
    case VIRT_CRASHED:
        return (struct vm_settled){ .status = VM_STOPPED, .reason = "crashed" };
    case VIRT_SUSPENDED:
        return (struct vm_settled){ .status = VM_SUSPENDED };
    }
    return missing();
}

bool reconcile_judge(const struct vm_state *row, const struct virt_state *now, struct vm_settled *out)
{
    struct vm_settled want;

    if (row->task != VM_TASK_NONE || keeps_fault(row, now))
        return false;
    want = settled_by(now);
    if (want.status == row->status && strcmp(want.reason ? want.reason : "", row->reason) == 0)
        return false;
    *out = want;
    return true;
}

/* ---- writing back ---- */

static struct virt_state observed(const struct virt_survey *s, const char *id)
{
    const struct virt_observation *o = virt_survey_find(s, id);

    return o ? o->state : (struct virt_state){ .power = VIRT_ABSENT };
}

static int write_back(struct txn *t, const struct vm_state *row, const struct vm_settled *now, struct err *e)
{
    AUTO(vm) vm = NULL;

    if (store_vm_get(t, NULL, row->id, &vm, e) < 0 || store_vm_observe(t, row->id, row->row_version, now, e) < 0) {
        if (e->code != ERR_CONFLICT && e->code != ERR_VM_NOT_FOUND)
            return -1;
        err_clear(e); /* it has changed since: the next survey knows better */
        return 0;
    }
    log_info("vm.reconciled", "vm", vm->id, "was", vm_status_to_string(vm->status), "is", vm_status_to_string(now->status),
             "reason", now->reason, NULL);
    return record_vm_status(t, vm, now->status, now->reason, e);
}

/* The rows that the survey contradicts are few or none: only then a write transaction is worth its price. */
static int write_differences(struct core *c, const struct virt_survey *s, const struct vm_state *rows, size_t count,
                             struct err *e)
{
    AUTO(txn) t = NULL;
    int64_t stamp = virt_survey_stamp(s);

    for (size_t i = 0; i < count; i++) {
        struct virt_state now = observed(s, rows[i].id);
        struct vm_settled want;

        if (rows[i].row_version > stamp || !reconcile_judge(&rows[i], &now, &want))
            continue;
        want.observed_at_ms = virt_survey_asked_ms(s);
        if (!t && txn_write_within(c->store, c->config.survey_deadline_ms, &t, e) < 0)
            return -1;
        if (write_back(t, &rows[i], &want, e) < 0)
            return -1;
    }
    return t ? txn_commit(t, e) : 0;
}

static int read_states(struct core *c, struct vm_state **rows, size_t *count, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_vm_states(t, rows, count, e);
}

int reconcile_one(struct core *c, struct virt_survey *s, const char *id, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;
    struct vm_state row = { 0 };

    if (txn_read(c->store, &t, e) < 0 || store_vm_get(t, NULL, id, &vm, e) < 0)
        return -1;
    row.status = vm->status;
    row.task = vm->task;
    row.row_version = vm->row_version;
    (void)str_copy(row.id, sizeof row.id, vm->id);
    (void)str_copy(row.reason, sizeof row.reason, vm->status_reason ? vm->status_reason : "");
    (void)str_copy(row.fault_code, sizeof row.fault_code, vm->fault.code ? vm->fault.code : "");
    txn_free(TAKE(t)); /* the snapshot ends before the write begins */
    return write_differences(c, s, &row, 1, e);
}

/* ---- the background half ---- */

struct reconciler {
    struct core *core;
    _Atomic int64_t last_ms;
    struct runner runner;                   /* RANK_LEAF */
    bool is_asking GUARDED_BY(runner.lock); /* a survey of ours is under way: its callback will clear it */
    bool is_unanswered GUARDED_BY(runner.lock);
    bool is_house_kept GUARDED_BY(runner.lock);
    int64_t watchful_until_boot_ms GUARDED_BY(runner.lock);
};

int reconcile_all(struct core *c, struct virt_survey *s, struct err *e)
{
    AUTO_FREE struct vm_state *rows = NULL;
    size_t count = 0;

    if (read_states(c, &rows, &count, e) < 0 || write_differences(c, s, rows, count, e) < 0)
        return -1;
    atomic_store(&c->reconciler->last_ms, virt_survey_asked_ms(s));
    return 0;
}

static void on_survey(void *arg, struct virt_survey *s)
{
    struct reconciler *r = arg;
    struct err e = ERR_INIT;

    if (s && reconcile_all(r->core, s, &e) < 0)
        log_err(LOG_WARN, "reconcile failed", &e, NULL);
    HOLD(&r->runner.lock);
    r->is_asking = false;
    r->is_unanswered = !s;
    cond_broadcast(&r->runner.changed);
}

static int64_t period_locked(const struct reconciler *r)
{
    bool is_watchful = r->is_unanswered || !r->is_house_kept || clock_boot_ms() < r->watchful_until_boot_ms;

    return is_watchful ? WATCHFUL_PERIOD_MS : IDLE_PERIOD_MS;
}

/* True when there is something to do, false to end. */
static bool wait_for_kick(struct reconciler *r)
{
    HOLD(&r->runner.lock);
    while (!r->runner.is_stopping && (!r->runner.is_kicked || r->is_asking)) {
        if (!cond_wait_ms(&r->runner.changed, &r->runner.lock, period_locked(r)) && !r->is_asking)
            break;
    }
    r->runner.is_kicked = false;
    r->is_asking = !r->runner.is_stopping;
    return !r->runner.is_stopping;
}

static void keep_house(struct reconciler *r)
{
    bool is_kept = housekeeping_run(r->core);
    HOLD(&r->runner.lock);
    r->is_house_kept = is_kept;
}

static void *reconcile_main(void *arg)
{
    struct reconciler *r = arg;

    while (wait_for_kick(r)) {
        virt_survey_all(r->core->virt, SURVEY_PATIENCE_MS, on_survey, r);
        keep_house(r);
    }
    return NULL;
}

int reconciler_new(struct core *c, struct reconciler **out, struct err *e)
{
    struct reconciler *r = calloc(1, sizeof *r);

    if (!r)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    r->core = c;
    runner_init(&r->runner, RANK_LEAF);
    runner_kick(&r->runner); /* the first look is at once */
    *out = r;
    return 0;
}

int reconciler_start(struct reconciler *r, struct err *e)
{
    return runner_start(&r->runner, "reconcile", reconcile_main, r, e);
}

void reconciler_stop(struct reconciler *r)
{
    runner_stop(&r->runner);
}

void reconciler_free(struct reconciler *r)
{
    if (!r)
        return;
    runner_done(&r->runner);
    free(r);
}

void reconciler_kick(struct reconciler *r)
{
    runner_kick(&r->runner);
}

bool reconciler_is_stopping(struct reconciler *r)
{
    return runner_is_stopping(&r->runner);
}

void reconciler_watch(struct reconciler *r)
{
    HOLD(&r->runner.lock);
    r->watchful_until_boot_ms = clock_boot_ms() + WATCHFUL_MS;
}

int64_t reconciler_last_ms(struct reconciler *r)
{
    return atomic_load(&r->last_ms);
}
