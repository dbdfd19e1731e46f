/* Private to http: the server's state. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "acceptor.h"
#include "client.h"
#include "listener.h"
#include "pulse.h"
#include "request.h"
#include "route.h"
#include "stream.h"
#include "tally.h"
#include "tls.h"

#include "base/thread.h"
#include "http/http.h"

struct http {
    struct http_config config; /* `hosts` is a copy of our own; `listen` and `passed` are not kept */
    const struct door *const *doors;
    struct route_table routes;
    struct tally *tally;
    struct tls *tls; /* NULL without TLS */
    struct listener *listeners;
    size_t listener_count;
    struct acceptor acceptor;
    struct client_set conns;
    struct pulses pulses;
    struct stream_room *streams; /* NULL: no streams here */
    int64_t grace_ms;            /* for requests under way, at the end */
    atomic_bool is_quiescing;    /* answers close their connections */
    atomic_bool is_stopping;     /* the grace is over: what still wants to run is answered 503 */
    _Atomic unsigned active;     /* requests whose header is complete */
    _Atomic unsigned running;    /* handlers that are being called and may still suspend */

    struct lock lock;                         /* RANK_HTTP; never held together with that of conns */
    struct cond changed;                      /* active or waiting became less */
    struct request *waiting GUARDED_BY(lock); /* suspended requests */
};

/* The libmicrohttpd callbacks (dispatch.c). */
void *dispatch_line(void *http, const char *target, struct MHD_Connection *connection);
enum MHD_Result dispatch_access(void *http, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **request);
void dispatch_completed(void *http, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code);

/* Wakes everything that is suspended; with http->is_stopping set it is answered 503 (suspend.c). True when there was something.
 */
bool suspend_wake_all(struct http *h);

#endif
