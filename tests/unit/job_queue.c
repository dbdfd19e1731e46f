/* The queue: many jobs on several workers, order, wake-ups, who waits for an end, starting and stopping. */
#include "job_world.h"

enum { MANY = 64, WAITS_ALLOWED = 4096 };

START_TEST(runs_each_of_many_jobs_once)
{
    uuid_text ids[MANY];

    world.config.workers = 4;
    world_open(":memory:");
    world_start();
    for (int i = 0; i < MANY; i++)
        world_submit("test.make", "", ids[i]);
    for (int i = 0; i < MANY; i++) {
        AUTO(job) j = world_await_end(ids[i]);

        ck_assert_str_eq(job_status_to_string(j->status), "succeeded");
        ck_assert_uint_eq(world_counted("settled", ids[i]), 1);
    }
    world_close();
    ck_assert_int_eq(world.prepared, MANY);
}
END_TEST

START_TEST(runs_what_was_submitted_before_the_start)
{
    uuid_text id;

    world_open(":memory:");
    world_submit("test.make", "", id);
    world_assert_trace("");
    world_start();
    world_await_success(id);
    world_assert_trace("+a+b+c=ok");
    world_close();
}
END_TEST

START_TEST(does_not_run_what_was_rolled_back)
{
    struct err e = ERR_INIT;
    uuid_text gone, kept;

    world_open(":memory:");
    world_start();
    {
        AUTO(txn) t = NULL;
        unit_ok(txn_write(world.store, &t, &e));
        world_submit_in(t, "test.make", "", gone);
    }
    world_submit("test.make", "", kept);
    world_await_success(kept);
    world_assert_trace("+a+b+c=ok");
    world_close();
}
END_TEST

START_TEST(starts_a_successor_when_the_first_has_ended)
{
    uuid_text first, second;

    world.config.workers = 4;
    world_open(":memory:");
    world.hold = "+c";
    world_start();
    world_submit("test.make", "", first);
    world_await_hold();
    world_submit("test.drop", first, second);
    world_assert_trace("+a+b+c");
    world_release();
    world_await_success(second);
    world_assert_trace("+a+b+c=ok+a+b+c=ok");
    world_close();
}
END_TEST

START_TEST(starts_a_successor_of_a_failed_job_too)
{
    uuid_text first, second;

    world_open(":memory:");
    world.fault = (struct world_fault){ "+a", 1, ERR_HYPERVISOR };
    world_submit("test.make", "", first);
    world_submit("test.drop", first, second);
    world_start();
    world_await_success(second);
    world_assert_trace("+a-a=hypervisor+a+b+c=ok");
    world_close();
}
END_TEST

START_TEST(submits_known_kinds_only)
{
    struct err e = ERR_INIT;
    AUTO(txn) t = NULL;
    struct job j = { .kind = (char *)(uintptr_t) "test.future",
                     .params = (char *)(uintptr_t) "{}",
                     .details = (char *)(uintptr_t) "{}" };

    world_open(":memory:");
    unit_ok(txn_write(world.store, &t, &e));
    unit_fails(jobs_submit(world.jobs, t, &j, &e), ERR_INTERNAL);
    txn_free(TAKE(t));
    ck_assert(jobs_is_cancellable(world.jobs, "test.make"));
    ck_assert(!jobs_is_cancellable(world.jobs, "test.drop"));
    ck_assert(!jobs_is_cancellable(world.jobs, "test.future"));
    world_close();
}
END_TEST

START_TEST(fills_in_a_new_job)
{
    uuid_text id;

    world_open(":memory:");
    world_submit("test.make", "", id);
    AUTO(job) j = world_job(id);
    ck_assert(id_is_uuid(j->id));
    ck_assert_str_eq(job_status_to_string(j->status), "pending");
    ck_assert_int_eq(j->timeout_ms, 600 * 1000);
    ck_assert_int_gt(j->created_at_ms, 0);
    ck_assert_int_eq(j->started_at_ms, 0);
    world_close();
}
END_TEST

START_TEST(tells_at_once_who_waits_for_an_ended_job)
{
    struct err e = ERR_INIT;
    struct waiter w = { 0 };
    uuid_text id;

    world_open(":memory:");
    world_start();
    world_submit("test.make", "", id);
    world_await_success(id);
    unit_ok(jobs_wait(world.jobs, id, WORLD_PATIENCE_MS, waiter_called, &w, &e));
    ck_assert_int_eq(w.calls, 1);
    world_close();
    ck_assert_int_eq(w.calls, 1);
}
END_TEST

START_TEST(tells_when_the_time_is_over)
{
    struct err e = ERR_INIT;
    struct waiter w = { 0 };
    uuid_text id;

    world_open(":memory:"); /* not started: the job cannot end */
    world_submit("test.make", "", id);
    unit_ok(jobs_wait(world.jobs, id, 1, waiter_called, &w, &e));
    waiter_await(&w);
    world_close();
    ck_assert_int_eq(w.calls, 1);
}
END_TEST

START_TEST(tells_when_the_engine_stops)
{
    struct err e = ERR_INIT;
    struct waiter before = { 0 }, after = { 0 };
    uuid_text id;

    world_open(":memory:");
    world_submit("test.make", "", id);
    unit_ok(jobs_wait(world.jobs, id, WORLD_PATIENCE_MS, waiter_called, &before, &e));
    ck_assert_int_eq(before.calls, 0);
    ck_assert(jobs_stop(world.jobs, WORLD_PATIENCE_MS));
    ck_assert_int_eq(before.calls, 1);
    unit_ok(jobs_wait(world.jobs, id, WORLD_PATIENCE_MS, waiter_called, &after, &e));
    ck_assert_int_eq(after.calls, 1);
    world_close();
    ck_assert_int_eq(before.calls, 1);
}
END_TEST

START_TEST(refuses_to_wait_for_what_is_not_there)
{
    struct err e = ERR_INIT;
    struct waiter w = { 0 };

    world_open(":memory:");
    unit_fails(jobs_wait(world.jobs, "00000000-0000-4000-8000-000000000000", 1000, waiter_called, &w, &e),
               ERR_OPERATION_NOT_FOUND);
    world_close();
    ck_assert_int_eq(w.calls, 0);
}
END_TEST

START_TEST(bounds_the_number_of_waits)
{
    static struct waiter w[WAITS_ALLOWED + 1];
    struct err e = ERR_INIT;
    uuid_text id;

    world_open(":memory:");
    world_submit("test.make", "", id);
    for (int i = 0; i < WAITS_ALLOWED; i++)
        unit_ok(jobs_wait(world.jobs, id, WORLD_PATIENCE_MS, waiter_called, &w[i], &e));
    unit_fails(jobs_wait(world.jobs, id, WORLD_PATIENCE_MS, waiter_called, &w[WAITS_ALLOWED], &e), ERR_UNAVAILABLE);
    world_start();
    waiter_await(&w[0]);
    world_close();
    for (int i = 0; i < WAITS_ALLOWED; i++)
        ck_assert_int_eq(w[i].calls, 1);
    ck_assert_int_eq(w[WAITS_ALLOWED].calls, 0);
}
END_TEST

/* Ends, timeouts and the stop race for each wait: whoever wins, one call. */
START_TEST(calls_exactly_once_in_a_race)
{
    static struct waiter w[MANY][4];
    struct err e = ERR_INIT;
    uuid_text id;

    world.config.workers = 4;
    world_open(":memory:");
    world_start();
    for (int i = 0; i < MANY; i++) {
        world_submit("test.make", "", id);
        for (int k = 0; k < 4; k++)
            unit_ok(jobs_wait(world.jobs, id, k, waiter_called, &w[i][k], &e));
    }
    world_close();
    for (int i = 0; i < MANY; i++)
        for (int k = 0; k < 4; k++)
            ck_assert_int_eq(w[i][k].calls, 1);
}
END_TEST

START_TEST(says_when_a_step_does_not_return)
{
    uuid_text id;

    world_open(":memory:");
    world.hold = "+a";
    world_start();
    world_submit("test.make", "", id);
    world_await_hold();
    ck_assert(!jobs_stop(world.jobs, 1));
    world_release();
    world_close();
}
END_TEST

START_TEST(checks_its_configuration)
{
    static const struct jobs_config wrong[] = {
        { .workers = 0, .retry_min_ms = 1, .retry_max_ms = 1 },
        { .workers = 65, .retry_min_ms = 1, .retry_max_ms = 1 },
        { .workers = 1, .retry_min_ms = 0, .retry_max_ms = 1 },
        { .workers = 1, .retry_min_ms = 2, .retry_max_ms = 1 },
        { .workers = 1, .retry_min_ms = 1, .retry_max_ms = 1, .late_ms = -1 },
    };
    struct err e = ERR_INIT;
    AUTO(jobs) js = NULL;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        unit_fails(jobs_new(NULL, NULL, &wrong[i], world_kinds, NULL, &js, &e), ERR_CONFIG);
}
END_TEST

UNIT_MAIN("job_queue", runs_each_of_many_jobs_once, runs_what_was_submitted_before_the_start, does_not_run_what_was_rolled_back,
          starts_a_successor_when_the_first_has_ended, starts_a_successor_of_a_failed_job_too, submits_known_kinds_only,
          fills_in_a_new_job, tells_at_once_who_waits_for_an_ended_job, tells_when_the_time_is_over, tells_when_the_engine_stops,
          refuses_to_wait_for_what_is_not_there, bounds_the_number_of_waits, calls_exactly_once_in_a_race,
          says_when_a_step_does_not_return, checks_its_configuration)
