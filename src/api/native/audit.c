/* The audit log: who did what, newest first. */
#include "core/audit.h"

#include "../object.h"
#include "../reply.h"
#include "native.h"
#include "page.h"

#include "base/clock.h"
#include "base/str.h"

static json_t *line_json(const struct audit_line *l)
{
    return OBJECT({ "seq", json_integer((json_int_t)l->seq) }, { "at", json_time(l->at_ms) }, { "user", text_or_null(l->user) },
                  { "user_id", text_or_null(l->user_id) }, { "project", text_or_null(l->project) },
                  { "action", json_string(l->action) }, { "resource_type", json_string(l->resource_type) },
                  { "resource", text_or_null(l->resource) }, { "outcome", json_string(l->outcome) },
                  { "request_id", json_string_or_null(l->request_id) }, { "address", json_string_or_null(l->address) });
}

/* Absent: *out stays 0, which is any time. */
static int decode_time(const struct request *r, const char *name, int64_t *out, struct err *e)
{
    const char *text = request_query(r, name);

    if (text && clock_from_rfc3339(text, out) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, name, "%s must be a time such as 2026-01-31T12:34:56Z", name);
    return 0;
}

/* The marker is a line's number. */
static int decode(const struct request *r, struct page *page, struct audit_query *q, struct err *e)
{
    static const char *const parameters[] = { "limit",   "marker",     "user",  "action", "resource",
                                              "outcome", "request_id", "since", "until",  NULL };

    *page = (struct page){ .parameters = parameters, .limit = PAGE_LIMIT_DEFAULT };
    *q = (struct audit_query){ .user = request_query(r, "user"),
                               .action = request_query(r, "action"),
                               .resource = request_query(r, "resource"),
                               .outcome = request_query(r, "outcome"),
                               .request_id = request_query(r, "request_id") };
    if (request_query_allow(r, parameters, e) < 0 || request_query_u64(r, "limit", 1, PAGE_LIMIT_MAX, &page->limit, e) < 0 ||
        request_query_u64(r, "marker", 1, INT64_MAX, &q->before, e) < 0)
        return -1;
    q->limit = (uint32_t)page->limit;
    return decode_time(r, "since", &q->since_ms, e) < 0 ? -1 : decode_time(r, "until", &q->until_ms, e);
}

int audit_show(struct request *r, struct err *e)
{
    AUTO_LIST(audit_line) list = { 0 };
    AUTO_FREE char *marker = NULL;
    AUTO_BUF b = { 0 };
    struct audit_query query;
    struct page page;
    bool has_more;

    if (decode(r, &page, &query, e) < 0 || audit_list(request_user(r), request_actor(r), &query, &list, &has_more, e) < 0)
        return -1;
    json_list_begin(&b, "audit");
    for (size_t i = 0; i < list.count; i++) {
        AUTO_JSON item = line_json(list.items[i]);
        json_list_item(&b, item);
    }
    if (has_more && list.count > 0) {
        marker = str_printf("%llu", (unsigned long long)list.items[list.count - 1]->seq);
        if (!marker)
            return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    return reply_list(r, &b, page_further(r, &page, marker), e);
}
