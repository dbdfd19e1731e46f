/* http_lab: a server with a door of its own on a free port, and a client that sends bytes as they are given.
 * What is under the room's header is reached by way of src/http. */
#ifndef TESTS_HTTP_LAB_H
#define TESTS_HTTP_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "unit.h"

#include "base/str.h"
#include "base/thread.h"
#include "http/http.h"

enum { LAB_PATIENCE_S = 10, LAB_PATIENCE_MS = LAB_PATIENCE_S * 1000 };

/* One lab a process: each test has its own. */
static struct err e = ERR_INIT;
static struct timer *lab_timer;
static struct http *lab_http;
static _Atomic int lab_handled; /* calls of handlers */

/* What `logged` was told, in order. */
struct lab_record {
    int status;
    uint64_t bytes;
    char route[64];
    char id[REQUEST_ID_MAX + 1];
};
enum { LAB_RECORDS_MAX = 64 };
static struct lock lab_lock;
static struct cond lab_changed;
static struct lab_record lab_records[LAB_RECORDS_MAX];
static int lab_record_count;

static void lab_logged(void *arg, struct request *r, int status, int64_t duration_us, uint64_t bytes)
{
    HOLD(&lab_lock);
    struct lab_record *record = &lab_records[lab_record_count % LAB_RECORDS_MAX];

    (void)arg;
    ck_assert_int_ge(duration_us, 0);
    record->status = status;
    record->bytes = bytes;
    (void)str_copy(record->route, sizeof(record->route), request_route(r) ? request_route(r) : "-");
    (void)str_copy(record->id, sizeof(record->id), request_id(r));
    lab_record_count++;
    cond_broadcast(&lab_changed);
}

static inline struct lab_record lab_wait_record(int nth)
{
    HOLD(&lab_lock);

    while (lab_record_count <= nth)
        ck_assert_msg(cond_wait_ms(&lab_changed, &lab_lock, LAB_PATIENCE_MS), "request %d is not over", nth);
    return lab_records[nth % LAB_RECORDS_MAX];
}

static inline int lab_text(struct request *r, const char *text, struct err *err)
{
    return request_reply(r, 200, "text/plain", str_dup(text), strlen(text), err);
}

/* ---- the door ---- */

struct lab_status {
    enum err_code code;
    int status;
};

static void lab_error(struct request *r, const struct err *err)
{
    static const struct lab_status statuses[] = {
        { ERR_INVALID, 400 },        { ERR_INVALID_FIELD, 400 },  { ERR_UNAUTHORIZED, 401 }, { ERR_FORBIDDEN, 403 },
        { ERR_HOST_REFUSED, 403 },   { ERR_ORIGIN_REFUSED, 403 }, { ERR_NOT_FOUND, 404 },    { ERR_METHOD_NOT_ALLOWED, 405 },
        { ERR_NOT_ACCEPTABLE, 406 }, { ERR_CONFLICT, 409 },       { ERR_TOO_LARGE, 413 },    { ERR_UNSUPPORTED_MEDIA, 415 },
        { ERR_UNAVAILABLE, 503 },
    };
    struct err ignored = ERR_INIT;
    int status = 500;

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (statuses[i].code == err->code)
            status = statuses[i].status;
    char *body = str_printf("%s %s", err_code_word(err->code), err->field);
    (void)request_reply(r, status, "text/plain", body, strlen(body), &ignored);
}

static int lab_authenticate(void *arg, struct request *r, struct actor *out, struct err *err)
{
    const char *user = request_header(r, "X-User");

    (void)arg;
    memset(out, 0, sizeof(*out)); /* as one that fills the whole record would */
    if (user && strcmp(user, "stranger") == 0)
        return err_set(err, ERR_UNAUTHORIZED, "who?");
    (void)str_copy(out->user, sizeof(out->user), user ? user : "root");
    return 0;
}

static int lab_authorize(void *arg, const struct actor *who, const char *action, struct err *err)
{
    (void)arg;
    if (strcmp(who->user, "guest") == 0 && strcmp(action, "thing:read") != 0)
        return err_set(err, ERR_FORBIDDEN, "no");
    return 0;
}

/* ---- the server ---- */

static const char *lab_listen[] = { "127.0.0.1:0", NULL, NULL, NULL };
static struct http_config lab_config = {
    .listen = lab_listen, .threads = 2, .authenticate = lab_authenticate, .authorize = lab_authorize, .logged = lab_logged
};

static inline void lab_prepare(void)
{
    lock_init(&lab_lock, RANK_LEAF);
    cond_init(&lab_changed);
    unit_ok(timer_new(&lab_timer, &e));
}

static inline void lab_start(const struct door *door)
{
    const struct door *doors[] = { door, NULL };
    static const struct door *kept[2]; /* borrowed by the server */

    memcpy(kept, doors, sizeof(kept));
    lab_prepare();
    unit_ok(http_new(&lab_config, kept, lab_timer, &lab_http, &e));
    unit_ok(http_start(lab_http, &e));
}

static inline void lab_stop(void)
{
    http_free(lab_http);
    timer_free(lab_timer);
    cond_done(&lab_changed);
    lock_done(&lab_lock);
}

/* ---- the client ---- */

static inline void lab_set_patience(int fd)
{
    struct timeval patience = { .tv_sec = LAB_PATIENCE_S };

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
}

static inline int lab_try_unix(const char *path)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert(str_copy(sun.sun_path, sizeof(sun.sun_path), path));
    if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static inline int lab_try_tcp(const char *host, const char *port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *ai = NULL;

    ck_assert_int_eq(getaddrinfo(host, port, &hints, &ai), 0);
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = connect(fd, ai->ai_addr, ai->ai_addrlen);
    freeaddrinfo(ai);
    if (rc == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* Connected to the i-th address; -1 when it is refused. */
static inline int lab_try_connect(size_t i)
{
    const char *url = http_url(lab_http, i);
    char host[64] = "";

    if (str_starts_with(url, "unix:"))
        return lab_try_unix(url + strlen("unix:"));
    const char *start = url + strlen("http://"), *colon = strrchr(url, ':');
    size_t bracket = *start == '[';
    memcpy(host, start + bracket, (size_t)(colon - start) - 2 * bracket);
    return lab_try_tcp(host, colon + 1);
}

static inline int lab_connect_to(size_t i)
{
    int fd = lab_try_connect(i);

    ck_assert_int_ge(fd, 0);
    lab_set_patience(fd);
    return fd;
}

static inline int lab_connect(void)
{
    return lab_connect_to(0);
}

static inline void lab_send_bytes(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        ck_assert_msg(n > 0, "send: %s", strerror(errno));
        at += n;
        len -= (size_t)n;
    }
}

static inline void lab_send(int fd, const char *text)
{
    lab_send_bytes(fd, text, strlen(text));
}

struct lab_answer {
    int status;
    struct buf head, body;
};

static inline void lab_answer_done(struct lab_answer *a)
{
    buf_done(&a->head);
    buf_done(&a->body);
}
#define LAB_ANSWER __attribute__((cleanup(lab_answer_done))) struct lab_answer

/* The value of a header of the answer, up to the end of its line; NULL when absent. */
static inline const char *lab_header(const struct lab_answer *a, const char *name)
{
    for (const char *line = strchr(a->head.data, '\n'); line && line[1]; line = strchr(line + 1, '\n'))
        if (strncasecmp(line + 1, name, strlen(name)) == 0 && line[1 + strlen(name)] == ':')
            return line + 1 + strlen(name) + 2;
    return NULL;
}

static inline bool lab_header_is(const struct lab_answer *a, const char *name, const char *value)
{
    const char *have = lab_header(a, name);

    return have && strncmp(have, value, strlen(value)) == 0 && have[strlen(value)] == '\r';
}

/* Reads the head of an answer byte by byte, so that nothing of the next one is taken. */
static inline void lab_read_head(int fd, struct lab_answer *a)
{
    char c;

    while (a->head.len < 4 || strcmp(a->head.data + a->head.len - 4, "\r\n\r\n") != 0) {
        ssize_t n = recv(fd, &c, 1, 0);
        ck_assert_msg(n == 1, "no answer: %s after '%s'", n == 0 ? "closed" : strerror(errno), a->head.len ? a->head.data : "");
        buf_add(&a->head, &c, 1);
    }
    ck_assert_int_eq(sscanf(a->head.data, "HTTP/1.1 %d ", &a->status), 1);
}

static inline void lab_read_body(int fd, struct lab_answer *a, size_t len)
{
    char block[4096];

    buf_adds(&a->body, "");
    while (a->body.len < len) {
        size_t want = len - a->body.len < sizeof(block) ? len - a->body.len : sizeof(block);
        ssize_t n = recv(fd, block, want, 0);
        ck_assert_msg(n > 0, "the body ends early");
        buf_add(&a->body, block, (size_t)n);
    }
}

static inline struct lab_answer lab_read(int fd)
{
    struct lab_answer a = { 0 };

    lab_read_head(fd, &a);
    const char *len = lab_header(&a, "Content-Length");
    lab_read_body(fd, &a, len ? strtoul(len, NULL, 10) : 0);
    return a;
}

static inline struct lab_answer lab_ask(int fd, const char *request)
{
    lab_send(fd, request);
    return lab_read(fd);
}

/* Sends a request on a connection of its own. */
static inline struct lab_answer lab_ask_once(const char *request)
{
    int fd = lab_connect();
    struct lab_answer a = lab_ask(fd, request);

    (void)close(fd);
    return a;
}

/* Waits until the server has closed, with nothing more to read. */
static inline void lab_expect_closed(int fd)
{
    char c;
    ssize_t n = recv(fd, &c, 1, 0);

    ck_assert_msg(n == 0 || (n < 0 && errno == ECONNRESET), "the connection is not closed: %s",
                  n > 0 ? "it has data" : strerror(errno));
}

#define GET(path, ...)            "GET " path " HTTP/1.1\r\nHost: localhost\r\n" __VA_ARGS__ "\r\n"
#define POST(path, headers, body) "POST " path " HTTP/1.1\r\nHost: localhost\r\n" headers "\r\n" body

#endif
