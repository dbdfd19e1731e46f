/* base/runner: a thread that is kicked, and told to stop. */
#include "base/runner.h"

void runner_init(struct runner *r, enum lock_rank rank)
{
    *r = (struct runner){ 0 };
    lock_init(&r->lock, rank);
    cond_init(&r->changed);
}

void runner_done(struct runner *r)
{
    runner_stop(r);
    cond_done(&r->changed);
    lock_done(&r->lock);
}

int runner_start(struct runner *r, const char *name, void *(*fn)(void *), void *arg, struct err *e)
{
    if (thread_start(&r->thread, name, fn, arg, e) < 0)
        return -1;
    r->is_started = true;
    return 0;
}

void runner_kick(struct runner *r)
{
    HOLD(&r->lock);
    r->is_kicked = true;
    cond_broadcast(&r->changed);
}

void runner_end_soon(struct runner *r)
{
    HOLD(&r->lock);
    r->is_stopping = true;
    cond_broadcast(&r->changed);
}

bool runner_is_stopping(struct runner *r)
{
    HOLD(&r->lock);
    return r->is_stopping;
}

void runner_stop(struct runner *r)
{
    runner_end_soon(r);
    if (r->is_started)
        (void)pthread_join(r->thread, NULL);
    r->is_started = false;
}
