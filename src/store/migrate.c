/* store/migrate: runs what a database has not seen yet, and keeps a copy of it as it was. The schema itself is schema.c's. */
#include "migrate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "copy.h"

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

/* What a migration has left behind that refers to nothing. */
static int check_references(sqlite3 *db, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    (void)sqlite3_finalize(st);
    if (rc == SQLITE_DONE)
        return 0;
    return rc == SQLITE_ROW ? err_set(e, ERR_INTERNAL, "rows refer to rows that are not there") : stmt_failed(db, rc, e);
}

static int run_in_transaction(sqlite3 *db, const struct migration *m, int version, struct err *e)
{
    if (exec(db, m->sql, e) < 0 || (m->run && m->run(db, e) < 0) || check_references(db, e) < 0 ||
        write_version(db, version, e) < 0)
        return -1;
    FAILPOINT(e, "store.migrate.before");
    return exec(db, "COMMIT", e);
}

/* Foreign keys are off meanwhile, so that a table that others refer to can be built anew; what they say is checked before the
 * commit. The pragma does nothing inside a transaction. */
static int run_one(sqlite3 *db, const struct migration *m, int version, struct err *e)
{
    if (exec(db, "PRAGMA foreign_keys = OFF", e) < 0 || exec(db, "BEGIN IMMEDIATE", e) < 0)
        return -1;
    if (run_in_transaction(db, m, version, e) < 0) {
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return err_wrap(e, "bring the database to version %d", version);
    }
    FAILPOINT(e, "store.migrate.after");
    return 0;
}

/* Under another name until it is whole: a copy that bears its name can be trusted. */
static int keep_copy(sqlite3 *db, const char *path, int version, struct err *e)
{
    AUTO_FREE char *final = str_printf("%s.before-%d", path, version);
    AUTO_FREE char *partial = str_printf("%s.before-%d.partial", path, version);

    if (!final || !partial)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (unlink(partial) < 0 && errno != ENOENT)
        return err_errno(e, errno, "remove an unfinished copy of the database");
    if (copy_database(db, partial, e) < 0) {
        (void)unlink(partial);
        return err_wrap(e, "copy the database before its migration");
    }
    if (rename(partial, final) < 0)
        return err_errno(e, errno, "rename the copy of the database");
    return copy_sync_folder(path, e);
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
    return exec(db, "PRAGMA foreign_keys = ON", e);
}
