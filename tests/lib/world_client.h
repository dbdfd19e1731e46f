/* world_client: asks a world by HTTP over a connection that stays open as long as the server lets it. */
#ifndef TESTS_WORLD_CLIENT_H
#define TESTS_WORLD_CLIENT_H

#include <errno.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "world.h"

#include "base/json.h"
#include "store/job.h"

enum { CLIENT_PATIENCE_S = 60, CLIENT_HEAD_MAX = 64 << 10, CLIENT_TRIES = 3 };

static int client_fds[WORLD_DOORS] = { -1, -1 };
static const char *client_token; /* which client_call sends; NULL: none */

struct client_answer {
    int status; /* 0: the connection ended without one */
    struct buf head, body;
};
static inline void client_answer_done(struct client_answer *a)
{
    buf_done(&a->head);
    buf_done(&a->body);
}
#define CLIENT_ANSWER __attribute__((cleanup(client_answer_done))) struct client_answer

static inline void client_leave(enum world_door door)
{
    if (client_fds[door] >= 0)
        (void)close(client_fds[door]);
    client_fds[door] = -1;
}

static inline int client_connect(enum world_door door)
{
    struct timeval patience = { .tv_sec = CLIENT_PATIENCE_S };
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    WORLD_REQUIRE(str_copy(sun.sun_path, sizeof sun.sun_path, http_url(world.http[door], 0) + strlen("unix:")));
    WORLD_REQUIRE(fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

/* False: the server has closed. That it does nothing for so long is a hang. */
static inline bool client_send(int fd, const struct buf *request)
{
    for (size_t at = 0; at < request->len;) {
        ssize_t n = send(fd, request->data + at, request->len - at, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        WORLD_REQUIRE(n > 0 || errno != EAGAIN);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static inline size_t client_receive(int fd, char *to, size_t len)
{
    ssize_t n;

    do
        n = recv(fd, to, len, 0);
    while (n < 0 && errno == EINTR); /* libFuzzer's clock */
    WORLD_REQUIRE(n >= 0 || errno != EAGAIN);
    return n > 0 ? (size_t)n : 0;
}

/* The value of a header of the answer, up to the end of its line; NULL when absent. */
static inline const char *client_header(const struct client_answer *a, const char *name)
{
    for (const char *line = a->head.len > 0 ? strchr(a->head.data, '\n') : NULL; line && line[1]; line = strchr(line + 1, '\n'))
        if (strncasecmp(line + 1, name, strlen(name)) == 0 && line[1 + strlen(name)] == ':')
            return line + 1 + strlen(name) + 2;
    return NULL;
}

/* The head, and what has come with it of the body. */
static inline bool client_read_head(int fd, struct client_answer *a)
{
    char block[4096];

    for (;;) {
        const char *end = a->head.len > 0 ? memmem(a->head.data, a->head.len, "\r\n\r\n", 4) : NULL;
        size_t n;

        if (end) {
            size_t head_len = (size_t)(end - a->head.data) + 4;
            buf_add(&a->body, a->head.data + head_len, a->head.len - head_len);
            a->head.len = head_len;
            a->head.data[head_len] = '\0';
            return sscanf(a->head.data, "HTTP/1.1 %d ", &a->status) == 1;
        }
        n = client_receive(fd, block, sizeof block);
        if (n == 0 || a->head.len > CLIENT_HEAD_MAX)
            return false;
        buf_add(&a->head, block, n);
    }
}

/* An interim answer ("100 Continue") is passed over: what came with it begins the next. A switch to WebSocket is no such. */
static inline bool client_read_final_head(int fd, struct client_answer *a)
{
    while (client_read_head(fd, a)) {
        if (a->status / 100 != 1 || a->status == 101)
            return true;
        struct buf rest = a->body;
        buf_done(&a->head);
        *a = (struct client_answer){ .head = rest };
    }
    return false;
}

static inline bool client_read(int fd, bool is_head, struct client_answer *a)
{
    char block[4096];

    if (!client_read_final_head(fd, a))
        return false;
    const char *len_text = client_header(a, "Content-Length");
    size_t len = len_text && !is_head && a->status != 204 && a->status != 304 ? strtoul(len_text, NULL, 10) : 0;
    while (a->body.len < len) {
        size_t n = client_receive(fd, block, len - a->body.len < sizeof block ? len - a->body.len : sizeof block);
        if (n == 0)
            return false;
        buf_add(&a->body, block, n);
    }
    buf_adds(&a->body, "");
    return true;
}

/* Nothing else can be asked on its connection: it was said, or the answer is a stream. */
static inline bool client_is_last(const struct client_answer *a)
{
    const char *connection = client_header(a, "Connection");

    if (connection && strncasecmp(connection, "close", 5) == 0)
        return true;
    return a->status == 101 || (a->status == 200 && !client_header(a, "Content-Length"));
}

/* Sends the whole request, reads the whole answer; of a stream its head. */
static inline struct client_answer client_ask(enum world_door door, const struct buf *request)
{
    struct client_answer a = { .status = 0 };
    bool is_head = request->len > 4 && memcmp(request->data, "HEAD", 4) == 0;

    if (client_fds[door] < 0)
        client_fds[door] = client_connect(door);
    (void)client_send(client_fds[door], request); /* a refusal may come before all is sent */
    bool is_whole = client_read(client_fds[door], is_head, &a);
    if (!is_whole || client_is_last(&a))
        client_leave(door);
    if (!is_whole)
        a.status = 0;
    return a;
}

static inline struct client_answer client_call(const char *method, const char *path, const char *type, const char *body)
{
    AUTO_BUF request = { 0 };

    buf_addf(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path);
    if (client_token)
        buf_addf(&request, "X-Auth-Token: %s\r\n", client_token);
    if (body)
        buf_addf(&request, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, strlen(body));
    buf_adds(&request, "\r\n");
    buf_adds(&request, body ? body : "");
    WORLD_REQUIRE(!request.failed);
    return client_ask(WORLD_API, &request);
}

static inline struct client_answer client_post(const char *path, const char *json)
{
    return client_call("POST", path, "application/json", json);
}

/* The path of the operation that an accepted request began, cut at its line's end; caller frees. NULL: none. */
static inline char *client_operation(const struct client_answer *a)
{
    const char *location = client_header(a, "Location");

    if (a->status != 202 || !location)
        return NULL;
    return strndup(location, strcspn(location, "\r\n"));
}

/* Waits until the operation is over: true when it succeeded. The asking may be refused as anything else is. */
static inline bool client_wait(const char *operation)
{
    AUTO_FREE char *path = str_printf("%s?wait=30&project=*", operation);

    for (int i = 0; i < CLIENT_TRIES; i++) {
        CLIENT_ANSWER a = client_call("GET", path, NULL, NULL);
        WORLD_REQUIRE(a.status == 200 || a.status == 503 || a.status == 0);
        if (a.status == 200 && strstr(a.body.data, "\"status\":\"succeeded\""))
            return true;
        if (a.status == 200 && strstr(a.body.data, "\"status\":\"failed\""))
            return false;
    }
    WORLD_REQUIRE(!"an operation comes to its end");
    return false;
}

/* A step of a set-up: it must succeed, and so must its operation. Caller frees the answer. */
static inline struct client_answer client_done(struct client_answer a)
{
    AUTO_FREE char *operation = client_operation(&a);

    if (a.status / 100 != 2)
        (void)fprintf(stderr, "%s%s\n", a.head.len ? a.head.data : "", a.body.len ? a.body.data : "");
    WORLD_REQUIRE(a.status / 100 == 2);
    WORLD_REQUIRE(!operation || client_wait(operation));
    return a;
}

/* A member of the answer that is a string; caller frees. */
static inline char *client_member(const struct client_answer *a, const char *name)
{
    struct err e = ERR_INIT;
    AUTO_JSON json = NULL;

    WORLD_OK(json_parse(a->body.data, a->body.len, &json, &e));
    return str_dup(json_string_value(json_object_get(json, name)));
}

/* The newest operation on the VM that an answer shows; caller frees. NULL: there is none. */
static inline char *client_operation_on_vm(const struct client_answer *a)
{
    struct err e = ERR_INIT;
    AUTO_FREE char *id = a->status / 100 == 2 && a->body.len > 0 ? client_member(a, "id") : NULL;
    const struct job_filter newest = { .target = id, .limit = 1 };
    AUTO(txn) t = NULL;
    AUTO_LIST(job) list = { 0 };
    bool has_more;

    if (!id)
        return NULL;
    WORLD_OK(txn_read(world.store, &t, &e));
    WORLD_OK(store_job_list(t, &newest, &list, &has_more, &e));
    return list.count > 0 ? str_printf("/v1/operations/%s", list.items[0]->id) : NULL;
}

/* The operation behind an answer from this path: the doors below /api name none. */
static inline char *client_operation_at(const char *path, const struct client_answer *a)
{
    return str_starts_with(path, "/api/") ? client_operation_on_vm(a) : client_operation(a);
}

/* Makes something that must work; its id, which the caller frees. */
static inline char *client_make(const char *path, const char *json)
{
    CLIENT_ANSWER a = client_done(client_post(path, json));

    return client_member(&a, "id");
}

static inline void client_upload(const char *image_id, const char *bytes)
{
    AUTO_FREE char *path = str_printf("/v1/images/%s/file", image_id);
    struct client_answer a = client_done(client_call("PUT", path, "application/octet-stream", bytes));

    client_answer_done(&a);
}

/* An image "tiny" that VMs can be made of. */
static inline void client_add_image(void)
{
    AUTO_FREE char *id = client_make("/v1/images", "{\"name\":\"tiny\",\"disk_format\":\"raw\"}");

    client_upload(id, "sixteen bytes...sixteen bytes...");
}

/* A user "u" in the default project is there now, and was logged in: its token, which the caller frees. */
#define CLIENT_LOGIN "{\"user\":\"u\",\"password\":\"correct horse\"}"
static inline char *client_log_in(void)
{
    static const char role[] = "/v1/projects/default/users/u/roles/member";

    free(client_make("/v1/users", "{\"name\":\"u\",\"password\":\"correct horse\"}"));
    struct client_answer granted = client_done(client_call("PUT", role, NULL, NULL));
    CLIENT_ANSWER token = client_done(client_post("/v1/tokens", CLIENT_LOGIN));
    client_answer_done(&granted);
    return client_member(&token, "token");
}

#endif
