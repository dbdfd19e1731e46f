/* Buckets: which one a duration falls into, what a reading adds up to, and that nothing is lost between threads. */
#include <pthread.h>

#include "unit.h"

#include "base/histogram.h"

static const struct histogram_scale scale = { { 10, 100, 1000 }, 3 };

START_TEST(a_bound_belongs_to_its_bucket)
{
    static const int64_t durations_us[] = { 0, 9, 10, 11, 100, 101, 1000, 1001, INT64_MAX / 4 };
    struct histogram h = { 0 };
    struct histogram_reading reading;
    uint64_t sum_us = 0;

    for (size_t i = 0; i < sizeof durations_us / sizeof durations_us[0]; i++) {
        histogram_add(&h, &scale, durations_us[i]);
        sum_us += (uint64_t)durations_us[i];
    }
    histogram_read(&h, &scale, &reading);
    ck_assert_uint_eq(reading.up_to[0], 3);
    ck_assert_uint_eq(reading.up_to[1], 5);
    ck_assert_uint_eq(reading.up_to[2], 7);
    ck_assert_uint_eq(reading.count, 9);
    ck_assert_uint_eq(reading.sum_us, sum_us);
}
END_TEST

START_TEST(an_empty_one_reads_as_nothing)
{
    struct histogram h = { 0 };
    struct histogram_reading reading;

    histogram_read(&h, &scale, &reading);
    ck_assert_ptr_eq(reading.scale, &scale);
    ck_assert_uint_eq(reading.count + reading.sum_us + reading.up_to[2], 0);
}
END_TEST

START_TEST(a_clock_that_was_set_back_takes_nothing_away)
{
    struct histogram h = { 0 };
    struct histogram_reading reading;

    histogram_add(&h, &scale, -5);
    histogram_read(&h, &scale, &reading);
    ck_assert_uint_eq(reading.up_to[0], 1);
    ck_assert_uint_eq(reading.sum_us, 0);
}
END_TEST

enum { THREADS = 4, ADDITIONS = 20000 };

static void *add_many(void *arg)
{
    for (int i = 0; i < ADDITIONS; i++)
        histogram_add(arg, &scale, i % 2 ? 10 : 2000);
    return NULL;
}

START_TEST(threads_lose_nothing)
{
    struct histogram h = { 0 };
    struct histogram_reading reading;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, &h), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    histogram_read(&h, &scale, &reading);
    ck_assert_uint_eq(reading.up_to[0], THREADS * ADDITIONS / 2);
    ck_assert_uint_eq(reading.up_to[2], THREADS * ADDITIONS / 2);
    ck_assert_uint_eq(reading.count, THREADS * ADDITIONS);
    ck_assert_uint_eq(reading.sum_us, (uint64_t)THREADS * ADDITIONS / 2 * 2010);
}
END_TEST

UNIT_MAIN("base_histogram", a_bound_belongs_to_its_bucket, an_empty_one_reads_as_nothing,
          a_clock_that_was_set_back_takes_nothing_away, threads_lose_nothing)
