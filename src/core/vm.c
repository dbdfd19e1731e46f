/* core/vm: what only the database knows of a VM (name, metadata, tags), and its console's text. */
#include "core/vm.h"

#include "internal.h"
#include "record.h"
#include "vm_job.h"

#include "base/str.h"
#include "store/event.h"
#include "store/vm.h"

enum { CONSOLE_MAX_BYTES = 1 << 20 };

/* ---- the title: the domain's, for whoever looks with virsh ---- */

static int write_title(struct job_run *r, struct err *e)
{
    const struct vm *vm = vm_job_of(r)->vm;

    if (!vm || virt_rename(vm_job_core(r)->virt, vm->id, vm->name, e) == 0)
        return 0;
    if (e->code != ERR_DOMAIN_MISSING && e->code != ERR_FOREIGN_DOMAIN)
        return -1;
    err_clear(e); /* the next definition carries the name */
    return 0;
}

static int settle_title(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{

    return record_end(r, t, "vm", outcome, e);
}

static const struct job_step title_steps[] = { { "title", write_title, NULL, 100 } };

/* Holds no task: a VM can be started, stopped and deleted meanwhile. */
const struct job_kind vm_rename_kind = {
    .name = "vm.rename",
    .steps = title_steps,
    .step_count = ARRAY_LEN(title_steps),
    .policy = JOB_RETRY,
    .prepare = vm_job_prepare,
    .release = vm_job_release,
    .settle = settle_title,
};

static int submit_title(const struct change *ch, const struct vm *vm, struct err *e)
{
    AUTO(job) job = NULL;
    AUTO_FREE char *params = vm_job_params(false, false, vm->status);
    struct job_request want = { .kind = vm_rename_kind.name, .target = vm->id, .params = params };

    return params ? core_submit(ch, &want, &job, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int vm_change(struct core *c, const struct actor *who, const char *ref, const struct vm_change *change, struct vm **out,
              struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) before = NULL;
    AUTO(vm) after = NULL;

    if (change->name && name_check(change->name, change->name_rule, "name", e) < 0)
        return -1;
    if (txn_write(c->store, &t, e) < 0 || store_vm_resolve(t, who->project, ref, &before, e) < 0)
        return -1;
    if (store_vm_change(t, before, change, e) < 0 || store_vm_get(t, NULL, before->id, &after, e) < 0 ||
        record_vm(t, "vm.changed", after, e) < 0 ||
        store_audit_add(t, &(struct audit){ who, "vm:update", "vm", before->id, "accepted" }, e) < 0)
        return -1;
    if (!str_equal(before->name, after->name) && submit_title(&(struct change){ c, who, t }, after, e) < 0)
        return -1;
    if (txn_commit(t, e) < 0)
        return -1;
    *out = TAKE(after);
    return 0;
}

int vm_console_log(struct core *c, const struct actor *who, const char *ref, uint32_t lines, char **out, size_t *len,
                   struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;

    if (txn_read(c->store, &t, e) < 0 || store_vm_resolve(t, who->project, ref, &vm, e) < 0)
        return -1;
    txn_free(TAKE(t));
    return disk_console_read(c->disk, vm->id, lines, CONSOLE_MAX_BYTES, out, len, e);
}
