/* What a running step tells clients: written with the row, not too often, and never at the step's cost. */
#include <sqlite3.h>

#include "job_world.h"

enum { FIRST_PERCENT = 40, DROPPED_PERCENT = 50, NEXT_PERCENT = 60, LOOK_EVERY_MS = 20 };

static struct seen {
    uint32_t first, second, next;
    int64_t gap_ms; /* between the first report that was written and the next */
    bool was_busy;
} seen;

static uint32_t percent_of(const struct job_run *r)
{
    AUTO(job) j = world_job(r->job->id);

    return j->progress;
}

static void pause_ms(int64_t ms)
{
    HOLD(&world.lock);

    (void)cond_wait_ms(&world.changed, &world.lock, ms);
}

static int run_reports(struct job_run *r, struct err *e)
{
    int64_t began_ms = clock_boot_ms();

    (void)e;
    job_report(r, FIRST_PERCENT, "{\"bytes\":1}");
    seen.first = percent_of(r);
    job_report(r, DROPPED_PERCENT, "{\"bytes\":2}");
    seen.second = percent_of(r);
    while ((seen.next = percent_of(r)) != NEXT_PERCENT && clock_boot_ms() - began_ms < WORLD_PATIENCE_MS) {
        pause_ms(LOOK_EVERY_MS);
        job_report(r, NEXT_PERCENT, "{\"bytes\":3}");
    }
    seen.gap_ms = clock_boot_ms() - began_ms;
    return 0;
}

/* The database is somebody else's meanwhile. */
static int run_busy(struct job_run *r, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_write(world.store, &t, e) < 0)
        return -1;
    job_report(r, FIRST_PERCENT, "{\"bytes\":1}");
    seen.was_busy = true;
    return 0;
}

static int run_too_much(struct job_run *r, struct err *e)
{
    (void)e;
    job_report(r, 4711, "{\"bytes\":1}");
    seen.first = percent_of(r);
    return 0;
}

static const struct job_step report_steps[] = { { "report", run_reports, NULL, 70 } };
static const struct job_step busy_steps[] = { { "busy", run_busy, NULL, 70 } };
static const struct job_step much_steps[] = { { "much", run_too_much, NULL, 70 } };
static const struct job_kind report_kind = { .name = "test.report", .steps = report_steps, .step_count = 1 };
static const struct job_kind busy_kind = { .name = "test.busy", .steps = busy_steps, .step_count = 1 };
static const struct job_kind much_kind = { .name = "test.much", .steps = much_steps, .step_count = 1 };
static const struct job_kind *const kinds[] = { &report_kind, &busy_kind, &much_kind, NULL };

static struct job *run(const char *path, const char *kind)
{
    struct err e = ERR_INIT;
    uuid_text id;

    world_open(path);
    jobs_free(world.jobs);
    unit_ok(jobs_new(world.store, world.timer, &world.config, kinds, &world, &world.jobs, &e));
    world_start();
    world_submit(kind, "", id);
    return world_await_end(id);
}

START_TEST(is_written_at_most_once_a_second)
{
    AUTO(job) j = run(":memory:", "test.report");

    ck_assert_str_eq(job_status_to_string(j->status), "succeeded");
    ck_assert_uint_eq(seen.first, FIRST_PERCENT);
    ck_assert_uint_eq(seen.second, FIRST_PERCENT);
    ck_assert_uint_eq(seen.next, NEXT_PERCENT);
    ck_assert_int_ge(seen.gap_ms, 1000);
    ck_assert_str_eq(j->details, "{\"bytes\":3}");
    world_close();
}
END_TEST

/* Both reports were written: submit, claim, the first report and the end have made an event each. */
START_TEST(makes_an_event_more_seldom)
{
    char dir[] = "/tmp/computed-job-XXXXXX", path[64], sql[256];
    sqlite3_stmt *st = NULL;
    sqlite3 *db = NULL;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/computed.db", dir);
    AUTO(job) j = run(path, "test.report");
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM event WHERE type = 'operation.updated' AND resource = '%s'", j->id);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(st, 0), 4);
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
    world_close();
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(does_not_fail_the_step)
{
    AUTO(job) j = run(":memory:", "test.busy");

    ck_assert_str_eq(job_status_to_string(j->status), "succeeded");
    ck_assert(seen.was_busy);
    ck_assert_str_eq(j->details, "{}");
    world_close();
}
END_TEST

START_TEST(is_at_most_all)
{
    AUTO(job) j = run(":memory:", "test.much");

    ck_assert_str_eq(job_status_to_string(j->status), "succeeded");
    ck_assert_uint_eq(seen.first, 100);
    world_close();
}
END_TEST

UNIT_MAIN("job_report", is_written_at_most_once_a_second, makes_an_event_more_seldom, does_not_fail_the_step, is_at_most_all)
