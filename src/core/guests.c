/* core/guests: marks and operations, in batches: a batch commits whole, and between two others may write. */
#include "core/guests.h"

#include <stdlib.h>
#include <string.h>

#include "vm_job.h"

#include "base/str.h"
#include "core/vm.h"
#include "store/audit.h"
#include "store/job.h"

const char *const guests_action_words[] = {
    [GUESTS_SHUTDOWN] = "shutdown", [GUESTS_SUSPEND] = "suspend", [GUESTS_LEAVE] = "leave", [GUESTS_ACTION_COUNT] = NULL
};

int guests_action_from_string(const char *s, enum guests_action *out)
{
    for (int i = 0; i < GUESTS_ACTION_COUNT; i++)
        if (str_equal(guests_action_words[i], s)) {
            *out = (enum guests_action)i;
            return 0;
        }
    return -1;
}

enum guests_action guests_action_default(const struct core *c)
{
    return c->config.host_shutdown;
}

/* ---- one VM ---- */

/* Who asks for what of which VMs. */
struct round {
    const char *name; /* in the audit log */
    enum guests_action action;
    int (*list)(struct txn *t, const struct vm_place *behind, struct vm_batch *out, struct err *e);
    /* For a VM that nothing holds. *out stays NULL when there is nothing to do. */
    int (*submit)(const struct change *ch, const struct round *r, struct vm *vm, struct job **out, struct err *e);
};

static int submit_stop(const struct change *ch, const struct round *r, struct vm *vm, struct job **out, struct err *e)
{
    bool is_paused = vm->status == VM_PAUSED;
    const struct vm_action want = { .verb = is_paused || r->action == GUESTS_SUSPEND ? VM_VERB_SUSPEND : VM_VERB_STOP };

    if (!is_paused && vm->status != VM_RUNNING)
        return 0;
    return vm_power_submit(ch, &want, vm, out, e) < 0
               ? -1
               : store_vm_set_restore(ch->txn, vm->id, is_paused ? VM_RESTORE_PAUSED : VM_RESTORE_RUNNING, e);
}

static int submit_start(const struct change *ch, const struct round *r, struct vm *vm, struct job **out, struct err *e)
{
    const struct vm_action want = { .verb = vm->restores_to == VM_RESTORE_PAUSED ? VM_VERB_START_PAUSED : VM_VERB_START };

    (void)r;
    return vm_power_submit(ch, &want, vm, out, e);
}

static int add_job(struct job_list *to, struct job *job, struct err *e)
{
    struct job **items = reallocarray(to->items, to->count + 1, sizeof *items);

    if (!items) {
        job_free(job);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    to->items = items;
    to->items[to->count++] = job;
    return 0;
}

/* What is being done to it ends first; the next call finds it again. */
static int ask_one(const struct change *ch, const struct round *r, struct vm *vm, struct job_list *out, struct err *e)
{
    const struct actor at = actor_in(ch->who, vm->project);
    const struct change there = { ch->core, &at, ch->txn };
    AUTO(job) job = NULL;

    if ((vm->task == VM_TASK_NONE ? r->submit(&there, r, vm, &job, e) : store_job_get(ch->txn, NULL, vm->job, &job, e)) < 0)
        return -1;
    return job ? add_job(out, TAKE(job), e) : 0;
}

/* ---- all of them ---- */

static int audit_round(const struct change *ch, const struct round *r, struct err *e)
{
    return store_audit_add(ch->txn, &(struct audit){ ch->who, "host:guests", "guests", r->name, "accepted" }, e);
}

static int ask_batch(const struct change *ch, const struct round *r, struct vm_batch *batch, struct job_list *out, struct err *e)
{
    for (size_t i = 0; i < batch->list.count; i++)
        if (ask_one(ch, r, batch->list.items[i], out, e) < 0)
            return -1;
    return txn_commit(ch->txn, e);
}

static void move_behind(struct vm_place *place, const struct vm_list *list)
{
    const struct vm *last = list->items[list->count - 1];

    place->created_at_ms = last->created_at_ms;
    (void)str_copy(place->id, sizeof place->id, last->id);
}

/* behind->id is "" at the beginning. */
static int next_batch(struct core *c, const struct actor *who, const struct round *r, struct vm_place *behind,
                      struct job_list *out, bool *has_more, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_VM_BATCH batch = { 0 };
    bool is_first = behind->id[0] == '\0';

    if (txn_write(c->store, &t, e) < 0 || r->list(t, is_first ? NULL : behind, &batch, e) < 0)
        return -1;
    const struct change ch = { c, who, t };
    if ((is_first && audit_round(&ch, r, e) < 0) || ask_batch(&ch, r, &batch, out, e) < 0)
        return -1;
    *has_more = batch.has_more;
    if (batch.has_more)
        move_behind(behind, &batch.list);
    return 0;
}

static int go_round(struct core *c, const struct actor *who, const struct round *r, struct job_list *out, struct err *e)
{
    AUTO_LIST(job) jobs = { 0 };
    struct vm_place behind = { .id = "" };
    bool has_more = true;

    if (!virt_is_connected(c->virt))
        return err_set(e, ERR_UNAVAILABLE, "libvirt is not there: the guests cannot be asked for anything");
    while (has_more)
        if (next_batch(c, who, r, &behind, &jobs, &has_more, e) < 0)
            return -1;
    *out = jobs;
    jobs = (struct job_list){ 0 };
    return 0;
}

int guests_stop(struct core *c, const struct actor *who, enum guests_action action, struct job_list *out, struct err *e)
{
    const struct round r = { guests_action_words[action], action, store_vm_list_on, submit_stop };

    if (action != GUESTS_LEAVE)
        return go_round(c, who, &r, out, e);
    *out = (struct job_list){ 0 };
    return 0;
}

int guests_start(struct core *c, const struct actor *who, struct job_list *out, struct err *e)
{
    static const struct round r = { .name = "start", .list = store_vm_list_to_restore, .submit = submit_start };

    return go_round(c, who, &r, out, e);
}
