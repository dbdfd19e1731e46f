/* Answers: made by handlers, kept in the request until libmicrohttpd can take them. Bodies' shapes are the doors'. */
#include <stdlib.h>
#include <string.h>

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
    const char *at = r->headers.data, *end = at + r->headers.len;

    while (at < end) {
        const char *value = at + strlen(at) + 1;
        if (!put(response, at, value))
            return false;
        at = value + strlen(value) + 1;
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

int request_reply(struct request *r, int status, const char *content_type, char *body, size_t len, struct err *e)
{
    struct MHD_Response *response;

    if (has_answer(r)) {
        free(body);
        return err_set(e, ERR_INTERNAL, "answered twice");
    }
    response = body ? MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE)
                    : MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    if (!response) {
        free(body);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    if (!put_handler_headers(r, response) || !put_common_headers(r, response) ||
        (content_type && !put(response, "Content-Type", content_type))) {
        MHD_destroy_response(response);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    r->response = response;
    r->status = status;
    r->answer_len = body && strcmp(r->method, "HEAD") != 0 ? len : 0;
    return 0;
}

int request_reply_empty(struct request *r, int status, struct err *e)
{
    return request_reply(r, status, NULL, NULL, 0, e);
}

void request_fail(struct request *r, const struct err *e)
{
    struct err ignored = ERR_INIT;

    if (has_answer(r))
        return;
    r->door->error(r, e);
    if (has_answer(r))
        return;
    log_err(LOG_ERROR, "http.error not answered by its door", e, "request", r->id, NULL);
    (void)request_reply_empty(r, MHD_HTTP_INTERNAL_SERVER_ERROR, &ignored);
}

enum MHD_Result request_send(struct request *r)
{
    struct MHD_Response *response = TAKE(r->response);
    enum MHD_Result rc = MHD_NO;

    r->phase = PHASE_ANSWERED;
    if (!response)
        return MHD_NO; /* out of memory for even an empty answer */
    if ((!r->is_closing && !atomic_load(&r->http->is_quiescing)) || put(response, "Connection", "close"))
        rc = MHD_queue_response(r->connection, (unsigned)r->status, response);
    MHD_destroy_response(response);
    return rc;
}
