/* Who asks about what. A VM is reached by its id alone, and only through a workspace that the actor has a role in. */
#include "asking.h"

#include <stdlib.h>

#include "../reply.h"
#include "states.h"

#include "core/identity.h"
#include "core/policy.h"

static void asking_free(void *arg)
{
    struct asking *a = arg;

    vm_view_free(a->view);
    vm_free(a->tombstone);
    workspace_patch_done(&a->patch);
    free(a);
}

struct asking *asking_new(struct request *r, struct err *e)
{
    struct asking *a = calloc(1, sizeof(*a));

    if (!a) {
        (void)err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    a->core = request_user(r);
    a->who = *request_actor(r);
    request_set_data(r, a, asking_free);
    return a;
}

/* By id: names are no one VM's. */
static int enter_by_vm(struct request *r, struct asking *a, struct err *e)
{
    const char *id = request_param(r, "id");

    if (!id_looks_like_uuid(id))
        return err_set(e, ERR_VM_NOT_FOUND, "there is no VM '%s'", id);
    if (vm_enter(a->core, &a->who, id, e) < 0)
        return -1;
    a->query = (struct vm_query){ .ref = id, .limit = 1 };
    return policy_check(&a->who, request_action(r), e);
}

struct asking *asking_about_vm(struct request *r, struct err *e)
{
    struct asking *a = query_none(r, e) < 0 ? NULL : asking_new(r, e);

    return a && enter_by_vm(r, a, e) == 0 ? a : NULL;
}

int asking_enter(struct request *r, struct asking *a, const char *workspace, struct err *e)
{
    if (identity_enter(a->core, &a->who, workspace, e) == 0)
        return policy_check(&a->who, request_action(r), e);
    if (e->code != ERR_PROJECT_NOT_FOUND)
        return -1;
    return err_set_field(e, ERR_PROJECT_NOT_FOUND, "workspace_id", "there is no workspace '%s'", workspace);
}

static int begin(struct request *r, struct err *e)
{
    struct asking *a = request_data(r);

    return vm_view_begin(a->core, &a->who, &a->query, await_done, &a->await, &a->view, e);
}

int asking_look(struct request *r, struct asking *a, request_fn *then, struct err *e)
{
    return await_start(&a->await, r, begin, then, e);
}

int asking_found(struct asking *a, const struct vm **out, struct err *e)
{
    if (await_result(&a->await, e) == 0 && vm_view_finish(a->view, e) == 0) {
        *out = vm_view_list(a->view)->items[0];
        return 0;
    }
    if (e->code != ERR_VM_NOT_FOUND)
        return -1;
    err_clear(e);
    if (vm_tombstone_get(a->core, &a->who, a->query.ref, &a->tombstone, e) < 0)
        return -1;
    *out = a->tombstone;
    return 0;
}

int asking_refused(struct asking *a, unsigned from, const char *what, struct err *e)
{
    if (e->code != ERR_VM_NOT_FOUND)
        return -1;
    err_clear(e);
    if (!a->tombstone && vm_tombstone_get(a->core, &a->who, a->query.ref, &a->tombstone, e) < 0)
        return -1;
    return workspace_state_check(a->tombstone, from, what, e);
}
