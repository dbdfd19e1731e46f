/* The one table between the core's states and this door's. */
#include "states.h"

#include "base/str.h"

static const enum workspace_state states[VM_STATUS_COUNT] = {
    [VM_PENDING] = WORKSPACE_PENDING, [VM_RUNNING] = WORKSPACE_RUNNING,   [VM_STOPPING] = WORKSPACE_STOPPING,
    [VM_STOPPED] = WORKSPACE_STOPPED, [VM_STARTING] = WORKSPACE_STARTING, [VM_REBOOTING] = WORKSPACE_STARTING,
    [VM_PAUSED] = WORKSPACE_RUNNING,  [VM_SUSPENDED] = WORKSPACE_STOPPED, [VM_DELETING] = WORKSPACE_TERMINATED,
    [VM_ERROR] = WORKSPACE_ERROR,
};

static const char *const words[WORKSPACE_STATE_COUNT] = {
    [WORKSPACE_PENDING] = "pending",   [WORKSPACE_RUNNING] = "running",   [WORKSPACE_STOPPED] = "stopped",
    [WORKSPACE_STOPPING] = "stopping", [WORKSPACE_STARTING] = "starting", [WORKSPACE_TERMINATED] = "terminated",
    [WORKSPACE_ERROR] = "error",
};

enum workspace_state workspace_state(enum vm_status s)
{
    return states[s];
}

const char *workspace_state_to_string(enum workspace_state s)
{
    return words[s];
}

int workspace_state_from_string(const char *word, enum workspace_state *out)
{
    for (int s = 0; s < WORKSPACE_STATE_COUNT; s++) {
        if (str_equal(words[s], word)) {
            *out = (enum workspace_state)s;
            return 0;
        }
    }
    return -1;
}

unsigned workspace_state_statuses(enum workspace_state s)
{
    unsigned statuses = 0;

    for (int i = 0; i < VM_STATUS_COUNT; i++)
        if (states[i] == s)
            statuses |= 1u << i;
    return statuses;
}

int workspace_state_check(const struct vm *vm, unsigned from, const char *what, struct err *e)
{
    enum workspace_state now = workspace_state(vm->status);

    if (from & (1u << now))
        return 0;
    return err_set(e, ERR_INVALID_STATE, "VM cannot be %s in current status: %s", what, workspace_state_to_string(now));
}
