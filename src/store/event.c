/* store/event: appends to the outbox of events and to the audit log, and cuts their old ends off. */
#include "store/event.h"

#include "statement.h"
#include "txn.h"

enum { EVENT_ADD, AUDIT_ADD, EVENT_PRUNE_OLD, EVENT_PRUNE_BEYOND, AUDIT_PRUNE_OLD, EVENT_STMT_COUNT };

/* What is pruned is always the oldest end, so that a reader's cursor meets no hole: all before the first that is young enough. */
#define PRUNE_OLD(table)                                                                                                         \
    "DELETE FROM " table " WHERE seq < coalesce((SELECT seq FROM " table " WHERE at_ms >= ?1 ORDER BY seq LIMIT 1),"             \
    " 9223372036854775807)"

static const char *const event_sql[EVENT_STMT_COUNT] = {
    [EVENT_ADD] =
        "INSERT INTO event (at_ms, type, project, resource, resource_created_at_ms, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [AUDIT_ADD] = "INSERT INTO audit (at_ms, user, project, action, resource_type, resource, request_id, address, outcome)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [EVENT_PRUNE_OLD] = PRUNE_OLD("event"),
    [EVENT_PRUNE_BEYOND] = "DELETE FROM event WHERE seq <= (SELECT seq FROM event ORDER BY seq DESC LIMIT 1 OFFSET ?1)",
    [AUDIT_PRUNE_OLD] = PRUNE_OLD("audit"),
};
const struct stmt_table event_statements = { event_sql, EVENT_STMT_COUNT };

static int add_event(struct txn *t, const struct event *ev, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_EVENT, EVENT_ADD);

    BIND(st, value_int(clock_wall_ms()), value_text(ev->type), value_text(ev->project), value_text(ev->resource),
         value_int(ev->resource_created_at_ms), value_text(ev->payload));
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

static int add_audit(struct txn *t, const struct audit *a, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_EVENT, AUDIT_ADD);

    BIND(st, value_int(clock_wall_ms()), value_text(a->actor->user), value_text(a->actor->project), value_text(a->action),
         value_text(a->resource_type), value_text(a->resource), value_id(a->actor->request_id), value_id(a->actor->address),
         value_text(a->outcome));
    return stmt_run(st, e);
}

int store_audit_add(struct txn *t, const struct audit *a, struct err *e)
{
    FAILPOINT(e, "store.audit_add.before");
    if (add_audit(t, a, e) < 0)
        return -1;
    FAILPOINT(e, "store.audit_add.after");
    return 0;
}

static int prune(struct txn *t, int index, int64_t limit, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_EVENT, index);

    BIND(st, value_int(limit));
    return stmt_run(st, e);
}

int store_event_prune(struct txn *t, int64_t before_ms, uint64_t keep, struct err *e)
{
    FAILPOINT(e, "store.event_prune.before");
    if (prune(t, EVENT_PRUNE_OLD, before_ms, e) < 0 || prune(t, EVENT_PRUNE_BEYOND, stmt_count(keep), e) < 0 ||
        prune(t, AUDIT_PRUNE_OLD, before_ms, e) < 0)
        return -1;
    FAILPOINT(e, "store.event_prune.after");
    return 0;
}
