/* The guests over the host's shutdown: asking for their end, and for what they were. */
#include "core/guests.h"

#include "../await.h"
#include "../object.h"
#include "../reply.h"
#include "native.h"
#include "operation_json.h"

#include "core/vm.h"

/* libvirt is asked before the guests are: the rows may not know yet who runs. */
struct asking {
    struct await await;
    struct vm_view *view;
    enum guests_action action; /* of a stop */
};

static void asking_free(void *arg)
{
    struct asking *asking = arg;

    vm_view_free(asking->view);
    free(asking);
}

/* A list, however short, looks at all VMs. */
static int look(struct request *r, struct err *e)
{
    static const struct vm_query query = { .limit = 1 };
    struct asking *asking = request_data(r);

    return vm_view_begin(request_user(r), request_actor(r), &query, await_done, &asking->await, &asking->view, e);
}

static int reply(struct request *r, json_t *body, const struct job_list *jobs, struct err *e)
{
    json_t *operations = json_array();

    for (size_t i = 0; i < jobs->count; i++)
        (void)json_array_append_new(operations, operation_json(jobs->items[i], request_actor(r)->is_admin));
    if (json_array_size(operations) != jobs->count) {
        json_decref(operations);
        operations = NULL;
    }
    object_add(&body, "operations", operations);
    return reply_json(r, 202, body, e);
}

/* ---- stop ---- */

static int stop_now(struct request *r, struct err *e)
{
    const struct asking *asking = request_data(r);
    AUTO_LIST(job) jobs = { 0 };

    if (await_result(&asking->await, e) < 0 || guests_stop(request_user(r), request_actor(r), asking->action, &jobs, e) < 0)
        return -1;
    return reply(r, OBJECT({ "action", json_string(guests_action_words[asking->action]) }), &jobs, e);
}

/* To leave them is the configuration's word alone. */
static int decode_action(struct request *r, enum guests_action *out, struct err *e)
{
    static const struct json_field field = { "action", JSON_FIELD_STRING, .max = 16 };
    AUTO_JSON body = NULL;
    AUTO_FREE char *word = NULL;

    if (query_none(r, e) < 0 || body_parse(r, true, &body, e) < 0 || json_decode(body, &field, 1, &word, e) < 0)
        return -1;
    *out = guests_action_default(request_user(r));
    if (word && (guests_action_from_string(word, out) < 0 || *out == GUESTS_LEAVE))
        return err_set_field(e, ERR_INVALID_FIELD, "action", "action must be shutdown or suspend");
    return 0;
}

static int ask(struct request *r, enum guests_action action, request_fn *then, struct err *e)
{
    struct asking *asking = calloc(1, sizeof(*asking));

    if (!asking)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    asking->action = action;
    request_set_data(r, asking, asking_free);
    return await_start(&asking->await, r, look, then, e);
}

int host_guests_stop(struct request *r, struct err *e)
{
    enum guests_action action;

    return decode_action(r, &action, e) < 0 ? -1 : ask(r, action, stop_now, e);
}

/* ---- start ---- */

static int start_now(struct request *r, struct err *e)
{
    const struct asking *asking = request_data(r);
    AUTO_LIST(job) jobs = { 0 };

    if (await_result(&asking->await, e) < 0 || guests_start(request_user(r), request_actor(r), &jobs, e) < 0)
        return -1;
    return reply(r, json_object(), &jobs, e);
}

int host_guests_start(struct request *r, struct err *e)
{
    AUTO_JSON body = NULL;

    if (query_none(r, e) < 0 || body_parse(r, true, &body, e) < 0 || json_decode(body, NULL, 0, NULL, e) < 0)
        return -1;
    return ask(r, GUESTS_SHUTDOWN, start_now, e);
}
