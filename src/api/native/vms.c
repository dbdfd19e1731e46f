/* Reading VMs, each time with libvirt asked, and changing what the database alone knows. Verbs are vm_verbs.c's. */
#include <string.h>

#include "../await.h"
#include "../object.h"
#include "../reply.h"
#include "console_text.h"
#include "native.h"
#include "page.h"
#include "vm_body.h"
#include "vm_json.h"

#include "core/vm.h"

enum { CONSOLE_LINES_MAX = 1000000 };

/* A view that is being taken. */
struct reading {
    struct await await;
    struct page page; /* of a list */
    struct vm_query query;
    enum vm_status status; /* what query.status points to */
    uuid_text id;          /* what query.ref points to after a change: the name may be a new one */
    struct vm_view *view;
};

static void reading_free(void *arg)
{
    struct reading *reading = arg;

    vm_view_free(reading->view);
    free(reading);
}

/* Belongs to the request. */
static struct reading *reading_new(struct request *r, struct err *e)
{
    struct reading *reading = calloc(1, sizeof(*reading));

    if (reading)
        request_set_data(r, reading, reading_free);
    else
        (void)err_set(e, ERR_NO_MEMORY, "out of memory");
    return reading;
}

static int begin(struct request *r, struct err *e)
{
    struct reading *reading = request_data(r);

    return vm_view_begin(request_user(r), request_actor(r), &reading->query, await_done, &reading->await, &reading->view, e);
}

static int finish(struct reading *reading, struct err *e)
{
    if (await_result(&reading->await, e) < 0)
        return -1;
    return vm_view_finish(reading->view, e);
}

static json_t *item_json(const struct request *r, const struct vm_view *view, size_t i)
{
    struct vm_shape shape = {
        .vm = vm_view_list(view)->items[i],
        .usage = vm_view_usage(view, i),
        .observed_ms = vm_view_observed_ms(view, i),
        .is_admin = request_actor(r)->is_admin,
    };

    return vm_json(&shape);
}

/* ---- one ---- */
static int reply_one(struct request *r, struct err *e)
{
    struct reading *reading = request_data(r);

    if (finish(reading, e) < 0)
        return -1;
    json_t *vm = item_json(r, reading->view, 0);
    object_add(&vm, "stale", json_boolean(vm_view_is_stale(reading->view)));
    return reply_json(r, 200, vm, e);
}

int vms_show(struct request *r, struct err *e)
{
    struct reading *reading;

    if (query_none(r, e) < 0)
        return -1;
    reading = reading_new(r, e);
    if (!reading)
        return -1;
    reading->query = (struct vm_query){ .ref = request_param(r, "ref"), .limit = 1 };
    return await_start(&reading->await, r, begin, reply_one, e);
}

/* A VM that has just been changed, as it is now. */
static int show_changed(struct request *r, const struct vm *vm, struct err *e)
{
    struct reading *reading = reading_new(r, e);

    if (!reading)
        return -1;
    memcpy(reading->id, vm->id, sizeof(reading->id));
    reading->query = (struct vm_query){ .ref = reading->id, .limit = 1 };
    return await_start(&reading->await, r, begin, reply_one, e);
}

int vms_change(struct request *r, struct err *e)
{
    AUTO_VM_PATCH patch = { 0 };
    AUTO(vm) vm = NULL;

    if (query_none(r, e) < 0 || vm_body_patch(r, &patch, e) < 0)
        return -1;
    const struct vm_change change = {
        .name = patch.name,
        .name_rule = NAME_RULE_STRICT,
        .metadata = patch.metadata,
        .tags = patch.tags,
        .autostart = patch.has_autostart ? &patch.autostart : NULL,
        .ttl_seconds = patch.has_ttl ? &patch.ttl_seconds : NULL,
    };
    if (vm_change(request_user(r), request_actor(r), request_param(r, "ref"), &change, &vm, e) < 0)
        return -1;
    return show_changed(r, vm, e);
}

static int set_locked(struct request *r, bool is_locked, struct err *e)
{
    AUTO(vm) vm = NULL;

    if (query_none(r, e) < 0 || vm_body_nothing(r, e) < 0)
        return -1;
    if (vm_set_locked(request_user(r), request_actor(r), request_param(r, "ref"), is_locked, &vm, e) < 0)
        return -1;
    return show_changed(r, vm, e);
}

int vms_lock(struct request *r, struct err *e)
{
    return set_locked(r, true, e);
}

int vms_unlock(struct request *r, struct err *e)
{
    return set_locked(r, false, e);
}

/* ---- list ---- */
static const char *const list_parameters[] = { "limit", "marker", "name", "status", NULL };

static int decode_query(struct request *r, struct reading *reading, struct err *e)
{
    struct vm_query *q = &reading->query;
    const char *status = request_query(r, "status");

    if (page_decode(r, list_parameters, &reading->page, e) < 0)
        return -1;
    *q = (struct vm_query){ .name = request_query(r, "name"),
                            .marker = reading->page.marker,
                            .limit = (uint32_t)reading->page.limit };
    if (q->name && name_check(q->name, NAME_RULE_UNICODE, "name", e) < 0)
        return -1;
    if (status && vm_status_from_string(status, &reading->status) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "status", "no VM can have this status");
    q->status = status ? &reading->status : NULL;
    return 0;
}

static const char *next_marker(const struct vm_view *view)
{
    const struct vm_list *list = vm_view_list(view);

    return vm_view_has_more(view) && list->count > 0 ? list->items[list->count - 1]->id : NULL;
}

static int reply_page(struct request *r, struct err *e)
{
    struct reading *reading = request_data(r);
    AUTO_BUF b = { 0 };

    if (finish(reading, e) < 0)
        return -1;
    const struct vm_view *view = reading->view;
    json_list_begin(&b, "vms");
    for (size_t i = 0; i < vm_view_list(view)->count; i++) {
        AUTO_JSON item = item_json(r, view, i);
        json_list_item(&b, item);
    }
    json_t *further = page_further(r, &reading->page, next_marker(view));
    object_add(&further, "stale", json_boolean(vm_view_is_stale(view)));
    return reply_list(r, &b, further, e);
}

int vms_list(struct request *r, struct err *e)
{
    struct reading *reading = reading_new(r, e);

    if (!reading || decode_query(r, reading, e) < 0)
        return -1;
    return await_start(&reading->await, r, begin, reply_page, e);
}

/* ---- console ---- */
int vms_console_log(struct request *r, struct err *e)
{
    static const char *const parameters[] = { "lines", NULL };
    AUTO_FREE char *raw = NULL;
    AUTO_BUF text = { 0 };
    uint64_t lines = 0;
    size_t len;

    if (request_query_allow(r, parameters, e) < 0 || request_query_u64(r, "lines", 1, CONSOLE_LINES_MAX, &lines, e) < 0)
        return -1;
    if (vm_console_log(request_user(r), request_actor(r), request_param(r, "ref"), (uint32_t)lines, &raw, &len, e) < 0)
        return -1;
    console_text_add(&text, raw, len);
    return reply_buf(r, 200, "text/plain; charset=utf-8", &text, e);
}
