/* The request as a handler sees it, and its body: collected, streamed, refused and drained. */
#include "http_lab.h"

#include "base/id.h"

/* ---- handlers ---- */

static int show(struct request *r, struct err *err)
{
    const struct actor *who = request_actor(r);
    char *text =
        str_printf("%s %s|%s|%s|%s|%s|%s|%s", request_method(r), request_path(r), request_route(r), request_param(r, "id"),
                   who->user, who->address, who->request_id, request_user(r) == lab_records ? "arg" : "");

    lab_handled++;
    return request_reply(r, 200, "text/plain", text, strlen(text), err);
}

/* A public one that wants to know after all. */
static int show_known(struct request *r, struct err *err)
{
    return request_authenticate(r, err) < 0 ? -1 : show(r, err);
}

static int list(struct request *r, struct err *err)
{
    static const char *const names[] = { "limit", "marker", NULL };
    uint64_t limit = 100;

    lab_handled++;
    if (request_query_allow(r, names, err) < 0 || request_query_u64(r, "limit", 1, 1000, &limit, err) < 0)
        return -1;
    const char *marker = request_query(r, "marker");
    char *text = str_printf("%llu|%s", (unsigned long long)limit, marker ? marker : "-");
    return request_reply(r, 200, "text/plain", text, strlen(text), err);
}

static int echo(struct request *r, struct err *err)
{
    size_t len;
    const char *body = request_body(r, &len);
    char *copy = malloc(len + 1);

    lab_handled++;
    memcpy(copy, body, len + 1);
    return request_reply(r, 201, "application/json", copy, len, err);
}

/* An upload: counts and sums its bytes; the words of the path say where it fails. */
struct upload {
    uint64_t bytes, sum;
    bool is_over;
};
static _Atomic int uploads_freed;

static void free_upload(void *data)
{
    uploads_freed++;
    free(data);
}

static int begin_upload(struct request *r, struct err *err)
{
    if (strcmp(request_param(r, "id"), "missing") == 0)
        return err_set(err, ERR_NOT_FOUND, "no such thing");
    request_set_data(r, calloc(1, sizeof(struct upload)), free_upload);
    return 0;
}

static int take_chunk(struct request *r, const void *data, size_t len, struct err *err)
{
    struct upload *u = request_data(r);
    const unsigned char *bytes = data;

    ck_assert_uint_gt(len, 0);
    ck_assert(!u->is_over);
    u->bytes += len;
    for (size_t i = 0; i < len; i++)
        u->sum = u->sum * 31 + bytes[i];
    ck_assert_uint_eq(request_body_received(r), u->bytes);
    if (strcmp(request_param(r, "id"), "broken") == 0) {
        u->is_over = true;
        return err_set(err, ERR_CONFLICT, "full");
    }
    return 0;
}

static int end_upload(struct request *r, struct err *err)
{
    struct upload *u = request_data(r);
    char *text = str_printf("%llu %llx", (unsigned long long)u->bytes, (unsigned long long)u->sum);

    lab_handled++;
    return request_reply(r, 200, "text/plain", text, strlen(text), err);
}

/* Backpressure: each chunk waits until a thread says go. */
static void *resume_later(void *arg)
{
    request_resume(arg);
    return NULL;
}

static int go_on(struct request *r, struct err *err)
{
    (void)r;
    (void)err;
    return 0;
}

static int pause_and(struct request *r, struct err *err)
{
    pthread_t thread;

    if (request_suspend(r, go_on, err) < 0)
        return -1;
    ck_assert_int_eq(pthread_create(&thread, NULL, resume_later, r), 0);
    return pthread_detach(thread);
}

static int begin_slowly(struct request *r, struct err *err)
{
    return begin_upload(r, err) < 0 ? -1 : pause_and(r, err);
}

static int take_slowly(struct request *r, const void *data, size_t len, struct err *err)
{
    return take_chunk(r, data, len, err) < 0 ? -1 : pause_and(r, err);
}

static const struct route routes[] = {
    { "GET", "/v1/things", "thing:list", .handle = list, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/things", "thing:create", .handle = echo },
    { "GET", "/v1/things/{id}", "thing:read", .handle = show, .flags = ROUTE_NO_BODY },
    { "GET", "/v1/open/{id}", "thing:public", .handle = show, .flags = ROUTE_PUBLIC },
    { "GET", "/v1/open", "thing:public", .handle = list, .flags = ROUTE_PUBLIC },
    { "GET", "/v1/known/{id}", "thing:known", .handle = show_known, .flags = ROUTE_PUBLIC },
    { "PUT", "/v1/things/{id}/file", "thing:upload", .handle = end_upload, .begin = begin_upload, .chunk = take_chunk },
    { "PUT", "/v1/things/{id}/slow", "thing:upload", .handle = end_upload, .begin = begin_slowly, .chunk = take_slowly },
};
static const char *const parameters[] = { "colour", NULL };
static const struct door door = { "", routes, sizeof(routes) / sizeof(routes[0]), lab_error, NULL, NULL };
static const struct door coloured = { "", routes, sizeof(routes) / sizeof(routes[0]), lab_error, parameters, NULL };

/* ---- what is seen ---- */

START_TEST(shows_the_request)
{
    lab_config.arg = lab_records;
    lab_start(&door);
    LAB_ANSWER a = lab_ask_once(GET("/v1/things/a%20b?x", "X-Request-Id: my.id_1\r\nX-User: olga\r\n"));
    ck_assert_str_eq(a.body.data, "GET /v1/things/a%20b|GET /v1/things/{id}|a b|olga|127.0.0.1|my.id_1|arg");
    ck_assert_int_eq(lab_wait_record(0).status, 200);
    ck_assert_uint_eq(lab_records[0].bytes, a.body.len);
    ck_assert_str_eq(lab_records[0].route, "GET /v1/things/{id}");
    ck_assert_str_eq(lab_records[0].id, "my.id_1");
    lab_stop();
}
END_TEST

START_TEST(answers_carry_the_common_headers)
{
    lab_start(&door);
    LAB_ANSWER a = lab_ask_once(GET("/v1/things"));
    ck_assert(lab_header_is(&a, "X-Content-Type-Options", "nosniff"));
    ck_assert(lab_header_is(&a, "Cache-Control", "no-store"));
    ck_assert(lab_header_is(&a, "Content-Type", "text/plain"));
    ck_assert_ptr_nonnull(lab_header(&a, "Date"));
    ck_assert_ptr_null(lab_header(&a, "Server"));
    ck_assert_ptr_null(lab_header(&a, "Connection"));
    lab_stop();
}
END_TEST

static void check_request_id(const char *line, const char *expected)
{
    AUTO_FREE char *request = str_printf("GET /v1/things HTTP/1.1\r\nHost: localhost\r\n%s\r\n", line);
    LAB_ANSWER a = lab_ask_once(request);
    const char *id = lab_header(&a, "X-Request-Id");
    uuid_text fresh = "";

    ck_assert_ptr_nonnull(id);
    if (expected) {
        ck_assert(lab_header_is(&a, "X-Request-Id", expected));
        return;
    }
    memcpy(fresh, id, UUID_LEN);
    ck_assert(id_is_uuid(fresh) && id[UUID_LEN] == '\r');
}

START_TEST(takes_well_formed_request_ids)
{
    lab_start(&door);
    check_request_id("X-Request-Id: a\r\n", "a");
    check_request_id("x-request-id: req-0123456789.ABC_xyz\r\n", "req-0123456789.ABC_xyz");
    check_request_id("", NULL);
    check_request_id("X-Request-Id:\r\n", NULL);
    check_request_id("X-Request-Id: a b\r\n", NULL);
    check_request_id("X-Request-Id: a\"b\r\n", NULL);
    check_request_id("X-Request-Id: \xC3\xA4\r\n", NULL);
    check_request_id("X-Request-Id: 0123456789012345678901234567890123456789012345678901234567890123\r\n",
                     "0123456789012345678901234567890123456789012345678901234567890123");
    check_request_id("X-Request-Id: 01234567890123456789012345678901234567890123456789012345678901234\r\n", NULL);
    lab_stop();
}
END_TEST

static void check_query(const char *query, int status, const char *body)
{
    AUTO_FREE char *request = str_printf("GET /v1/things%s HTTP/1.1\r\nHost: localhost\r\n\r\n", query);
    LAB_ANSWER a = lab_ask_once(request);

    ck_assert_msg(a.status == status, "%s: %d", query, a.status);
    ck_assert_str_eq(a.body.data, body);
}

START_TEST(reads_queries)
{
    lab_start(&door);
    check_query("", 200, "100|-");
    check_query("?limit=7&marker=a%26b", 200, "7|a&b");
    check_query("?marker=", 200, "100|");
    check_query("?limit=0", 400, "invalid_field limit");
    check_query("?limit=1001", 400, "invalid_field limit");
    check_query("?limit=+5", 400, "invalid_field limit");
    check_query("?limit=", 400, "invalid_field limit");
    check_query("?limit=1&limit=1", 400, "invalid_field limit");
    check_query("?limit=1&l%69mit=2", 400, "invalid_field limit");
    check_query("?colour=red", 400, "invalid_field colour");
    check_query("?a=%zz", 400, "invalid query");
    lab_stop();
}
END_TEST

START_TEST(a_door_has_parameters_of_its_own)
{
    lab_start(&coloured);
    check_query("?colour=red&limit=7", 200, "7|-");
    check_query("?colour=red&colour=red", 400, "invalid_field colour");
    check_query("?color=red", 400, "invalid_field color");
    LAB_ANSWER a = lab_ask_once(GET("/v1/open?colour=red")); /* nobody has read it there */
    ck_assert_int_eq(a.status, 400);
    lab_stop();
}
END_TEST

START_TEST(refuses_targets_and_methods)
{
    static const struct {
        const char *request;
        int status;
        const char *allow;
    } cases[] = {
        { GET("/v1/nothing"), 404, NULL },
        { GET("/v1/things/a%2fb"), 400, NULL },
        { GET("/v1/things/a%00b"), 400, NULL },
        { GET("/v1/things/%2e%2e"), 400, NULL },
        { GET("http://localhost/v1/things"), 400, NULL },
        { "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, NULL },
        { "OPTIONS /v1/things HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "GET, HEAD, POST" },
        { "PATCH /v1/things/a HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "GET, HEAD" },
        { "BREW /v1/things/a/file HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "PUT" },
        { "TRACE /v1/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, NULL },
        { "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, NULL },
        { "AVERYLONGMETHODINDEED /v1/things HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "GET, HEAD, POST" },
    };
    int fd;

    lab_start(&door);
    fd = lab_connect();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        LAB_ANSWER a = lab_ask(fd, cases[i].request); /* the connection stays */
        ck_assert_msg(a.status == cases[i].status, "%s: %d", cases[i].request, a.status);
        ck_assert(cases[i].allow ? lab_header_is(&a, "Allow", cases[i].allow) : !lab_header(&a, "Allow"));
    }
    ck_assert_int_eq(lab_handled, 0);
    (void)close(fd);
    lab_stop();
}
END_TEST

START_TEST(answers_head_without_a_body)
{
    struct lab_answer head = { 0 };
    int fd;

    lab_start(&door);
    fd = lab_connect();
    lab_send(fd, "HEAD /v1/things HTTP/1.1\r\nHost: localhost\r\n\r\n");
    lab_read_head(fd, &head);
    ck_assert_int_eq(head.status, 200);
    ck_assert(lab_header_is(&head, "Content-Length", "5"));
    LAB_ANSWER a = lab_ask(fd, GET("/v1/things")); /* right behind the head */
    ck_assert_str_eq(a.body.data, "100|-");
    ck_assert_uint_eq(lab_wait_record(0).bytes, 0);
    lab_answer_done(&head);
    (void)close(fd);
    lab_stop();
}
END_TEST

START_TEST(asks_who_and_whether)
{
    lab_start(&door);
    LAB_ANSWER stranger = lab_ask_once(GET("/v1/things", "X-User: stranger\r\n"));
    ck_assert_int_eq(stranger.status, 401);
    LAB_ANSWER forbidden = lab_ask_once(GET("/v1/things", "X-User: guest\r\n"));
    ck_assert_int_eq(forbidden.status, 403);
    LAB_ANSWER guest = lab_ask_once(GET("/v1/things/1", "X-User: guest\r\n"));
    ck_assert_int_eq(guest.status, 200);
    LAB_ANSWER public = lab_ask_once(GET("/v1/open/1", "X-User: stranger\r\nX-Request-Id: i\r\n"));
    ck_assert_str_eq(public.body.data, "GET /v1/open/1|GET /v1/open/{id}|1||127.0.0.1|i|");
    LAB_ANSWER unknown = lab_ask_once(POST("/v1/things", "X-User: stranger\r\nContent-Length: 2\r\n", "{}"));
    ck_assert_int_eq(unknown.status, 401); /* before the body is looked at */
    lab_stop();
}
END_TEST

START_TEST(asks_in_a_public_route_when_it_wants_to_know)
{
    lab_start(&door);
    LAB_ANSWER stranger = lab_ask_once(GET("/v1/known/1", "X-User: stranger\r\n"));
    ck_assert_int_eq(stranger.status, 401);
    LAB_ANSWER forbidden = lab_ask_once(GET("/v1/known/1", "X-User: guest\r\n"));
    ck_assert_int_eq(forbidden.status, 403);
    LAB_ANSWER known = lab_ask_once(GET("/v1/known/1", "X-User: olga\r\nX-Request-Id: i\r\n"));
    ck_assert_str_eq(known.body.data, "GET /v1/known/1|GET /v1/known/{id}|1|olga|127.0.0.1|i|");
    lab_stop();
}
END_TEST

/* ---- bodies ---- */

#define JSON "Content-Type: application/json\r\n"

START_TEST(collects_bodies)
{
    static const char *const requests[] = {
        POST("/v1/things", JSON "Content-Length: 7\r\n", "{\"a\":1}"),
        POST("/v1/things", JSON "Transfer-Encoding: chunked\r\n", "3\r\n{\"a\r\n0004\r\n\":1}\r\n0\r\n\r\n"),
    };
    int fd;

    lab_start(&door);
    fd = lab_connect();
    for (size_t i = 0; i < 2; i++) {
        LAB_ANSWER a = lab_ask(fd, requests[i]);
        ck_assert_int_eq(a.status, 201);
        ck_assert_str_eq(a.body.data, "{\"a\":1}");
    }
    LAB_ANSWER empty = lab_ask(fd, POST("/v1/things", "Content-Length: 0\r\n", ""));
    ck_assert_str_eq(empty.body.data, "");
    (void)close(fd);
    lab_stop();
}
END_TEST

START_TEST(answers_pipelined_requests_in_order)
{
    int fd;

    lab_start(&door);
    fd = lab_connect();
    lab_send(fd, GET("/v1/things?limit=1") POST("/v1/things", JSON "Content-Length: 2\r\n", "{}") GET("/v1/nothing")
                     GET("/v1/things?limit=4"));
    LAB_ANSWER first = lab_read(fd);
    LAB_ANSWER second = lab_read(fd);
    LAB_ANSWER third = lab_read(fd);
    LAB_ANSWER fourth = lab_read(fd);
    ck_assert_str_eq(first.body.data, "1|-");
    ck_assert_str_eq(second.body.data, "{}");
    ck_assert_int_eq(third.status, 404);
    ck_assert_str_eq(fourth.body.data, "4|-");
    (void)close(fd);
    lab_stop();
}
END_TEST

enum { BLOCK = 64 * 1024 };
static char block[BLOCK];

static void send_blocks(int fd, size_t count, bool is_chunked)
{
    memset(block, 'x', sizeof(block));
    for (size_t i = 0; i < count; i++) {
        if (is_chunked)
            lab_send(fd, "10000\r\n");
        lab_send_bytes(fd, block, sizeof(block));
        if (is_chunked)
            lab_send(fd, "\r\n");
    }
    if (is_chunked)
        lab_send(fd, "0\r\n\r\n");
}

/* The client sends all of it before it reads, and gets its answer. */
static void check_drained(const char *headers, size_t blocks, bool is_chunked, int status)
{
    int fd = lab_connect();

    lab_send(fd, headers);
    send_blocks(fd, blocks, is_chunked);
    LAB_ANSWER a = lab_read(fd);
    ck_assert_int_eq(a.status, status);
    ck_assert(lab_header_is(&a, "Connection", "close"));
    lab_expect_closed(fd);
    (void)close(fd);
}

START_TEST(drains_what_it_refuses)
{
    lab_start(&door);
    check_drained(POST("/v1/things", JSON "Content-Length: 16777216\r\n", ""), 256, false, 413);
    check_drained(POST("/v1/things", JSON "Transfer-Encoding: chunked\r\n", ""), 256, true, 413);
    check_drained(POST("/v1/nothing", JSON "Content-Length: 16777216\r\n", ""), 256, false, 404);
    check_drained("PUT /v1/things/missing/file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16777216\r\n\r\n", 256, false, 404);
    check_drained("PUT /v1/things/broken/file HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", 256, true, 409);
    check_drained("PUT /v1/things/broken/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16777216\r\n\r\n", 256, false, 409);
    ck_assert_int_eq(lab_handled, 0);
    lab_stop();
}
END_TEST

START_TEST(takes_a_body_up_to_the_cap)
{
    AUTO_BUF request = { 0 };

    lab_config.body_max_bytes = 1000;
    lab_start(&door);
    for (int len = 999; len <= 1001; len++) {
        buf_done(&request);
        buf_addf(&request, "POST /v1/things HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: %d\r\n\r\n%0*d", len, len, 7);
        LAB_ANSWER a = lab_ask_once(request.data);
        ck_assert_int_eq(a.status, len <= 1000 ? 201 : 413);
        buf_done(&request);
        buf_addf(&request,
                 "POST /v1/things HTTP/1.1\r\nHost: localhost\r\n" JSON
                 "Transfer-Encoding: chunked\r\n\r\n%x\r\n%0*d\r\n0\r\n\r\n",
                 (unsigned)len, len, 7);
        LAB_ANSWER chunked = lab_ask_once(request.data);
        ck_assert_int_eq(chunked.status, len <= 1000 ? 201 : 413);
    }
    lab_stop();
}
END_TEST

/* More than would be drained is answered before it is sent. */
START_TEST(refuses_a_huge_body_at_once)
{
    int fd;

    lab_start(&door);
    fd = lab_connect();
    LAB_ANSWER a = lab_ask(fd, POST("/v1/things", JSON "Content-Length: 1099511627776\r\n", ""));
    ck_assert_int_eq(a.status, 413);
    lab_expect_closed(fd);
    (void)close(fd);
    lab_stop();
}
END_TEST

START_TEST(says_continue_only_to_what_it_wants)
{
    struct lab_answer go = { 0 };
    int fd;

    lab_start(&door);
    fd = lab_connect();
    lab_send(fd, POST("/v1/things", JSON "Content-Length: 2\r\nExpect: 100-continue\r\n", ""));
    lab_read_head(fd, &go);
    ck_assert_int_eq(go.status, 100);
    LAB_ANSWER a = lab_ask(fd, "{}");
    ck_assert_int_eq(a.status, 201);
    LAB_ANSWER large = lab_ask(fd, POST("/v1/things", JSON "Content-Length: 2000000\r\nExpect: 100-continue\r\n", ""));
    ck_assert_int_eq(large.status, 413);
    lab_expect_closed(fd);
    (void)close(fd);
    LAB_ANSWER missing = lab_ask_once(
        "PUT /v1/things/missing/file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_int_eq(missing.status, 404);
    lab_answer_done(&go);
    lab_stop();
}
END_TEST

/* ---- streams ---- */

static void check_upload(const char *path, size_t blocks, bool is_chunked)
{
    AUTO_FREE char *length = str_printf("Content-Length: %zu", blocks * sizeof(block));
    AUTO_FREE char *head =
        str_printf("PUT %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n%s\r\n\r\n", path,
                   is_chunked ? "Transfer-Encoding: chunked" : length);
    uint64_t sum = 0;
    int fd = lab_connect();

    lab_send(fd, head);
    send_blocks(fd, blocks, is_chunked);
    LAB_ANSWER a = lab_read(fd);
    for (size_t i = 0; i < blocks * sizeof(block); i++)
        sum = sum * 31 + 'x';
    AUTO_FREE char *expected = str_printf("%zu %llx", blocks * sizeof(block), (unsigned long long)sum);
    ck_assert_str_eq(a.body.data, expected);
    LAB_ANSWER next = lab_ask(fd, GET("/v1/things"));
    ck_assert_int_eq(next.status, 200);
    (void)close(fd);
}

START_TEST(streams_bodies_of_any_length)
{
    lab_start(&door);
    check_upload("/v1/things/1/file", 64, false);
    check_upload("/v1/things/1/file", 64, true);
    check_upload("/v1/things/1/file", 0, false);
    check_upload("/v1/things/1/file", 0, true);
    lab_stop();
    ck_assert_int_eq(uploads_freed, 4);
}
END_TEST

START_TEST(streams_with_backpressure)
{
    lab_start(&door);
    check_upload("/v1/things/1/slow", 32, false);
    check_upload("/v1/things/1/slow", 32, true);
    lab_stop();
    ck_assert_int_eq(uploads_freed, 2);
}
END_TEST

/* The end of the stream comes together with its last bytes, or alone. */
START_TEST(notices_clients_that_leave)
{
    lab_config.header_deadline_ms = 1000;
    lab_start(&door);
    for (int i = 0; i < 20; i++) {
        int fd = lab_connect();
        lab_send(fd, "PUT /v1/things/1/file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc");
        (void)close(fd);
    }
    ck_assert_int_eq(lab_wait_record(19).status, 0);
    lab_stop();
    ck_assert_int_eq(uploads_freed, 20);
    ck_assert_int_eq(lab_handled, 0);
}
END_TEST

UNIT_MAIN("http_request", shows_the_request, answers_carry_the_common_headers, takes_well_formed_request_ids, reads_queries,
          a_door_has_parameters_of_its_own, refuses_targets_and_methods, answers_head_without_a_body, asks_who_and_whether,
          asks_in_a_public_route_when_it_wants_to_know, collects_bodies, answers_pipelined_requests_in_order,
          drains_what_it_refuses, takes_a_body_up_to_the_cap, refuses_a_huge_body_at_once, says_continue_only_to_what_it_wants,
          streams_bodies_of_any_length, streams_with_backpressure, notices_clients_that_leave)
