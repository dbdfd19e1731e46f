/* api/native/vm_json: a VM as clients of /v1 see it. */
#ifndef API_NATIVE_VM_JSON_H
#define API_NATIVE_VM_JSON_H

#include "base/json.h"
#include "core/vm.h"

struct vm_shape {
    const struct vm *vm;
    struct vm_usage usage;
    int64_t observed_ms; /* 0: never */
    bool is_admin;       /* sees the detail of a fault */
};
/* NULL: no memory. */
json_t *vm_json(const struct vm_shape *s);

#endif
