/* store/noun: rows by id or name, in pages, changed and deleted, over the statements that a module names. */
#include "noun.h"

#include "base/clock.h"
#include "base/id.h"

int noun_not_found(const struct noun *n, const char *ref, struct err *e)
{
    return err_set(e, n->not_found, "there is no %s '%s'", n->word, ref);
}

void *noun_read(const struct noun *n, sqlite3_stmt *st, const char *ref, struct err *e)
{
    int rc = stmt_row(st, e);
    void *record = rc > 0 ? row_new(st, n->type, e) : NULL;

    if (rc == 0)
        noun_not_found(n, ref, e);
    if (!record)
        return NULL;
    rc = stmt_row(st, e);
    if (rc == 0)
        return record;
    if (rc > 0)
        err_set(e, ERR_NAME_AMBIGUOUS, "more than one %s is named '%s'; use the id", n->word, ref);
    n->type->free(record);
    return NULL;
}

void *noun_get(struct txn *t, const struct noun *n, const char *scope, const char *id, struct err *e)
{
    AUTO_STMT st = stmt_use(t, n->module, n->get);

    BIND(st, value_text(id), value_text(scope));
    return noun_read(n, st, id, e);
}

void *noun_resolve(struct txn *t, const struct noun *n, const char *scope, const char *id_or_name, struct err *e)
{
    AUTO_STMT st = stmt_use(t, n->module, id_looks_like_uuid(id_or_name) ? n->get : n->by_name);

    BIND(st, value_text(id_or_name), value_text(scope));
    return noun_read(n, st, id_or_name, e);
}

int noun_check_exists(struct txn *t, const struct noun *n, const char *id, struct err *e)
{
    AUTO_STMT st = stmt_use(t, n->module, n->exists);
    int rc;

    BIND(st, value_text(id));
    rc = stmt_row(st, e);
    return rc == 0 ? noun_not_found(n, id, e) : rc < 0 ? -1 : 0;
}

int noun_update(struct txn *t, const struct noun *n, sqlite3_stmt *st, const char *id, struct err *e)
{
    if (stmt_run(st, e) < 0)
        return -1;
    if (stmt_changes(st) == 1)
        return 0;
    if (noun_check_exists(t, n, id, e) < 0)
        return -1;
    return err_set(e, ERR_CONFLICT, "the %s has changed meanwhile; read it again", n->word);
}

int noun_set_status(struct txn *t, const struct noun *n, const struct status_change *c, struct err *e)
{
    AUTO_STMT st = stmt_use(t, n->module, n->set_status);

    BIND(st, value_text(c->id), value_text(c->from), value_text(c->to), value_id(c->job), value_text(c->reason),
         value_int(clock_wall_ms()));
    return noun_update(t, n, st, c->id, e);
}

int noun_delete(struct txn *t, const struct noun *n, const char *id, struct err *e)
{
    AUTO_STMT st = stmt_use(t, n->module, n->remove);

    BIND(st, value_text(id));
    if (stmt_run(st, e) < 0)
        return -1;
    return stmt_changes(st) == 1 ? 0 : noun_not_found(n, id, e);
}

int noun_page_key(struct txn *t, const struct noun *n, const struct page_query *q, struct page_key *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, n->module, n->marker);
    int rc;

    if (page_check_limit(q->limit, e) < 0)
        return -1;
    if (!q->marker) {
        *out = (struct page_key){ n->is_newest_first ? INT64_MAX : INT64_MIN, "" };
        return 0;
    }
    BIND(st, value_text(q->marker), value_text(q->scope));
    rc = stmt_row(st, e);
    if (rc < 0)
        return -1;
    if (rc == 0)
        return err_set_field(e, ERR_INVALID_FIELD, "marker", "the marker '%s' is not known", q->marker);
    *out = (struct page_key){ sqlite3_column_int64(st, 0), q->marker };
    return 0;
}

int noun_list(struct txn *t, const struct noun *n, const struct page_query *q, struct page *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, n->module, n->list);
    struct page_key key;

    if (noun_page_key(t, n, q, &key, e) < 0)
        return -1;
    BIND(st, value_int(key.created_at_ms), value_text(q->scope), value_text(key.id), page_limit(q->limit));
    return page_read(st, n->type, q->limit, out, e);
}
