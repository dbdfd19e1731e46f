/* store/connection: opening SQLite: file mode, settings, whether the file is ours and sound.
 * Sharing connections is store.c's matter, the schema's growth migrate.c's. */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "migrate.h"

#include "base/str.h"

enum { QUICK_CHECK_MAX_BYTES = 64 << 20, ANSWER_MAX = 256 };

/* cache_size is in KiB when negative: four connections share the daemon's small budget. */
static const char settings[] = "PRAGMA busy_timeout = 5000;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA cache_size = -512;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA journal_size_limit = 4194304;";

static const struct {
    int option;
    int value;
} db_options[] = {
    { SQLITE_DBCONFIG_DEFENSIVE, 1 },
    /* A misspelt "column" is an error, not a string. */
    { SQLITE_DBCONFIG_DQS_DML, 0 },
    { SQLITE_DBCONFIG_DQS_DDL, 0 },
};

/* What is wrong with the file itself is for the administrator to mend; a full disk or a lock keeps its own code. */
static int open_failed(sqlite3 *db, int rc, const char *path, struct err *e)
{
    stmt_failed(db, rc, e);
    switch (rc & 0xff) {
    case SQLITE_NOTADB:
        err_set(e, ERR_CONFIG,
                "the database file is not a SQLite database; move it away, or put a copy of the database in its place");
        break;
    case SQLITE_CORRUPT:
        err_set(e, ERR_CONFIG, "the database is damaged; put a copy in its place, or rescue it with sqlite3's .recover");
        break;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        err_set(e, ERR_CONFIG, "the database cannot be opened for writing; check its directory, owner and mode");
        break;
    }
    return err_detail(e, "%s: SQLite %d: %s", path, rc, sqlite3_errmsg(db));
}

/* SQLite gives -wal and -shm the mode of the database. A file that is there keeps its mode. */
static int create_private(const char *path, struct err *e)
{
    AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0 || errno == EEXIST)
        return 0;
    err_errno(e, errno, "%s", path);
    if (e->code == ERR_INTERNAL)
        err_set(e, ERR_CONFIG, "the database cannot be created; check its directory, owner and mode");
    return err_detail(e, "%s: %s", path, strerror(errno));
}

static void next_vm_version(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    _Atomic int64_t *last = sqlite3_user_data(ctx);

    (void)argc;
    (void)argv;
    sqlite3_result_int64(ctx, atomic_fetch_add(last, 1) + 1);
}

static int open_db(struct conn *c, const char *path, struct err *e)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(path, &c->db, flags, NULL);

    if (rc != SQLITE_OK)
        return open_failed(c->db, rc, path, e);
    for (size_t i = 0; i < ARRAY_LEN(db_options); i++)
        (void)sqlite3_db_config(c->db, db_options[i].option, db_options[i].value, NULL);
    if (sqlite3_db_readonly(c->db, "main") == 1)
        return open_failed(c->db, SQLITE_READONLY, path, e);
    rc = sqlite3_exec(c->db, settings, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function(c->db, "next_vm_version", 0, SQLITE_UTF8, c->vm_version, next_vm_version, NULL, NULL);
    return rc == SQLITE_OK ? 0 : open_failed(c->db, rc, path, e);
}

/* The first value that `sql` yields, as text. */
static int ask(sqlite3 *db, const char *path, const char *sql, char out[ANSWER_MAX], struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
        (void)str_copy(out, ANSWER_MAX, (const char *)sqlite3_column_text(st, 0) ?: "");
    (void)sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : open_failed(db, rc, path, e);
}

static int check_owner(sqlite3 *db, const char *path, struct err *e)
{
    char id[ANSWER_MAX], tables[ANSWER_MAX], ours[ANSWER_MAX];

    (void)snprintf(ours, sizeof(ours), "%d", STORE_APPLICATION_ID);
    if (ask(db, path, "PRAGMA application_id", id, e) < 0 || ask(db, path, "SELECT count(*) FROM sqlite_schema", tables, e) < 0)
        return -1;
    if (str_equal(id, ours) || (str_equal(id, "0") && str_equal(tables, "0")))
        return 0;
    err_set(e, ERR_CONFIG,
            "the database file belongs to another program; move it away, or put a copy of the database in its place");
    return err_detail(e, "%s: application_id %s, %s schema entries", path, id, tables);
}

/* Reads the whole file, so only where that is soon done. */
static int check_soundness(sqlite3 *db, const char *path, struct err *e)
{
    char verdict[ANSWER_MAX];
    struct stat st;

    if (stat(path, &st) < 0 || st.st_size > QUICK_CHECK_MAX_BYTES)
        return 0;
    if (ask(db, path, "PRAGMA quick_check(1)", verdict, e) < 0)
        return -1;
    if (str_equal(verdict, "ok"))
        return 0;
    err_set(e, ERR_CONFIG, "the database is damaged; put a copy in its place, or rescue it with sqlite3's .recover");
    return err_detail(e, "%s: %s", path, verdict);
}

static int use_wal(sqlite3 *db, const char *path, struct err *e)
{
    char mode[ANSWER_MAX];

    if (ask(db, path, "PRAGMA journal_mode = WAL", mode, e) < 0)
        return -1;
    if (str_equal(mode, "wal") || str_equal(path, STORE_IN_MEMORY))
        return 0;
    err_set(e, ERR_CONFIG, "the file system of the state directory cannot hold a WAL database; use a local one");
    return err_detail(e, "%s: journal_mode %s", path, mode);
}

static int prepare_writer(struct conn *c, const char *path, struct err *e)
{
    if (open_db(c, path, e) < 0 || check_owner(c->db, path, e) < 0 || migrate_check(c->db, &store_migrations, e) < 0 ||
        check_soundness(c->db, path, e) < 0 || use_wal(c->db, path, e) < 0 || migrate(c->db, path, &store_migrations, e) < 0)
        return -1;
    return stmt_set_init(&c->statements, c->db, false, e);
}

int conn_open_writer(struct conn *c, const char *path, struct err *e)
{
    if (!str_equal(path, STORE_IN_MEMORY) && create_private(path, e) < 0)
        return -1;
    if (prepare_writer(c, path, e) == 0)
        return 0;
    conn_close(c);
    return -1;
}

static int prepare_reader(struct conn *c, const char *path, struct err *e)
{
    int rc;

    if (open_db(c, path, e) < 0)
        return -1;
    rc = sqlite3_exec(c->db, "PRAGMA query_only = ON", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return open_failed(c->db, rc, path, e);
    return stmt_set_init(&c->statements, c->db, true, e);
}

int conn_open_reader(struct conn *c, const char *path, struct err *e)
{
    if (prepare_reader(c, path, e) == 0)
        return 0;
    conn_close(c);
    return -1;
}

void conn_close(struct conn *c)
{
    stmt_set_done(&c->statements);
    (void)sqlite3_close(TAKE(c->db));
}
