/* core/vm_delete: the end of a VM, accepted in every state unless the VM is locked. What holds the VM is asked to stop, the
 * delete starts behind it and is tried again until the three places are clean: libvirt (the domain and its entries in networks),
 * the disk, the row. */
#include "once.h"
#include "record.h"
#include "vm_job.h"
#include "vm_network.h"

#include "base/log.h"
#include "base/str.h"
#include "core/vm.h"
#include "store/audit.h"
#include "store/job.h"
#include "store/vm_tombstone.h"

static int remove_folder(struct job_run *r, struct err *e)
{
    uint32_t left = 0;

    if (disk_instance_remove(vm_job_core(r)->disk, r->job->target, &left, e) < 0)
        return -1;
    if (left > 0)
        log_warn("vm.delete: files of unknown names stay in the VM's folder", NULL);
    return 0;
}

static int settle(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    AUTO(vm) vm = NULL;

    if (outcome)
        return vm_job_end(r, t, outcome, NULL, NULL, e);
    if (record_end(r, t, "vm", NULL, e) < 0)
        return -1;
    if (store_vm_get(t, NULL, r->job->target, &vm, e) < 0) {
        if (e->code != ERR_VM_NOT_FOUND)
            return -1;
        err_clear(e);
        return 0;
    }
    return store_vm_delete(t, vm->id, e) < 0 ? -1 : record_vm(t, "vm.deleted", vm, e);
}

static const struct job_step steps[] = {
    { "power-off", vm_job_power_off, NULL, 30 },
    { "undefine", vm_job_undefine, NULL, 50 },
    { "network", vm_job_unlink, NULL, 70 },
    { "folder", remove_folder, NULL, 90 },
};

const struct job_kind vm_delete_kind = {
    .name = "vm.delete",
    .steps = steps,
    .step_count = ARRAY_LEN(steps),
    .policy = JOB_RETRY,
    .prepare = vm_job_prepare,
    .release = vm_job_release,
    .settle = settle,
};

/* The task that holds the VM is asked to stop; it may end in this very moment, which is as good. */
static int stop_holder(const struct change *ch, const struct vm *vm, struct err *e)
{
    if (vm->task == VM_TASK_NONE || jobs_cancel(ch->core->jobs, ch->txn, vm->job, e) == 0)
        return 0;
    if (e->code != ERR_CONFLICT && e->code != ERR_OPERATION_NOT_FOUND)
        return -1;
    err_clear(e);
    return 0;
}

int vm_delete_submit(const struct change *ch, struct vm *vm, const char *action, struct job **out, struct err *e)
{
    AUTO(job) job = NULL;
    AUTO_FREE char *params = vm_job_params(&(struct vm_job){ .from = vm->status });
    struct job_request want = {
        .kind = vm_delete_kind.name, .target = vm->id, .params = params, .after = vm->task == VM_TASK_NONE ? NULL : vm->job
    };

    if (!params)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (stop_holder(ch, vm, e) < 0 || core_submit(ch, &want, &job, e) < 0 ||
        store_vm_take_over(ch->txn, vm, VM_TASK_DELETE, job->id, e) < 0 ||
        record_vm_status(ch->txn, vm, VM_DELETING, NULL, e) < 0 ||
        store_audit_add(ch->txn, &(struct audit){ ch->who, action, "vm", vm->id, "accepted" }, e) < 0)
        return -1;
    *out = TAKE(job);
    return 0;
}

/* One of the ways into a delete: the VM's job, a new one or the one that is under way. */
typedef int begin_fn(const struct change *ch, struct vm *vm, struct job **out, struct err *e);

static int begin(struct core *c, const struct actor *who, const char *ref, begin_fn *how, struct once *once, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;
    AUTO(job) job = NULL;
    bool is_replay = false;

    if (once_begin(c, once, &t, &is_replay, e) < 0)
        return -1;
    if (is_replay)
        return 0;
    if (store_vm_resolve(t, actor_scope(who), ref, &vm, e) < 0 || once_accept(once, vm, e) < 0)
        return -1;
    const struct actor at = actor_in(who, vm->project);
    if (how(&(struct change){ c, &at, t }, vm, &job, e) < 0)
        return -1;
    vm->status = VM_DELETING;
    vm->task = VM_TASK_DELETE;
    return once_commit(t, once, &(struct vm_answer){ vm, job }, e);
}

/* Asked twice, the same operation answers both. */
static int begin_delete(const struct change *ch, struct vm *vm, struct job **out, struct err *e)
{
    if (vm->task == VM_TASK_DELETE)
        return store_job_get(ch->txn, NULL, vm->job, out, e);
    return vm_refuse_locked(vm, e) < 0 ? -1 : vm_delete_submit(ch, vm, "vm:delete", out, e);
}

int vm_delete(struct core *c, const struct actor *who, const char *ref, struct once *once, struct err *e)
{
    return begin(c, who, ref, begin_delete, once, e);
}

static int begin_terminate(const struct change *ch, struct vm *vm, struct job **out, struct err *e)
{
    if (vm->task == VM_TASK_DELETE)
        return err_set(e, ERR_INVALID_STATE, "VM '%s' is being deleted", vm->name);
    if (vm_refuse_locked(vm, e) < 0 || store_vm_tombstone_insert(ch->txn, vm, e) < 0)
        return -1;
    return vm_delete_submit(ch, vm, "vm:delete", out, e);
}

int vm_terminate(struct core *c, const struct actor *who, const char *ref, struct once *once, struct err *e)
{
    return begin(c, who, ref, begin_terminate, once, e);
}
