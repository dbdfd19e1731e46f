/* The guard: every way known to us of writing a request that two readers read differently, and requests from where none may come.
 */
#include "http_lab.h"

static int answer(struct request *r, struct err *err)
{
    lab_handled++;
    return lab_text(r, "ok", err);
}

static const struct route routes[] = {
    { "GET", "/v1/things", "thing:read", .handle = answer, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/things", "thing:create", .handle = answer },
    { "DELETE", "/v1/things", "thing:delete", .handle = answer },
    { "POST", "/v1/empty", "thing:create", .handle = answer, .flags = ROUTE_NO_BODY },
    { "POST", "/v1/any", "thing:create", .handle = answer, .flags = ROUTE_ANY_BODY },
};
static const struct door door = { "", routes, sizeof(routes) / sizeof(routes[0]), lab_error, NULL, NULL };

/* What follows each attack: were it read as a request, the handler would be called. */
#define SMUGGLED GET("/v1/things")
#define JSON     "Content-Type: application/json\r\n"

struct attack {
    const char *name, *request;
};

static const struct attack attacks[] = {
    { "two Content-Lengths", POST("/v1/things", JSON "Content-Length: 0\r\nContent-Length: 5\r\n", "") },
    { "two equal Content-Lengths", POST("/v1/things", JSON "Content-Length: 2\r\nContent-Length: 2\r\n", "{}") },
    { "Content-Length and chunked", POST("/v1/things", JSON "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") },
    { "chunked and Content-Length", POST("/v1/things", JSON "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n") },
    { "chunked twice", POST("/v1/things", JSON "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") },
    { "another encoding", POST("/v1/things", JSON "Transfer-Encoding: identity\r\n", "") },
    { "two encodings", POST("/v1/things", JSON "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n") },
    { "an encoding with a tail", POST("/v1/things", JSON "Transfer-Encoding: chunked \r\n", "0\r\n\r\n") },
    { "chunked on HTTP/1.0",
      "POST /v1/things HTTP/1.0\r\nHost: localhost\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    { "a blank before the colon", POST("/v1/things", JSON "Content-Length : 0\r\n", "") },
    { "a tab before the colon", POST("/v1/things", JSON "Content-Length\t: 0\r\n", "") },
    { "a header without a name", GET("/v1/things", ": x\r\n") },
    { "a blank in a name", GET("/v1/things", "X Y: x\r\n") },
    { "a line that begins with a blank", "GET /v1/things HTTP/1.1\r\n Host: localhost\r\nHost: localhost\r\n\r\n" },
    { "a folded value", GET("/v1/things", "X-Long: a\r\n b\r\n") },
    { "a value folded by a tab", GET("/v1/things", "X-Long: a\r\n\tb\r\n") },
    { "a fold of nothing", GET("/v1/things", "X-Long: a\r\n \r\n") },
    { "a name made by folding", POST("/v1/things", JSON "Content: 5\r\n -Length\r\n", "") },
    { "a bare line feed", GET("/v1/things", "X: a\nY: b\r\n") },
    { "a bare line feed after the request line", "GET /v1/things HTTP/1.1\nHost: localhost\r\n\r\n" },
    { "a bare line feed at the end", "GET /v1/things HTTP/1.1\r\nHost: localhost\r\n\n" },
    { "a bare carriage return", GET("/v1/things", "X: a\rContent-Length: 5\r\n") },
    { "a control in a value", GET("/v1/things", "X: a\x01\r\n") },
    { "two Hosts", GET("/v1/things", "Host: localhost\r\n") },
    { "two Hosts in other letters", GET("/v1/things", "hOST: evil.example\r\n") },
    { "no Host", "GET /v1/things HTTP/1.1\r\n\r\n" },
    { "two Origins", GET("/v1/things", "Origin: http://localhost\r\nOrigin: http://localhost\r\n") },
    { "two Authorizations", GET("/v1/things", "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n") },
    { "two equal tokens", GET("/v1/things", "X-Auth-Token: a\r\nx-auth-token: a\r\n") },
    { "two tenants", GET("/v1/things", "X-Tenant-ID: a\r\nX-Tenant-ID: b\r\n") },
    { "two blanks after the method", "GET  /v1/things HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { "two blanks after the target", "GET /v1/things  HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { "a blank after the version", "GET /v1/things HTTP/1.1 \r\nHost: localhost\r\n\r\n" },
    { "a blank in the target", "GET /v1/things /x HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { "a method that is no token", "G{T /v1/things HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { "a length of 2^64-1", POST("/v1/things", JSON "Content-Length: 18446744073709551615\r\n", "") },
};

START_TEST(refuses_what_has_two_readings)
{
    lab_start(&door);
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        int fd = lab_connect();
        lab_send(fd, attacks[i].request);
        (void)send(fd, SMUGGLED, strlen(SMUGGLED), MSG_NOSIGNAL); /* may find it closed already */
        LAB_ANSWER a = lab_read(fd);
        ck_assert_msg(a.status == 400, "%s: %d", attacks[i].name, a.status);
        ck_assert_msg(lab_header_is(&a, "Connection", "close"), "%s: stays open", attacks[i].name);
        lab_expect_closed(fd);
        (void)close(fd);
        ck_assert_msg(lab_handled == 0, "%s: a handler was called", attacks[i].name);
    }
    lab_stop();
}
END_TEST

/* libmicrohttpd answers these itself, or hangs up. */
START_TEST(libmicrohttpd_refuses_the_rest)
{
    static const char *const requests[] = {
        POST("/v1/things", JSON "Content-Length: 5 \r\n", "") SMUGGLED,
        POST("/v1/things", JSON "Content-Length: +5\r\n", "") SMUGGLED,
        POST("/v1/things", JSON "Content-Length: -1\r\n", "") SMUGGLED,
        POST("/v1/things", JSON "Content-Length: 0x5\r\n", "") SMUGGLED,
        POST("/v1/things", JSON "Content-Length: 99999999999999999999999\r\n", "") SMUGGLED,
        POST("/v1/things", JSON "Transfer-Encoding: chunked\r\n", "5\r\nabcdefgh\r\n") SMUGGLED,
        POST("/v1/things", JSON "Transfer-Encoding: chunked\r\n", "xyz\r\n") SMUGGLED,
        POST("/v1/things", JSON "Transfer-Encoding: chunked\r\n", "-1\r\n") SMUGGLED,
        "GET /v1/things HTTP/3.0\r\nHost: localhost\r\n\r\n" SMUGGLED,
        "GET /v1/things\r\n\r\n" SMUGGLED,
        GET("/v1/things", "a line without a colon\r\n") SMUGGLED,
    };
    char block[4096];

    lab_start(&door);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = lab_connect();
        lab_send(fd, requests[i]);
        ssize_t n = recv(fd, block, sizeof(block) - 1, 0);
        if (n > 0) {
            block[n] = '\0';
            ck_assert_msg(strncmp(block, "HTTP/1.1 4", 10) == 0 || strncmp(block, "HTTP/1.1 5", 10) == 0, "%zu: %s", i, block);
        }
        while (n > 0)
            n = recv(fd, block, sizeof(block), 0);
        ck_assert_msg(n == 0 || errno == ECONNRESET, "%zu stays open", i);
        (void)close(fd);
        ck_assert_msg(lab_handled == 0, "%zu: a handler was called", i);
    }
    lab_stop();
}
END_TEST

/* A NUL ends a C string and no line. */
START_TEST(refuses_nul_bytes)
{
    static const char in_target[] = "GET /v1/things\0x HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char in_value[] = "GET /v1/things HTTP/1.1\r\nHost: localhost\0x\r\n\r\n";
    static const char in_method[] = "GET\0X /v1/things HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const struct {
        const char *text;
        size_t len;
    } requests[] = { { in_target, sizeof(in_target) - 1 },
                     { in_value, sizeof(in_value) - 1 },
                     { in_method, sizeof(in_method) - 1 } };

    lab_start(&door);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = lab_connect();
        lab_send_bytes(fd, requests[i].text, requests[i].len);
        LAB_ANSWER a = lab_read(fd);
        ck_assert_int_eq(a.status, 400);
        lab_expect_closed(fd);
        (void)close(fd);
    }
    ck_assert_int_eq(lab_handled, 0);
    lab_stop();
}
END_TEST

START_TEST(lets_in_what_has_one_reading)
{
    static const char *const requests[] = {
        GET("/v1/things"),
        GET("/v1/things", "X-Empty:\r\nX-Blanks: \t a b \r\nCookie: a=b; c=d\r\n"),
        "GET /v1/things?a=b HTTP/1.1\r\nHost:localhost\r\n\r\n",
        "\r\nGET /v1/things HTTP/1.1\r\nHost: localhost\r\n\r\n",
        POST("/v1/things", JSON "Content-Length: 2\r\n", "{}"),
        POST("/v1/things", JSON "Transfer-Encoding: Chunked\r\n", "1;x=y\r\n{\r\n1\r\n}\r\n0\r\nX-Trailer: a\r\n\r\n"),
        POST("/v1/things", "Content-Length: 0\r\n", ""),
        POST("/v1/things", "", ""),
        GET("/v1/things"),
    };
    LAB_ANSWER old = { 0 };
    int fd;

    lab_start(&door);
    fd = lab_connect();
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        LAB_ANSWER a = lab_ask(fd, requests[i]); /* all on one connection */
        ck_assert_msg(a.status == 200, "%zu: %d", i, a.status);
    }
    old = lab_ask(fd, "GET /v1/things HTTP/1.0\r\n\r\n");
    ck_assert_int_eq(old.status, 200);
    lab_expect_closed(fd);
    (void)close(fd);
    lab_stop();
}
END_TEST

START_TEST(reads_a_head_that_comes_byte_by_byte)
{
    static const char request[] = GET("/v1/things", "X-Long: abcdefghijklmnopqrstuvwxyz\r\nAccept: */*\r\n");
    int fd;

    lab_start(&door);
    fd = lab_connect();
    for (const char *at = request; *at; at++)
        lab_send_bytes(fd, at, 1);
    LAB_ANSWER a = lab_read(fd);
    ck_assert_int_eq(a.status, 200);
    (void)close(fd);
    lab_stop();
}
END_TEST

/* The read buffer grows under a long header; that must not look like a folded line. */
START_TEST(reads_a_long_head)
{
    AUTO_BUF request = { 0 };
    int fd;

    lab_start(&door);
    buf_adds(&request, "GET /v1/things HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 20; i++)
        buf_addf(&request, "X-Header-%d: %01000d\r\n", i, i);
    buf_adds(&request, "\r\n");
    fd = lab_connect();
    for (int i = 0; i < 3; i++) {
        LAB_ANSWER a = lab_ask(fd, request.data);
        ck_assert_int_eq(a.status, 200);
    }
    (void)close(fd);
    lab_stop();
}
END_TEST

START_TEST(answers_a_head_that_is_too_large)
{
    AUTO_BUF request = { 0 };

    lab_start(&door);
    buf_adds(&request, "GET /v1/things HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 40; i++)
        buf_addf(&request, "X-Header-%d: %01000d\r\n", i, i);
    buf_adds(&request, "\r\n");
    LAB_ANSWER a = lab_ask_once(request.data);
    ck_assert_int_eq(a.status, 431);
    ck_assert_int_eq(lab_wait_record(0).status, 431);
    ck_assert_int_eq(lab_handled, 0);
    lab_stop();
}
END_TEST

struct source {
    const char *host, *more;
    int status;
};

START_TEST(holds_host_and_origin_against_the_lists)
{
    static const struct source sources[] = {
        { "localhost", "", 200 },
        { "LOCALHOST:8081", "", 200 },
        { "127.0.0.1", "", 200 },
        { "127.0.0.1:1", "", 200 },
        { "127.9.9.9", "", 200 },
        { "[::1]:8081", "", 200 },
        { "compute.example", "", 200 },
        { "Compute.Example:443", "", 200 },
        { "evil.example", "", 403 },
        { "compute.example.evil.example", "", 403 },
        { "localhost.evil.example", "", 403 },
        { "10.0.0.1", "", 403 },
        { "0.0.0.0", "", 403 },
        { "2130706433", "", 403 },
        { "127.1", "", 403 },
        { "[fe80::1]", "", 403 },
        { "::1", "", 403 },
        { "[localhost]", "", 403 },
        { "localhost:", "", 403 },
        { "localhost:99999", "", 403 },
        { "localhost:80@evil.example", "", 403 },
        { "", "", 403 },
        { "localhost:81", "Origin: http://localhost:81\r\n", 200 },
        { "localhost:81", "Origin: https://localhost:81\r\n", 200 },
        { "localhost:81", "Origin: http://localhost\r\n", 403 },
        { "localhost:81", "Origin: http://localhost:82\r\n", 403 },
        { "localhost:81", "Origin: http://evil.example\r\n", 403 },
        { "localhost:81", "Origin: ftp://localhost:81\r\n", 403 },
        { "localhost:81", "Origin: null\r\n", 403 },
        { "localhost:81", "Origin:\r\n", 403 },
        { "localhost", "Sec-Fetch-Site: cross-site\r\n", 200 }, /* a GET changes nothing, and its answer stays unread */
        { "localhost", "Sec-Fetch-Site: same-origin\r\n", 200 },
    };
    static const char *const hosts[] = { "compute.example", NULL };
    int fd;

    lab_config.hosts = hosts;
    lab_start(&door);
    fd = lab_connect();
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        AUTO_FREE char *request = str_printf("GET /v1/things HTTP/1.1\r\nHost: %s\r\n%s\r\n", sources[i].host, sources[i].more);
        LAB_ANSWER a = lab_ask(fd, request);
        ck_assert_msg(a.status == sources[i].status, "Host '%s' %s: %d", sources[i].host, sources[i].more, a.status);
    }
    (void)close(fd);
    lab_stop();
}
END_TEST

START_TEST(refuses_changes_from_foreign_pages)
{
    static const char *const sites[] = { "cross-site", "same-site", "same-origin", "none" };
    static const int statuses[] = { 403, 403, 200, 200 };

    lab_start(&door);
    for (size_t i = 0; i < 4; i++) {
        AUTO_FREE char *request = str_printf(
            "POST /v1/things HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nSec-Fetch-Site: %s\r\n\r\n", sites[i]);
        LAB_ANSWER a = lab_ask_once(request);
        ck_assert_int_eq(a.status, statuses[i]);
    }
    lab_stop();
}
END_TEST

struct content {
    const char *request;
    int status;
};

START_TEST(wants_json_where_a_body_may_be)
{
    static const struct content contents[] = {
        { POST("/v1/things", "Content-Type: application/json\r\nContent-Length: 2\r\n", "{}"), 200 },
        { POST("/v1/things", "Content-Type: Application/JSON ; Charset=UTF-8\r\nContent-Length: 2\r\n", "{}"), 200 },
        { POST("/v1/things", "Content-Type: application/json;charset=\"utf-8\"\r\nContent-Length: 2\r\n", "{}"), 200 },
        { POST("/v1/things", "Content-Type: application/json; charset=latin1\r\nContent-Length: 2\r\n", "{}"), 415 },
        { POST("/v1/things", "Content-Type: application/jsonp\r\nContent-Length: 2\r\n", "{}"), 415 },
        { POST("/v1/things", "Content-Type: text/plain\r\nContent-Length: 2\r\n", "{}"), 415 },
        { POST("/v1/things", "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n", "{}"), 415 },
        { POST("/v1/things", "Content-Length: 2\r\n", "{}"), 415 },
        { POST("/v1/things", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 415 },
        { POST("/v1/any", "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n", "a=b"), 200 },
        { POST("/v1/any", "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 2\r\n", "{}"), 200 },
        { POST("/v1/any", "Content-Length: 2\r\n", "{}"), 200 },
        { POST("/v1/any", "Content-Length: 2097152\r\nExpect: 100-continue\r\n", ""), 413 },
        { POST("/v1/empty", JSON "Content-Length: 2\r\n", "{}"), 400 },
        { POST("/v1/empty", "Content-Length: 0\r\n", ""), 200 },
        { "DELETE /v1/things HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: 2\r\n\r\n{}", 400 },
        { GET("/v1/things", JSON "Content-Length: 2\r\n") "{}", 400 },
    };

    lab_start(&door);
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        LAB_ANSWER a = lab_ask_once(contents[i].request);
        ck_assert_msg(a.status == contents[i].status, "%s: %d", contents[i].request, a.status);
    }
    lab_stop();
}
END_TEST

START_TEST(answers_only_in_wanted_types)
{
    static const struct source accepts[] = {
        { "", "*/*", 200 },
        { "", "text/html, application/json;q=0.5", 200 },
        { "", "application/*", 200 },
        { "", "text/plain", 200 },
        { "", "text/event-stream", 200 },
        { "", "application/octet-stream", 200 },
        { "", "text/html,application/xhtml+xml,*/*;q=0.8", 200 },
        { "", "image/png", 406 },
        { "", "application/xml", 406 },
        { "", "text/html;x=application/json", 406 },
    };

    lab_start(&door);
    for (size_t i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {
        AUTO_FREE char *request = str_printf("GET /v1/things HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\n\r\n", accepts[i].more);
        LAB_ANSWER a = lab_ask_once(request);
        ck_assert_msg(a.status == accepts[i].status, "Accept: %s: %d", accepts[i].more, a.status);
    }
    lab_stop();
}
END_TEST

UNIT_MAIN("http_guard", refuses_what_has_two_readings, libmicrohttpd_refuses_the_rest, refuses_nul_bytes,
          lets_in_what_has_one_reading, reads_a_head_that_comes_byte_by_byte, reads_a_long_head, answers_a_head_that_is_too_large,
          holds_host_and_origin_against_the_lists, refuses_changes_from_foreign_pages, wants_json_where_a_body_may_be,
          answers_only_in_wanted_types)
