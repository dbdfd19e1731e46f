/* The end of a server, and its beginning with sockets that somebody else has made and keeps: nobody who connects is refused, and
 * nobody who asks is left without an answer. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/http/listener.h"
#include "http_lab.h"

#include "base/clock.h"

enum { SHORT_MS = 200, LONG_MS = 20000, SLOW_MS = 300 };

static struct request *_Atomic sleeper;
static struct lock gate;
static struct cond gate_changed;
static bool is_gate_open GUARDED_BY(gate);

static int answer_things(struct request *r, struct err *err)
{
    lab_handled++;
    return lab_text(r, "things", err);
}

static int wake_up(struct request *r, struct err *err)
{
    return lab_text(r, "awake", err);
}

static int fall_asleep(struct request *r, struct err *err)
{
    sleeper = r;
    return request_suspend(r, wake_up, err);
}

/* Until it holds; it is what another thread does. */
#define AWAIT(condition)                                                                                                         \
    do {                                                                                                                         \
        for (int64_t until_ms = clock_boot_ms() + LONG_MS; !(condition); (void)usleep(1000))                                     \
            ck_assert_msg(clock_boot_ms() < until_ms, "not in time: %s", #condition);                                            \
    } while (0)

/* What no handler may do. */
static int block(struct request *r, struct err *err)
{
    lab_handled++;
    {
        HOLD(&gate);
        while (!is_gate_open)
            cond_wait(&gate_changed, &gate);
    }
    return lab_text(r, "late", err);
}

static const struct route routes[] = { { "GET", "/things", "thing:read", .handle = answer_things },
                                       { "GET", "/sleep", "thing:read", .handle = fall_asleep },
                                       { "GET", "/block", "thing:read", .handle = block } };
static const struct door door = { "", routes, sizeof(routes) / sizeof(routes[0]), lab_error, NULL, NULL };

static void expect_last_answer(int fd, const char *request, const char *body)
{
    LAB_ANSWER a = lab_ask(fd, request);

    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(a.body.data, body);
    ck_assert(lab_header_is(&a, "Connection", "close"));
    lab_expect_closed(fd);
    (void)close(fd);
}

/* ---- the end ---- */

static void *drain(void *arg)
{
    *(bool *)arg = http_drain(lab_http, LONG_MS);
    return NULL;
}

static pthread_t begin_to_drain(bool *out)
{
    pthread_t thread;

    http_quiesce(lab_http);
    ck_assert_int_eq(pthread_create(&thread, NULL, drain, out), 0);
    return thread;
}

static int connect_and_ask(void)
{
    int fd = lab_connect();
    LAB_ANSWER a = lab_ask(fd, GET("/things"));

    ck_assert_ptr_null(lab_header(&a, "Connection"));
    return fd;
}

START_TEST(answers_once_more)
{
    bool is_drained = false;

    lab_start(&door);
    int kept = connect_and_ask(), fresh = lab_connect(), idle = connect_and_ask();
    pthread_t thread = begin_to_drain(&is_drained);
    expect_last_answer(kept, GET("/things"), "things");
    expect_last_answer(fresh, GET("/things"), "things"); /* it had asked nothing yet */
    lab_expect_closed(idle);
    (void)close(idle);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(is_drained);
    ck_assert_uint_eq(http_connections(lab_http), 0);
    lab_stop();
}
END_TEST

START_TEST(waits_for_requests_under_way)
{
    bool is_drained = false;

    lab_start(&door);
    int fd = lab_connect();
    lab_send(fd, GET("/sleep"));
    AWAIT(sleeper);
    pthread_t thread = begin_to_drain(&is_drained);
    struct pollfd p = { fd, POLLIN, 0 };
    ck_assert_int_eq(poll(&p, 1, SLOW_MS), 0);
    request_resume(sleeper);
    LAB_ANSWER a = lab_read(fd);
    ck_assert_str_eq(a.body.data, "awake");
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(is_drained);
    (void)close(fd);
    lab_stop();
}
END_TEST

START_TEST(does_not_wait_for_ever)
{
    lab_start(&door);
    int fd = lab_connect();
    lab_send(fd, GET("/sleep"));
    AWAIT(sleeper);
    int64_t began_ms = clock_boot_ms();
    ck_assert(!http_drain(lab_http, SHORT_MS));
    ck_assert_int_ge(clock_boot_ms() - began_ms, SHORT_MS);
    ck_assert_uint_eq(http_connections(lab_http), 1);
    request_resume(sleeper);
    LAB_ANSWER a = lab_read(fd);
    ck_assert_int_eq(a.status, 200);
    (void)close(fd);
    lab_stop();
}
END_TEST

/* Who has connected before the end, and was not accepted yet, would be reset. */
START_TEST(lets_in_who_waits_at_the_door)
{
    enum { CLIENTS = 200 };
    int fds[CLIENTS];
    bool is_drained = false;

    lab_start(&door);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = lab_connect();
        lab_send(fds[i], GET("/things"));
    }
    pthread_t thread = begin_to_drain(&is_drained);
    for (int i = 0; i < CLIENTS; i++) {
        LAB_ANSWER a = lab_read(fds[i]);
        ck_assert_int_eq(a.status, 200);
        (void)close(fds[i]);
    }
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(is_drained);
    lab_stop();
}
END_TEST

/* ---- sockets of others ---- */

static int make_listener(const char *address, struct listener *out)
{
    static const struct listen_options none;

    unit_ok(listener_open(out, address, &none, &e));
    return fcntl(out->fd, F_DUPFD_CLOEXEC, 0);
}

START_TEST(serves_sockets_that_are_passed)
{
    struct listener tcp, extra;
    int passed[] = { make_listener("127.0.0.1:0", &tcp), make_listener("[::1]:0", &extra) };

    ck_assert(listener_is_at(tcp.fd, tcp.url + strlen("http://")));
    const char *colon = strrchr(extra.url, ':');
    AUTO_FREE char *otherwise = str_printf("[0:0:0:0:0:0:0:1]%s", colon);
    ck_assert(listener_is_at(extra.fd, otherwise));
    ck_assert(!listener_is_at(extra.fd, tcp.url + strlen("http://")));
    ck_assert(!listener_is_at(extra.fd, "unix:/tmp"));
    lab_listen[0] = otherwise;
    lab_config.passed = passed;
    lab_config.passed_count = 2;
    lab_start(&door);
    ck_assert_str_eq(http_url(lab_http, 0), extra.url); /* `listen` first */
    ck_assert_str_eq(http_url(lab_http, 1), tcp.url);
    ck_assert_ptr_null(http_url(lab_http, 2));
    ck_assert_int_eq(passed[0], -1);
    for (size_t i = 0; i < 2; i++) {
        int fd = lab_connect_to(i);
        LAB_ANSWER a = lab_ask(fd, GET("/things"));
        ck_assert_int_eq(a.status, 200);
        (void)close(fd);
    }
    lab_stop();
    listener_close(&tcp);
    listener_close(&extra);
}
END_TEST

/* Whoever listens next finds those who came meanwhile. */
START_TEST(leaves_who_comes_late_to_the_next)
{
    struct listener shared;
    int passed[] = { make_listener("127.0.0.1:0", &shared) };

    lab_listen[0] = shared.url + strlen("http://");
    lab_config.passed = passed;
    lab_config.passed_count = 1;
    lab_start(&door);
    int kept = connect_and_ask();
    http_quiesce(lab_http);
    int late = lab_connect();
    lab_send(late, GET("/things"));
    expect_last_answer(kept, GET("/things"), "things");
    ck_assert(http_drain(lab_http, LONG_MS));
    int before = lab_handled;
    lab_stop();
    ck_assert_int_eq(lab_handled, before);
    passed[0] = fcntl(shared.fd, F_DUPFD_CLOEXEC, 0);
    lab_start(&door);
    LAB_ANSWER a = lab_read(late);
    ck_assert_int_eq(a.status, 200);
    (void)close(late);
    lab_stop();
    listener_close(&shared);
}
END_TEST

START_TEST(closes_passed_sockets_when_it_fails)
{
    struct listener shared;
    int passed[] = { make_listener("127.0.0.1:0", &shared), -1 };
    int number = passed[0];
    static const struct door *const doors[] = { &door, NULL };

    lab_prepare();
    lab_listen[0] = "no address";
    lab_config.passed = passed;
    lab_config.passed_count = 1;
    unit_fails(http_new(&lab_config, doors, lab_timer, &lab_http, &e), ERR_CONFIG);
    ck_assert_int_eq(fcntl(number, F_GETFD), -1);
    listener_close(&shared);
    lab_stop();
}
END_TEST

/* ---- the watch ---- */

START_TEST(knows_handlers_that_hang)
{
    lock_init(&gate, RANK_LEAF);
    cond_init(&gate_changed);
    lab_start(&door);
    int asleep = lab_connect(), fd = lab_connect();
    lab_send(asleep, GET("/sleep"));
    AWAIT(sleeper);
    LAB_ANSWER before = lab_ask_once(GET("/things"));
    ck_assert_int_eq(before.status, 200);
    ck_assert_int_lt(http_busy_ms(lab_http), SHORT_MS); /* one that is suspended is in no call */
    int handled = lab_handled;
    lab_send(fd, GET("/block"));
    AWAIT(lab_handled > handled);
    AWAIT(http_busy_ms(lab_http) >= SHORT_MS);
    lock_take(&gate);
    is_gate_open = true;
    cond_broadcast(&gate_changed);
    lock_drop(&gate);
    LAB_ANSWER a = lab_read(fd);
    ck_assert_str_eq(a.body.data, "late");
    request_resume(sleeper);
    LAB_ANSWER b = lab_read(asleep);
    ck_assert_int_eq(b.status, 200);
    ck_assert_int_lt(http_busy_ms(lab_http), SHORT_MS);
    (void)close(fd);
    (void)close(asleep);
    lab_stop();
}
END_TEST

UNIT_MAIN("http_drain", answers_once_more, waits_for_requests_under_way, does_not_wait_for_ever, lets_in_who_waits_at_the_door,
          serves_sockets_that_are_passed, leaves_who_comes_late_to_the_next, closes_passed_sockets_when_it_fails,
          knows_handlers_that_hang)
