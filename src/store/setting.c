/* store/setting: the daemon's memory of itself, and first answers to idempotency keys. */
#include "store/setting.h"

#include "statement.h"
#include "txn.h"

#include "base/str.h"

enum { SETTING_FIND, SETTING_SET, IDEMPOTENCY_FIND, IDEMPOTENCY_INSERT, IDEMPOTENCY_PRUNE, SETTING_STMT_COUNT };

static const char *const setting_sql[SETTING_STMT_COUNT] = {
    [SETTING_FIND] = "SELECT value FROM setting WHERE key = ?1",
    [SETTING_SET] = "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    [IDEMPOTENCY_FIND] = "SELECT status, answer, location, request = ?4 AND body_sha256 = ?5 FROM idempotency"
                         " WHERE project = ?1 AND user_id = ?2 AND key = ?3",
    [IDEMPOTENCY_INSERT] =
        "INSERT INTO idempotency (project, user_id, key, request, body_sha256, status, answer, location, created_at_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [IDEMPOTENCY_PRUNE] = "DELETE FROM idempotency WHERE created_at_ms < ?1",
};
const struct stmt_table setting_statements = { setting_sql, SETTING_STMT_COUNT };

/* A copy of a column's text; *out is NULL for NULL. */
static int copy_text(sqlite3_stmt *st, int column, char **out, struct err *e)
{
    *out = str_dup((const char *)sqlite3_column_text(st, column));
    if (!*out && sqlite3_column_type(st, column) != SQLITE_NULL)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return 0;
}

int store_setting_find(struct txn *t, const char *key, char **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_SETTING, SETTING_FIND);
    AUTO_FREE char *value = NULL;
    int rc;

    BIND(st, value_text(key));
    rc = stmt_row(st, e);
    if (rc < 0 || (rc > 0 && copy_text(st, 0, &value, e) < 0))
        return -1;
    *out = TAKE(value);
    return 0;
}

static int set(struct txn *t, const char *key, const char *value, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_SETTING, SETTING_SET);

    BIND(st, value_text(key), value_text(value));
    return stmt_run(st, e);
}

int store_setting_set(struct txn *t, const char *key, const char *value, struct err *e)
{
    FAILPOINT(e, "store.setting_set.before");
    if (set(t, key, value, e) < 0)
        return -1;
    FAILPOINT(e, "store.setting_set.after");
    return 0;
}

static int read_answer(sqlite3_stmt *st, struct idempotency *i, struct err *e)
{
    AUTO_FREE char *answer = NULL;
    AUTO_FREE char *location = NULL;

    if (!sqlite3_column_int(st, 3))
        return err_set(e, ERR_IDEMPOTENCY_KEY_REUSED, "the Idempotency-Key '%s' was used for another request", i->key);
    if (copy_text(st, 1, &answer, e) < 0 || copy_text(st, 2, &location, e) < 0)
        return -1;
    i->status = sqlite3_column_int(st, 0);
    i->answer = TAKE(answer);
    i->location = TAKE(location);
    return 0;
}

int store_idempotency_find(struct txn *t, struct idempotency *i, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_SETTING, IDEMPOTENCY_FIND);
    int rc;

    BIND(st, value_text(i->project), value_text(i->user_id), value_text(i->key), value_text(i->request),
         value_text(i->body_sha256));
    rc = stmt_row(st, e);
    if (rc != 0)
        return rc < 0 ? -1 : read_answer(st, i, e);
    i->status = 0;
    i->answer = i->location = NULL;
    return 0;
}

static int insert_answer(struct txn *t, const struct idempotency *i, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_SETTING, IDEMPOTENCY_INSERT);

    BIND(st, value_text(i->project), value_text(i->user_id), value_text(i->key), value_text(i->request),
         value_text(i->body_sha256), value_int(i->status), value_text(i->answer), value_text(i->location),
         value_int(clock_wall_ms()));
    if (stmt_run(st, e) == 0)
        return 0;
    return e->code == ERR_CONFLICT ? err_set(e, ERR_CONFLICT, "another request with this Idempotency-Key was first") : -1;
}

int store_idempotency_insert(struct txn *t, const struct idempotency *i, struct err *e)
{
    FAILPOINT(e, "store.idempotency_insert.before");
    if (insert_answer(t, i, e) < 0)
        return -1;
    FAILPOINT(e, "store.idempotency_insert.after");
    return 0;
}

static int prune(struct txn *t, int64_t before_ms, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_SETTING, IDEMPOTENCY_PRUNE);

    BIND(st, value_int(before_ms));
    return stmt_run(st, e);
}

int store_idempotency_prune(struct txn *t, int64_t before_ms, struct err *e)
{
    FAILPOINT(e, "store.idempotency_prune.before");
    if (prune(t, before_ms, e) < 0)
        return -1;
    FAILPOINT(e, "store.idempotency_prune.after");
    return 0;
}
