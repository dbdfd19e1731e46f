/* How jobs ended, counted: each once, by kind, when its end is committed. */
#include "job_world.h"

struct seen {
    uint64_t succeeded, failed, cancelled, timed;
};

static void add_up(void *arg, const struct job_outcomes *o)
{
    struct seen *seen = arg;

    if (!str_equal(o->kind, "test.make"))
        return;
    seen->succeeded = o->counts[JOB_OUTCOME_SUCCEEDED];
    seen->failed = o->counts[JOB_OUTCOME_FAILED];
    seen->cancelled = o->counts[JOB_OUTCOME_CANCELLED];
    seen->timed = o->durations.count;
}

/* It counts after the commit, which whoever waits for the job may see first. */
static struct seen await_count(uint64_t count)
{
    int64_t until_ms = clock_boot_ms() + WORLD_PATIENCE_MS;
    struct seen seen;

    do {
        seen = (struct seen){ 9, 9, 9, 9 };
        jobs_each_outcomes(world.jobs, add_up, &seen);
    } while (seen.timed < count && clock_boot_ms() < until_ms);
    return seen;
}

static void assert_seen(uint64_t succeeded, uint64_t failed, uint64_t cancelled)
{
    struct seen seen = await_count(succeeded + failed + cancelled);

    ck_assert_uint_eq(seen.succeeded, succeeded);
    ck_assert_uint_eq(seen.failed, failed);
    ck_assert_uint_eq(seen.cancelled, cancelled);
    ck_assert_uint_eq(seen.timed, succeeded + failed + cancelled);
}

static void run(const char *kind)
{
    uuid_text id;

    world_submit(kind, "", id);
    job_free(world_await_end(id));
}

START_TEST(each_end_is_counted_once)
{
    struct err e = ERR_INIT;
    uuid_text id;

    world_open(":memory:");
    world_start();
    assert_seen(0, 0, 0);
    run("test.make");
    run("test.make");
    assert_seen(2, 0, 0);
    world.fault = (struct world_fault){ "+c", 1, ERR_HYPERVISOR };
    run("test.make");
    assert_seen(2, 1, 0);
    world.hold = "+a";
    world_submit("test.make", "", id);
    world_await_hold();
    unit_ok(world_cancel(id, &e));
    world_release();
    job_free(world_await_end(id));
    assert_seen(2, 1, 1);
    world_close();
}
END_TEST

/* What is tried again has not ended, and what another life ended is not this one's. */
START_TEST(only_ends_of_this_life_count)
{
    world_open(":memory:");
    world_start();
    world.fault = (struct world_fault){ "+b", 2, ERR_HYPERVISOR };
    run("test.drop");
    assert_seen(0, 0, 0);
    run("test.make");
    assert_seen(1, 0, 0);
    world_restart();
    assert_seen(0, 0, 0);
    world_close();
}
END_TEST

static void count_kinds(void *arg, const struct job_outcomes *o)
{
    int *kinds = arg;

    ck_assert_uint_eq(o->durations.count, 0);
    ck_assert_str_eq(o->kind, world_kinds[*kinds]->name);
    (*kinds)++;
}

START_TEST(every_kind_is_read_from_the_start)
{
    int kinds = 0;

    world_open(":memory:");
    jobs_each_outcomes(world.jobs, count_kinds, &kinds);
    ck_assert_int_eq(kinds, 2);
    world_close();
}
END_TEST

UNIT_MAIN("job_outcomes", each_end_is_counted_once, only_ends_of_this_life_count, every_kind_is_read_from_the_start)
