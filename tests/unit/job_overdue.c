/* Steps that do not come back: the job ends without them, the next one finds a thread, and what they do late is taken back. */
#include "job_world.h"

enum { SOON_MS = 300 };

/* A world whose steps have little time, and one thread to hang in. */
static void open_hasty(void)
{
    world.config = (struct jobs_config){
        .workers = 1, .retry_min_ms = 1, .retry_max_ms = 4, .undo_ms = SOON_MS, .late_ms = SOON_MS, .cancel_patience_ms = SOON_MS
    };
    world_open(":memory:");
    world_start();
}

/* The next pass of this act hangs; those after it do not. */
static void await_hang(const char *act, const char *kind, uuid_text id)
{
    world.hold = act;
    world_submit(kind, "", id);
    world_await_hold();
    HOLD(&world.lock);
    world.hold = NULL;
}

static void await_trace(const char *expected)
{
    HOLD(&world.lock);

    while (!str_equal(world.trace, expected))
        ck_assert_msg(cond_wait_ms(&world.changed, &world.lock, WORLD_PATIENCE_MS), "%s, not %s", world.trace, expected);
}

START_TEST(a_run_that_hangs_is_undone_without_it)
{
    uuid_text id;

    world.timeout_ms = SOON_MS;
    open_hasty();
    await_hang("+b", "test.make", id);
    AUTO(job) j = world_await_end(id);
    world_assert_failed(j, ERR_TIMEOUT);
    ck_assert_str_eq(j->error.message, "b did not come to an end in time");
    await_trace("+a+b-b-a=timeout");
    world_release();
    await_trace("+a+b-b-a=timeout-b");
    ck_assert_uint_eq(world_counted("settled", id), 1);
    ck_assert(world.saw_cancel);
    world_close();
}
END_TEST

START_TEST(another_thread_takes_its_place)
{
    uuid_text hanging, next;

    world.timeout_ms = SOON_MS;
    open_hasty();
    await_hang("+a", "test.make", hanging);
    await_trace("+a-a=timeout");
    world.timeout_ms = WORLD_PATIENCE_MS;
    world_submit("test.make", "", next);
    world_await_success(next);
    await_trace("+a-a=timeout+a+b+c=ok");
    world_release();
    await_trace("+a-a=timeout+a+b+c=ok-a");
    world_close();
}
END_TEST

START_TEST(what_waits_for_it_goes_on)
{
    struct err e = ERR_INIT;
    uuid_text hanging, after;

    open_hasty();
    await_hang("+a", "test.make", hanging);
    world_submit("test.drop", hanging, after);
    unit_ok(world_cancel(hanging, &e));
    world_await_success(after);
    AUTO(job) j = world_job(hanging);
    world_assert_failed(j, ERR_CANCELLED);
    world_release();
    await_trace("+a-a=cancelled+a+b+c=ok-a");
    world_close();
}
END_TEST

START_TEST(a_retried_kind_tries_again_beside_it)
{
    uuid_text id;

    world.timeout_ms = SOON_MS;
    open_hasty();
    await_hang("+b", "test.drop", id);
    world_await_success(id);
    await_trace("+a+b~+b+c=ok");
    world_release();
    world_close();
    world_assert_trace("+a+b~+b+c=ok");
}
END_TEST

START_TEST(an_undo_that_hangs_is_tried_again)
{
    uuid_text id;

    open_hasty();
    world.fault = (struct world_fault){ "+c", 1, ERR_HYPERVISOR };
    await_hang("-b", "test.make", id);
    AUTO(job) j = world_await_end(id);
    world_assert_failed(j, ERR_HYPERVISOR);
    await_trace("+a+b+c-c-b-b-a=hypervisor");
    world_release();
    world_close();
    world_assert_trace("+a+b+c-c-b-b-a=hypervisor");
}
END_TEST

START_TEST(a_stop_does_not_wait_for_it)
{
    uuid_text id;

    world.timeout_ms = SOON_MS;
    open_hasty();
    await_hang("+a", "test.make", id);
    AUTO(job) j = world_await_end(id);
    world_assert_failed(j, ERR_TIMEOUT);
    ck_assert(!jobs_stop(world.jobs, SOON_MS));
    world_release();
    world_close();
}
END_TEST

UNIT_MAIN("job_overdue", a_run_that_hangs_is_undone_without_it, another_thread_takes_its_place, what_waits_for_it_goes_on,
          a_retried_kind_tries_again_beside_it, an_undo_that_hangs_is_tried_again, a_stop_does_not_wait_for_it)
