/* store/audit: appends to the audit log, reads pages of it, and cuts its old end off. */
#include "store/audit.h"

#include "prune.h"
#include "row.h"
#include "txn.h"

#define AUDIT_COLUMNS "seq, at_ms, user, user_id, project, action, resource_type, resource, request_id, address, outcome"

static const struct column audit_line_columns[] = {
    COLUMN(COLUMN_I64, audit_line, seq),
    COLUMN(COLUMN_I64, audit_line, at_ms),
    COLUMN(COLUMN_STRING, audit_line, user),
    COLUMN(COLUMN_CHARS, audit_line, user_id),
    COLUMN(COLUMN_CHARS, audit_line, project),
    COLUMN(COLUMN_STRING, audit_line, action),
    COLUMN(COLUMN_STRING, audit_line, resource_type),
    COLUMN(COLUMN_STRING, audit_line, resource),
    COLUMN(COLUMN_STRING, audit_line, request_id),
    COLUMN(COLUMN_STRING, audit_line, address),
    COLUMN(COLUMN_STRING, audit_line, outcome),
};

DEFINE_ROW_TYPE(audit_line);

enum { AUDIT_ADD, AUDIT_LIST_ALL, AUDIT_LIST_PROJECT, AUDIT_PRUNE_OLD, AUDIT_PRUNE_BEYOND, AUDIT_STMT_COUNT };

/* An action's or outcome's first half stands for all of it: "vm", "refused". */
#define AUDIT_FILTERS                                                                                                            \
    " AND (?3 IS NULL OR user = ?3 OR user_id = ?3)"                                                                             \
    " AND (?4 IS NULL OR action = ?4 OR substr(action, 1, length(?4) + 1) = ?4 || ':')"                                          \
    " AND (?5 IS NULL OR resource = ?5)"                                                                                         \
    " AND (?6 IS NULL OR outcome = ?6 OR substr(outcome, 1, length(?6) + 1) = ?6 || ':')"                                        \
    " AND (?7 IS NULL OR request_id = ?7) AND at_ms >= ?8 AND at_ms < ?9 ORDER BY seq DESC LIMIT ?10"

static const char *const audit_sql[AUDIT_STMT_COUNT] = {
    [AUDIT_ADD] = "INSERT INTO audit (at_ms, user, user_id, project, action, resource_type, resource, request_id, address,"
                  " outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [AUDIT_LIST_ALL] = "SELECT " AUDIT_COLUMNS " FROM audit WHERE ?1 IS NULL AND seq < ?2" AUDIT_FILTERS,
    [AUDIT_LIST_PROJECT] = "SELECT " AUDIT_COLUMNS " FROM audit WHERE project = ?1 AND seq < ?2" AUDIT_FILTERS,
    [AUDIT_PRUNE_OLD] = PRUNE_OLD("audit"),
    [AUDIT_PRUNE_BEYOND] = PRUNE_BEYOND("audit"),
};
const struct stmt_table audit_statements = { audit_sql, AUDIT_STMT_COUNT };

static int add(struct txn *t, const struct audit *a, int64_t at_ms, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_AUDIT, AUDIT_ADD);

    BIND(st, value_int(at_ms), value_text(a->actor->user), value_id(a->actor->user_id), value_text(a->actor->project),
         value_text(a->action), value_text(a->resource_type), value_text(a->resource), value_id(a->actor->request_id),
         value_id(a->actor->address), value_text(a->outcome));
    return stmt_run(st, e);
}

int store_audit_add_at(struct txn *t, const struct audit *a, int64_t at_ms, struct err *e)
{
    FAILPOINT(e, "store.audit_add.before");
    if (add(t, a, at_ms, e) < 0)
        return -1;
    FAILPOINT(e, "store.audit_add.after");
    return 0;
}

int store_audit_add(struct txn *t, const struct audit *a, struct err *e)
{
    return store_audit_add_at(t, a, clock_wall_ms(), e);
}

int store_audit_list(struct txn *t, const struct audit_query *q, struct audit_line_list *out, bool *has_more, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_AUDIT, q->project ? AUDIT_LIST_PROJECT : AUDIT_LIST_ALL);
    struct page page;

    if (page_check_limit(q->limit, e) < 0)
        return -1;
    BIND(st, value_text(q->project), value_int(q->before ? stmt_count(q->before) : INT64_MAX), value_text(q->user),
         value_text(q->action), value_text(q->resource), value_text(q->outcome), value_text(q->request_id),
         value_int(q->since_ms), value_int(q->until_ms ? q->until_ms : INT64_MAX), page_limit(q->limit));
    if (page_read(st, &audit_line_type, q->limit, &page, e) < 0)
        return -1;
    *out = (struct audit_line_list){ (struct audit_line **)page.items, page.count };
    *has_more = page.has_more;
    return 0;
}

int store_audit_prune(struct txn *t, int64_t before_ms, uint64_t keep, struct err *e)
{
    FAILPOINT(e, "store.audit_prune.before");
    if (prune(t, STMT_AUDIT, AUDIT_PRUNE_OLD, before_ms, e) < 0 ||
        prune(t, STMT_AUDIT, AUDIT_PRUNE_BEYOND, stmt_count(keep), e) < 0)
        return -1;
    FAILPOINT(e, "store.audit_prune.after");
    return 0;
}
