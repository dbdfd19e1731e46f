/* store/backup: whole databases as files. What takes the database's place is checked first, and what it replaces is kept. */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "connection.h"
#include "copy.h"
#include "migrate.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/str.h"

enum { BUSY_MS = 5000, TEXT_MAX = 256 };

static const char *const companions[] = { "", "-wal", "-shm" }; /* what a database consists of; the first is the database */

static void close_db(sqlite3 **db)
{
    (void)sqlite3_close(*db);
}
#define AUTO_DB __attribute__((cleanup(close_db))) sqlite3 *

static int out_of_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int open_file(const char *path, int flags, sqlite3 **out, struct err *e)
{
    int rc = sqlite3_open_v2(path, out, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    if (rc != SQLITE_OK)
        return stmt_failed(*out, rc, e);
    (void)sqlite3_busy_timeout(*out, BUSY_MS);
    return 0;
}

static bool is_there(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

static bool is_empty(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && st.st_size == 0;
}

/* ---- judging ---- */

/* The first value that `sql` yields, as text; "" for none. */
static int ask(sqlite3 *db, const char *sql, char out[TEXT_MAX], struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

    out[0] = '\0';
    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
        (void)str_copy(out, TEXT_MAX, (const char *)sqlite3_column_text(st, 0) ?: "");
    (void)sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : stmt_failed(db, rc, e);
}

static bool is_damage(sqlite3 *db)
{
    int code = sqlite3_errcode(db) & 0xff;

    return code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
}

/* 1: sound; 0: damaged, and *why says how; -1: it cannot be told. */
static int check_integrity(sqlite3 *db, struct err *why, struct err *e)
{
    char verdict[TEXT_MAX];

    if (ask(db, "PRAGMA integrity_check(1)", verdict, e) < 0) {
        if (!is_damage(db))
            return -1;
        *why = *e;
        err_clear(e);
        return 0;
    }
    if (str_equal(verdict, "ok"))
        return 1;
    (void)err_set(why, ERR_CONFIG, "the database is damaged");
    (void)err_detail(why, "%s", verdict);
    return 0;
}

static int check_owner(sqlite3 *db, struct err *e)
{
    char id[TEXT_MAX], ours[TEXT_MAX];

    (void)snprintf(ours, sizeof ours, "%d", STORE_APPLICATION_ID);
    if (ask(db, "PRAGMA application_id", id, e) < 0)
        return -1;
    if (!str_equal(id, ours))
        return err_set(e, ERR_CONFIG, "the file is no database of this program");
    return migrate_check(db, &store_migrations, e);
}

int store_judge(const char *path, enum store_verdict *out, struct err *why, struct err *e)
{
    AUTO_DB db = NULL;
    int soundness;

    if (!is_there(path)) {
        *out = STORE_ABSENT;
        return 0;
    }
    if (is_empty(path)) {
        (void)err_set(why, ERR_CONFIG, "the file is empty");
        *out = STORE_BROKEN;
        return 0;
    }
    if (open_file(path, SQLITE_OPEN_READWRITE, &db, e) < 0)
        return -1;
    soundness = check_integrity(db, why, e);
    if (soundness < 0 || (soundness > 0 && check_owner(db, e) < 0))
        return -1;
    *out = soundness > 0 ? STORE_SOUND : STORE_BROKEN;
    return 0;
}

/* ---- copying ---- */

static int remove_one(const char *path, struct err *e)
{
    return unlink(path) == 0 || errno == ENOENT ? 0 : err_errno(e, errno, "an unfinished database cannot be removed");
}

static int remove_all(const char *path, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(companions); i++) {
        AUTO_FREE char *file = str_printf("%s%s", path, companions[i]);

        if (!file)
            return out_of_memory(e);
        if (remove_one(file, e) < 0)
            return -1;
    }
    return 0;
}

/* link(2) refuses a name that is taken, where rename would replace it. */
static int name_copy(const char *temporary, const char *file, struct err *e)
{
    FAILPOINT(e, "store.backup_name.before");
    if (link(temporary, file) < 0 && errno == EEXIST)
        return err_set(e, ERR_CONFLICT, "'%s' is there already; name another file", file);
    if (!is_there(file) && rename(temporary, file) < 0)
        return err_errno(e, errno, "the copy of the database cannot be named");
    (void)unlink(temporary);
    FAILPOINT(e, "store.backup_name.after");
    return copy_sync_folder(file, e);
}

static int backup_to(sqlite3 *db, const char *temporary, const char *file, struct err *e)
{
    FAILPOINT(e, "store.backup_copy.before");
    if (remove_one(temporary, e) < 0 || copy_database(db, temporary, e) < 0)
        return -1;
    FAILPOINT(e, "store.backup_copy.after");
    return name_copy(temporary, file, e);
}

int store_backup(const char *path, const char *file, struct err *e)
{
    AUTO_FREE char *temporary = str_printf("%s.partial", file);
    AUTO_DB db = NULL;

    if (!temporary)
        return out_of_memory(e);
    if (!is_there(path))
        return err_set(e, ERR_NOT_FOUND, "there is no database to back up");
    if (is_there(file))
        return err_set(e, ERR_CONFLICT, "'%s' is there already; name another file", file);
    if (open_file(path, SQLITE_OPEN_READWRITE, &db, e) < 0 || check_owner(db, e) < 0)
        return -1;
    if (backup_to(db, temporary, file, e) == 0)
        return 0;
    (void)unlink(temporary);
    return -1;
}

/* ---- taking its place ---- */

int store_prepare_new(const char *path, char **out, struct err *e)
{
    AUTO_FREE char *name = str_printf("%s.new", path);

    if (!name)
        return out_of_memory(e);
    FAILPOINT(e, "store.prepare_new.before");
    if (remove_all(name, e) < 0)
        return -1;
    FAILPOINT(e, "store.prepare_new.after");
    *out = TAKE(name);
    return 0;
}

/* Judged as a copy: what is checked is what will be used. */
static int judge_copy(const char *copy, struct err *e)
{
    enum store_verdict verdict = STORE_BROKEN;
    struct err why = ERR_INIT;

    if (store_judge(copy, &verdict, &why, e) < 0)
        return -1;
    if (verdict == STORE_SOUND)
        return 0;
    (void)err_set(e, ERR_CONFIG, "the file is damaged, or no backup at all");
    return err_detail(e, "%s %s", why.msg, why.detail);
}

static int fill_new(const char *file, const char *copy, struct err *e)
{
    AUTO_DB from = NULL;

    if (open_file(file, SQLITE_OPEN_READONLY, &from, e) == 0 && copy_database(from, copy, e) == 0)
        return 0;
    if (!is_damage(from))
        return -1;
    (void)err_set(e, ERR_CONFIG, "the file is damaged, or no backup at all");
    return err_detail(e, "%s", sqlite3_errmsg(from));
}

int store_copy_backup(const char *path, const char *file, struct err *e)
{
    AUTO_FREE char *copy = NULL;
    struct err ignored = ERR_INIT;

    if (!is_there(file))
        return err_set(e, ERR_NOT_FOUND, "there is no file '%s'", file);
    if (store_prepare_new(path, &copy, e) < 0)
        return -1;
    FAILPOINT(e, "store.restore_copy.before");
    if (fill_new(file, copy, e) < 0 || judge_copy(copy, e) < 0) {
        (void)remove_all(copy, &ignored);
        return -1;
    }
    FAILPOINT(e, "store.restore_copy.after");
    return 0;
}

/* The database goes first: without its log it would be an older one, and nobody would know. */
static int move_all(const char *from, const char *to, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(companions); i++) {
        AUTO_FREE char *old = str_printf("%s%s", from, companions[i]);
        AUTO_FREE char *new = str_printf("%s%s", to, companions[i]);

        if (!old || !new)
            return out_of_memory(e);
        if (rename(old, new) < 0 && errno != ENOENT)
            return err_errno(e, errno, "the database cannot be moved aside");
    }
    return 0;
}

/* By the second, and by the next ones when another was moved in this one. NULL: no memory. */
static char *name_aside(const char *path, const char *word)
{
    char *name = NULL;

    for (int64_t s = clock_wall_ms() / 1000; !name || is_there(name); s++) {
        free(name);
        name = str_printf("%s.%s-%" PRId64, path, word, s);
        if (!name)
            return NULL;
    }
    return name;
}

int store_set_aside(const char *path, const char *word, char **out, struct err *e)
{
    AUTO_FREE char *name = name_aside(path, word);

    if (!name)
        return out_of_memory(e);
    if (!is_there(path)) {
        *out = NULL;
        return 0;
    }
    FAILPOINT(e, "store.set_aside.before");
    if (move_all(path, name, e) < 0 || copy_sync_folder(path, e) < 0)
        return -1;
    FAILPOINT(e, "store.set_aside.after");
    *out = TAKE(name);
    return 0;
}

/* A log without its database is of one that is gone: it must not be taken for the new one's. */
static int remove_log(const char *path, struct err *e)
{
    AUTO_FREE char *wal = str_printf("%s-wal", path);
    AUTO_FREE char *shm = str_printf("%s-shm", path);

    if (!wal || !shm)
        return out_of_memory(e);
    return remove_one(wal, e) < 0 || remove_one(shm, e) < 0 ? -1 : 0;
}

int store_adopt_new(const char *path, struct err *e)
{
    AUTO_FREE char *new = str_printf("%s.new", path);

    if (!new)
        return out_of_memory(e);
    if (is_there(path))
        return err_set(e, ERR_CONFLICT, "a database is in the way");
    FAILPOINT(e, "store.adopt.before");
    if (remove_log(path, e) < 0)
        return -1;
    if (rename(new, path) < 0)
        return err_errno(e, errno, "the new database cannot be named");
    FAILPOINT(e, "store.adopt.after");
    return copy_sync_folder(path, e);
}
