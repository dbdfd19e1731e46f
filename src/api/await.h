/* api/await: a request that waits for somebody else's answer, suspended.
 *
 *     struct lookup { struct await await; … };          the request's data (request_set_data)
 *     return await_start(&l->await, r, begin, then, e);
 *
 * begin(r, e) asks, and gives await_done and the struct await as the callback; when it fails, the callback must not be called.
 * then(r, e) begins with await_result. It runs when begin has returned and the callback was called, whichever is later: what
 * begin wrote is there. */
#ifndef API_AWAIT_H
#define API_AWAIT_H

#include <stdatomic.h>

#include "http/http.h"

struct await {
    struct request *request;
    atomic_int missing; /* of the two: begin's return, the callback */
    struct err err;     /* begin's */
};
int await_start(struct await *a, struct request *r, request_fn *begin, request_fn *then, struct err *e);
/* Any thread. The struct await may be gone when it returns. */
void await_done(void *await);
/* begin's failure, if it failed. */
int await_result(const struct await *a, struct err *e);

#endif
