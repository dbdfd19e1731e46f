/* api/native/vm_body: the bodies of requests about VMs, decoded. */
#ifndef API_NATIVE_VM_BODY_H
#define API_NATIVE_VM_BODY_H

#include "base/json.h"
#include "http/http.h"
#include "model/vm.h"

/* Of a thing that is named: any text may be asked for. What is not there is 404, not 400. */
enum { REFERENCE_MAX = 1 << 20 };

/* POST /v1/vms. */
int vm_body_spec(struct request *r, struct vm_spec *out, struct err *e);
/* Fills the spec's interfaces; networks: an array, or NULL when the member was absent. ERR_INVALID_FIELD names "networks". */
int vm_body_nics(json_t *networks, struct vm_spec *spec, struct err *e);

/* PATCH /v1/vms/{ref}: a member that is NULL, or not had, stays as it is. */
struct vm_patch {
    char *name;
    char *metadata; /* JSON text */
    char *tags;     /* JSON text */
    bool has_autostart, autostart;
    bool has_ttl;
    uint64_t ttl_seconds;
};
int vm_body_patch(struct request *r, struct vm_patch *out, struct err *e);
void vm_patch_done(struct vm_patch *p);
static inline void cleanup_vm_patch(struct vm_patch *p)
{
    vm_patch_done(p);
}
#define AUTO_VM_PATCH __attribute__((cleanup(cleanup_vm_patch))) struct vm_patch

/* No body, or {}. */
int vm_body_nothing(struct request *r, struct err *e);
/* The verbs: nothing, or {"force": bool} where forcing means something. */
int vm_body_force(struct request *r, bool is_forcible, bool *out, struct err *e);

#endif
