/* store/copy: SQLite's own backup in one read transaction: without it each write of another connection would make the copy begin
 * anew, and it might never end. */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>

#include "statement.h"

#include "base/cleanup.h"
#include "base/str.h"

enum { PAGES_AT_ONCE = 1024 };

static void close_db(sqlite3 **db)
{
    (void)sqlite3_close(*db);
}

static int exec(sqlite3 *db, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : stmt_failed(db, rc, e);
}

static int copy_pages(sqlite3 *from, sqlite3 *to, struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc;

    if (!b)
        return stmt_failed(to, sqlite3_errcode(to), e);
    do
        rc = sqlite3_backup_step(b, PAGES_AT_ONCE);
    while (rc == SQLITE_OK);
    rc = sqlite3_backup_finish(b);
    return rc == SQLITE_OK ? 0 : stmt_failed(to, rc, e);
}

/* BEGIN alone pins nothing: the first read does. When that fails the connection is good for nothing but closing. */
static int copy_snapshot(sqlite3 *from, sqlite3 *to, struct err *e)
{
    int rc;

    if (exec(from, "BEGIN; SELECT 1 FROM sqlite_schema", e) < 0)
        return -1; /* what is wrong with the file stays the connection's last error, for the caller */
    rc = copy_pages(from, to, e);
    (void)sqlite3_exec(from, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

int copy_database(sqlite3 *from, const char *file, struct err *e)
{
    AUTO_CLOSE int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    __attribute__((cleanup(close_db))) sqlite3 *to = NULL;
    int rc;

    if (fd < 0)
        return err_errno(e, errno, "the copy of the database cannot be made");
    rc = sqlite3_open_v2(file, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK)
        return stmt_failed(to, rc, e);
    return copy_snapshot(from, to, e) < 0 ? -1 : exec(to, "PRAGMA journal_mode = DELETE", e);
}

int copy_sync_folder(const char *path, struct err *e)
{
    AUTO_FREE char *copy = str_dup(path);
    AUTO_CLOSE int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd < 0 || fsync(fd) < 0)
        return err_errno(e, errno, "the folder of the database cannot be synced");
    return 0;
}
