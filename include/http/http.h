/* http: sockets, framing, routes and suspended requests, on libmicrohttpd. It never knows what a route is about.
 *
 * A pool of threads on epoll per address. Handlers run on them: they touch memory and SQLite and never wait; one that has to wait
 * suspends its request and is resumed by whoever has the answer. Before a handler runs: the guard (framing, Host, Origin, content
 * type, caps), the route, authenticate, authorize. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/timer.h"
#include "model/identity.h"

struct http;
struct request;

/* Answers by request_reply*, suspends by request_suspend, or returns -1: then the door turns *e into an answer. */
typedef int request_fn(struct request *r, struct err *e);
typedef int request_chunk_fn(struct request *r, const void *data, size_t len, struct err *e);

enum route_flag {
    ROUTE_PUBLIC = 1,  /* needs no credentials */
    ROUTE_NO_BODY = 2, /* a body is refused with 400; without the flag a POST, PUT or PATCH may have a JSON body */
    ROUTE_ANY_BODY = 4 /* a body of any content type: only where the credentials are in the path, for any page can send a form */
};

struct route {
    const char *method; /* "GET"; HEAD is answered by GET's handler */
    const char *path;   /* "/v1/vms/{id}/start": a parameter is one whole segment */
    const char *action; /* "vm:start"; NULL does not boot */
    request_fn *handle;
    unsigned flags;
    /* A route with `chunk` takes its body as a stream of any length and type: begin (headers complete, authorised), chunk…,
     * handle. */
    request_fn *begin;
    request_chunk_fn *chunk;
};

/* A front door: its routes and the shape of its errors. */
struct door {
    const char *prefix; /* paths below it that match no route get this door's errors; "" for the last one */
    const struct route *routes;
    size_t route_count;
    void (*error)(struct request *r, const struct err *e); /* must reply */
    const char *const *parameters; /* of the query of each route that needs credentials, beside its own: what authenticate()
                                      reads; NULL-terminated or NULL */
    const char *project_header;    /* the header by which a request names its project; for authenticate(). NULL: none */
};

/* A number that is 0 stands for the value in its comment. Nothing of it is borrowed after http_new but the functions' arg. */
struct http_config {
    const char *const *listen; /* "127.0.0.1:8081", "[::1]:0", "unix:/path"; NULL-terminated */
    int *passed;               /* listening sockets that somebody else has made. One that an address of `listen` means is
                                  that address; the others are served in addition. Taken over, also on failure */
    size_t passed_count;
    const char *const *hosts;       /* further names that the Host header may carry; NULL-terminated or NULL. IP literals of the
                                       listening addresses, localhost and unix clients' any host are let in */
    const char *tls_cert, *tls_key; /* PEM files: then every IP address speaks TLS, 1.2 at least; unix sockets never do. NULL: no
                                       TLS; both or none */
    bool is_free_bound;             /* IP addresses may be ones that this host has not yet, or has no more */
    uint32_t threads;               /* per address; 2 */
    size_t body_max_bytes;          /* 1 MiB; streams are not capped here */
    uint32_t connections_max;       /* 1024 in all */
    uint32_t connections_per_address_max; /* 256 */
    int64_t header_deadline_ms;           /* 10 s from accept to complete headers */
    int64_t idle_timeout_ms;              /* 60 s */
    uint32_t streams_max;                 /* answers that do not end (http/stream.h); 0: none */
    int64_t stream_ping_ms;  /* 30 s; who has not answered a WebSocket's ping before the next is gone; a comment keeps
                                server-sent events alive in half of that */
    int64_t stream_stall_ms; /* 30 s; a reader that takes nothing for so long is cut off */
    uint32_t peer_group;     /* the gid that request_local_peer() looks for, and that unix sockets belong to; 0: none */
    int (*authenticate)(void *arg, struct request *r, struct actor *out, struct err *e);
    int (*authorize)(void *arg, const struct actor *who, const char *action, struct err *e);
    void (*failed)(void *arg, const struct request *r, const struct err *e); /* each that an error answers; may be NULL */
    void (*logged)(void *arg, struct request *r, int status, int64_t duration_us,
                   uint64_t bytes); /* each request, when it is over; may be NULL */
    void *arg;                      /* also request_user() */
};

/* Whether an address is written as `listen` wants it. ERR_CONFIG. */
int http_check_address(const char *address, struct err *e);
/* What a socket that somebody else has made listens on, as `listen` would have it; malloc'ed. ERR_CONFIG: it is not for us. */
int http_passed_address(int fd, char **out, struct err *e);

/* Checks routes (an action each, no duplicates) and binds every address; nothing is accepted before http_start. ERR_CONFIG.
 * `doors` is NULL-terminated and, like `timer`, outlives the server. */
int http_new(const struct http_config *config, const struct door *const *doors, struct timer *timer, struct http **out,
             struct err *e);
int http_start(struct http *h, struct err *e);
/* "http://127.0.0.1:8081" with the real port, "https://…" with TLS, or "unix:/path", of the i-th address; NULL behind the last;
 * borrowed. */
const char *http_url(const struct http *h, size_t i);
/* Reads tls_cert and tls_key again, for the connections to come. ERR_CONFIG names the one that is wrong; then the old pair stays.
 * Nothing happens without TLS. Any thread. */
int http_reload_tls(struct http *h, struct err *e);
/* Accepts no more, and tells streams to end; connections that are there go on, each until its next answer. */
void http_quiesce(struct http *h);
/* http_quiesce, then waits until every connection has gone, at most timeout_ms; http_free will not wait again. What is asked
 * meanwhile is answered as ever; who asks nothing for a second is closed. False: some are still there. */
bool http_drain(struct http *h, int64_t timeout_ms);
uint32_t http_connections(struct http *h); /* without streams */
/* For how long the slowest of the server's threads has been in the call of a handler; 0: none is. A request that is suspended is
 * in no call. */
int64_t http_busy_ms(struct http *h);
void http_free(struct http *h); /* waits for handlers; everything suspended must have been resumed, or will be by its deadline */
DEFINE_AUTO(http, http_free)
/* Prints method, path, action, and who may, of every route: a line each, sorted, in columns. role() never returns NULL. */
void http_print_routes(const struct door *const *doors, const char *(*role)(const char *action));

/* ---- the request: borrowed strings live as long as it ---- */
void *request_user(const struct request *r);
const char *request_method(const struct request *r);
const char *request_path(const struct request *r);        /* without query, still percent-encoded */
const char *request_route(const struct request *r);       /* "POST /v1/vms/{id}/start"; NULL before it is known */
const struct door *request_door(const struct request *r); /* its route's, else its path's */
const char *request_action(const struct request *r);      /* its route's; NULL before that is known */
const char *request_id(const struct request *r);          /* X-Request-Id: the client's when well-formed, else ours */
const struct actor *request_actor(const struct request *r);
/* For the handler of a ROUTE_PUBLIC that wants to know after all who asks: what every other route's request went through before
 * its handler: authenticate, then authorize. */
int request_authenticate(struct request *r, struct err *e);
/* True on a unix socket: who is at its other end, as the kernel vouches, and whether that process is in http_config's peer_group:
 * both as they were when it connected. */
bool request_local_peer(const struct request *r, uint32_t *uid, bool *is_in_group);
/* Whether it comes from this host: over a unix socket, or from a loopback address. */
bool request_is_from_host(const struct request *r);
const char *request_param(
    const struct request *r,
    const char *name); /* decoded path segment: valid UTF-8 without '/', NUL and controls; never NULL for a name of the route */
const char *request_header(const struct request *r, const char *name); /* NULL when absent */
const char *request_query(const struct request *r, const char *name);  /* decoded; NULL when absent */
/* Refuses query parameters that stand twice, or neither in the NULL-terminated list nor among the door's own: ERR_INVALID_FIELD
 * naming the parameter. */
int request_query_allow(const struct request *r, const char *const *names, struct err *e);
int request_query_u64(const struct request *r, const char *name, uint64_t min, uint64_t max, uint64_t *out,
                      struct err *e);                           /* absent: *out stays */
const char *request_body(const struct request *r, size_t *len); /* "" and 0 without one */
uint64_t request_body_received(const struct request *r);
void request_set_data(struct request *r, void *data,
                      void (*free_fn)(void *)); /* freed with the request, also when the client went away */
void *request_data(const struct request *r);

/* One answer per request. `body` is malloc'ed and taken over, also on failure. */
int request_reply(struct request *r, int status, const char *content_type, char *body, size_t len, struct err *e);
int request_reply_empty(struct request *r, int status, struct err *e);
/* The first `size` bytes of a file that stays as it is; fd is taken over, also on failure. With 200, a client that asks for a
 * range of bytes gets it (206, or 416 when there are none). */
int request_reply_file(struct request *r, int status, const char *content_type, int fd, uint64_t size, struct err *e);
int request_add_header(struct request *r, const char *name, const char *value,
                       struct err *e); /* before the reply; refuses CR, LF */

/* Suspends: `then` is called on an HTTP thread after request_resume, which is called exactly once, from any thread, perhaps
 * before this returns. `then` may suspend again. A handler that returns -1 is not suspended: then nobody may resume. In `begin`
 * and `chunk` a `then` that returns 0 without an answer goes on with the body, whose next piece waits in the socket until then.
 */
int request_suspend(struct request *r, request_fn *then, struct err *e);
void request_resume(struct request *r);

#endif
