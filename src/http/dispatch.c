/* The way of a request through its phases: admission, body, handler, answer. libmicrohttpd calls here once when the header is
 * complete, once per piece of the body, once at its end, and again after each resume; which of these it is follows from the
 * phase.
 *
 * An answer that is queued in the first call ends the connection, so refusals wait for the last call too, unless that is wanted.
 */
#include <string.h>
#include <strings.h>

#include "request.h"
#include "server.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

/* A refused body is read on for so long, so that a client that sends first and reads later gets its answer. */
enum { DRAIN_MAX_BYTES = 128 * 1024 * 1024, DRAIN_MAX_MS = 5000 };

void *dispatch_line(void *http, const char *target, struct MHD_Connection *connection)
{
    struct http *h = http;
    struct client *conn = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    if (!conn || !target)
        return NULL;
    client_deadline_within(conn, h->config.header_deadline_ms);
    return request_new(h, conn, connection, target);
}

static int find_route(struct request *r, struct err *e)
{
    struct err ignored = ERR_INIT;
    AUTO_BUF allow = { 0 };

    if (target_decode(&r->target, e) < 0)
        return -1;
    r->entry = route_find(&r->http->routes, r->method, &r->target, &allow, e);
    if (r->entry) {
        r->door = r->entry->door;
        return 0;
    }
    if (e->code == ERR_METHOD_NOT_ALLOWED && !allow.failed)
        (void)request_add_header(r, "Allow", allow.data, &ignored); /* better a 405 without it than none */
    return -1;
}

/* What only http knows of the actor, whatever authenticate() wrote there. */
static void fill_actor(struct request *r)
{
    (void)str_copy(r->actor.request_id, sizeof(r->actor.request_id), r->id);
    (void)str_copy(r->actor.address, sizeof(r->actor.address), r->conn->address);
}

int request_authenticate(struct request *r, struct err *e)
{
    const struct http_config *config = &r->http->config;

    if (config->authenticate && config->authenticate(config->arg, r, &r->actor, e) < 0)
        return -1;
    fill_actor(r);
    return config->authorize ? config->authorize(config->arg, &r->actor, r->entry->route->action, e) : 0;
}

static int identify(struct request *r, struct err *e)
{
    return r->entry->route->flags & ROUTE_PUBLIC ? 0 : request_authenticate(r, e);
}

static int admit(struct request *r, struct err *e)
{
    const struct http_config *config = &r->http->config;

    r->is_closing = guard_framing(r->connection, &r->line, &r->head, e) < 0;
    request_set_id(r);
    fill_actor(r);
    if (r->is_closing || guard_source(&r->head, r->method, r->conn, config->hosts, e) < 0)
        return -1;
    if (find_route(r, e) < 0 || identify(r, e) < 0)
        return -1;
    return guard_content(&r->head, r->entry->route, config->body_max_bytes, e);
}

static void start_drain(struct request *r)
{
    r->phase = PHASE_DRAIN;
    if (!r->head.has_body)
        return;
    r->is_closing = true;
    client_deadline_in(r->conn, DRAIN_MAX_MS);
}

/* After a framing error nothing more is read; a client that waits for "100 Continue" has sent nothing; and more than we are ready
 * to throw away is not begun with. */
static bool is_answered_at_once(const struct request *r)
{
    bool is_waiting = r->head.expect && strcasecmp(r->head.expect, "100-continue") == 0;

    return r->is_closing || (r->head.has_body && (is_waiting || r->head.body_len > DRAIN_MAX_BYTES));
}

static enum MHD_Result start_body(struct request *r)
{
    if (r->response) {
        bool is_final = is_answered_at_once(r);
        start_drain(r);
        return is_final ? request_send(r) : MHD_YES;
    }
    r->phase = PHASE_BODY;
    if (!r->entry->route->chunk)
        client_deadline_in(r->conn, r->http->config.idle_timeout_ms); /* for the whole of it: it is not large */
    return MHD_YES;
}

static enum MHD_Result on_head(struct request *r, const char *method, const char *version)
{
    struct err e = ERR_INIT;

    r->line.method = method;
    r->line.version = version;
    (void)str_copy(r->method, sizeof(r->method), method); /* longer than ours: unknown in any case */
    r->phase = PHASE_BEGIN;
    r->started_us = clock_tick_us();
    r->is_counted = true;
    atomic_store(&r->conn->is_asking, true);
    atomic_fetch_add(&r->http->active, 1);
    client_deadline_off(r->conn);
    if (admit(r, &e) < 0)
        request_fail(r, &e);
    else if (r->entry->route->begin && !request_run(r, r->entry->route->begin))
        return MHD_YES;
    return start_body(r);
}

static void collect(struct request *r, const char *data, size_t len)
{
    size_t max = r->http->config.body_max_bytes;
    struct err e = ERR_INIT;

    r->received += len;
    if (len > max - r->body.len) {
        (void)err_set(&e, ERR_TOO_LARGE, "the body is larger than %zu bytes", max);
        request_fail(r, &e);
        return;
    }
    buf_add(&r->body, data, len);
    if (r->body.failed) {
        (void)err_set(&e, ERR_NO_MEMORY, "out of memory");
        request_fail(r, &e);
    }
}

/* A piece that suspends is left in libmicrohttpd's buffer: it only calls again when there is something to take. */
static bool stream(struct request *r, const char *data, size_t len)
{
    size_t fresh = len - r->chunk_done;

    r->received += fresh;
    if (fresh > 0 && !request_run_chunk(r, data + r->chunk_done, fresh)) {
        r->chunk_done = len;
        return false;
    }
    r->chunk_done = 0;
    return true;
}

static enum MHD_Result on_data(struct request *r, const char *data, size_t *size)
{
    if (r->phase == PHASE_DRAIN) {
        r->received += *size;
        *size = 0;
        return r->received > DRAIN_MAX_BYTES ? MHD_NO : MHD_YES;
    }
    if (!r->entry->route->chunk)
        collect(r, data, *size);
    else if (!stream(r, data, *size))
        return MHD_YES;
    *size = 0;
    if (r->response)
        start_drain(r);
    return MHD_YES;
}

static void uncount(struct http *h)
{
    if (atomic_fetch_sub(&h->active, 1) > 1 || !atomic_load(&h->is_quiescing))
        return;
    HOLD(&h->lock);
    cond_broadcast(&h->changed);
}

static enum MHD_Result finish(struct request *r)
{
    struct err e = ERR_INIT;

    if (!r->response) {
        log_error("http.handler gave no answer", "route", request_route(r), "request_id", r->id, NULL);
        (void)err_set(&e, ERR_INTERNAL, "the request was not answered");
        request_fail(r, &e);
    }
    if (r->is_stream) {
        atomic_store(&r->conn->is_stream, true);
        uncount(r->http); /* the room of streams ends it */
    }
    return request_send(r);
}

static enum MHD_Result on_end(struct request *r)
{
    client_deadline_off(r->conn);
    if (r->phase == PHASE_BODY && !r->response) {
        r->phase = PHASE_HANDLE;
        if (!request_run(r, r->entry->route->handle))
            return MHD_YES;
    }
    return finish(r);
}

enum MHD_Result dispatch_access(void *http, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **request)
{
    struct request *r = *request;
    PULSE(&((struct http *)http)->pulses);

    (void)connection;
    (void)url;
    if (!r || (r->then && !request_run_then(r)))
        return r ? MHD_YES : MHD_NO;
    if (r->phase == PHASE_BODY && r->response)
        start_drain(r);
    switch (r->phase) {
    case PHASE_HEAD:
        return on_head(r, method, version);
    case PHASE_BEGIN:
        return start_body(r);
    case PHASE_BODY:
    case PHASE_DRAIN:
        return *size > 0 ? on_data(r, data, size) : on_end(r);
    case PHASE_HANDLE:
        return finish(r);
    case PHASE_ANSWERED:
        break;
    }
    return MHD_NO;
}

/* 0 when the client did not get its answer; a stream has no end that could be missing. Some refusals (a header too large, a
 * malformed chunk) are libmicrohttpd's own. */
static int final_status(const struct request *r, enum MHD_RequestTerminationCode code)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_HTTP_STATUS);

    if (r->phase == PHASE_ANSWERED)
        return code == MHD_REQUEST_TERMINATED_COMPLETED_OK || r->is_stream ? r->status : 0;
    return info ? (int)info->http_status : 0;
}

static void count(struct request *r, int status, int64_t duration_us)
{
    bool is_timed = status != 0 && !r->is_untimed && !r->is_stream;

    tally_add(r->http->tally, r->entry, status, is_timed ? duration_us : -1);
}

void dispatch_completed(void *http, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code)
{
    struct http *h = http;
    struct request *r = *request;
    PULSE(&h->pulses);

    (void)connection;
    *request = NULL;
    if (!r)
        return;
    request_end_waiting(r);
    int status = final_status(r, code);
    bool is_counted = r->is_counted && !r->is_stream;
    if (r->is_counted || status != 0) {
        int64_t duration_us = clock_tick_us() - r->started_us;
        count(r, status, duration_us);
        if (h->config.logged)
            h->config.logged(h->config.arg, r, status, duration_us, status != 0 ? r->answer_len : 0);
    }
    client_deadline_in(r->conn, h->config.idle_timeout_ms + h->config.header_deadline_ms);
    atomic_store(&r->conn->is_asking, false);
    request_free(r);
    if (is_counted)
        uncount(h);
}
