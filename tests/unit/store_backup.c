/* store/backup: a copy of a database in use, the verdict on a file, and one database in another's place. */
#include <pthread.h>
#include <sys/stat.h>

#include "store_lab.h"

#include "base/cleanup.h"
#include "store/backup.h"

static char file[sizeof(lab_dir) + 16];

static void open_lab(void)
{
    lab_open_file();
    (void)snprintf(file, sizeof file, "%s/copy", lab_dir);
}

static enum store_verdict verdict_on(const char *path)
{
    struct err why = ERR_INIT;
    enum store_verdict v = STORE_ABSENT;

    unit_ok(store_judge(path, &v, &why, &e));
    return v;
}

static void damage(const char *path)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

    ck_assert_int_eq(pwrite(fd, "no database, nor was it ever one", 32, 0), 32);
}

static char *answer(const char *path, const char *sql)
{
    return lab_ask(path, sql);
}
#define ANSWER_EQ(path, sql, expected)                                                                                           \
    do {                                                                                                                         \
        AUTO_FREE char *answer_ = answer(path, sql);                                                                             \
        ck_assert_str_eq(answer_, expected);                                                                                     \
    } while (0)

START_TEST(copies_what_is_in_use)
{
    struct stat st;

    open_lab();
    LAB_WRITE(store_setting_set(t, "a", "1", &e));
    struct txn *open = lab_write(); /* whoever writes neither waits nor is waited for */
    unit_ok(store_setting_set(open, "a", "2", &e));
    unit_ok(store_backup(lab_path, file, &e));
    lab_commit(open);
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ANSWER_EQ(file, "SELECT value FROM setting WHERE key = 'a'", "1");
    ck_assert_int_eq(verdict_on(file), STORE_SOUND);
    unit_fails(store_backup(lab_path, file, &e), ERR_CONFLICT);
    LAB_ASK_EQ("SELECT value FROM setting WHERE key = 'a'", "2");
    lab_done();
}
END_TEST

struct writing {
    pthread_t thread;
    _Atomic bool is_over;
    _Atomic int written;
};

static void *write_on(void *arg)
{
    struct writing *w = arg;
    struct err mine = ERR_INIT;

    while (!w->is_over) {
        AUTO(txn) t = NULL;
        AUTO_FREE char *value = str_printf("%d", w->written + 1);

        if (txn_write(store, &t, &mine) < 0 || store_setting_set(t, "a", value, &mine) < 0 ||
            store_setting_set(t, "b", value, &mine) < 0 || txn_commit(t, &mine) < 0)
            break;
        w->written++;
    }
    return mine.code == ERR_NONE ? NULL : arg;
}

/* Each copy is one moment: both of a transaction's rows, or neither. */
START_TEST(copies_during_writes)
{
    struct writing w = { .is_over = false };
    void *failed = NULL;

    open_lab();
    ck_assert_int_eq(pthread_create(&w.thread, NULL, write_on, &w), 0);
    while (w.written == 0)
        (void)sched_yield();
    for (int i = 0, last = 0; i < 20; i++) {
        int before = w.written;

        unit_ok(store_backup(lab_path, file, &e));
        AUTO_FREE char *a = answer(file, "SELECT value FROM setting WHERE key = 'a'");
        ANSWER_EQ(file, "SELECT value FROM setting WHERE key = 'b'", a);
        ck_assert_int_ge(strtol(a, NULL, 10), before > last ? before : last);
        last = (int)strtol(a, NULL, 10);
        ck_assert_int_eq(unlink(file), 0);
    }
    w.is_over = true;
    ck_assert_int_eq(pthread_join(w.thread, &failed), 0);
    ck_assert_ptr_null(failed);
    lab_done();
}
END_TEST

START_TEST(judges)
{
    struct err why = ERR_INIT;
    enum store_verdict v;

    open_lab();
    ck_assert_int_eq(verdict_on(file), STORE_ABSENT);
    unit_ok(store_backup(lab_path, file, &e));
    damage(file);
    ck_assert_int_eq(verdict_on(file), STORE_BROKEN);
    ck_assert_int_eq(truncate(file, 0), 0);
    ck_assert_int_eq(verdict_on(file), STORE_BROKEN);
    ck_assert_int_eq(unlink(file), 0);
    store_close(store);
    store = NULL;
    lab_exec("PRAGMA user_version = 999");
    unit_fails(store_judge(lab_path, &v, &why, &e), ERR_CONFIG);
    lab_exec("PRAGMA user_version = 1; PRAGMA application_id = 5");
    unit_fails(store_judge(lab_path, &v, &why, &e), ERR_CONFIG);
    lab_done();
}
END_TEST

START_TEST(restores)
{
    AUTO_FREE char *aside = NULL;
    AUTO_FREE char *nothing = NULL;

    open_lab();
    LAB_WRITE(store_setting_set(t, "a", "old", &e));
    unit_ok(store_backup(lab_path, file, &e));
    LAB_WRITE(store_setting_set(t, "a", "new", &e));
    store_close(store);
    store = NULL;
    unit_ok(store_copy_backup(lab_path, file, &e));
    unit_fails(store_adopt_new(lab_path, &e), ERR_CONFLICT);
    unit_ok(store_set_aside(lab_path, "replaced", &aside, &e));
    unit_ok(store_adopt_new(lab_path, &e));
    ANSWER_EQ(aside, "SELECT value FROM setting WHERE key = 'a'", "new");
    unit_ok(store_open(lab_path, &store, &e));
    LAB_ASK_EQ("SELECT value FROM setting WHERE key = 'a'", "old");
    store_close(store);
    store = NULL;
    ck_assert_int_eq(unlink(lab_path), 0);
    unit_ok(store_set_aside(lab_path, "replaced", &nothing, &e));
    ck_assert_ptr_null(nothing);
    lab_done();
}
END_TEST

/* The sizes that a copy was cut to, and a page in its middle. */
START_TEST(refuses_a_damaged_backup)
{
    open_lab();
    unit_fails(store_copy_backup(lab_path, file, &e), ERR_NOT_FOUND);
    for (int i = 0; i < 4; i++) {
        AUTO_FREE char *copy = str_printf("%s.new", lab_path);

        unit_ok(store_backup(lab_path, file, &e));
        if (i == 0)
            damage(file);
        else if (i == 1)
            ck_assert_int_eq(truncate(file, 3 * 4096), 0);
        else if (i == 2)
            ck_assert_int_eq(truncate(file, 0), 0);
        else {
            AUTO_CLOSE int fd = open(file, O_WRONLY | O_CLOEXEC);
            char junk[4096];

            memset(junk, 0xa5, sizeof junk);
            ck_assert_int_eq(pwrite(fd, junk, sizeof junk, 4096), sizeof junk);
        }
        unit_fails(store_copy_backup(lab_path, file, &e), ERR_CONFIG);
        ck_assert_int_eq(access(copy, F_OK), -1);
        ck_assert_int_eq(unlink(file), 0);
    }
    unit_ok(store_check(store, &e));
    lab_done();
}
END_TEST

START_TEST(projects_come_back)
{
    AUTO_FREE char *name = NULL;
    hex32_text id, now;

    open_lab();
    id_hex32(id);
    LAB_FAILS(store_project_name(t, id, &name, &e), ERR_NOT_FOUND);
    LAB_WRITE(store_project_restore(t, id, "default", &e));
    LAB_READ(store_project_default(t, now, &e));
    ck_assert_str_eq(now, id);
    LAB_READ(store_project_name(t, id, &name, &e));
    ck_assert_str_eq(name, "default");
    id_hex32(id);
    LAB_WRITE(store_project_restore(t, id, "other", &e));
    LAB_ASK_EQ("SELECT count(*) FROM project", "2");
    lab_done();
}
END_TEST

UNIT_MAIN("store_backup", copies_what_is_in_use, copies_during_writes, judges, restores, refuses_a_damaged_backup,
          projects_come_back)
