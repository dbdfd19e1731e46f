/* http/tally: how many requests each route has had since the start, how they ended and how long they took. Counting takes no
 * lock. */
#ifndef HTTP_TALLY_H
#define HTTP_TALLY_H

#include "base/histogram.h"
#include "http/http.h"

enum { TALLY_STATUSES_MAX = 32 }; /* of one route; what is beyond counts as the last one */

struct tally_reading {
    const char *method, *path; /* the route's; HEAD counts as GET. NULL for requests of no route: all of them are one */
    struct {
        int status; /* 0: the client left before it had its answer */
        uint64_t count;
    } statuses[TALLY_STATUSES_MAX];
    size_t status_count;
    /* From the complete header to the last byte of the answer. Streams are not in it, nor what request_leave_untimed was called
     * for. */
    struct histogram_reading durations;
};
/* Calls fn for each route of this request's server that was ever asked for, requests of no route last. */
typedef void tally_fn(void *arg, const struct tally_reading *reading);
void request_each_tally(const struct request *r, tally_fn *fn, void *arg);

/* What there is now. */
struct http_load {
    uint64_t connections; /* WebSockets without TLS are not among them: their sockets are not libmicrohttpd's any more */
    uint64_t requests;    /* under way, streams left out */
    uint64_t streams;     /* of both kinds */
};
void request_load(const struct request *r, struct http_load *out);

/* For a handler whose answer comes when the client wants it and not when it is made, as with ?wait=: the request counts, its
 * duration does not. */
void request_leave_untimed(struct request *r);

#endif
