/* store/event: appends to the outbox of events, reads it in order, and cuts its old end off. */
#include "store/event.h"

#include "prune.h"
#include "row.h"
#include "txn.h"

#define EVENT_COLUMNS "seq, at_ms, type, project, resource, payload"

static const struct column event_record_columns[] = {
    COLUMN(COLUMN_I64, event_record, seq),         COLUMN(COLUMN_I64, event_record, at_ms),
    COLUMN(COLUMN_STRING, event_record, type),     COLUMN(COLUMN_CHARS, event_record, project),
    COLUMN(COLUMN_STRING, event_record, resource), COLUMN(COLUMN_STRING, event_record, payload),
};

DEFINE_ROW_TYPE(event_record);

enum { EVENT_ADD, EVENT_LIST, EVENT_LIST_OF, EVENT_OLDEST, EVENT_NEWEST, EVENT_PRUNE_OLD, EVENT_PRUNE_BEYOND, EVENT_STMT_COUNT };

/* ?3: ",vm.*,image.created,", or NULL for all. A type's noun ends at its first dot. */
#define OF_TYPES                                                                                                                 \
    " AND (?3 IS NULL OR instr(?3, ',' || type || ',') > 0"                                                                      \
    "  OR instr(?3, ',' || substr(type, 1, instr(type, '.')) || '*,') > 0) ORDER BY seq LIMIT ?2"

static const char *const event_sql[EVENT_STMT_COUNT] = {
    [EVENT_ADD] =
        "INSERT INTO event (at_ms, type, project, resource, resource_created_at_ms, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    /* Two statements, because each has an index of its own. */
    [EVENT_LIST] = "SELECT " EVENT_COLUMNS " FROM event WHERE seq > ?1" OF_TYPES,
    [EVENT_LIST_OF] = "SELECT " EVENT_COLUMNS " FROM event WHERE seq > ?1 AND project = ?4" OF_TYPES,
    [EVENT_OLDEST] = "SELECT min(seq) FROM event",
    [EVENT_NEWEST] = "SELECT seq FROM sqlite_sequence WHERE name = 'event'",
    [EVENT_PRUNE_OLD] = PRUNE_OLD("event"),
    [EVENT_PRUNE_BEYOND] = PRUNE_BEYOND("event"),
};
const struct stmt_table event_statements = { event_sql, EVENT_STMT_COUNT };

static int add_event(struct txn *t, const struct event *ev, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_EVENT, EVENT_ADD);

    BIND(st, value_int(clock_wall_ms()), value_text(ev->type), value_text(ev->project), value_text(ev->resource),
         value_int(ev->resource_created_at_ms), value_text(ev->payload));
    t->has_events = true;
    return stmt_run(st, e);
}

int store_event_add(struct txn *t, const struct event *ev, struct err *e)
{
    FAILPOINT(e, "store.event_add.before");
    if (add_event(t, ev, e) < 0)
        return -1;
    FAILPOINT(e, "store.event_add.after");
    return 0;
}

static int number(struct txn *t, int index, uint64_t *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_EVENT, index);
    int rc = stmt_row(st, e);

    if (rc > 0)
        *out = (uint64_t)sqlite3_column_int64(st, 0); /* NULL is 0 */
    return rc < 0 ? -1 : 0;
}

int store_event_range(struct txn *t, uint64_t *oldest, uint64_t *newest, struct err *e)
{
    uint64_t first = 0, last = 0;

    if (number(t, EVENT_OLDEST, &first, e) < 0 || number(t, EVENT_NEWEST, &last, e) < 0)
        return -1;
    *oldest = first > 0 ? first : last + 1;
    *newest = last;
    return 0;
}

int store_event_list(struct txn *t, const struct event_query *q, struct event_record_list *out, bool *has_more, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_EVENT, q->project ? EVENT_LIST_OF : EVENT_LIST);
    struct page page;

    if (page_check_limit(q->limit, e) < 0)
        return -1;
    if (q->project)
        BIND(st, value_int(stmt_count(q->since)), page_limit(q->limit), value_text(q->types), value_text(q->project));
    else
        BIND(st, value_int(stmt_count(q->since)), page_limit(q->limit), value_text(q->types));
    if (page_read(st, &event_record_type, q->limit, &page, e) < 0)
        return -1;
    *out = (struct event_record_list){ (struct event_record **)page.items, page.count };
    *has_more = page.has_more;
    return 0;
}

int store_event_prune(struct txn *t, int64_t before_ms, uint64_t keep, struct err *e)
{
    FAILPOINT(e, "store.event_prune.before");
    if (prune(t, STMT_EVENT, EVENT_PRUNE_OLD, before_ms, e) < 0 ||
        prune(t, STMT_EVENT, EVENT_PRUNE_BEYOND, stmt_count(keep), e) < 0)
        return -1;
    FAILPOINT(e, "store.event_prune.after");
    return 0;
}
