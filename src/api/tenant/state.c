/* Running is what exists and holds its resources; stopped is what can be started. */
#include "state.h"

static const enum tenant_state states[VM_STATUS_COUNT] = {
    [VM_PENDING] = TENANT_CREATING, [VM_RUNNING] = TENANT_RUNNING,   [VM_STOPPING] = TENANT_RUNNING,
    [VM_STOPPED] = TENANT_STOPPED,  [VM_STARTING] = TENANT_RUNNING,  [VM_REBOOTING] = TENANT_RESTARTING,
    [VM_PAUSED] = TENANT_RUNNING,   [VM_SUSPENDED] = TENANT_STOPPED, [VM_DELETING] = TENANT_RUNNING,
    [VM_ERROR] = TENANT_ERROR,
};

static const char *const words[TENANT_STATE_COUNT] = {
    [TENANT_CREATING] = "creating",     [TENANT_RUNNING] = "running", [TENANT_STOPPED] = "stopped",
    [TENANT_RESTARTING] = "restarting", [TENANT_ERROR] = "error",
};

enum tenant_state tenant_state_of(enum vm_status s)
{
    return states[s];
}

const char *tenant_state_to_string(enum tenant_state s)
{
    return words[s];
}
