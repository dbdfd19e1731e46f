/* What this process uses, held against what it does and what the clock says. */
#define _GNU_SOURCE /* MAP_POPULATE */
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "unit.h"

#include "base/process.h"

enum { BYTES = 32 << 20 };

static struct err e = ERR_INIT;

static struct process_usage usage(void)
{
    struct process_usage u = { 0 };

    unit_ok(process_usage(&u, &e));
    return u;
}

START_TEST(memory_grows_by_what_is_touched)
{
    struct process_usage before = usage(), after;
    void *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    ck_assert_ptr_ne(memory, MAP_FAILED);
    after = usage();
    ck_assert_uint_ge(after.resident_bytes, before.resident_bytes + BYTES * 9 / 10);
    ck_assert_uint_ge(after.virtual_bytes, before.virtual_bytes + BYTES);
    ck_assert_uint_lt(after.resident_bytes, after.virtual_bytes);
    ck_assert_int_eq(munmap(memory, BYTES), 0);
}
END_TEST

START_TEST(descriptors_are_counted_one_by_one)
{
    struct process_usage before = usage(), after;
    struct rlimit limit;
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    after = usage();
    ck_assert_uint_eq(after.open_fds, before.open_fds + 2);
    ck_assert_int_eq(close(fds[0]) + close(fds[1]), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(after.max_fds, limit.rlim_cur);
}
END_TEST

START_TEST(cpu_time_is_what_was_worked)
{
    struct timespec used;
    struct process_usage u;
    clock_t until = clock() + CLOCKS_PER_SEC / 20;

    while (clock() < until)
        continue;
    u = usage();
    ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    ck_assert_double_ge(u.cpu_seconds, 0.04);
    ck_assert_double_le(u.cpu_seconds, (double)used.tv_sec + (double)used.tv_nsec / 1e9 + 0.02);
}
END_TEST

/* Ticks and the second in which the host booted are as exact as it gets. */
START_TEST(the_start_was_a_moment_ago)
{
    double now = (double)time(NULL), start = usage().start_seconds;

    ck_assert_double_le(start, now + 2);
    ck_assert_double_ge(start, now - UNIT_TIMEOUT_S - 2);
}
END_TEST

UNIT_MAIN("base_process", memory_grows_by_what_is_touched, descriptors_are_counted_one_by_one, cpu_time_is_what_was_worked,
          the_start_was_a_moment_ago)
