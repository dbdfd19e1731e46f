/* Stop, start, restart and delete, each answered with its end: the request sleeps while the operation runs. What a state allows
 * here is one table; it is asked again in the transaction that acts, so nothing comes in between. */
#include <stdlib.h>

#include "../reply.h"
#include "find.h"
#include "instance_json.h"
#include "state.h"
#include "tenant.h"

#include "base/clock.h"
#include "base/str.h"
#include "core/operation.h"

enum { ANSWER_WITHIN_MS = 20000 };

#define IN(state) (1u << (state))

struct power {
    unsigned from; /* states of this door */
    const char *refusal;
    enum vm_verb verb; /* unless is_delete */
    bool is_delete;
    enum tenant_state to;
};

static const struct power stop = { IN(TENANT_RUNNING), "Instance is not running", VM_VERB_STOP, false, TENANT_STOPPED };
static const struct power start = { IN(TENANT_STOPPED), "Instance is not stopped", VM_VERB_START, false, TENANT_RUNNING };
static const struct power restart = { IN(TENANT_STOPPED), "Instance is not stopped", VM_VERB_RESTART, false, TENANT_RESTARTING };
static const struct power delete = { IN(TENANT_CREATING) | IN(TENANT_STOPPED) | IN(TENANT_ERROR),
                                     "Cannot delete running instance", .is_delete = true };

struct driving {
    struct finding finding; /* first: find_begin looks for it */
    const struct power *power;
    struct once once;
    uuid_text job; /* what is waited for */
    int64_t end_boot_ms;
};

static void driving_free(void *arg)
{
    struct driving *d = arg;

    vm_view_free(d->finding.view);
    once_done(&d->once);
    free(d);
}

static struct driving *driving_of_once(struct once *o)
{
    return (struct driving *)(void *)((char *)o - offsetof(struct driving, once));
}

/* Who asks for the end of what is ending gets it. */
static int accept_state(struct once *o, const void *record, struct err *e)
{
    const struct power *p = driving_of_once(o)->power;
    const struct vm *vm = record;

    if (p->from & IN(tenant_state_of(vm->status)) || (p->is_delete && vm->task == VM_TASK_DELETE))
        return 0;
    return err_set(e, ERR_INVALID_STATE, "%s", p->refusal);
}

static int note_job(struct once *o, const void *record, struct err *e)
{
    const struct vm_answer *a = record;
    struct driving *d = driving_of_once(o);

    (void)e;
    (void)str_copy(d->job, sizeof(d->job), a->job->id);
    return 0;
}

static int act(struct request *r, struct driving *d, const char *id, struct err *e)
{
    const struct vm_action want = { .ref = id, .verb = d->power->verb };

    d->once = (struct once){ .answer = note_job, .accept = accept_state, .actor = request_actor(r) };
    if (d->power->is_delete)
        return vm_delete(request_user(r), request_actor(r), id, &d->once, e);
    return vm_act(request_user(r), request_actor(r), &want, &d->once, e);
}

static int64_t left_ms(const struct driving *d)
{
    int64_t left = d->end_boot_ms - clock_boot_ms();

    return left > 0 ? left : 0;
}

static int wait_begin(struct request *r, struct err *e)
{
    struct driving *d = request_data(r);

    return operation_wait(request_user(r), request_actor(r), d->job, left_ms(d), await_done, &d->finding.await, e);
}

/* ---- the end ---- */

static int too_late(const struct driving *d, const struct vm *vm, struct err *e)
{
    const char *to = d->power->is_delete ? "deleted" : tenant_state_to_string(d->power->to);

    if (vm->fault.message)
        return err_set(e, ERR_TIMEOUT, "Instance is not %s: %s", to, vm->fault.message);
    return err_set(e, ERR_TIMEOUT, "Instance is not %s yet", to);
}

static int reply_end(struct request *r, struct err *e)
{
    const struct driving *d = request_data(r);
    const struct vm *vm = NULL;
    int rc = find_result(r, &vm, e);

    if (rc < 0 && d->power->is_delete && e->code == ERR_VM_NOT_FOUND) {
        err_clear(e);
        return request_reply_empty(r, 204, e);
    }
    if (rc < 0)
        return -1;
    if (d->power->is_delete || tenant_state_of(vm->status) != d->power->to || vm->task != VM_TASK_NONE)
        return too_late(d, vm, e);
    return reply_json(r, 200, instance_state_json(vm->id, tenant_state_to_string(d->power->to), vm->updated_at_ms), e);
}

/* An operation that is forgotten already has ended: what came of it is looked at. */
static int look_at_end(struct request *r, struct err *e)
{
    struct driving *d = request_data(r);

    return await_start(&d->finding.await, r, find_begin, reply_end, e);
}

/* ---- the beginning ---- */

static int judge(struct request *r, struct err *e);

static int look_again(struct request *r, struct err *e)
{
    struct driving *d = request_data(r);

    if (await_result(&d->finding.await, e) < 0 && e->code != ERR_OPERATION_NOT_FOUND)
        return -1;
    err_clear(e);
    return await_start(&d->finding.await, r, find_begin, judge, e);
}

/* Another operation goes first. Its end is waited for, then it is judged anew. */
static int after_task(struct request *r, struct driving *d, const struct vm *vm, struct err *e)
{
    if (e->code != ERR_VM_BUSY || left_ms(d) == 0)
        return -1;
    err_clear(e);
    if (vm->task == VM_TASK_NONE) /* it has only just begun: the next look sees it */
        return look_again(r, e);
    (void)str_copy(d->job, sizeof(d->job), vm->job);
    return await_start(&d->finding.await, r, wait_begin, look_again, e);
}

static int judge(struct request *r, struct err *e)
{
    struct driving *d = request_data(r);
    const struct vm *vm = NULL;

    if (find_result(r, &vm, e) < 0)
        return -1;
    if (act(r, d, vm->id, e) < 0)
        return after_task(r, d, vm, e);
    if (d->power == &restart)
        return reply_json(r, 200, instance_state_json(vm->id, tenant_state_to_string(d->power->to), clock_wall_ms()), e);
    return await_start(&d->finding.await, r, wait_begin, look_at_end, e);
}

static int drive(struct request *r, const struct power *power, struct err *e)
{
    struct driving *d;

    if (query_none(r, e) < 0 || find_check_id(r, e) < 0)
        return -1;
    d = calloc(1, sizeof(*d));
    if (!d)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    d->power = power;
    d->end_boot_ms = clock_boot_ms() + ANSWER_WITHIN_MS;
    request_set_data(r, d, driving_free);
    return await_start(&d->finding.await, r, find_begin, judge, e);
}

int instances_stop(struct request *r, struct err *e)
{
    return drive(r, &stop, e);
}

int instances_start(struct request *r, struct err *e)
{
    return drive(r, &start, e);
}

int instances_restart(struct request *r, struct err *e)
{
    return drive(r, &restart, e);
}

int instances_delete(struct request *r, struct err *e)
{
    return drive(r, &delete, e);
}
