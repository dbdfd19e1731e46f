/* store/migrate: runs what a database has not seen yet, and keeps a copy of it as it was. The schema itself is schema.c's. */
#include "migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"

#include "base/cleanup.h"
#include "base/failpoint.h"
#include "base/str.h"

static int version_of(sqlite3 *db, int *out, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
        *out = sqlite3_column_int(st, 0);
    (void)sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : stmt_failed(db, rc, e);
}

int migrate_check(sqlite3 *db, const struct migration_list *list, struct err *e)
{
    int version = 0;

    if (version_of(db, &version, e) < 0)
        return -1;
    if (version >= 0 && version <= list->count)
        return 0;
    return err_set(
        e, ERR_CONFIG,
        "the database has version %d, this program knows versions up to %d; start the newer program, or put the copy that it "
        "made before its migration (.before-%d) in the database's place",
        version, list->count, list->count);
}

static int exec(sqlite3 *db, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : stmt_failed(db, rc, e);
}

/* Pragmas take no bound values; both numbers are our own. */
static int write_version(sqlite3 *db, int version, struct err *e)
{
    AUTO_FREE char *sql = str_printf("PRAGMA application_id = %d; PRAGMA user_version = %d", STORE_APPLICATION_ID, version);

    return sql ? exec(db, sql, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int run_in_transaction(sqlite3 *db, const struct migration *m, int version, struct err *e)
{
    if (exec(db, m->sql, e) < 0 || (m->run && m->run(db, e) < 0) || write_version(db, version, e) < 0)
        return -1;
    FAILPOINT(e, "store.migrate.before");
    return exec(db, "COMMIT", e);
}

static int run_one(sqlite3 *db, const struct migration *m, int version, struct err *e)
{
    if (exec(db, "BEGIN IMMEDIATE", e) < 0)
        return -1;
    if (run_in_transaction(db, m, version, e) < 0) {
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return err_wrap(e, "bring the database to version %d", version);
    }
    FAILPOINT(e, "store.migrate.after");
    return 0;
}

static int copy_pages(sqlite3 *from, sqlite3 *to, struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc;

    if (!b)
        return stmt_failed(to, sqlite3_errcode(to), e);
    (void)sqlite3_backup_step(b, -1);
    rc = sqlite3_backup_finish(b);
    return rc == SQLITE_OK ? 0 : stmt_failed(to, rc, e);
}

/* SQLite's commit makes the copy durable; only its name is left to us. */
static int copy_to(sqlite3 *db, const char *path, struct err *e)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    sqlite3 *to = NULL;
    int rc;

    if (fd < 0)
        return err_errno(e, errno, "create a copy of the database");
    rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    rc = rc == SQLITE_OK ? copy_pages(db, to, e) : stmt_failed(to, rc, e);
    (void)sqlite3_close(to);
    return rc;
}

static int sync_directory(const char *path, struct err *e)
{
    AUTO_FREE char *copy = str_dup(path);
    AUTO_CLOSE int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd < 0 || fsync(fd) < 0)
        return err_errno(e, errno, "sync the database's directory");
    return 0;
}

/* Under another name until it is whole: a copy that bears its name can be trusted. */
static int keep_copy(sqlite3 *db, const char *path, int version, struct err *e)
{
    AUTO_FREE char *final = str_printf("%s.before-%d", path, version);
    AUTO_FREE char *partial = str_printf("%s.before-%d.partial", path, version);

    if (!final || !partial)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (copy_to(db, partial, e) < 0) {
        (void)unlink(partial);
        return err_wrap(e, "copy the database before its migration");
    }
    if (rename(partial, final) < 0)
        return err_errno(e, errno, "rename the copy of the database");
    return sync_directory(path, e);
}

int migrate(sqlite3 *db, const char *path, const struct migration_list *list, struct err *e)
{
    int version = 0;

    if (migrate_check(db, list, e) < 0 || version_of(db, &version, e) < 0)
        return -1;
    if (version > 0 && version < list->count && !str_equal(path, STORE_IN_MEMORY) && keep_copy(db, path, version, e) < 0)
        return -1;
    for (; version < list->count; version++)
        if (run_one(db, &list->items[version], version + 1, e) < 0)
            return -1;
    return 0;
}
