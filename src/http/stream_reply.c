/* How a request becomes a stream. What happens in it then is stream.c's and sse.c's. */
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "request.h"
#include "server.h"
#include "stream.h"
#include "websocket.h"

#include "base/log.h"
#include "base/str.h"

void http_wake_streams(void *http)
{
    struct http *h = http;

    if (h->streams)
        stream_room_wake(h->streams);
}

/* Named outright: whoever takes anything gets the page. */
static bool accepts_events(const char *accept)
{
    static const char type[] = "text/event-stream";
    size_t len = strlen(type);

    while (accept && *accept) {
        accept += strspn(accept, " \t,");
        if (strncasecmp(accept, type, len) == 0 && strchr(" \t,;", accept[len]))
            return true;
        accept += strcspn(accept, ",");
    }
    return false;
}

int request_stream_kind(struct request *r, enum stream_kind *out, struct err *e)
{
    struct err ignored = ERR_INIT;
    bool is_get = strcmp(r->method, "GET") == 0, is_1_1 = strcmp(r->line.version, "HTTP/1.1") == 0;

    *out = STREAM_NONE;
    if (is_get && is_1_1 && websocket_is_wanted(&r->head)) {
        if (websocket_check(&r->head, e) < 0) {
            (void)request_add_header(r, "Sec-WebSocket-Version", "13", &ignored);
            return -1;
        }
        *out = STREAM_WEBSOCKET;
    } else if (is_get && accepts_events(r->head.accept)) {
        *out = STREAM_SSE;
    }
    return 0;
}

/* ---- WebSocket ---- */

/* Without TLS the socket is ours for good: libmicrohttpd's connection, which holds 32 KiB, ends with this call. With TLS it goes
 * on between the client and us. */
static void take_socket(struct subscription *s, struct MHD_UpgradeResponseHandle *upgrade, int fd, const char *early,
                        size_t early_len)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    (void)MHD_upgrade_action(upgrade, MHD_UPGRADE_ACTION_CLOSE);
    if (own < 0) {
        log_warn("a stream was not begun: no descriptor is free", NULL);
        subscription_free(s);
        return;
    }
    subscription_start(s, own, NULL, early, early_len);
}

static void on_upgrade(void *arg, struct MHD_Connection *connection, void *request, const char *early, size_t early_len,
                       MHD_socket fd, struct MHD_UpgradeResponseHandle *upgrade)
{
    struct request *r = request;
    struct subscription *s = TAKE(r->subscription);

    (void)arg;
    (void)connection;
    if (r->conn->tls_pair)
        subscription_start(s, fd, upgrade, early, early_len);
    else
        take_socket(s, upgrade, fd, early, early_len);
}

static int reply_websocket(struct request *r, struct feed **feed, struct err *e)
{
    websocket_accept_text accept;

    r->subscription = subscription_new(*feed);
    if (!r->subscription)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    (void)TAKE(*feed);
    if (websocket_accept(r->head.websocket_key, accept, e) < 0 || request_add_header(r, "Upgrade", "websocket", e) < 0 ||
        request_add_header(r, "Sec-WebSocket-Accept", accept, e) < 0)
        return -1;
    return request_keep_stream(r, MHD_HTTP_SWITCHING_PROTOCOLS, NULL, MHD_create_response_for_upgrade(on_upgrade, NULL), e);
}

/* ---- either ---- */

static int reply_sse(struct request *r, struct feed **feed, struct err *e)
{
    struct MHD_Response *response = sse_response(*feed, r->conn, r->connection);

    if (response)
        (void)TAKE(*feed);
    return request_keep_stream(r, MHD_HTTP_OK, "text/event-stream", response, e);
}

int request_reply_stream(struct request *r, const struct stream_source *source, void *subscriber, struct err *e)
{
    enum stream_kind kind;
    AUTO(feed) feed = NULL;

    if (feed_new(r->http->streams, source, subscriber, &feed, e) < 0 || request_stream_kind(r, &kind, e) < 0)
        return -1;
    switch (kind) {
    case STREAM_WEBSOCKET:
        return reply_websocket(r, &feed, e);
    case STREAM_SSE:
        return reply_sse(r, &feed, e);
    case STREAM_NONE:
        break;
    }
    return err_set(e, ERR_INTERNAL, "no stream was asked for");
}
