/* Streams of a door that counts: what readers get, who is pinged and dropped, and that each subscriber is freed once, whatever
 * becomes of it. */
#include "http_lab.h"

#include "base/clock.h"
#include "http/stream.h"

#define UPGRADE(path, ...)                                                                                                       \
    GET(path, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                                       \
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" __VA_ARGS__)
#define SSE(path) GET(path, "Accept: text/event-stream\r\n")

enum { TEXT = 0x81, CLOSE = 0x88, PING = 0x89 };

/* Numbers from 1 to `available`; each subscriber has its place. */
static _Atomic int available, alive, failures;
static atomic_bool is_shut;

struct reader {
    int at;
    char text[32];
};

static int next(void *arg, struct stream_message *out, struct err *err)
{
    struct reader *reader = arg;

    if (atomic_load(&failures) > 0) {
        atomic_fetch_sub(&failures, 1);
        return err_set(err, ERR_UNAVAILABLE, "not now");
    }
    if (reader->at == atomic_load(&available))
        return 0;
    (void)snprintf(reader->text, sizeof reader->text, "{\"n\":%d}", ++reader->at);
    *out = (struct stream_message){ .id = (uint64_t)reader->at, .event = "number", .text = reader->text };
    return 1;
}

static bool is_welcome(void *arg)
{
    (void)arg;
    return !atomic_load(&is_shut);
}

static void reader_free(void *arg)
{
    free(arg);
    atomic_fetch_sub(&alive, 1);
}

static int numbers(struct request *r, struct err *err)
{
    static const struct stream_source source = { next, is_welcome, reader_free };
    enum stream_kind kind;

    atomic_fetch_add(&lab_handled, 1);
    if (request_stream_kind(r, &kind, err) < 0)
        return -1;
    if (kind == STREAM_NONE)
        return lab_text(r, "page", err);
    atomic_fetch_add(&alive, 1);
    return request_reply_stream(r, &source, calloc(1, sizeof(struct reader)), err);
}

static const struct route routes[] = { { "GET", "/numbers", "thing:read", .handle = numbers } };
static const struct door door = { .prefix = "", .routes = routes, .route_count = 1, .error = lab_error };

static void start(void)
{
    lab_config.streams_max = 2;
    lab_start(&door);
}

static void stop(void)
{
    lab_stop();
    ck_assert_int_eq(atomic_load(&alive), 0);
}

static void make(int count)
{
    atomic_fetch_add(&available, count);
    http_wake_streams(lab_http);
}

static int open_websocket(void)
{
    int fd = lab_connect();

    lab_send(fd, UPGRADE("/numbers"));
    LAB_ANSWER a = { 0 };
    lab_read_head(fd, &a);
    ck_assert_int_eq(a.status, 101);
    ck_assert(lab_header_is(&a, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    return fd;
}

static int open_sse(void)
{
    int fd = lab_connect();

    lab_send(fd, SSE("/numbers"));
    LAB_ANSWER a = { 0 };
    lab_read_head(fd, &a);
    ck_assert_int_eq(a.status, 200);
    ck_assert(lab_header_is(&a, "Content-Type", "text/event-stream"));
    return fd;
}

static void read_exactly(int fd, void *to, size_t len)
{
    ck_assert_int_eq(recv(fd, to, len, MSG_WAITALL), (ssize_t)len);
}

/* The next frame, a short one. */
static unsigned hear(int fd, char payload[126])
{
    unsigned char head[2];

    read_exactly(fd, head, 2);
    ck_assert_uint_lt(head[1], 126);
    if (head[1] > 0)
        read_exactly(fd, payload, head[1]);
    payload[head[1]] = '\0';
    return head[0];
}

static void expect_number(int fd, const char *text)
{
    char payload[126];

    ck_assert_uint_eq(hear(fd, payload), TEXT);
    ck_assert_str_eq(payload, text);
}

static void expect_close(int fd, unsigned code)
{
    char payload[126];

    ck_assert_uint_eq(hear(fd, payload), CLOSE);
    ck_assert_uint_eq((unsigned)(unsigned char)payload[0] << 8 | (unsigned char)payload[1], code);
    lab_expect_closed(fd);
}

/* Reads on until the text has come. */
static void expect_text(int fd, const char *text)
{
    AUTO_BUF b = { 0 };
    char c;

    buf_adds(&b, "");
    while (!strstr(b.data, text)) {
        ck_assert_msg(recv(fd, &c, 1, 0) == 1, "'%s' does not come after '%s'", text, b.data);
        buf_add(&b, &c, 1);
    }
}

START_TEST(both_kinds_are_told)
{
    start();
    make(1);
    int ws = open_websocket(), sse = open_sse();
    expect_number(ws, "{\"n\":1}");
    expect_text(sse, "id: 1\nevent: number\ndata: {\"n\":1}\n\n");
    make(2);
    expect_number(ws, "{\"n\":2}");
    expect_number(ws, "{\"n\":3}");
    expect_text(sse, "id: 2\nevent: number\ndata: {\"n\":2}\n\nid: 3\nevent: number\ndata: {\"n\":3}\n\n");
    (void)close(ws);
    (void)close(sse);
    stop();
}
END_TEST

START_TEST(a_foreign_page_does_not_get_there)
{
    start();
    LAB_ANSWER ws = lab_ask_once(UPGRADE("/numbers", "Origin: http://evil.example\r\n"));
    ck_assert_int_eq(ws.status, 403);
    LAB_ANSWER nobody = lab_ask_once(UPGRADE("/numbers", "X-User: stranger\r\n"));
    ck_assert_int_eq(nobody.status, 401);
    ck_assert_int_eq(atomic_load(&lab_handled), 0);
    LAB_ANSWER own = { 0 };
    int fd = lab_connect();
    lab_send(fd, UPGRADE("/numbers", "Origin: http://localhost\r\n"));
    lab_read_head(fd, &own);
    ck_assert_int_eq(own.status, 101);
    (void)close(fd);
    stop();
}
END_TEST

START_TEST(there_is_a_page_as_well)
{
    start();
    LAB_ANSWER page = lab_ask_once(GET("/numbers"));
    ck_assert_str_eq(page.body.data, "page");
    LAB_ANSWER any = lab_ask_once(GET("/numbers", "Accept: */*\r\n"));
    ck_assert_str_eq(any.body.data, "page");
    LAB_ANSWER other = lab_ask_once(GET("/numbers", "Connection: Upgrade\r\nUpgrade: h2c\r\n"));
    ck_assert_str_eq(other.body.data, "page");
    stop();
}
END_TEST

START_TEST(one_too_many_is_refused)
{
    start();
    int ws = open_websocket(), sse = open_sse();
    LAB_ANSWER third = lab_ask_once(UPGRADE("/numbers"));
    ck_assert_int_eq(third.status, 503);
    LAB_ANSWER fourth = lab_ask_once(SSE("/numbers"));
    ck_assert_int_eq(fourth.status, 503);
    ck_assert_int_eq(atomic_load(&alive), 2);
    (void)close(ws);
    (void)close(sse);
    stop();
}
END_TEST

START_TEST(without_streams_all_are_refused)
{
    lab_start(&door);
    LAB_ANSWER ws = lab_ask_once(UPGRADE("/numbers"));
    ck_assert_int_eq(ws.status, 503);
    LAB_ANSWER sse = lab_ask_once(SSE("/numbers"));
    ck_assert_int_eq(sse.status, 503);
    stop();
}
END_TEST

START_TEST(a_dead_peer_is_dropped)
{
    char payload[126];

    lab_config.stream_ping_ms = 100; /* looked at once a second */
    start();
    int dead = open_websocket(), sse = open_sse();
    ck_assert_uint_eq(hear(dead, payload), PING);
    expect_text(sse, ":\n\n");
    expect_close(dead, 1001);
    expect_text(sse, ":\n\n");
    (void)close(dead);
    (void)close(sse);
    stop();
}
END_TEST

START_TEST(who_is_not_welcome_any_more_is_closed)
{
    start();
    int ws = open_websocket(), sse = open_sse();
    atomic_store(&is_shut, true);
    make(1); /* and is told nothing more */
    expect_close(ws, 1008);
    expect_text(sse, "0\r\n\r\n");
    (void)close(ws);
    (void)close(sse);
    stop();
}
END_TEST

START_TEST(what_could_not_be_read_is_tried_again)
{
    start();
    int ws = open_websocket(), sse = open_sse();
    atomic_store(&failures, 2);
    make(1);
    expect_number(ws, "{\"n\":1}");
    expect_text(sse, "data: {\"n\":1}\n\n");
    (void)close(ws);
    (void)close(sse);
    stop();
}
END_TEST

START_TEST(the_end_is_told)
{
    start();
    int ws = open_websocket(), sse = open_sse();
    http_quiesce(lab_http);
    expect_close(ws, 1001);
    expect_text(sse, "0\r\n\r\n");
    (void)close(ws);
    (void)close(sse);
    stop();
}
END_TEST

START_TEST(the_end_waits_for_nobody)
{
    int64_t began = 0;

    start();
    int ws = open_websocket(), sse = open_sse();
    began = clock_boot_ms();
    stop(); /* neither reads, nor closes */
    ck_assert_int_lt(clock_boot_ms() - began, 8000);
    (void)close(ws);
    (void)close(sse);
}
END_TEST

/* Alone in the room, where no event wakes anybody. */
START_TEST(a_lone_reader_that_leaves_is_seen)
{
    LAB_ANSWER head = { 0 };

    start();
    int fd = lab_connect();
    lab_send(fd, GET("/numbers", "Accept: text/event-stream\r\n"));
    lab_read_head(fd, &head);
    ck_assert_int_eq(head.status, 200);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    ck_assert_int_eq(lab_wait_record(0).status, 200);
    (void)close(fd);
    stop();
}
END_TEST

UNIT_MAIN("http_stream", a_lone_reader_that_leaves_is_seen, both_kinds_are_told, a_foreign_page_does_not_get_there,
          there_is_a_page_as_well, one_too_many_is_refused, without_streams_all_are_refused, a_dead_peer_is_dropped,
          who_is_not_welcome_any_more_is_closed, what_could_not_be_read_is_tried_again, the_end_is_told, the_end_waits_for_nobody)
