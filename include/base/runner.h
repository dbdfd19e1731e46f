/* base/runner: one thread of a module's own that waits for work until it is stopped. Lock and condition are the owner's too: what
 * the work is, and whether there is some, lies beside the runner under the same lock.
 *     HOLD(&r->lock);
 *     while (!r->is_stopping && !r->is_kicked)
 *         cond_wait(&r->changed, &r->lock);
 *     r->is_kicked = false;
 *     return !r->is_stopping; */
#ifndef BASE_RUNNER_H
#define BASE_RUNNER_H

#include "base/thread.h"

struct runner {
    struct lock lock;
    struct cond changed;
    bool is_stopping GUARDED_BY(lock);
    bool is_kicked GUARDED_BY(lock); /* there is work; the thread takes it back */
    pthread_t thread;
    bool is_started;
};

void runner_init(struct runner *r, enum lock_rank rank);
void runner_done(struct runner *r); /* stops it first */
/* fn(arg) has to return soon after is_stopping. `name` at most 15 bytes. */
int runner_start(struct runner *r, const char *name, void *(*fn)(void *), void *arg, struct err *e);
/* Both wake the thread, and return at once. */
void runner_kick(struct runner *r);
void runner_end_soon(struct runner *r);
bool runner_is_stopping(struct runner *r);
/* Waits for the thread's end; not on that thread. Fine when it was never started, or has been stopped. */
void runner_stop(struct runner *r);

#endif
