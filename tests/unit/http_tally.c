/* What is counted of requests, by a server that answers them; and the rows themselves, by many threads at once. */
#define _GNU_SOURCE /* unshare */
#include <pthread.h>
#include <sched.h>

#include "../../src/http/tally.h"
#include "http_lab.h"

#include "base/clock.h"
#include "http/stream.h"

static int answer(struct request *r, struct err *err)
{
    lab_handled++;
    return lab_text(r, "yes", err);
}

static int refuse(struct request *r, struct err *err)
{
    (void)r;
    return err_set(err, ERR_CONFLICT, "no");
}

static int answer_untimed(struct request *r, struct err *err)
{
    request_leave_untimed(r);
    return lab_text(r, "in its own time", err);
}

/* What /tally answers with: "GET /v1/things 200:2 timed:2;…", requests of no route as "- -". */
static void add_reading(void *arg, const struct tally_reading *t)
{
    struct buf *b = arg;

    buf_addf(b, "%s %s", t->method ? t->method : "-", t->path ? t->path : "-");
    for (size_t i = 0; i < t->status_count; i++)
        buf_addf(b, " %d:%llu", t->statuses[i].status, (unsigned long long)t->statuses[i].count);
    buf_addf(b, " timed:%llu;", (unsigned long long)t->durations.count);
}

static int answer_tally(struct request *r, struct err *err)
{
    AUTO_BUF b = { 0 };

    buf_adds(&b, "");
    request_each_tally(r, add_reading, &b);
    return lab_text(r, b.data, err);
}

static int answer_load(struct request *r, struct err *err)
{
    struct http_load load;

    request_load(r, &load);
    AUTO_FREE char *text = str_printf("%llu connections, %llu requests, %llu streams", (unsigned long long)load.connections,
                                      (unsigned long long)load.requests, (unsigned long long)load.streams);
    return lab_text(r, text, err);
}

static int answer_place(struct request *r, struct err *err)
{
    return lab_text(r, request_is_from_host(r) ? "here" : "elsewhere", err);
}

static int next(void *subscriber, struct stream_message *out, struct err *err)
{
    (void)subscriber;
    (void)out;
    (void)err;
    return 0;
}

static bool is_welcome(void *subscriber)
{
    (void)subscriber;
    return true;
}

static void forget(void *subscriber)
{
    (void)subscriber;
}

static int follow(struct request *r, struct err *err)
{
    static const struct stream_source source = { next, is_welcome, forget };

    return request_reply_stream(r, &source, lab_listen, err);
}

static const struct route routes[] = {
    { "GET", "/v1/things", "thing:list", .handle = answer },
    { "POST", "/v1/things", "thing:create", .handle = refuse },
    { "GET", "/v1/things/{id}", "thing:read", .handle = answer_untimed },
    { "GET", "/v1/stream", "thing:list", .handle = follow },
    { "GET", "/v1/never", "thing:list", .handle = answer },
    { "GET", "/tally", "thing:list", .handle = answer_tally },
    { "GET", "/load", "thing:list", .handle = answer_load },
    { "GET", "/place", "thing:list", .handle = answer_place },
};
static const struct door door = { "", routes, ARRAY_LEN(routes), lab_error, NULL, NULL };

/* The last of n requests has been counted. */
static void wait_over(int n)
{
    (void)lab_wait_record(n - 1);
}

static void expect_body(const char *request, const char *expected)
{
    LAB_ANSWER a = lab_ask_once(request);

    ck_assert_str_eq(a.body.data, expected);
}

START_TEST(each_route_is_counted_by_status)
{
    static const char *const requests[] = {
        GET("/v1/things"),
        GET("/v1/things?limit=3"),
        "HEAD /v1/things HTTP/1.0\r\nHost: localhost\r\n\r\n",
        POST("/v1/things", "", ""),
        GET("/v1/things/one"),
        GET("/v1/things/two"),
        GET("/v1/things", "X-User: stranger\r\n"),
    };

    lab_start(&door);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        int fd = lab_connect();
        lab_send(fd, requests[i]);
        wait_over((int)i + 1);
        (void)close(fd);
    }
    expect_body(GET("/tally"),
                "GET /v1/things 200:3 401:1 timed:4;POST /v1/things 409:1 timed:1;GET /v1/things/{id} 200:2 timed:0;");
    lab_stop();
}
END_TEST

/* Paths and methods that a client chooses make no rows. */
START_TEST(what_has_no_route_is_one_row)
{
    static const char *const requests[] = {
        GET("/a"),
        GET("/b"),
        "BREW /v1/things HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /v1/things HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    };

    lab_start(&door);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        LAB_ANSWER a = lab_ask_once(requests[i]);
        ck_assert_int_ge(a.status, 400);
        wait_over((int)i + 1);
    }
    expect_body(GET("/tally"), "- - 404:2 405:1 403:1 timed:4;");
    lab_stop();
}
END_TEST

/* Who leaves before the answer is counted with status 0, and its time is nobody's. */
START_TEST(who_does_not_stay_is_counted)
{
    lab_start(&door);
    int fd = lab_connect();
    lab_send(fd, "POST /v1/things HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{");
    (void)close(fd);
    wait_over(1);
    expect_body(GET("/tally"), "POST /v1/things 0:1 timed:0;");
    lab_stop();
}
END_TEST

START_TEST(streams_are_counted_and_not_timed)
{
    lab_config.streams_max = 4;
    lab_start(&door);
    int fd = lab_connect();
    lab_send(fd, GET("/v1/stream", "Accept: text/event-stream\r\n"));
    char first;
    ck_assert_int_eq(recv(fd, &first, 1, 0), 1);
    expect_body(GET("/load"), "2 connections, 1 requests, 1 streams");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    wait_over(2);
    (void)close(fd);
    LAB_ANSWER a = lab_ask_once(GET("/tally"));
    ck_assert_ptr_nonnull(strstr(a.body.data, "GET /v1/stream 200:1 timed:0;"));
    lab_stop();
}
END_TEST

START_TEST(loopback_and_sockets_are_this_host)
{
    char dir[] = "/tmp/computed-http-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(dir));
    AUTO_FREE char *path = str_printf("%s/sock", dir), *address = str_printf("unix:%s", path);
    lab_listen[1] = "[::1]:0";
    lab_listen[2] = address;
    lab_start(&door);
    for (size_t i = 0; i < 3; i++) {
        int fd = lab_connect_to(i);
        LAB_ANSWER a = lab_ask(fd, GET("/place"));
        ck_assert_str_eq(a.body.data, "here");
        (void)close(fd);
    }
    lab_stop();
    (void)unlink(path);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* In a network of this process's own, whose only interface has an address that others could have. */
START_TEST(any_other_address_is_elsewhere)
{
    ck_assert_msg(unshare((geteuid() == 0 ? 0 : CLONE_NEWUSER) | CLONE_NEWNET) == 0, "unshare: %s", strerror(errno));
    ck_assert_int_eq(system("ip link set lo up && ip address add 192.0.2.1/32 dev lo"), 0);
    lab_listen[0] = "192.0.2.1:0";
    lab_start(&door);
    expect_body(GET("/place"), "elsewhere");
    lab_stop();
}
END_TEST

/* ---- the rows ---- */

static const struct door *const doors[] = { &door, NULL };
enum { THREADS = 4, ADDITIONS = 20000, STATUSES = 5 };
static struct tally *tally;
static struct route_table table;

static void *add_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < ADDITIONS; i++)
        tally_add(tally, &table.entries[0], 200 + i % STATUSES, 10);
    return NULL;
}

static void expect_all(void *arg, const struct tally_reading *t)
{
    (void)arg;
    ck_assert_uint_eq(t->status_count, STATUSES);
    for (size_t i = 0; i < t->status_count; i++)
        ck_assert_uint_eq(t->statuses[i].count, THREADS * ADDITIONS / STATUSES);
    ck_assert_uint_eq(t->durations.count, THREADS * ADDITIONS);
    ck_assert_uint_eq(t->durations.sum_us, THREADS * ADDITIONS * 10);
}

START_TEST(threads_that_race_for_slots_lose_nothing)
{
    pthread_t threads[THREADS];

    unit_ok(route_table_init(&table, doors, &e));
    unit_ok(tally_new(&table, &tally, &e));
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    tally_each(tally, expect_all, NULL);
    tally_free(tally);
    route_table_done(&table);
}
END_TEST

static void expect_full(void *arg, const struct tally_reading *t)
{
    uint64_t *sum = arg;

    ck_assert_ptr_null(t->path);
    ck_assert_uint_eq(t->status_count, TALLY_STATUSES_MAX);
    for (size_t i = 0; i < t->status_count; i++)
        *sum += t->statuses[i].count;
}

START_TEST(more_statuses_than_slots_are_counted_as_the_last)
{
    uint64_t sum = 0;

    unit_ok(route_table_init(&table, doors, &e));
    unit_ok(tally_new(&table, &tally, &e));
    for (int status = 200; status < 300; status++)
        tally_add(tally, NULL, status, -1);
    tally_each(tally, expect_full, &sum);
    ck_assert_uint_eq(sum, 100);
    tally_free(tally);
    route_table_done(&table);
}
END_TEST

UNIT_MAIN("http_tally", each_route_is_counted_by_status, what_has_no_route_is_one_row, who_does_not_stay_is_counted,
          streams_are_counted_and_not_timed, loopback_and_sockets_are_this_host, any_other_address_is_elsewhere,
          threads_that_race_for_slots_lose_nothing, more_statuses_than_slots_are_counted_as_the_last)
