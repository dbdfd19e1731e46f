/* api/workspace/states: what the core's states are called at this door. */
#ifndef API_WORKSPACE_STATES_H
#define API_WORKSPACE_STATES_H

#include "base/err.h"
#include "model/vm.h"

enum workspace_state {
    WORKSPACE_PENDING,
    WORKSPACE_RUNNING,
    WORKSPACE_STOPPED,
    WORKSPACE_STOPPING,
    WORKSPACE_STARTING,
    WORKSPACE_TERMINATED,
    WORKSPACE_ERROR,
    WORKSPACE_STATE_COUNT
};
enum workspace_state workspace_state(enum vm_status s);
const char *workspace_state_to_string(enum workspace_state s);
int workspace_state_from_string(const char *word, enum workspace_state *out); /* -1 when unknown */
/* The core's states that bear this name: bits 1 << enum vm_status. */
unsigned workspace_state_statuses(enum workspace_state s);

/* ERR_INVALID_STATE unless the VM's state is one of `from` (WORKSPACE_IN). what: "started". */
#define WORKSPACE_IN(state) (1u << (WORKSPACE_##state))
int workspace_state_check(const struct vm *vm, unsigned from, const char *what, struct err *e);

#endif
