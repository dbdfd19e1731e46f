/* api/tenant/state: the core's states in this door's words. */
#ifndef API_TENANT_STATE_H
#define API_TENANT_STATE_H

#include "model/vm.h"

enum tenant_state { TENANT_CREATING, TENANT_RUNNING, TENANT_STOPPED, TENANT_RESTARTING, TENANT_ERROR, TENANT_STATE_COUNT };
enum tenant_state tenant_state_of(enum vm_status s);
const char *tenant_state_to_string(enum tenant_state s);

#endif
