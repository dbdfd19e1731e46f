/* Migrations: run once and in order, copied first, undone when they fail; and each statement of the room uses an index. */
#include <sys/stat.h>

#include "../../src/store/migrate.h"
#include "../../src/store/statement.h"
#include "store_lab.h"

static int add_row(sqlite3 *db, struct err *err)
{
    (void)err;
    return sqlite3_exec(db, "INSERT INTO one VALUES (2)", NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

static int refuse(sqlite3 *db, struct err *err)
{
    (void)db;
    return err_set(err, ERR_INTERNAL, "no");
}

static const struct migration items[] = {
    { "CREATE TABLE one (n INTEGER) STRICT; INSERT INTO one VALUES (1)", NULL },
    { "CREATE TABLE two (n INTEGER) STRICT", add_row },
    { "CREATE TABLE three (n INTEGER) STRICT", refuse },
};

static int migrate_to(int count)
{
    struct migration_list list = { items, count };
    sqlite3 *db = lab_sqlite();
    int rc;

    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
    rc = migrate(db, lab_path, &list, &e);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    return rc;
}

static void copy_name(char *out, size_t size, int version)
{
    (void)snprintf(out, size, "%s.before-%d", lab_path, version);
}

START_TEST(a_new_file_needs_no_copy)
{
    char copy[128];

    lab_make_dir();
    unit_ok(migrate_to(2));
    LAB_ASK_EQ("PRAGMA user_version", "2");
    LAB_ASK_EQ("SELECT n FROM one ORDER BY n", "1,2");
    copy_name(copy, sizeof(copy), 0);
    ck_assert_int_eq(access(copy, F_OK), -1);
    lab_done();
}
END_TEST

START_TEST(an_old_file_is_copied_first)
{
    char copy[128], *rows;
    struct stat st;

    lab_make_dir();
    unit_ok(migrate_to(1));
    unit_ok(migrate_to(2));
    LAB_ASK_EQ("SELECT n FROM one ORDER BY n", "1,2");
    copy_name(copy, sizeof(copy), 1);
    ck_assert_int_eq(stat(copy, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    rows = lab_ask(copy, "SELECT group_concat(n) FROM one UNION ALL SELECT count(*) FROM sqlite_schema WHERE name = 'two'");
    ck_assert_str_eq(rows, "1,0");
    free(rows);
    lab_done();
}
END_TEST

START_TEST(what_was_run_is_not_run_again)
{
    lab_make_dir();
    unit_ok(migrate_to(2));
    unit_ok(migrate_to(2));
    LAB_ASK_EQ("SELECT count(*) FROM one", "2");
    lab_done();
}
END_TEST

START_TEST(a_failed_one_leaves_nothing)
{
    lab_make_dir();
    unit_ok(migrate_to(2));
    unit_fails(migrate_to(3), ERR_INTERNAL);
    ck_assert_str_eq(e.msg, "bring the database to version 3: no");
    LAB_ASK_EQ("PRAGMA user_version", "2");
    LAB_ASK_EQ("SELECT count(*) FROM sqlite_schema WHERE name = 'three'", "0");
    lab_done();
}
END_TEST

START_TEST(a_newer_one_is_refused)
{
    lab_make_dir();
    unit_ok(migrate_to(2));
    unit_fails(migrate_to(1), ERR_CONFIG);
    LAB_ASK_EQ("PRAGMA user_version", "2");
    lab_done();
}
END_TEST

/* Sorting of what is few, flavors, roles, open jobs and rows that share a name; and scans in order that end at the first row that
 * fits. */
static const struct {
    const char *plan;
    const char *sql;
} meant[] = {
    { "SCAN flavor", "FROM flavor ORDER BY vcpus" },
    { "USE TEMP B-TREE FOR ORDER BY", "FROM flavor ORDER BY vcpus" },
    { "USE TEMP B-TREE FOR ORDER BY", "FROM vm WHERE name = ?2" },
    { "USE TEMP B-TREE FOR ORDER BY", "FROM image WHERE name = ?1" },
    { "USE TEMP B-TREE FOR ORDER BY", "FROM json_each(?1) AS wanted" },
    { "SCAN wanted VIRTUAL TABLE INDEX 1:", "FROM json_each(?1) AS wanted" },
    { "SCAN event", "ORDER BY seq LIMIT 1" },
    { "SCAN event", "ORDER BY seq DESC LIMIT 1" },
    { "SCAN audit", "ORDER BY seq LIMIT 1" },
    { "SCAN audit", "ORDER BY seq DESC LIMIT 1" },
    { "SCAN sqlite_sequence", "FROM sqlite_sequence" },
    { "SCAN r", "FROM role r ORDER BY" },
    { "USE TEMP B-TREE FOR ORDER BY", "FROM role r ORDER BY" },
    { "USE TEMP B-TREE FOR ORDER BY", "FROM role_assignment a JOIN role" },
    { "USE TEMP B-TREE FOR GROUP BY", "FROM job WHERE status = 'pending' GROUP BY kind" },
    { "USE TEMP B-TREE FOR count(DISTINCT)", "FROM role_assignment a JOIN role" },
};

static bool is_meant(const char *plan, const char *sql)
{
    for (size_t i = 0; i < ARRAY_LEN(meant); i++)
        if (strcmp(plan, meant[i].plan) == 0 && strstr(sql, meant[i].sql))
            return true;
    return false;
}

/* The steps of a statement's plan, one a line; the caller frees. */
static char *plan_of(sqlite3 *db, const char *sql)
{
    char *explain = str_printf("EXPLAIN QUERY PLAN %s", sql);
    struct buf plan = { 0 };
    sqlite3_stmt *st = NULL;

    ck_assert_msg(sqlite3_prepare_v2(db, explain, -1, &st, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    while (sqlite3_step(st) == SQLITE_ROW)
        buf_addf(&plan, "%s\n", (const char *)sqlite3_column_text(st, 3));
    (void)sqlite3_finalize(st);
    free(explain);
    buf_adds(&plan, "");
    return buf_take(&plan);
}

static void check_step(const char *step, const char *sql)
{
    bool is_scan = str_starts_with(step, "SCAN ") && !strstr(step, "USING") && strcmp(step, "SCAN CONSTANT ROW") != 0;

    ck_assert_msg((!is_scan && !strstr(step, "TEMP B-TREE")) || is_meant(step, sql), "%s: %s", step, sql);
}

/* The statements name a function that each connection of the store has; here it only has to exist. */
static void version_stub(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    sqlite3_result_int64(ctx, 1);
}

START_TEST(every_statement_has_its_index)
{
    sqlite3 *db;

    lab_open_file();
    db = lab_sqlite();
    (void)sqlite3_create_function(db, "next_vm_version", 0, SQLITE_UTF8, NULL, version_stub, NULL, NULL);
    for (int m = STMT_TXN + 1; m < STMT_MODULE_COUNT; m++)
        for (int i = 0; i < stmt_tables[m]->count; i++) {
            char *plan = plan_of(db, stmt_tables[m]->sql[i]), *rest = plan;

            for (const char *step; (step = strsep(&rest, "\n"));)
                check_step(step, stmt_tables[m]->sql[i]);
            free(plan);
        }
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    lab_done();
}
END_TEST

/* Workers ask often, and history is long. */
START_TEST(a_claim_reads_pending_jobs_only)
{
    const struct stmt_table *table = stmt_tables[STMT_JOB];
    int claims = 0;
    sqlite3 *db;

    lab_open_file();
    db = lab_sqlite();
    for (int i = 0; i < table->count; i++) {
        char *plan = strstr(table->sql[i], "RETURNING") ? plan_of(db, table->sql[i]) : NULL;

        if (plan && ++claims)
            ck_assert_msg(strstr(plan, "SEARCH job USING INDEX job_pending") && !strstr(plan, "TEMP"), "%s", plan);
        free(plan);
    }
    ck_assert_int_eq(claims, 1);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    lab_done();
}
END_TEST

/* Two VMs on one image, one with a task and a fault, a job, and an answer that is kept. */
static const char first_rows[] =
    "INSERT INTO image SELECT '10000000-0000-4000-8000-000000000000', 'tiny', id, 1, 'qcow2', 'active', NULL, 1, 2,"
    "  '0123456789012345678901234567890123456789012345678901234567890123', NULL, 3, 4 FROM project;"
    "INSERT INTO vm SELECT '20000000-0000-4000-8000-000000000001', 'web', id, 'error', 'crashed', 'vm.stop',"
    "  '30000000-0000-4000-8000-000000000001', 'small', 1, 1024, 10, '10000000-0000-4000-8000-000000000000', 'tiny', "
    "'{\"a\":\"b\"}',"
    "  '[\"t\"]', 1, 0, 'internal', 'message', 'detail', 5, 6, 7, 8 FROM project;"
    "INSERT INTO vm SELECT '20000000-0001-4000-8000-000000000002', 'web', id, 'running', NULL, NULL, NULL, NULL, 2, 2048, 20,"
    "  '10000000-0000-4000-8000-000000000000', 'tiny', '{}', '[]', 0, 1, NULL, NULL, NULL, 5, 7, 8, 9 FROM project;"
    "INSERT INTO job SELECT '30000000-0000-4000-8000-000000000001', 'vm.stop', 'ann', id, 0, NULL, NULL,"
    "  '20000000-0000-4000-8000-000000000001', 'pending', 'forward', 0, 0, 0, '{}', 0, NULL, 1000, 0, NULL, 0, NULL, NULL, NULL,"
    "  1, 0, 1, 0 FROM project;"
    "INSERT INTO idempotency SELECT id, 'key', 'POST /v1/vms', 'sha', 202, '{}', NULL, 5 FROM project;";

static void make_first_version(void)
{
    const struct migration_list first = { store_migrations.items, 1 };
    sqlite3 *db = lab_sqlite();

    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
    unit_ok(migrate(db, lab_path, &first, &e));
    ck_assert_msg(sqlite3_exec(db, first_rows, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

static void check_first_vm(void)
{
    struct vm *vm = NULL;

    LAB_READ(store_vm_get(t, NULL, "20000000-0000-4000-8000-000000000001", &vm, &e));
    ck_assert_str_eq(vm->name, "web");
    ck_assert_str_eq(vm->hostname, "vm-20000000-0000");
    ck_assert_str_eq(vm->project, project);
    ck_assert_int_eq(vm->status, VM_ERROR);
    ck_assert_str_eq(vm->status_reason, "crashed");
    ck_assert_int_eq(vm->task, VM_TASK_STOP);
    ck_assert_str_eq(vm->job, "30000000-0000-4000-8000-000000000001");
    ck_assert_str_eq(vm->flavor, "small");
    ck_assert_uint_eq(vm->vcpus, 1);
    ck_assert_uint_eq(vm->memory_mib, 1024);
    ck_assert_uint_eq(vm->disk_gib, 10);
    ck_assert_str_eq(vm->image_name, "tiny");
    ck_assert_str_eq(vm->metadata, "{\"a\":\"b\"}");
    ck_assert_str_eq(vm->tags, "[\"t\"]");
    ck_assert(vm->autostart && !vm->is_name_unique && !vm->is_locked);
    ck_assert_ptr_null(vm->keypair);
    ck_assert_int_eq(vm->expires_at_ms + vm->ready_at_ms, 0);
    ck_assert_str_eq(vm->fault.code, "internal");
    ck_assert_str_eq(vm->fault.message, "message");
    ck_assert_str_eq(vm->fault.detail, "detail");
    ck_assert_int_eq(vm->observed_at_ms, 5);
    ck_assert_int_eq(vm->created_at_ms, 6);
    ck_assert_int_eq(vm->updated_at_ms, 7);
    ck_assert_int_eq(vm->row_version, 8);
    vm_free(vm);
}

START_TEST(the_first_version_keeps_its_rows)
{
    struct image *image = NULL;
    char copy[128];

    lab_make_dir();
    make_first_version();
    lab_open(lab_path);
    check_first_vm();
    LAB_READ(store_image_get(t, project, "10000000-0000-4000-8000-000000000000", &image, &e));
    ck_assert_str_eq(image->properties, "{}");
    ck_assert_uint_eq(image->min_disk_gib + image->min_memory_mib, 0);
    image_free(image);
    LAB_ASK_EQ("SELECT hostname FROM vm ORDER BY id", "vm-20000000-0000,vm-20000000-0001");
    LAB_ASK_EQ("SELECT details FROM job", "{}");
    LAB_ASK_EQ("SELECT user_id || key || request || body_sha256 || status || answer || created_at_ms FROM idempotency",
               "keyPOST /v1/vmssha202{}5");
    LAB_ASK_EQ("SELECT count(*) FROM pragma_foreign_key_check", "0");
    LAB_ASK_EQ("PRAGMA integrity_check", "ok");
    /* What refers to the old table by name would refer to nothing. */
    LAB_ASK_EQ("SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%vm\\_2%' ESCAPE '\\'", "0");
    copy_name(copy, sizeof(copy), 1);
    ck_assert_int_eq(access(copy, F_OK), 0);
    lab_done();
}
END_TEST

UNIT_MAIN("store_migrate", the_first_version_keeps_its_rows, a_new_file_needs_no_copy, an_old_file_is_copied_first,
          what_was_run_is_not_run_again, a_failed_one_leaves_nothing, a_newer_one_is_refused, every_statement_has_its_index,
          a_claim_reads_pending_jobs_only)
