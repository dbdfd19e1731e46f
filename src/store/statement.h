/* store/statement: prepared statements: one table per module, all prepared on every connection when it opens; bind, step, and
 * what SQLite's codes mean in the language of err_code. Private to the room. */
#ifndef STORE_STATEMENT_H
#define STORE_STATEMENT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct txn;

enum stmt_module {
    STMT_TXN,
    STMT_SETTING,
    STMT_USER,
    STMT_PROJECT,
    STMT_ROLE,
    STMT_TOKEN,
    STMT_FLAVOR,
    STMT_IMAGE,
    STMT_KEYPAIR,
    STMT_NETWORK,
    STMT_PORT,
    STMT_VM,
    STMT_VM_SEED,
    STMT_VM_TOMBSTONE,
    STMT_JOB,
    STMT_EVENT,
    STMT_AUDIT,
    STMT_QUOTA,
    STMT_MODULE_COUNT
};

struct stmt_table {
    const char *const *sql;
    int count;
};
extern const struct stmt_table user_statements, project_statements, role_statements, token_statements;
extern const struct stmt_table txn_statements, setting_statements, flavor_statements, image_statements, keypair_statements,
    network_statements, port_statements, vm_statements, vm_seed_statements, job_statements, event_statements, audit_statements,
    quota_statements, vm_tombstone_statements;
extern const struct stmt_table *const stmt_tables[STMT_MODULE_COUNT];

/* The statements of one connection. */
struct stmt_set {
    sqlite3 *reader; /* NULL: the writer's */
    sqlite3_stmt **of[STMT_MODULE_COUNT];
};
/* The writer's are all prepared now, so that a wrong one is found at the start. A reader's are prepared when they are first used:
 * few readers ever need many, and each statement is some KiB. But a transaction's own are always there: to roll back must not
 * want memory. */
int stmt_set_init(struct stmt_set *set, sqlite3 *db, bool is_reader, struct err *e);
void stmt_set_done(struct stmt_set *set);

/* Borrowed from the transaction's connection until the scope ends:
 *     AUTO_STMT st = stmt_use(t, STMT_VM, VM_DELETE);
 * NULL for a change inside a read transaction, or without memory: the functions below cope, and stepping it says which. */
sqlite3_stmt *stmt_use(struct txn *t, enum stmt_module module, int index);
static inline void stmt_leave(sqlite3_stmt **st)
{
    if (!*st)
        return;
    (void)sqlite3_reset(*st);
    (void)sqlite3_clear_bindings(*st);
}
#define AUTO_STMT __attribute__((cleanup(stmt_leave))) sqlite3_stmt *

struct value {
    enum { VALUE_INT, VALUE_TEXT, VALUE_BLOB } kind;
    const void *data; /* NULL is NULL */
    size_t len;       /* of a blob */
    int64_t integer;
};
static inline struct value value_text(const char *s)
{
    return (struct value){ .kind = VALUE_TEXT, .data = s };
}
static inline struct value value_blob(const void *data, size_t len)
{
    return (struct value){ .kind = VALUE_BLOB, .data = data, .len = len };
}
/* An id in a char array, where "" stands for none. */
static inline struct value value_id(const char *s)
{
    return value_text(s[0] ? s : NULL);
}
static inline struct value value_int(int64_t v)
{
    return (struct value){ .kind = VALUE_INT, .integer = v };
}
/* The pointed-to number, NULL for none. */
static inline struct value value_int_or_null(const uint64_t *v)
{
    return v ? value_int((int64_t)*v) : value_text(NULL);
}

/* A count as SQL sees it: what does not fit is as good as no bound, while a negative OFFSET would be none at all. */
static inline int64_t stmt_count(uint64_t n)
{
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* Texts and blobs are not copied: they outlive the statement's scope. */
void stmt_bind_at(sqlite3_stmt *st, int index, struct value v);
/* ?1, ?2 … at once. */
void stmt_bind(sqlite3_stmt *st, const struct value *values, int count);
#define BIND(st, ...)                                                                                                            \
    stmt_bind(st, (const struct value[]){ __VA_ARGS__ }, (int)ARRAY_LEN(((const struct value[]){ __VA_ARGS__ })))

/* 1: a row; 0: no more; -1: failed. */
int stmt_row(sqlite3_stmt *st, struct err *e);
/* The one number of one row: a count. */
int stmt_number(sqlite3_stmt *st, uint64_t *out, struct err *e);
/* A statement that returns no row. */
int stmt_run(sqlite3_stmt *st, struct err *e);
/* The insert or update of a row whose unique index is one of names: ERR_NAME_TAKEN with field "name". */
int stmt_run_named(sqlite3_stmt *st, const char *name, struct err *e);
int stmt_name_taken(const char *name, struct err *e);
/* The insert or update of a row with several unique indexes: what each of them says. Ends with columns NULL. What no rule names
 * fails as in stmt_run. */
struct unique_rule {
    const char *columns; /* as SQLite names them: "port.network, port.ipv4" */
    enum err_code code;
    const char *msg;
};
int stmt_run_unique(sqlite3_stmt *st, const struct unique_rule *rules, struct err *e);
/* How many rows the last stmt_run changed. */
int stmt_changes(sqlite3_stmt *st);

/* The failure `rc` of this connection (NULL: one that is not at hand) as an error; -1. */
int stmt_failed(sqlite3 *db, int rc, struct err *e);

#endif
