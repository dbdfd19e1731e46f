/* http/stream: answers that do not end: a request becomes a stream of messages, as a WebSocket (RFC 6455) or as server-sent
 * events (WHATWG HTML, 9.2), whichever it asks for.
 *
 * Nothing is queued for a reader: each is asked for its next message (stream_source.next) when it has taken the last. WebSockets
 * are served by one thread, which also pings them; server-sent events by the HTTP threads. A reader that takes nothing for
 * stream_stall_ms is cut off, and one that is no longer welcome is told so and closed (1008). */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "http/http.h"

struct stream_message {
    uint64_t id;       /* what a reader of server-sent events names when it comes back, as Last-Event-ID; 0: none */
    const char *event; /* their kind of message */
    const char *text;  /* one line of JSON */
};

/* Called by one thread at a time for each subscriber; none may wait. */
struct stream_source {
    int (*next)(void *subscriber, struct stream_message *out, struct err *e); /* 1: *out, until the next call; 0: nothing for now;
                                                                                 -1: asked again a second later */
    bool (*is_welcome)(void *subscriber);                                     /* asked often */
    void (*free)(void *subscriber);
};

enum stream_kind { STREAM_NONE, STREAM_SSE, STREAM_WEBSOCKET };
/* What the request asks for by Upgrade or Accept. ERR_INVALID: a WebSocket handshake that is wrong. */
int request_stream_kind(struct request *r, enum stream_kind *out, struct err *e);
/* Answers with the stream that it asks for. The subscriber is taken over, also on failure. ERR_UNAVAILABLE: there are
 * streams_max, or the service is stopping. */
int request_reply_stream(struct request *r, const struct stream_source *source, void *subscriber, struct err *e);

/* There may be something new for somebody. Any thread, any lock held. `http` is a struct http. */
void http_wake_streams(void *http);

#endif
