/* Timers: order, cancelling, and the promise that everything due is called before the end. */
#include <time.h>

#include "unit.h"

#include "base/thread.h"
#include "base/timer.h"

enum { MARKS_MAX = 3000, PATIENCE_MS = 20000 };

/* What the callbacks did, in their order. */
static struct lock marks_lock;
static struct cond marks_changed;
static int marks[MARKS_MAX];
static int marks_count;
static struct timer *timer;

static void set_up(void)
{
    struct err e = ERR_INIT;

    lock_init(&marks_lock, RANK_LEAF);
    cond_init(&marks_changed);
    unit_ok(timer_new(&timer, &e));
}

static void tear_down(void)
{
    timer_free(timer);
    cond_done(&marks_changed);
    lock_done(&marks_lock);
}

static void mark(void *arg)
{
    HOLD(&marks_lock);

    marks[marks_count++] = (int)(intptr_t)arg;
    cond_broadcast(&marks_changed);
}

static uint64_t add(int64_t delay_ms, timer_fn *fn, intptr_t arg)
{
    struct err e = ERR_INIT;
    uint64_t id = 0;

    unit_ok(timer_add(timer, delay_ms, fn, (void *)arg, &id, &e)); /* NOLINT: an integer that is only handed back */
    ck_assert_uint_ne(id, 0);
    return id;
}

static void wait_for_marks(int count)
{
    HOLD(&marks_lock);

    while (marks_count < count)
        ck_assert(cond_wait_ms(&marks_changed, &marks_lock, PATIENCE_MS));
}

START_TEST(calls_in_the_order_of_deadlines)
{
    set_up();
    add(60, mark, 3);
    add(20, mark, 1);
    add(40, mark, 2);
    add(-5, mark, 0);
    wait_for_marks(4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(marks[i], i);
    tear_down();
    ck_assert_int_eq(marks_count, 4);
}
END_TEST

START_TEST(never_too_early)
{
    struct timespec start, end;

    set_up();
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    add(30, mark, 0);
    wait_for_marks(1);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    ck_assert_int_ge((end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec, 30000000);
    tear_down();
}
END_TEST

START_TEST(a_cancelled_one_never_runs)
{
    set_up();
    uint64_t far = add(PATIENCE_MS, mark, 1);
    uint64_t near = add(0, mark, 2);
    wait_for_marks(1);
    ck_assert(timer_cancel(timer, far));
    ck_assert(!timer_cancel(timer, far));
    ck_assert(!timer_cancel(timer, near));
    ck_assert(!timer_cancel(timer, 0));
    ck_assert(!timer_cancel(timer, 12345));
    tear_down();
    ck_assert_int_eq(marks_count, 1);
    ck_assert_int_eq(marks[0], 2);
}
END_TEST

/* Many entries and cancels keep the heap a heap: what is left is called at the end, by deadline and then by age. */
START_TEST(the_end_calls_what_is_left_in_order)
{
    enum { COUNT = 2000 };
    static uint64_t ids[COUNT];
    int left = 0;

    set_up();
    for (int i = 0; i < COUNT; i++)
        ids[i] = add(PATIENCE_MS * (int64_t)(1 + i * 7919 % 101), mark, i * 7919 % 101);
    for (int i = 0; i < COUNT; i++)
        if (i % 3 == 0)
            ck_assert(timer_cancel(timer, ids[i]));
        else
            left++;
    tear_down();
    ck_assert_int_eq(marks_count, left);
    for (int i = 1; i < left; i++)
        ck_assert_int_le(marks[i - 1], marks[i]);
}
END_TEST

static void add_another(void *arg)
{
    intptr_t left = (intptr_t)arg;

    mark(arg);
    if (left > 0)
        add(PATIENCE_MS, add_another, left - 1);
}

START_TEST(callbacks_may_add_also_at_the_end)
{
    set_up();
    add(PATIENCE_MS, add_another, 3);
    tear_down();
    ck_assert_int_eq(marks_count, 4);
    ck_assert_int_eq(marks[3], 0);
}
END_TEST

START_TEST(nothing_to_free)
{
    timer_free(NULL);
    set_up();
    tear_down();
    ck_assert_int_eq(marks_count, 0);
}
END_TEST

UNIT_MAIN("base_timer", calls_in_the_order_of_deadlines, never_too_early, a_cancelled_one_never_runs,
          the_end_calls_what_is_left_in_order, callbacks_may_add_also_at_the_end, nothing_to_free)
