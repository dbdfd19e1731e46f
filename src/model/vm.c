/* model/vm: names of states and tasks, and the ends of records. */
#include "model/vm.h"

#include <string.h>

#include "table.h"

static const char *const status_names[VM_STATUS_COUNT] = {
    [VM_PENDING] = "pending",   [VM_RUNNING] = "running", [VM_STOPPING] = "stopping",   [VM_STOPPED] = "stopped",
    [VM_STARTING] = "starting", [VM_PAUSED] = "paused",   [VM_REBOOTING] = "rebooting", [VM_SUSPENDED] = "suspended",
    [VM_DELETING] = "deleting", [VM_ERROR] = "error",
};
DEFINE_NAMES(vm_status, status_names)

static const char *const task_names[VM_TASK_COUNT] = {
    [VM_TASK_NONE] = NULL,        [VM_TASK_CREATE] = "vm.create", [VM_TASK_DELETE] = "vm.delete",
    [VM_TASK_START] = "vm.start", [VM_TASK_STOP] = "vm.stop",     [VM_TASK_REBOOT] = "vm.reboot",
    [VM_TASK_PAUSE] = "vm.pause", [VM_TASK_RESUME] = "vm.resume", [VM_TASK_SUSPEND] = "vm.suspend",
    [VM_TASK_IMAGE] = "vm.image",
};

const char *vm_task_to_string(enum vm_task t)
{
    return task_names[t];
}

int vm_task_from_string(const char *s, enum vm_task *out)
{
    int i = s ? table_find(task_names, VM_TASK_COUNT, s) : VM_TASK_NONE;

    if (i < 0)
        return -1;
    *out = (enum vm_task)i;
    return 0;
}

static const char *const restore_names[VM_RESTORE_COUNT] = {
    [VM_RESTORE_NONE] = NULL,
    [VM_RESTORE_RUNNING] = "running",
    [VM_RESTORE_PAUSED] = "paused",
};

const char *vm_restore_to_string(enum vm_restore r)
{
    return restore_names[r];
}

int vm_restore_from_string(const char *s, enum vm_restore *out)
{
    int i = s ? table_find(restore_names, VM_RESTORE_COUNT, s) : VM_RESTORE_NONE;

    if (i < 0)
        return -1;
    *out = (enum vm_restore)i;
    return 0;
}

enum vm_status vm_task_status(enum vm_task t, enum vm_status now)
{
    switch (t) {
    case VM_TASK_CREATE:
        return VM_PENDING;
    case VM_TASK_DELETE:
        return VM_DELETING;
    case VM_TASK_START:
        return VM_STARTING;
    case VM_TASK_STOP:
        return VM_STOPPING;
    case VM_TASK_REBOOT:
        return VM_REBOOTING;
    case VM_TASK_NONE:
    case VM_TASK_PAUSE:
    case VM_TASK_RESUME:
    case VM_TASK_SUSPEND:
    case VM_TASK_IMAGE:
    case VM_TASK_COUNT:
        return now;
    }
    return now;
}

void fault_done(struct fault *f)
{
    free(f->code);
    free(f->message);
    free(f->detail);
    *f = (struct fault){ 0 };
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    free(vm->name);
    free(vm->status_reason);
    free(vm->flavor);
    free(vm->image_name);
    free(vm->image_ref);
    free(vm->metadata);
    free(vm->tags);
    free(vm->keypair);
    fault_done(&vm->fault);
    port_list_done(&vm->ports);
    free(vm);
}

void vm_seed_free(struct vm_seed *s)
{
    if (!s)
        return;
    free(s->ssh_keys);
    free(s->user_data);
    free(s);
}

static void nics_done(struct vm_spec *s)
{
    for (size_t i = 0; i < s->nic_count; i++) {
        free(s->nics[i].network);
        free(s->nics[i].fixed_ip);
    }
    free(s->nics);
}

void vm_spec_done(struct vm_spec *s)
{
    free(s->name);
    free(s->image);
    free(s->flavor);
    free(s->metadata);
    free(s->tags);
    free(s->keypair);
    free(s->ssh_keys);
    free(s->user_data);
    nics_done(s);
    *s = (struct vm_spec){ 0 };
}
