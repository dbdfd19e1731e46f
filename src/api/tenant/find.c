/* One instance by its id. */
#include "find.h"

#include <stdlib.h>

#include "base/id.h"
#include "base/str.h"
#include "core/project.h"

int find_check_id(const struct request *r, struct err *e)
{
    return id_looks_like_uuid(request_param(r, "id")) ? 0 : err_set(e, ERR_VM_NOT_FOUND, "Instance not found");
}

int find_begin(struct request *r, struct err *e)
{
    struct finding *f = request_data(r);
    const struct vm_query query = { .ref = request_param(r, "id"), .limit = 1 };

    vm_view_free(f->view);
    f->view = NULL;
    return vm_view_begin(request_user(r), request_actor(r), &query, await_done, &f->await, &f->view, e);
}

/* This door says of another tenant's instance that it is not yours. */
static int not_found(struct request *r, struct err *e)
{
    bool is_elsewhere = false;

    if (e->code != ERR_VM_NOT_FOUND)
        return -1;
    err_clear(e);
    if (vm_is_elsewhere(request_user(r), request_actor(r), request_param(r, "id"), &is_elsewhere, e) < 0)
        return -1;
    return is_elsewhere ? err_set(e, ERR_FORBIDDEN, "Instance belongs to another tenant")
                        : err_set(e, ERR_VM_NOT_FOUND, "Instance not found");
}

int find_result(struct request *r, const struct vm **out, struct err *e)
{
    const struct finding *f = request_data(r);

    if (await_result(&f->await, e) < 0 || vm_view_finish(f->view, e) < 0)
        return not_found(r, e);
    *out = vm_view_list(f->view)->items[0];
    return 0;
}

int find_tenant(struct request *r, char **out, struct err *e)
{
    const struct actor *who = request_actor(r);
    AUTO(project) p = NULL;

    if (who->project[0] && project_get(request_user(r), who, who->project, &p, e) < 0)
        return -1;
    *out = p ? TAKE(p->name) : str_dup("");
    return *out ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}
