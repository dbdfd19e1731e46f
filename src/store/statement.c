/* store/statement: the life of prepared statements, and the one table that turns SQLite's result codes into ours.
 * Which statements there are is told by the modules; who may use a connection is the transaction's matter (store.c). */
#include "statement.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "txn.h"

#include "base/str.h"

const struct stmt_table *const stmt_tables[STMT_MODULE_COUNT] = {
    [STMT_USER] = &user_statements,       [STMT_PROJECT] = &project_statements, [STMT_ROLE] = &role_statements,
    [STMT_TOKEN] = &token_statements,     [STMT_TXN] = &txn_statements,         [STMT_SETTING] = &setting_statements,
    [STMT_FLAVOR] = &flavor_statements,   [STMT_IMAGE] = &image_statements,     [STMT_KEYPAIR] = &keypair_statements,
    [STMT_NETWORK] = &network_statements, [STMT_PORT] = &port_statements,       [STMT_VM] = &vm_statements,
    [STMT_VM_SEED] = &vm_seed_statements, [STMT_JOB] = &job_statements,         [STMT_EVENT] = &event_statements,
    [STMT_AUDIT] = &audit_statements,     [STMT_QUOTA] = &quota_statements,     [STMT_VM_TOMBSTONE] = &vm_tombstone_statements,
};

/* Extended codes stand before the primary code that they belong to. */
static const struct {
    int rc;
    enum err_code code;
    const char *msg;
} failures[] = {
    { SQLITE_FULL, ERR_DISK_FULL, "the disk that holds the database is full" },
    /* The shared-memory file could not grow; SQLite does not keep the errno of that. */
    { SQLITE_IOERR_SHMSIZE, ERR_DISK_FULL, "the disk that holds the database is full" },
    { SQLITE_BUSY, ERR_UNAVAILABLE, "the database is locked by another program" },
    { SQLITE_LOCKED, ERR_UNAVAILABLE, "the database is locked" },
    { SQLITE_NOMEM, ERR_NO_MEMORY, "out of memory" },
    { SQLITE_CONSTRAINT_UNIQUE, ERR_NAME_TAKEN, "the name is taken" },
    { SQLITE_CONSTRAINT_PRIMARYKEY, ERR_CONFLICT, "there is such a row already" },
    { SQLITE_CONSTRAINT_FOREIGNKEY, ERR_IN_USE, "another row refers to it, or it refers to a row that is not there" },
    { SQLITE_CORRUPT, ERR_INTERNAL, "the database is damaged" },
    { SQLITE_NOTADB, ERR_INTERNAL, "the database is damaged" },
};

static bool is_out_of_space(sqlite3 *db, int rc)
{
    int errnum = db && (rc & 0xff) == SQLITE_IOERR ? sqlite3_system_errno(db) : 0;

    return errnum == ENOSPC || errnum == EDQUOT;
}

int stmt_failed(sqlite3 *db, int rc, struct err *e)
{
    if (is_out_of_space(db, rc))
        rc = SQLITE_FULL;
    err_set(e, ERR_INTERNAL, "the database failed");
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (failures[i].rc == rc || failures[i].rc == (rc & 0xff)) {
            err_set(e, failures[i].code, "%s", failures[i].msg);
            break;
        }
    return err_detail(e, "SQLite %d: %s", rc, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

static int prepare_table(sqlite3_stmt **out, const struct stmt_table *table, sqlite3 *db, struct err *e)
{
    for (int i = 0; i < table->count; i++) {
        int rc = prepare(db, table->sql[i], &out[i]);

        if (rc != SQLITE_OK) {
            stmt_failed(db, rc, e);
            return err_detail(e, "SQLite %d: %s in: %s", rc, sqlite3_errmsg(db), table->sql[i]);
        }
    }
    return 0;
}

int stmt_set_init(struct stmt_set *set, sqlite3 *db, bool is_reader, struct err *e)
{
    set->reader = is_reader ? db : NULL;
    for (int m = 0; m < STMT_MODULE_COUNT; m++) {
        set->of[m] = calloc((size_t)stmt_tables[m]->count, sizeof(*set->of[m]));
        if (!set->of[m])
            return err_set(e, ERR_NO_MEMORY, "out of memory");
        if ((!is_reader || m == STMT_TXN) && prepare_table(set->of[m], stmt_tables[m], db, e) < 0)
            return -1;
    }
    return 0;
}

void stmt_set_done(struct stmt_set *set)
{
    for (int m = 0; m < STMT_MODULE_COUNT; m++) {
        for (int i = 0; set->of[m] && i < stmt_tables[m]->count; i++)
            (void)sqlite3_finalize(set->of[m][i]);
        free(TAKE(set->of[m]));
    }
}

/* Why this thread's last stmt_use gave nothing. */
static _Thread_local int missing_rc;

static int prepare_read(sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
    int rc = prepare(db, sql, out);

    if (rc != SQLITE_OK || sqlite3_stmt_readonly(*out))
        return rc;
    (void)sqlite3_finalize(TAKE(*out));
    return SQLITE_READONLY;
}

sqlite3_stmt *stmt_use(struct txn *t, enum stmt_module module, int index)
{
    const struct stmt_set *set = &t->conn->statements;
    sqlite3_stmt **at = &set->of[module][index];

    assert(index < stmt_tables[module]->count);
    if (!*at)
        missing_rc = prepare_read(set->reader, stmt_tables[module]->sql[index], at);
    return *at;
}

void stmt_bind_at(sqlite3_stmt *st, int index, struct value v)
{
    if (!st)
        return;
    switch (v.kind) {
    case VALUE_INT:
        (void)sqlite3_bind_int64(st, index, v.integer);
        return;
    case VALUE_TEXT:
        (void)sqlite3_bind_text(st, index, v.data, -1, SQLITE_STATIC);
        return;
    case VALUE_BLOB:
        (void)sqlite3_bind_blob64(st, index, v.data, v.len, SQLITE_STATIC);
        return;
    }
}

void stmt_bind(sqlite3_stmt *st, const struct value *values, int count)
{
    assert(!st || count == sqlite3_bind_parameter_count(st));
    for (int i = 0; i < count; i++)
        stmt_bind_at(st, i + 1, values[i]);
}

int stmt_row(sqlite3_stmt *st, struct err *e)
{
    sqlite3 *db = sqlite3_db_handle(st);
    int rc;

    if (!st)
        return missing_rc == SQLITE_READONLY ? err_set(e, ERR_INTERNAL, "a change inside a read transaction")
                                             : stmt_failed(NULL, missing_rc, e);
    /* SQLite ends a transaction by itself when the disk is full or an I/O error hits: what came next would commit alone. */
    if (sqlite3_get_autocommit(db))
        return err_set(e, ERR_INTERNAL, "the transaction was rolled back by an earlier failure");
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : stmt_failed(db, rc, e);
}

int stmt_run(sqlite3_stmt *st, struct err *e)
{
    return stmt_row(st, e) < 0 ? -1 : 0;
}

int stmt_number(sqlite3_stmt *st, uint64_t *out, struct err *e)
{
    if (stmt_row(st, e) < 0)
        return -1;
    *out = (uint64_t)sqlite3_column_int64(st, 0);
    return 0;
}

int stmt_name_taken(const char *name, struct err *e)
{
    return err_set_field(e, ERR_NAME_TAKEN, "name", "the name '%s' is taken", name);
}

int stmt_run_named(sqlite3_stmt *st, const char *name, struct err *e)
{
    if (stmt_run(st, e) == 0)
        return 0;
    return e->code == ERR_NAME_TAKEN ? stmt_name_taken(name, e) : -1;
}

/* SQLite tells which index has refused by its columns alone, at the end of its message. */
int stmt_run_unique(sqlite3_stmt *st, const struct unique_rule *rules, struct err *e)
{
    static const char said[] = "UNIQUE constraint failed: ";
    const char *columns;

    if (stmt_run(st, e) == 0)
        return 0;
    columns = strstr(e->detail, said);
    if (e->code == ERR_NAME_TAKEN && columns)
        for (const struct unique_rule *r = rules; r->columns; r++)
            if (str_equal(columns + strlen(said), r->columns))
                return err_set(e, r->code, "%s", r->msg);
    return -1;
}

int stmt_changes(sqlite3_stmt *st)
{
    return sqlite3_changes(sqlite3_db_handle(st));
}
