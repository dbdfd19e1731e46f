/* Events: in pages, and as streams of the same objects (WebSocket and server-sent events). A gap is said in either. */
#include "core/events.h"

#include <inttypes.h>

#include "../object.h"
#include "../reply.h"
#include "native.h"
#include "page.h"

#include "api/api.h"
#include "base/str.h"
#include "http/stream.h"

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *event_json(const struct event_record *ev)
{
    return OBJECT({ "seq", number(ev->seq) }, { "at", json_time(ev->at_ms) }, { "type", json_string(ev->type) },
                  { "project", json_string(ev->project) }, { "resource", json_string(ev->resource) },
                  { "data", object_stored(ev->payload) });
}

char *api_event_text(const struct event_record *ev)
{
    AUTO_JSON object = event_json(ev);

    return object ? json_text(object) : NULL;
}

/* ---- pages ---- */

static const char *const parameters[] = { "since", "limit", "types", NULL };

static int decode(const struct request *r, struct page *page, struct events_query *q, struct err *e)
{
    *page = (struct page){ .parameters = parameters, .cursor = "since", .limit = PAGE_LIMIT_DEFAULT };
    *q = (struct events_query){ .types = request_query(r, "types") };
    if (request_query_allow(r, parameters, e) < 0 || request_query_u64(r, "limit", 1, PAGE_LIMIT_MAX, &page->limit, e) < 0)
        return -1;
    q->limit = (uint32_t)page->limit;
    return request_query_u64(r, "since", 0, INT64_MAX, &q->since, e);
}

/* Who names no number has seen none, and misses none. */
static json_t *gap_json(const struct request *r, const struct events_query *q, const struct events_page *p)
{
    if (!p->has_gap || !request_query(r, "since"))
        return json_null();
    return OBJECT({ "since", number(q->since) }, { "oldest", number(p->oldest) });
}

static json_t *further(const struct request *r, const struct page *page, const struct events_query *q,
                       const struct events_page *p)
{
    char last[24];
    json_t *object;

    (void)snprintf(last, sizeof last, "%" PRIu64, p->last);
    object = page_further(r, page, p->has_more ? last : NULL);
    object_add(&object, "last", number(p->last));
    object_add(&object, "gap", gap_json(r, q, p));
    return object;
}

static int reply_page(struct request *r, const struct page *page, const struct events_query *q, struct err *e)
{
    __attribute__((cleanup(events_page_done))) struct events_page found = { 0 };
    AUTO_BUF b = { 0 };

    if (events_read(request_user(r), request_actor(r), q, &found, e) < 0)
        return -1;
    json_list_begin(&b, "events");
    for (size_t i = 0; i < found.items.count; i++) {
        AUTO_JSON item = event_json(found.items.items[i]);
        json_list_item(&b, item);
    }
    return reply_list(r, &b, further(r, page, q, &found), e);
}

/* ---- streams ---- */

struct subscriber {
    struct event_follower *follower;
    char *gap; /* the text of the last gap */
};

static void subscriber_free(void *arg)
{
    struct subscriber *s = arg;

    event_follower_free(s->follower);
    free(s->gap);
    free(s);
}

/* Its id is where the gap ends: who comes back with it is not told of the same gap again. */
static int tell_gap(struct subscriber *s, const struct event_news *news, struct stream_message *out, struct err *e)
{
    AUTO_JSON object =
        OBJECT({ "type", json_string("gap") }, { "since", number(news->since) }, { "oldest", number(news->oldest) });

    free(s->gap);
    s->gap = object ? json_text(object) : NULL;
    if (!s->gap)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *out = (struct stream_message){ .id = news->oldest - 1, .event = "gap", .text = s->gap };
    return 1;
}

static int next(void *arg, struct stream_message *out, struct err *e)
{
    struct subscriber *s = arg;
    struct event_news news;
    int rc = events_next(s->follower, &news, e);

    if (rc <= 0)
        return rc;
    if (!news.event)
        return tell_gap(s, &news, out, e);
    *out = (struct stream_message){ .id = news.event->seq, .event = news.event->type, .text = news.text };
    return 1;
}

static bool is_welcome(void *arg)
{
    struct subscriber *s = arg;

    return events_is_welcome(s->follower);
}

static const struct stream_source source = { next, is_welcome, subscriber_free };

/* A browser's EventSource comes back by itself, to the same address, with the last number it got in this header. */
static int decode_last_id(const struct request *r, struct events_query *q, struct err *e)
{
    const char *id = request_header(r, "Last-Event-ID");

    q->is_from_now = !id && !request_query(r, "since");
    if (id && str_to_u64(id, INT64_MAX, &q->since) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "Last-Event-ID", "Last-Event-ID must be the number of an event");
    return 0;
}

static int reply_stream(struct request *r, struct events_query *q, struct err *e)
{
    struct subscriber *s;

    if (decode_last_id(r, q, e) < 0)
        return -1;
    s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (events_follow(request_user(r), request_actor(r), q, &s->follower, e) < 0) {
        subscriber_free(s);
        return -1;
    }
    return request_reply_stream(r, &source, s, e);
}

int events_show(struct request *r, struct err *e)
{
    struct events_query query;
    enum stream_kind kind;
    struct page page;

    if (decode(r, &page, &query, e) < 0 || request_stream_kind(r, &kind, e) < 0)
        return -1;
    return kind == STREAM_NONE ? reply_page(r, &page, &query, e) : reply_stream(r, &query, e);
}
