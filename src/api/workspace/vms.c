/* Listing, showing, making and changing VMs. Power and the end are power.c's. */
#include "../object.h"
#include "../reply.h"
#include "asking.h"
#include "states.h"
#include "turn.h"
#include "vm_body.h"
#include "vm_json.h"
#include "workspace.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

/* ---- list ---- */
static const char *const list_parameters[] = { "limit", "offset", "workspace_id", "status", NULL };

static int decode_page(struct request *r, struct asking *a, struct err *e)
{
    const char *word = request_query(r, "status");
    enum workspace_state state;
    uint64_t limit = LIMIT_DEFAULT;

    if (request_query_allow(r, list_parameters, e) < 0 || request_query_u64(r, "limit", 1, LIMIT_MAX, &limit, e) < 0 ||
        request_query_u64(r, "offset", 0, VM_OFFSET_MAX, &a->window.offset, e) < 0)
        return -1;
    if (word && workspace_state_from_string(word, &state) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "status", "no VM can have this status");
    a->window.statuses = word ? workspace_state_statuses(state) : 0;
    a->query = (struct vm_query){ .limit = (uint32_t)limit, .window = &a->window };
    return 0;
}

/* Without workspace_id an administrator finds those of all workspaces, others those of the one that their token is for. */
static int choose_workspace(struct request *r, struct asking *a, struct err *e)
{
    const char *workspace = request_query(r, "workspace_id");

    if (workspace)
        return asking_enter(r, a, workspace, e);
    a->who.sees_all = a->who.is_admin;
    return 0;
}

static int reply_page(struct request *r, struct err *e)
{
    struct asking *a = request_data(r);
    AUTO_BUF b = { 0 };

    if (await_result(&a->await, e) < 0 || vm_view_finish(a->view, e) < 0)
        return -1;
    const struct vm_list *vms = vm_view_list(a->view);
    json_list_begin(&b, "vms");
    for (size_t i = 0; i < vms->count; i++) {
        AUTO_JSON item = workspace_vm_json(vms->items[i], core_region(a->core));
        json_list_item(&b, item);
    }
    json_t *further = OBJECT({ "total", json_integer((json_int_t)vm_view_total(a->view)) },
                             { "limit", json_integer(a->query.limit) }, { "offset", json_integer((json_int_t)a->window.offset) });
    return reply_list(r, &b, further, e);
}

int workspace_list(struct request *r, struct err *e)
{
    struct asking *a = asking_new(r, e);

    if (!a || decode_page(r, a, e) < 0 || choose_workspace(r, a, e) < 0)
        return -1;
    return asking_look(r, a, reply_page, e);
}

/* ---- one ---- */
static int reply_one(struct request *r, struct err *e)
{
    struct asking *a = request_data(r);
    const struct vm *vm = NULL;

    if (asking_found(a, &vm, e) < 0)
        return -1;
    return reply_json(r, 200, workspace_vm_json(vm, core_region(a->core)), e);
}

int workspace_show(struct request *r, struct err *e)
{
    struct asking *a = asking_about_vm(r, e);

    return a ? asking_look(r, a, reply_one, e) : -1;
}

#define LIVING (~WORKSPACE_IN(TERMINATED))

static int change_now(struct request *r, struct err *e)
{
    struct asking *a = request_data(r);
    const struct vm_change change = { .name = a->patch.name, .name_rule = NAME_RULE_UNICODE, .metadata = a->patch.metadata };
    const struct vm *now = NULL;
    AUTO(vm) vm = NULL;

    if (asking_found(a, &now, e) < 0 || workspace_state_check(now, LIVING, "changed", e) < 0)
        return -1;
    if (vm_change(a->core, &a->who, a->query.ref, &change, &vm, e) < 0)
        return asking_refused(a, LIVING, "changed", e);
    return reply_json(r, 200, workspace_vm_json(vm, core_region(a->core)), e);
}

int workspace_change(struct request *r, struct err *e)
{
    struct asking *a = asking_about_vm(r, e);

    if (!a || workspace_patch_decode(r, &a->patch, e) < 0)
        return -1;
    return asking_look(r, a, change_now, e);
}

/* ---- create ---- */
int workspace_create(struct request *r, struct err *e)
{
    struct asking *a = asking_new(r, e);
    AUTO_WORKSPACE_SPEC body = { 0 };
    AUTO_TURN turn = { .asking = a, .status = 201 };

    if (!a || turn_begin(&turn, r, e) < 0 || workspace_spec_decode(r, core_region(a->core), &body, e) < 0 ||
        asking_enter(r, a, body.workspace, e) < 0)
        return -1;
    if (vm_create(a->core, &a->who, &body.spec, &turn.verb.once, e) < 0)
        return workspace_spec_refused(e);
    return verb_reply(&turn.verb, r, e);
}
