/* The store itself: what it opens and refuses, snapshots, rollback, waiting, hooks, a full disk, another program's lock. */
#include <pthread.h>
#include <sys/stat.h>

#include "../../src/store/txn.h"
#include "store_lab.h"

START_TEST(a_new_file_is_private)
{
    struct stat st;

    lab_open_file();
    ck_assert_int_eq(stat(lab_path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    LAB_ASK_EQ("SELECT length(id) FROM project WHERE name = 'default'", "32");
    LAB_ASK_EQ("PRAGMA journal_mode", "wal");
    LAB_ASK_EQ("PRAGMA application_id", "1131245636");
    unit_ok(store_check(store, &e));
    lab_done();
}
END_TEST

START_TEST(the_default_project_stays)
{
    hex32_text first;

    lab_open_file();
    memcpy(first, project, sizeof(first));
    store_close(store);
    lab_open(lab_path);
    ck_assert_str_eq(project, first);
    ck_assert(str_is_hex(project, 32));
    lab_done();
}
END_TEST

START_TEST(connections_are_set_up)
{
    static const struct {
        const char *pragma;
        int value;
    } wanted[] = {
        { "PRAGMA synchronous", 2 }, { "PRAGMA foreign_keys", 1 }, { "PRAGMA trusted_schema", 0 }, { "PRAGMA cache_size", -512 }
    };
    struct txn *transactions[2];

    lab_open_file();
    transactions[0] = lab_read();
    transactions[1] = lab_write();
    for (size_t i = 0; i < 2 * ARRAY_LEN(wanted); i++) {
        sqlite3_stmt *st = NULL;

        ck_assert_int_eq(sqlite3_prepare_v2(transactions[i % 2]->conn->db, wanted[i / 2].pragma, -1, &st, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
        ck_assert_int_eq(sqlite3_column_int(st, 0), wanted[i / 2].value);
        (void)sqlite3_finalize(st);
    }
    txn_free(transactions[0]);
    txn_free(transactions[1]);
    lab_done();
}
END_TEST

static void write_file(const char *text, size_t len)
{
    FILE *f = fopen(lab_path, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(garbage_is_refused)
{
    char garbage[8192];

    lab_make_dir();
    memset(garbage, 'x', sizeof(garbage));
    write_file(garbage, sizeof(garbage));
    unit_fails(store_open(lab_path, &store, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.msg, "not a SQLite database"));
    ck_assert_ptr_null(strstr(e.msg, lab_dir));
    ck_assert_ptr_nonnull(strstr(e.detail, lab_path));
    lab_done();
}
END_TEST

START_TEST(damage_is_refused)
{
    char zeros[4096] = { 0 };
    FILE *f;

    lab_open_file();
    store_close(TAKE(store));
    f = fopen(lab_path, "r+");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, 3 * 4096, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(zeros, 1, sizeof(zeros), f), sizeof(zeros));
    ck_assert_int_eq(fclose(f), 0);
    unit_fails(store_open(lab_path, &store, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.msg, "damaged"));
    lab_done();
}
END_TEST

START_TEST(a_newer_database_is_refused)
{
    lab_open_file();
    store_close(TAKE(store));
    lab_exec("PRAGMA user_version = 99");
    unit_fails(store_open(lab_path, &store, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.msg, "version 99"));
    LAB_ASK_EQ("PRAGMA user_version", "99");
    lab_done();
}
END_TEST

START_TEST(another_programs_database_is_refused)
{
    lab_make_dir();
    lab_exec("CREATE TABLE diary (day TEXT)");
    unit_fails(store_open(lab_path, &store, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.msg, "another program"));
    LAB_ASK_EQ("PRAGMA journal_mode", "delete");
    lab_done();
}
END_TEST

START_TEST(a_missing_directory_is_refused)
{
    unit_fails(store_open("/nonexistent/computed.db", &store, &e), ERR_CONFIG);
}
END_TEST

static char *setting(struct txn *t, const char *key)
{
    char *value = NULL;

    unit_ok(store_setting_find(t, key, &value, &e));
    return value;
}

static void assert_setting(struct txn *t, const char *key, const char *expected)
{
    char *value = setting(t, key);

    ck_assert_pstr_eq(value, expected);
    free(value);
}

START_TEST(a_read_is_a_snapshot)
{
    struct txn *before;

    lab_open_file();
    LAB_WRITE(store_setting_set(t, "k", "old", &e));
    before = lab_read();
    assert_setting(before, "k", "old");
    LAB_WRITE(store_setting_set(t, "k", "new", &e));
    assert_setting(before, "k", "old");
    txn_free(before);
    before = lab_read();
    assert_setting(before, "k", "new");
    txn_free(before);
    lab_done();
}
END_TEST

static void rolls_back(void)
{
    struct txn *t = lab_write();

    unit_ok(store_setting_set(t, "k", "v", &e));
    assert_setting(t, "k", "v");
    txn_free(t);
    t = lab_read();
    assert_setting(t, "k", NULL);
    txn_free(t);
}

START_TEST(free_rolls_back)
{
    lab_open_file();
    rolls_back();
    lab_done();
}
END_TEST

START_TEST(free_rolls_back_in_memory)
{
    lab_open_memory();
    rolls_back();
    lab_done();
}
END_TEST

START_TEST(a_read_cannot_write)
{
    struct txn *t;

    lab_open_file();
    t = lab_read();
    unit_fails(store_setting_set(t, "k", "v", &e), ERR_INTERNAL);
    txn_free(t);
    lab_done();
}
END_TEST

START_TEST(a_committed_transaction_is_over)
{
    struct txn *t;

    lab_open_memory();
    t = lab_write();
    unit_ok(txn_commit(t, &e));
    unit_fails(txn_commit(t, &e), ERR_INTERNAL);
    txn_free(t);
    lab_done();
}
END_TEST

START_TEST(waiting_for_the_writer_has_a_deadline)
{
    struct txn *t, *second = NULL;
    int64_t began;

    lab_open_file();
    store_set_wait_ms(store, 50);
    t = lab_write();
    began = clock_boot_ms();
    unit_fails(txn_write(store, &second, &e), ERR_UNAVAILABLE);
    ck_assert_int_ge(clock_boot_ms() - began, 50);
    ck_assert_int_lt(clock_boot_ms() - began, 2000);
    unit_fails(store_check(store, &e), ERR_UNAVAILABLE);
    txn_free(t);
    unit_ok(store_check(store, &e));
    lab_done();
}
END_TEST

START_TEST(waiting_for_a_reader_has_a_deadline)
{
    struct txn *readers[CONN_POOL_MAX], *more = NULL;

    lab_open_file();
    store_set_wait_ms(store, 50);
    for (int i = 0; i < CONN_POOL_MAX; i++)
        readers[i] = lab_read();
    unit_fails(txn_read(store, &more, &e), ERR_UNAVAILABLE);
    LAB_WRITE(store_setting_set(t, "k", "v", &e));
    for (int i = 0; i < CONN_POOL_MAX; i++)
        txn_free(readers[i]);
    LAB_READ(store_project_default(t, project, &e));
    lab_done();
}
END_TEST

static void *write_once(void *arg)
{
    struct err mine = ERR_INIT;
    struct txn *t = NULL;
    int *rc = arg;

    *rc = txn_write(store, &t, &mine) < 0 || txn_commit(t, &mine) < 0 ? -1 : 0;
    txn_free(t);
    return NULL;
}

START_TEST(a_waiting_writer_gets_its_turn)
{
    pthread_t thread;
    struct txn *t;
    int rc = -1;

    lab_open_file();
    t = lab_write();
    ck_assert_int_eq(pthread_create(&thread, NULL, write_once, &rc), 0);
    unit_ok(store_setting_set(t, "k", "v", &e));
    lab_commit(t);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(rc, 0);
    lab_done();
}
END_TEST

/* Another process: takes the database's lock, says so, and keeps it until the pipe closes. */
static pid_t start_locker(int *ready, int *release)
{
    int to_child[2], from_child[2];
    pid_t pid;

    ck_assert_int_eq(pipe(to_child), 0);
    ck_assert_int_eq(pipe(from_child), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        sqlite3 *db = NULL;
        char c = 'x';

        (void)close(to_child[1]);
        if (sqlite3_open(lab_path, &db) || sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL))
            _exit(1);
        if (write(from_child[1], &c, 1) != 1)
            _exit(1);
        (void)!read(to_child[0], &c, 1);
        _exit(0);
    }
    (void)close(to_child[0]);
    (void)close(from_child[1]);
    *ready = from_child[0];
    *release = to_child[1];
    return pid;
}

START_TEST(another_programs_lock_has_a_deadline)
{
    struct txn *refused = NULL;
    int ready, release;
    int64_t began;
    pid_t pid;
    char c;

    lab_make_dir();
    unit_ok(store_open(lab_path, &store, &e));
    store_close(TAKE(store));
    pid = start_locker(&ready, &release);
    ck_assert_int_eq(read(ready, &c, 1), 1);
    lab_open(lab_path);
    store_set_wait_ms(store, 100);
    began = clock_boot_ms();
    unit_fails(txn_write(store, &refused, &e), ERR_UNAVAILABLE);
    ck_assert_int_ge(clock_boot_ms() - began, 100);
    ck_assert_int_lt(clock_boot_ms() - began, 2000);
    LAB_READ(store_project_default(t, project, &e));

    (void)close(release);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    (void)close(ready);
    store_set_wait_ms(store, 5000);
    LAB_WRITE(store_setting_set(t, "k", "v", &e));
    lab_done();
}
END_TEST

static void set_page_limit(sqlite3 *db, const char *pragma)
{
    ck_assert_int_eq(sqlite3_exec(db, pragma, NULL, NULL, NULL), SQLITE_OK);
}

START_TEST(a_full_disk_takes_the_transaction_with_it)
{
    char *large = malloc(1 << 20);
    struct txn *t;

    lab_open_file();
    ck_assert_ptr_nonnull(large);
    memset(large, 'x', (1 << 20) - 1);
    large[(1 << 20) - 1] = '\0';
    t = lab_write();
    set_page_limit(t->conn->db, "PRAGMA max_page_count = 100");
    unit_ok(store_setting_set(t, "small", "v", &e));
    unit_fails(store_setting_set(t, "large", large, &e), ERR_DISK_FULL);
    /* What would come next must not commit alone. */
    unit_fails(store_setting_set(t, "after", "v", &e), ERR_INTERNAL);
    unit_fails(txn_commit(t, &e), ERR_INTERNAL);
    txn_free(t);

    t = lab_write();
    set_page_limit(t->conn->db, "PRAGMA max_page_count = 1073741823");
    assert_setting(t, "small", NULL);
    assert_setting(t, "after", NULL);
    unit_ok(store_setting_set(t, "large", large, &e));
    lab_commit(t);
    free(large);
    lab_done();
}
END_TEST

static int hook_calls;

static void count_hook(void *arg)
{
    hook_calls += *(int *)arg;
}

/* Works only when the connection was given back before. */
static void writing_hook(void *arg)
{
    (void)arg;
    LAB_WRITE(store_setting_set(t, "hook", "ran", &e));
}

START_TEST(hooks_run_after_the_commit)
{
    int one = 1, ten = 10;
    struct txn *t;

    lab_open_memory();
    t = lab_write();
    unit_ok(txn_after_commit(t, count_hook, &one, &e));
    unit_ok(txn_after_commit(t, writing_hook, NULL, &e));
    ck_assert_int_eq(hook_calls, 0);
    lab_commit(t);
    ck_assert_int_eq(hook_calls, 1);
    t = lab_write();
    assert_setting(t, "hook", "ran");
    unit_ok(txn_after_commit(t, count_hook, &ten, &e));
    txn_free(t);
    ck_assert_int_eq(hook_calls, 1);
    lab_done();
}
END_TEST

START_TEST(hooks_are_bounded)
{
    int ones[17];
    struct txn *t;

    lab_open_memory();
    t = lab_write();
    for (int i = 0; i < 17; i++)
        ones[i] = 1;
    for (int i = 0; i < 16; i++) {
        unit_ok(txn_after_commit(t, count_hook, &ones[i], &e));
        unit_ok(txn_after_commit(t, count_hook, &ones[i / 2], &e)); /* the same again is no further one */
    }
    unit_fails(txn_after_commit(t, count_hook, &ones[16], &e), ERR_INTERNAL);
    lab_commit(t);
    ck_assert_int_eq(hook_calls, 16);
    lab_done();
}
END_TEST

#ifdef COMPUTED_FAILPOINTS
START_TEST(a_failed_commit_did_nothing)
{
    int one = 1;
    struct txn *t;

    ck_assert_int_eq(setenv("COMPUTED_FAILPOINTS", "store.commit.before=error(disk_full),nth=1,once", 1), 0);
    lab_open_memory();
    t = lab_write();
    unit_ok(store_setting_set(t, "k", "v", &e));
    unit_ok(txn_after_commit(t, count_hook, &one, &e));
    unit_fails(txn_commit(t, &e), ERR_DISK_FULL);
    txn_free(t);
    ck_assert_int_eq(hook_calls, 0);
    t = lab_write();
    assert_setting(t, "k", NULL);
    lab_commit(t);
    lab_done();
}
END_TEST
#else
#define a_failed_commit_did_nothing hooks_are_bounded
#endif

UNIT_MAIN("store_store", a_new_file_is_private, the_default_project_stays, connections_are_set_up, garbage_is_refused,
          damage_is_refused, a_newer_database_is_refused, another_programs_database_is_refused, a_missing_directory_is_refused,
          a_read_is_a_snapshot, free_rolls_back, free_rolls_back_in_memory, a_read_cannot_write, a_committed_transaction_is_over,
          waiting_for_the_writer_has_a_deadline, waiting_for_a_reader_has_a_deadline, a_waiting_writer_gets_its_turn,
          another_programs_lock_has_a_deadline, a_full_disk_takes_the_transaction_with_it, hooks_run_after_the_commit,
          hooks_are_bounded, a_failed_commit_did_nothing)
