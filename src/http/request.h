/* Private to http: one request, from its first line to its last byte. It belongs to the libmicrohttpd thread of its connection;
 * only `resume` is touched by others. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "guard.h"
#include "route.h"
#include "stream.h"
#include "target.h"

#include "base/str.h"
#include "http/http.h"
#include "model/identity.h"

enum { METHOD_MAX = 15 };

enum phase {
    PHASE_HEAD,   /* the header is not complete */
    PHASE_BEGIN,  /* admitted; `begin` may be suspended */
    PHASE_BODY,   /* collecting or streaming */
    PHASE_DRAIN,  /* the answer is known, the rest of the body is thrown away */
    PHASE_HANDLE, /* the handler has been called */
    PHASE_ANSWERED
};

/* Who is ahead, the handler that suspends or the thread that resumes? */
enum resume_state {
    RESUME_NONE,   /* runs on the HTTP thread */
    RESUME_EARLY,  /* request_resume() came before the connection was suspended */
    RESUME_AWAITED /* libmicrohttpd has suspended it; request_resume() wakes it */
};

struct request {
    struct http *http;
    struct client *conn;
    struct MHD_Connection *connection;
    struct request_line line;
    struct head head;
    struct target target;
    const struct door *door;
    const struct route_entry *entry; /* NULL before it is known */
    char method[METHOD_MAX + 1];
    char id[REQUEST_ID_MAX + 1];
    struct actor actor;
    enum phase phase;
    bool is_closing; /* the connection ends with this answer */
    bool is_counted; /* http_free() waits for it */
    bool is_untimed; /* its duration says nothing about us */
    bool is_stream;  /* the answer does not end by itself: http_free() does not wait for it */
    int64_t started_us;

    struct buf body;
    uint64_t received; /* bytes of the body */
    size_t chunk_done; /* bytes at the head of libmicrohttpd's buffer that `chunk` had before it suspended */

    struct buf headers;                /* of the answer: name NUL value NUL … */
    struct MHD_Response *response;     /* made, not yet queued */
    int status;                        /* 0: not answered */
    struct subscription *subscription; /* a WebSocket to be, until libmicrohttpd gives the socket; NULL: none */
    size_t answer_len;

    request_fn *then;                            /* set while suspended */
    _Atomic int resume;                          /* enum resume_state */
    struct request *waiting_prev, *waiting_next; /* http's list of suspended requests, under its lock */

    void *data;
    void (*data_free)(void *);
};

/* NULL: out of memory. */
struct request *request_new(struct http *http, struct client *conn, struct MHD_Connection *connection, const char *target);
void request_free(struct request *r);

/* The client's X-Request-Id when it is well-formed, else a new one. */
void request_set_id(struct request *r);

/* Turns *e into an answer by the door; an empty 500 when even that fails. Nothing happens when there is an answer already. */
void request_fail(struct request *r, const struct err *e);
/* The answer is a stream. Takes the response, also on failure; NULL is "no memory". */
int request_keep_stream(struct request *r, int status, const char *content_type, struct MHD_Response *response, struct err *e);
/* Hands the answer to libmicrohttpd. MHD_NO closes the connection. */
enum MHD_Result request_send(struct request *r);
/* Calls fn, and whatever it asks for by request_suspend. False: suspended, libmicrohttpd will call again. */
bool request_run(struct request *r, request_fn *fn);
bool request_run_chunk(struct request *r, const char *data, size_t len);
/* The same for a request that comes back from being suspended. */
bool request_run_then(struct request *r);
/* The same for one that is over when it comes back, because its client has left: `then` is not called. Nothing happens when the
 * request was not suspended. */
void request_end_waiting(struct request *r);

#endif
