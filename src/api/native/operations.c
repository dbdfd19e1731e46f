/* Operations: what clients see of jobs, waiting for their end included. */
#include "../await.h"
#include "../reply.h"
#include "native.h"
#include "operation_json.h"
#include "page.h"

#include "core/operation.h"
#include "http/tally.h"

enum { WAIT_MAX_S = 60 };

/* ---- one ---- */
struct waiting {
    struct await await;
    uint64_t wait_s;
};

static int reply_now(struct request *r, struct err *e)
{
    const struct actor *who = request_actor(r);
    AUTO(job) job = NULL;

    if (operation_get(request_user(r), who, request_param(r, "id"), &job, e) < 0)
        return -1;
    return reply_json(r, 200, operation_json(job, who->is_admin), e);
}

static int begin_waiting(struct request *r, struct err *e)
{
    struct waiting *w = request_data(r);

    return operation_poll(request_user(r), request_actor(r), request_param(r, "id"), (int64_t)w->wait_s * 1000, await_done,
                          &w->await, e);
}

static int reply_waited(struct request *r, struct err *e)
{
    struct waiting *w = request_data(r);

    return await_result(&w->await, e) < 0 ? -1 : reply_now(r, e);
}

int operations_show(struct request *r, struct err *e)
{
    static const char *const parameters[] = { "wait", NULL };
    uint64_t wait_s = 0;

    if (request_query_allow(r, parameters, e) < 0 || request_query_u64(r, "wait", 0, WAIT_MAX_S, &wait_s, e) < 0)
        return -1;
    if (wait_s == 0)
        return reply_now(r, e);
    struct waiting *w = calloc(1, sizeof(*w));
    if (!w)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    w->wait_s = wait_s;
    request_set_data(r, w, free);
    request_leave_untimed(r);
    return await_start(&w->await, r, begin_waiting, reply_waited, e);
}

int operations_cancel(struct request *r, struct err *e)
{
    AUTO(job) job = NULL;

    if (query_none(r, e) < 0 || operation_cancel(request_user(r), request_actor(r), request_param(r, "id"), &job, e) < 0)
        return -1;
    return operation_accepted(r, job, e);
}

/* ---- list ---- */
static const char *const list_parameters[] = { "limit", "marker", "kind", "target", "status", NULL };

/* The query borrows from the request, and from *status. */
static int decode_query(const struct request *r, struct operation_query *q, enum job_status *status, struct err *e)
{
    const char *word = request_query(r, "status");

    q->kind = request_query(r, "kind");
    q->target = request_query(r, "target");
    if (q->target && !id_is_uuid(q->target))
        return err_set_field(e, ERR_INVALID_FIELD, "target", "target must be an id");
    if (word && job_status_from_string(word, status) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "status", "status must be pending, running, succeeded or failed");
    q->status = word ? status : NULL;
    return 0;
}

int operations_list(struct request *r, struct err *e)
{
    const struct actor *who = request_actor(r);
    struct operation_query query = { 0 };
    enum job_status status;
    AUTO_LIST(job) list = { 0 };
    AUTO_LISTING page = { 0 };

    if (listing_begin(&page, r, "operations", list_parameters, e) < 0 || decode_query(r, &query, &status, e) < 0)
        return -1;
    query.marker = page.marker;
    query.limit = page.limit;
    if (operation_list(request_user(r), who, &query, &list, &page.has_more, e) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++)
        listing_add(&page, operation_json(list.items[i], who->is_admin));
    return listing_reply(&page, r, e);
}
