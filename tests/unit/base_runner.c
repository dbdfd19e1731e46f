/* A thread that waits for work: kicks, and the end. */
#include "unit.h"

#include "base/runner.h"

static struct runner runner;
static int rounds; /* under the runner's lock */

static bool wait_for_kick(void)
{
    HOLD(&runner.lock);
    while (!runner.is_stopping && !runner.is_kicked)
        cond_wait(&runner.changed, &runner.lock);
    runner.is_kicked = false;
    return !runner.is_stopping;
}

static void *count_rounds(void *arg)
{
    (void)arg;
    while (wait_for_kick()) {
        HOLD(&runner.lock);
        rounds++;
        cond_broadcast(&runner.changed);
    }
    return NULL;
}

static void start(void)
{
    struct err e = ERR_INIT;

    rounds = 0;
    runner_init(&runner, RANK_LEAF);
    unit_ok(runner_start(&runner, "runner", count_rounds, NULL, &e));
}

static void await_rounds(int wanted)
{
    HOLD(&runner.lock);
    while (rounds < wanted)
        cond_wait(&runner.changed, &runner.lock);
}

START_TEST(each_kick_is_seen)
{
    start();
    for (int i = 1; i <= 3; i++) {
        runner_kick(&runner);
        await_rounds(i);
    }
    runner_done(&runner);
    ck_assert_int_eq(rounds, 3);
}
END_TEST

START_TEST(a_kick_before_the_start_is_kept)
{
    struct err e = ERR_INIT;

    rounds = 0;
    runner_init(&runner, RANK_LEAF);
    runner_kick(&runner);
    unit_ok(runner_start(&runner, "runner", count_rounds, NULL, &e));
    await_rounds(1);
    runner_done(&runner);
}
END_TEST

START_TEST(stop_ends_the_wait)
{
    start();
    ck_assert(!runner_is_stopping(&runner));
    runner_end_soon(&runner);
    ck_assert(runner_is_stopping(&runner));
    runner_stop(&runner);
    ck_assert(!runner.is_started);
    runner_stop(&runner); /* a second time changes nothing */
    runner_done(&runner);
    ck_assert_int_eq(rounds, 0);
}
END_TEST

START_TEST(one_that_never_ran_can_be_stopped)
{
    runner_init(&runner, RANK_LEAF);
    runner_kick(&runner);
    runner_stop(&runner);
    runner_done(&runner);
}
END_TEST

UNIT_MAIN("base_runner", each_kick_is_seen, a_kick_before_the_start_is_kept, stop_ends_the_wait,
          one_that_never_ran_can_be_stopped)
