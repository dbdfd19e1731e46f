/* store: who holds which connection, and transactions with what they do when they end. SQL of rows is in the modules'
 * own files; opening and settings are connection.c's. */
#include <stdio.h>

#include "txn.h"

#include "base/str.h"
#include "base/thread.h"

enum { WAIT_MS = 5000, CHECK_WAIT_MS = 1000 };
/* A thread that answers requests waits less, and hardly at all soon after a refusal: those behind it in the queue wait as well.
 */
enum { HASTY_WAIT_MS = 1000, REFUSED_WAIT_MS = 50, REFUSAL_MS = 1000 };
static _Thread_local bool is_hasty;

enum { TXN_BEGIN_READ, TXN_BEGIN_WRITE, TXN_COMMIT, TXN_ROLLBACK, TXN_PROBE, TXN_VM_VERSION, TXN_STMT_COUNT };
static const char *const txn_sql[TXN_STMT_COUNT] = {
    [TXN_BEGIN_READ] = "BEGIN",
    [TXN_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [TXN_COMMIT] = "COMMIT",
    [TXN_ROLLBACK] = "ROLLBACK",
    [TXN_PROBE] = "SELECT 1 FROM project LIMIT 1",
    [TXN_VM_VERSION] = "SELECT coalesce(max(row_version), 0) FROM vm",
};
const struct stmt_table txn_statements = { txn_sql, TXN_STMT_COUNT };

struct store {
    struct lock lock; /* who has which connection; never held across SQLite */
    struct conn_pool writer GUARDED_BY(lock);
    struct conn_pool readers GUARDED_BY(lock);
    bool is_in_memory; /* then the writer serves readers too: each connection would have its own database */
    int64_t wait_ms;
    _Atomic int64_t refused_boot_ms; /* when a write last found the database locked to the end of its patience */
    _Atomic int64_t vm_version;
    _Atomic uint64_t identity_version;
    txn_fn *on_events; /* set before there is a second thread */
    void *on_events_arg;
};

static int open_connections(struct store *s, const char *path, struct err *e)
{
    s->writer.conns[0].vm_version = &s->vm_version;
    if (conn_open_writer(&s->writer.conns[0], path, e) < 0)
        return -1;
    s->writer.count = 1;
    while (!s->is_in_memory && s->readers.count < CONN_POOL_MAX) {
        s->readers.conns[s->readers.count].vm_version = &s->vm_version;
        if (conn_open_reader(&s->readers.conns[s->readers.count], path, e) < 0)
            return -1;
        s->readers.count++;
    }
    return 0;
}

/* Where the counter stood when the last life ended. */
static int read_vm_version(struct store *s, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_read(s, &t, e) < 0)
        return -1;
    AUTO_STMT st = stmt_use(t, STMT_TXN, TXN_VM_VERSION);
    if (stmt_row(st, e) < 0)
        return -1;
    atomic_store(&s->vm_version, sqlite3_column_int64(st, 0));
    return 0;
}

int64_t store_vm_version(struct store *s)
{
    return atomic_load(&s->vm_version);
}

uint64_t store_identity_version(struct store *s)
{
    return atomic_load(&s->identity_version);
}

int64_t txn_next_vm_version(struct txn *t)
{
    return atomic_fetch_add(&t->store->vm_version, 1) + 1;
}

int store_open(const char *path, struct store **out, struct err *e)
{
    AUTO(store) s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    lock_init(&s->lock, RANK_STORE);
    cond_init(&s->writer.freed);
    cond_init(&s->readers.freed);
    s->is_in_memory = str_equal(path, STORE_IN_MEMORY);
    s->wait_ms = WAIT_MS;
    atomic_store(&s->refused_boot_ms, -REFUSAL_MS);
    if (open_connections(s, path, e) < 0 || read_vm_version(s, e) < 0)
        return -1;
    *out = TAKE(s);
    return 0;
}

void store_on_events(struct store *s, txn_fn *fn, void *arg)
{
    s->on_events = fn;
    s->on_events_arg = arg;
}

static void close_pool(struct conn_pool *p)
{
    for (int i = 0; i < p->count; i++)
        conn_close(&p->conns[i]);
    cond_done(&p->freed);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    /* The writer last: the last connection to close folds the log into the database. */
    close_pool(&s->readers);
    close_pool(&s->writer);
    lock_done(&s->lock);
    free(s);
}

void store_set_wait_ms(struct store *s, int64_t wait_ms)
{
    s->wait_ms = wait_ms;
}

static struct conn *free_conn(struct conn_pool *p)
{
    for (int i = 0; i < p->count; i++)
        if (!p->conns[i].is_busy)
            return &p->conns[i];
    return NULL;
}

/* NULL when none came free in time. */
static struct conn *conn_take(struct store *s, struct conn_pool *p, int64_t deadline_ms)
{
    struct conn *c;
    HOLD(&s->lock);

    while (!(c = free_conn(p))) {
        int64_t left_ms = deadline_ms - clock_boot_ms();

        if (left_ms <= 0)
            return NULL;
        (void)cond_wait_ms(&p->freed, &s->lock, left_ms);
    }
    c->is_busy = true;
    c->busy_since_us = clock_tick_us();
    return c;
}

static void conn_give_back(struct store *s, struct conn_pool *p, struct conn *c)
{
    HOLD(&s->lock);

    c->is_busy = false;
    cond_signal(&p->freed);
}

int64_t store_writing_ms(struct store *s)
{
    const struct conn *writer = &s->writer.conns[0];
    HOLD(&s->lock);

    return writer->is_busy ? (clock_tick_us() - writer->busy_since_us) / 1000 : 0;
}

/* BEGIN, COMMIT and ROLLBACK: outside what stmt_row() allows, which wants a transaction under way. */
static int control(struct conn *c, int index, struct err *e)
{
    sqlite3_stmt *st = c->statements.of[STMT_TXN][index];
    int rc = sqlite3_step(st);

    (void)sqlite3_reset(st);
    return rc == SQLITE_DONE ? 0 : stmt_failed(c->db, rc, e);
}

static void txn_release(struct txn *t)
{
    conn_give_back(t->store, t->pool, TAKE(t->conn));
}

static void txn_rollback(struct txn *t)
{
    struct err ignored = ERR_INIT;

    /* SQLite may have rolled back by itself. */
    if (!sqlite3_get_autocommit(t->conn->db))
        (void)control(t->conn, TXN_ROLLBACK, &ignored);
    txn_release(t);
}

/* One deadline for both waits: for the connection and, inside SQLite, for a lock of another program. */
static int txn_begin(struct store *s, bool is_write, int64_t wait_ms, struct txn **out, struct err *e)
{
    AUTO(txn) t = calloc(1, sizeof(*t));
    int64_t deadline_ms = clock_boot_ms() + wait_ms, left_ms;

    if (!t)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    t->store = s;
    t->pool = is_write || s->is_in_memory ? &s->writer : &s->readers;
    t->conn = conn_take(s, t->pool, deadline_ms);
    if (!t->conn)
        return err_set(e, ERR_UNAVAILABLE, "the database is busy; try again");
    left_ms = deadline_ms - clock_boot_ms();
    (void)sqlite3_busy_timeout(t->conn->db, left_ms > 0 ? (int)left_ms : 0);
    if (control(t->conn, is_write ? TXN_BEGIN_WRITE : TXN_BEGIN_READ, e) < 0)
        return -1;
    *out = TAKE(t);
    return 0;
}

int txn_read(struct store *s, struct txn **out, struct err *e)
{
    return txn_begin(s, false, s->wait_ms, out, e);
}

void store_hurry(void)
{
    is_hasty = true;
}

static int64_t patience_ms(struct store *s)
{
    if (!is_hasty)
        return s->wait_ms;
    return clock_boot_ms() - atomic_load(&s->refused_boot_ms) < REFUSAL_MS ? REFUSED_WAIT_MS : HASTY_WAIT_MS;
}

int txn_write(struct store *s, struct txn **out, struct err *e)
{
    if (txn_begin(s, true, patience_ms(s), out, e) == 0)
        return 0;
    if (e->code == ERR_UNAVAILABLE)
        atomic_store(&s->refused_boot_ms, clock_boot_ms());
    return -1;
}

int txn_write_within(struct store *s, int64_t wait_ms, struct txn **out, struct err *e)
{
    return txn_begin(s, true, wait_ms, out, e);
}

void txn_free(struct txn *t)
{
    if (!t)
        return;
    if (t->conn)
        txn_rollback(t);
    free(t);
}

static int commit(struct txn *t, struct err *e)
{
    FAILPOINT(e, "store.commit.before");
    return control(t->conn, TXN_COMMIT, e);
}

int txn_commit(struct txn *t, struct err *e)
{
    int rc;

    if (!t->conn)
        return err_set(e, ERR_INTERNAL, "the transaction has ended already");
    if (commit(t, e) < 0) {
        txn_rollback(t);
        return -1;
    }
    /* What is committed stays so: the calls that wait for it are made, whatever this point says. */
    rc = FAILPOINT_EVAL(e, "store.commit.after");
    if (t->changes_identity)
        atomic_fetch_add(&t->store->identity_version, 1);
    txn_release(t);
    for (int i = 0; i < t->hook_count; i++)
        t->hooks[i].fn(t->hooks[i].arg);
    if (t->has_events && t->store->on_events)
        t->store->on_events(t->store->on_events_arg);
    return rc;
}

int txn_after_commit(struct txn *t, txn_fn *fn, void *arg, struct err *e)
{
    for (int i = 0; i < t->hook_count; i++)
        if (t->hooks[i].fn == fn && t->hooks[i].arg == arg)
            return 0;
    if (t->hook_count == TXN_HOOK_MAX)
        return err_set(e, ERR_INTERNAL, "more than %d calls wait for one commit", TXN_HOOK_MAX);
    t->hooks[t->hook_count++] = (struct txn_hook){ fn, arg };
    return 0;
}

static int probe(struct store *s, bool is_write, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_begin(s, is_write, CHECK_WAIT_MS, &t, e) < 0)
        return -1;
    AUTO_STMT st = stmt_use(t, STMT_TXN, TXN_PROBE);
    return stmt_row(st, e) < 0 ? -1 : 0;
}

int store_check(struct store *s, struct err *e)
{
    return probe(s, false, e) < 0 || probe(s, true, e) < 0 ? -1 : 0;
}
