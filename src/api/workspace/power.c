/* Power, and the end of VMs. Which state allows what is this door's table; whether it can be done is the core's. */
#include "../reply.h"
#include "asking.h"
#include "states.h"
#include "turn.h"
#include "vm_body.h"
#include "workspace.h"

#include "base/str.h"
#include "core/operation.h"

enum { DELETE_WAIT_MS = 30000 };

typedef int power_fn(struct asking *a, const struct vm *vm, struct once *once, struct err *e);
struct power {
    const char *participle;
    unsigned from; /* states */
    power_fn *act;
};

static int act(struct asking *a, enum vm_verb verb, struct once *once, struct err *e)
{
    return vm_act(a->core, &a->who, &(struct vm_action){ .ref = a->query.ref, .verb = verb }, once, e);
}

static int start(struct asking *a, const struct vm *vm, struct once *once, struct err *e)
{
    (void)vm;
    return act(a, VM_VERB_START, once, e);
}

static int stop(struct asking *a, const struct vm *vm, struct once *once, struct err *e)
{
    (void)vm;
    return act(a, VM_VERB_STOP, once, e);
}

/* One that is off has nothing to shut down, and one that is paused cannot. */
static int restart(struct asking *a, const struct vm *vm, struct once *once, struct err *e)
{
    if (vm->status == VM_PAUSED)
        return act(a, VM_VERB_REBOOT_PAUSED, once, e);
    return act(a, workspace_state(vm->status) == WORKSPACE_STOPPED ? VM_VERB_RESTART : VM_VERB_REBOOT, once, e);
}

static int terminate(struct asking *a, const struct vm *vm, struct once *once, struct err *e)
{
    (void)vm;
    return vm_terminate(a->core, &a->who, a->query.ref, once, e);
}

#define FROM(state) WORKSPACE_IN(state)
static const struct power to_start = { "started", FROM(STOPPED) | FROM(ERROR), start };
static const struct power to_stop = { "stopped", FROM(RUNNING), stop };
static const struct power to_restart = { "restarted", FROM(RUNNING) | FROM(STOPPED), restart };
static const struct power to_terminate = {
    "terminated", FROM(PENDING) | FROM(RUNNING) | FROM(STOPPED) | FROM(STOPPING) | FROM(STARTING) | FROM(ERROR), terminate
};

/* Inside the change: what was seen a moment ago may be over. */
static int accept(struct once *o, const void *record, struct err *e)
{
    const struct power *p = ((const struct turn *)o)->asking->power;

    return workspace_state_check(record, p->from, p->participle, e);
}

/* What libvirt said of the VM is in its row by now. */
static int act_now(struct request *r, struct err *e)
{
    struct asking *a = request_data(r);
    AUTO_TURN turn = { .asking = a, .status = 202 };
    const struct vm *vm = NULL;

    if (asking_found(a, &vm, e) < 0 || turn_begin(&turn, r, e) < 0)
        return -1;
    turn.verb.once.accept = accept;
    if (a->power->act(a, vm, &turn.verb.once, e) < 0)
        return asking_refused(a, a->power->from, a->power->participle, e);
    return verb_reply(&turn.verb, r, e);
}

static int begin(struct request *r, const struct power *power, struct err *e)
{
    struct asking *a = asking_about_vm(r, e);

    if (!a || workspace_nothing_decode(r, e) < 0)
        return -1;
    a->power = power;
    return asking_look(r, a, act_now, e);
}

int workspace_start(struct request *r, struct err *e)
{
    return begin(r, &to_start, e);
}

int workspace_stop(struct request *r, struct err *e)
{
    return begin(r, &to_stop, e);
}

int workspace_restart(struct request *r, struct err *e)
{
    return begin(r, &to_restart, e);
}

int workspace_terminate(struct request *r, struct err *e)
{
    return begin(r, &to_terminate, e);
}

/* ---- delete ---- */

static int forget(struct asking *a, struct err *e)
{
    return vm_tombstone_delete(a->core, &a->who, a->query.ref, e);
}

/* The end of the VM and of what it left, whichever of them there is. */
static int reply_deleted(struct request *r, struct err *e)
{
    struct asking *a = request_data(r);
    AUTO(job) job = NULL;

    if (await_result(&a->await, e) < 0 || operation_get(a->core, &a->who, a->job, &job, e) < 0)
        return -1;
    if (job->status != JOB_SUCCEEDED)
        return err_set(e, ERR_TIMEOUT, "the VM is still being deleted, and will be gone without another call");
    if (forget(a, e) < 0) {
        if (e->code != ERR_VM_NOT_FOUND)
            return -1;
        err_clear(e);
    }
    return request_reply_empty(r, 204, e);
}

static int wait_for_job(struct request *r, struct err *e)
{
    struct asking *a = request_data(r);

    return operation_wait(a->core, &a->who, a->job, DELETE_WAIT_MS, await_done, &a->await, e);
}

static int note_job(struct once *o, const void *record, struct err *e)
{
    const struct vm_answer *answer = record;

    (void)e;
    (void)str_copy(((struct turn *)o)->asking->job, sizeof(uuid_text), answer->job->id);
    return 0;
}

int workspace_delete(struct request *r, struct err *e)
{
    struct asking *a = asking_about_vm(r, e);
    AUTO_TURN turn = { .asking = a };

    if (!a || turn_begin(&turn, r, e) < 0)
        return -1;
    turn.verb.once.answer = note_job;
    if (vm_delete(a->core, &a->who, a->query.ref, &turn.verb.once, e) == 0)
        return await_start(&a->await, r, wait_for_job, reply_deleted, e);
    if (e->code != ERR_VM_NOT_FOUND)
        return -1;
    err_clear(e);
    return forget(a, e) < 0 ? -1 : request_reply_empty(r, 204, e);
}
