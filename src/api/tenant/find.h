/* api/tenant/find: the instance that a path names, with libvirt asked; and whose it is. */
#ifndef API_TENANT_FIND_H
#define API_TENANT_FIND_H

#include "../await.h"

#include "core/vm.h"

/* In the request's data, first: */
struct finding {
    struct await await;
    struct vm_view *view;
};

/* ERR_VM_NOT_FOUND for what cannot be an id: names repeat here. */
int find_check_id(const struct request *r, struct err *e);
/* For await_start: asks for the instance {id}. */
int find_begin(struct request *r, struct err *e);
/* In `then`: the instance, borrowed from the finding. ERR_FORBIDDEN: another tenant's. */
int find_result(struct request *r, const struct vm **out, struct err *e);
/* The name of the actor's project; caller frees. "" when it works in none. */
int find_tenant(struct request *r, char **out, struct err *e);

#endif
