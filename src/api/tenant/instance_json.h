/* api/tenant/instance_json: a VM as clients of /api/v1/compute see it. */
#ifndef API_TENANT_INSTANCE_JSON_H
#define API_TENANT_INSTANCE_JSON_H

#include "base/json.h"
#include "model/vm.h"

/* tenant: the project's name. NULL: no memory. */
json_t *instance_json(const struct vm *vm, const char *tenant);
/* {id, status, updatedAt}: what power calls answer. */
json_t *instance_state_json(const char *id, const char *status, int64_t updated_at_ms);

#endif
