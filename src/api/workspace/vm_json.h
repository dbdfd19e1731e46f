/* api/workspace/vm_json: a VM as this door shows it. */
#ifndef API_WORKSPACE_VM_JSON_H
#define API_WORKSPACE_VM_JSON_H

#include "base/json.h"
#include "model/vm.h"

/* NULL: no memory. */
json_t *workspace_vm_json(const struct vm *vm, const char *region);

#endif
