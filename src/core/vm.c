/* core/vm: what is changed at once, in the VM's row (name, metadata, tags, autostart, time to live, lock), and its console's
 * text. */
#include "core/vm.h"

#include "internal.h"
#include "record.h"
#include "sidecar.h"
#include "vm_job.h"

#include "base/str.h"
#include "store/audit.h"
#include "store/vm.h"

enum { CONSOLE_MAX_BYTES = 1 << 20 };

/* ---- what the domain shows of it: the title for whoever looks with virsh, and libvirt's autostart flag ---- */

/* The next definition carries what a domain that is not there cannot be told. */
static int forgive_missing(struct err *e)
{
    if (e->code != ERR_DOMAIN_MISSING && e->code != ERR_FOREIGN_DOMAIN)
        return -1;
    err_clear(e);
    return 0;
}

static int write_title(struct job_run *r, struct err *e)
{
    const struct vm *vm = vm_job_of(r)->vm;

    return !vm || virt_rename(vm_job_core(r)->virt, vm->id, vm->name, e) == 0 ? 0 : forgive_missing(e);
}

static int write_autostart(struct job_run *r, struct err *e)
{
    const struct vm *vm = vm_job_of(r)->vm;

    return !vm || virt_set_autostart(vm_job_core(r)->virt, vm->id, vm->autostart, e) == 0 ? 0 : forgive_missing(e);
}

static int settle_update(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    return record_end(r, t, "vm", outcome, e);
}

static const struct job_step update_steps[] = { { "sidecar", sidecar_vm_step, NULL, 30 },
                                                { "title", write_title, NULL, 60 },
                                                { "autostart", write_autostart, NULL, 100 } };

/* Holds no task: a VM can be started, stopped and deleted meanwhile. */
const struct job_kind vm_update_kind = {
    .name = "vm.update",
    .steps = update_steps,
    .step_count = ARRAY_LEN(update_steps),
    .policy = JOB_RETRY,
    .prepare = vm_job_prepare,
    .release = vm_job_release,
    .settle = settle_update,
};

/* Behind the task that holds the VM: that may be defining the domain now, from the row as it was. */
int vm_update_submit(const struct change *ch, const struct vm *vm, bool is_shown, struct err *e)
{
    AUTO(job) job = NULL;
    AUTO_FREE char *params = vm_job_params(&(struct vm_job){ .from = vm->status });
    struct job_request want = {
        .kind = vm_update_kind.name, .target = vm->id, .params = params, .after = vm->task == VM_TASK_NONE ? NULL : vm->job
    };

    if (!is_shown)
        return sidecar_submit(ch, SIDECAR_VM, vm->id, e);
    return params ? core_submit(ch, &want, &job, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* ---- changes at once ---- */

static int check_change(const struct vm_change *change, struct err *e)
{
    if (change->name && name_check(change->name, change->name_rule, "name", e) < 0)
        return -1;
    if (change->ttl_seconds && *change->ttl_seconds > VM_TTL_MAX_S)
        return err_set_field(e, ERR_INVALID_FIELD, "ttl_seconds", "ttl_seconds must be 0 to %u", (unsigned)VM_TTL_MAX_S);
    return 0;
}

static int follow_change(const struct change *ch, const struct vm *before, const struct vm *after, struct err *e)
{
    if (before->expires_at_ms != after->expires_at_ms && life_kick_after(ch->core, ch->txn, e) < 0)
        return -1;
    return vm_update_submit(ch, after, !str_equal(before->name, after->name) || before->autostart != after->autostart, e);
}

int vm_change(struct core *c, const struct actor *who, const char *ref, const struct vm_change *change, struct vm **out,
              struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) before = NULL;
    AUTO(vm) after = NULL;

    if (check_change(change, e) < 0 || txn_write(c->store, &t, e) < 0 ||
        store_vm_resolve(t, actor_scope(who), ref, &before, e) < 0 || vm_refuse_locked(before, e) < 0)
        return -1;
    const struct actor at = actor_in(who, before->project);
    if (store_vm_change(t, before, change, e) < 0 || store_vm_get(t, NULL, before->id, &after, e) < 0 ||
        record_vm(t, "vm.changed", after, e) < 0 ||
        store_audit_add(t, &(struct audit){ &at, "vm:update", "vm", before->id, "accepted" }, e) < 0)
        return -1;
    if (follow_change(&(struct change){ c, &at, t }, before, after, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    *out = TAKE(after);
    return 0;
}

/* An unlocked VM may have expired long ago: life has to look. */
static int write_lock(const struct change *ch, const struct vm *vm, bool is_locked, struct err *e)
{
    if (store_vm_set_locked(ch->txn, vm->id, is_locked, e) < 0 ||
        record_vm(ch->txn, is_locked ? "vm.locked" : "vm.unlocked", vm, e) < 0 || vm_update_submit(ch, vm, false, e) < 0)
        return -1;
    return life_kick_after(ch->core, ch->txn, e);
}

int vm_set_locked(struct core *c, const struct actor *who, const char *ref, bool is_locked, struct vm **out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) before = NULL;
    AUTO(vm) after = NULL;
    const char *action = is_locked ? "vm:lock" : "vm:unlock";

    if (txn_write(c->store, &t, e) < 0 || store_vm_resolve(t, actor_scope(who), ref, &before, e) < 0)
        return -1;
    const struct actor at = actor_in(who, before->project);
    if (before->is_locked != is_locked && write_lock(&(struct change){ c, &at, t }, before, is_locked, e) < 0)
        return -1;
    if (store_audit_add(t, &(struct audit){ &at, action, "vm", before->id, "accepted" }, e) < 0 ||
        store_vm_get(t, NULL, before->id, &after, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    *out = TAKE(after);
    return 0;
}

int vm_is_elsewhere(struct core *c, const struct actor *who, const char *id, bool *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;

    *out = false;
    if (txn_read(c->store, &t, e) < 0)
        return -1;
    if (store_vm_get(t, NULL, id, &vm, e) == 0)
        *out = !who->sees_all && !str_equal(vm->project, who->project);
    else if (e->code == ERR_VM_NOT_FOUND)
        err_clear(e);
    else
        return -1;
    return 0;
}

int vm_console_log(struct core *c, const struct actor *who, const char *ref, uint32_t lines, char **out, size_t *len,
                   struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;

    if (txn_read(c->store, &t, e) < 0 || store_vm_resolve(t, actor_scope(who), ref, &vm, e) < 0)
        return -1;
    txn_free(TAKE(t));
    return disk_console_read(c->disk, vm->id, lines, CONSOLE_MAX_BYTES, out, len, e);
}
