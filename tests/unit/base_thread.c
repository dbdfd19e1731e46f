/* Locks, ranks, conditions, threads. */
#define _GNU_SOURCE /* pthread_getname_np, pthread_getattr_np */
#include <signal.h>
#include <time.h>

#include "unit.h"

#include "base/thread.h"

static struct lock low, high;
static struct cond changed;
static int stage; /* under low */

static void set_up(void)
{
    lock_init(&low, RANK_HOST);
    lock_init(&high, RANK_LEAF);
    cond_init(&changed);
}

static void tear_down(void)
{
    cond_done(&changed);
    lock_done(&high);
    lock_done(&low);
}

#ifndef NDEBUG
static void take_downwards(const void *arg)
{
    (void)arg;
    HOLD(&high);
    HOLD(&low);
}

static void take_twice(const void *arg)
{
    (void)arg;
    HOLD(&low);
    HOLD(&low);
}

static void drop_unheld(const void *arg)
{
    (void)arg;
    lock_drop(&low);
}

static void wait_with_higher(const void *arg)
{
    (void)arg;
    HOLD(&low);
    HOLD(&high);
    (void)cond_wait_ms(&changed, &low, 1);
}

START_TEST(wrong_order_aborts)
{
    set_up();
    ck_assert_int_eq(unit_signal_of(take_downwards, NULL), SIGABRT);
    ck_assert_int_eq(unit_signal_of(take_twice, NULL), SIGABRT);
    ck_assert_int_eq(unit_signal_of(drop_unheld, NULL), SIGABRT);
    ck_assert_int_eq(unit_signal_of(wait_with_higher, NULL), SIGABRT);
    tear_down();
}
END_TEST
#endif

static void take_upwards(const void *arg)
{
    (void)arg;
    lock_take(&low);
    lock_take(&high);
    lock_drop(&low); /* any order of dropping is fine */
    lock_drop(&high);
    HOLD(&low);
    (void)cond_wait_ms(&changed, &low, 1);
    HOLD(&high);
}

START_TEST(right_order_goes)
{
    set_up();
    ck_assert_int_eq(unit_signal_of(take_upwards, NULL), 0);
    tear_down();
}
END_TEST

static void *answer(void *arg)
{
    HOLD(&low);

    (void)arg;
    stage = 1;
    cond_broadcast(&changed);
    while (stage != 2)
        cond_wait(&changed, &low);
    stage = 3;
    cond_signal(&changed);
    return arg;
}

START_TEST(conditions_pass_word)
{
    struct err e = ERR_INIT;
    pthread_t thread;
    void *result = NULL;

    set_up();
    unit_ok(thread_start(&thread, "answer", answer, &stage, &e));
    lock_take(&low);
    while (stage != 1)
        ck_assert(cond_wait_ms(&changed, &low, 20000));
    stage = 2;
    cond_signal(&changed);
    while (stage != 3)
        ck_assert(cond_wait_ms(&changed, &low, 20000));
    lock_drop(&low);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, &stage);
    tear_down();
}
END_TEST

static int64_t monotonic_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

START_TEST(waits_end)
{
    set_up();
    int64_t start = monotonic_ms();
    lock_take(&low);
    while (cond_wait_ms(&changed, &low, 50 - (monotonic_ms() - start)))
        continue;
    ck_assert(!cond_wait_ms(&changed, &low, 0));
    ck_assert(!cond_wait_ms(&changed, &low, -5));
    lock_drop(&low);
    ck_assert_int_ge(monotonic_ms() - start, 49);
    tear_down();
}
END_TEST

struct seen {
    char name[16];
    size_t stack_bytes;
    int unblocked;
};

static void *look(void *arg)
{
    struct seen *seen = arg;
    pthread_attr_t attr;
    sigset_t mask;

    lock_take(&low); /* the starter holds it until the thread has its name */
    lock_drop(&low);
    (void)pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        (void)pthread_attr_getstacksize(&attr, &seen->stack_bytes);
        (void)pthread_attr_destroy(&attr);
    }
    (void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
    for (int sig = 1; sig < 32; sig++)
        if (sig != SIGKILL && sig != SIGSTOP && !sigismember(&mask, sig))
            seen->unblocked++;
    return NULL;
}

START_TEST(threads_are_named_small_and_deaf)
{
    struct seen seen = { "", 0, 0 };
    struct err e = ERR_INIT;
    sigset_t before, after;
    pthread_t thread;

    set_up();
    (void)pthread_sigmask(SIG_BLOCK, NULL, &before);
    lock_take(&low);
    unit_ok(thread_start(&thread, "job-worker-0001", look, &seen, &e));
    lock_drop(&low);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &after);
    ck_assert_str_eq(seen.name, "job-worker-0001");
    ck_assert_uint_ge(seen.stack_bytes, 256 * 1024);
    ck_assert_uint_le(seen.stack_bytes, 512 * 1024);
    ck_assert_int_eq(seen.unblocked, 0);
    for (int sig = 1; sig < 32; sig++)
        ck_assert_int_eq(sigismember(&before, sig), sigismember(&after, sig));
    tear_down();
}
END_TEST

#ifndef NDEBUG
UNIT_MAIN("base_thread", wrong_order_aborts, right_order_goes, conditions_pass_word, waits_end, threads_are_named_small_and_deaf)
#else
UNIT_MAIN("base_thread", right_order_goes, conditions_pass_word, waits_end, threads_are_named_small_and_deaf)
#endif
