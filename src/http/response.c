/* Answers: made by handlers, kept in the request until libmicrohttpd can take them. Bodies' shapes are the doors'. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "range.h"
#include "request.h"
#include "server.h"

#include "base/cleanup.h"
#include "base/log.h"

int request_add_header(struct request *r, const char *name, const char *value, struct err *e)
{
    if (strpbrk(value, "\r\n") || name[strcspn(name, "\r\n: ")] != '\0' || *name == '\0')
        return err_set(e, ERR_INTERNAL, "a header of the answer is malformed");
    buf_add(&r->headers, name, strlen(name) + 1);
    buf_add(&r->headers, value, strlen(value) + 1);
    return r->headers.failed ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

static bool put(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool put_handler_headers(const struct request *r, struct MHD_Response *response)
{
    for (size_t at = 0; at < r->headers.len;) {
        const char *name = r->headers.data + at, *value = name + strlen(name) + 1;
        if (!put(response, name, value))
            return false;
        at += strlen(name) + 1 + strlen(value) + 1;
    }
    return true;
}

static bool put_common_headers(const struct request *r, struct MHD_Response *response)
{
    return put(response, "X-Request-Id", r->id) && put(response, "X-Content-Type-Options", "nosniff") &&
           (MHD_get_response_header(response, "Cache-Control") || put(response, "Cache-Control", "no-store"));
}

static bool has_answer(const struct request *r)
{
    return r->response || r->phase == PHASE_ANSWERED;
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

struct answer {
    int status;
    const char *content_type; /* NULL: none */
    uint64_t len;             /* of the body */
};

/* Takes the response, also on failure; NULL is "no memory". */
static int keep_answer(struct request *r, const struct answer *a, struct MHD_Response *response, struct err *e)
{
    if (!response)
        return no_memory(e);
    if (!put_handler_headers(r, response) || !put_common_headers(r, response) ||
        (a->content_type && !put(response, "Content-Type", a->content_type))) {
        MHD_destroy_response(response);
        return no_memory(e);
    }
    r->response = response;
    r->status = a->status;
    r->answer_len = strcmp(r->method, "HEAD") != 0 ? (size_t)a->len : 0;
    return 0;
}

static int refuse_second(const struct request *r, struct err *e)
{
    return has_answer(r) ? err_set(e, ERR_INTERNAL, "answered twice") : 0;
}

int request_reply(struct request *r, int status, const char *content_type, char *body, size_t len, struct err *e)
{
    const struct answer answer = { status, content_type, body ? len : 0 };
    AUTO_FREE char *owned = body;
    struct MHD_Response *response;

    if (refuse_second(r, e) < 0)
        return -1;
    response = body ? MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE)
                    : MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    if (response)
        (void)TAKE(owned);
    return keep_answer(r, &answer, response, e);
}

int request_keep_stream(struct request *r, int status, const char *content_type, struct MHD_Response *response, struct err *e)
{
    const struct answer answer = { status, content_type, 0 };

    if (refuse_second(r, e) < 0) {
        if (response)
            MHD_destroy_response(response);
        return -1;
    }
    r->is_stream = true;
    return keep_answer(r, &answer, response, e);
}

int request_reply_empty(struct request *r, int status, struct err *e)
{
    return request_reply(r, status, NULL, NULL, 0, e);
}

/* ---- files ---- */

/* Who has a part of another version of the file would have to be told so: it gets the whole, for we have no names for versions.
 */
static enum range_kind wanted_range(const struct request *r, int status, uint64_t size, struct byte_range *out)
{
    if (status != MHD_HTTP_OK || strcmp(r->method, "GET") != 0 || request_header(r, "If-Range"))
        return RANGE_WHOLE;
    return range_parse(request_header(r, "Range"), size, out);
}

static int add_content_range(struct request *r, const struct byte_range *range, uint64_t size, struct err *e)
{
    char text[80];

    (void)snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", (unsigned long long)range->first,
                   (unsigned long long)(range->first + range->len - 1), (unsigned long long)size);
    return request_add_header(r, "Content-Range", text, e);
}

static int reply_outside(struct request *r, uint64_t size, struct err *e)
{
    char text[40];

    (void)snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)size);
    if (request_add_header(r, "Content-Range", text, e) < 0)
        return -1;
    return request_reply_empty(r, MHD_HTTP_RANGE_NOT_SATISFIABLE, e);
}

int request_reply_file(struct request *r, int status, const char *content_type, int fd, uint64_t size, struct err *e)
{
    struct answer answer = { .status = status, .content_type = content_type };
    struct byte_range range = { 0, size };
    AUTO_CLOSE int owned = fd;
    struct MHD_Response *response;

    if (refuse_second(r, e) < 0 || request_add_header(r, "Accept-Ranges", "bytes", e) < 0)
        return -1;
    switch (wanted_range(r, status, size, &range)) {
    case RANGE_OUTSIDE:
        return reply_outside(r, size, e);
    case RANGE_PART:
        if (add_content_range(r, &range, size, e) < 0)
            return -1;
        answer.status = MHD_HTTP_PARTIAL_CONTENT;
        break;
    case RANGE_WHOLE:
        break;
    }
    answer.len = range.len;
    response = MHD_create_response_from_fd_at_offset64(range.len, owned, range.first);
    if (response)
        (void)TAKE_FD(owned); /* libmicrohttpd closes it */
    return keep_answer(r, &answer, response, e);
}

void request_fail(struct request *r, const struct err *e)
{
    struct err ignored = ERR_INIT;

    if (has_answer(r))
        return;
    if (r->http->config.failed)
        r->http->config.failed(r->http->config.arg, r, e);
    if (r->headers.failed)
        buf_done(&r->headers); /* there was no memory for one of the handler's: the door may have more luck */
    r->door->error(r, e);
    if (has_answer(r))
        return;
    log_err(LOG_ERROR, "http.error not answered by its door", e, "request_id", r->id, NULL);
    (void)request_reply_empty(r, MHD_HTTP_INTERNAL_SERVER_ERROR, &ignored);
}

enum MHD_Result request_send(struct request *r)
{
    struct MHD_Response *response = TAKE(r->response);
    enum MHD_Result rc = MHD_NO;

    r->phase = PHASE_ANSWERED;
    if (!response)
        return MHD_NO; /* out of memory for even an empty answer */
    if (r->is_stream || (!r->is_closing && !atomic_load(&r->http->is_quiescing)) || put(response, "Connection", "close"))
        rc = MHD_queue_response(r->connection, (unsigned)r->status, response);
    MHD_destroy_response(response);
    return rc;
}
