/* core/keymaker: a short queue and one thread, so that many who ask for RSA keys share one CPU at the most. */
#include "keymaker.h"

#include <stdlib.h>

#include "base/thread.h"

enum { QUEUE_MAX = 32 };

struct keymaker {
    pthread_t thread;
    bool is_started;
    struct lock lock; /* RANK_LEAF */
    struct cond changed;
    bool is_stopping GUARDED_BY(lock);
    struct key_order *first GUARDED_BY(lock);
    struct key_order **end GUARDED_BY(lock); /* where the next is linked in */
    unsigned count GUARDED_BY(lock);
};

static struct key_order *take(struct keymaker *m)
{
    struct key_order *o = m->first;

    if (!o)
        return NULL;
    m->first = o->next;
    if (!m->first)
        m->end = &m->first;
    m->count--;
    return o;
}

/* NULL: it is time to end. */
static struct key_order *wait_for_order(struct keymaker *m)
{
    HOLD(&m->lock);
    while (!m->is_stopping && !m->first)
        cond_wait(&m->changed, &m->lock);
    return m->is_stopping ? NULL : take(m);
}

static void *keymaker_main(void *arg)
{
    struct key_order *o;

    while ((o = wait_for_order(arg))) {
        (void)ssh_key_make(o->kind, o->comment, o->keypair, &o->private_key, &o->err); /* a failure is in o->err */
        o->done(o->arg);
    }
    return NULL;
}

int keymaker_new(struct keymaker **out, struct err *e)
{
    struct keymaker *m = calloc(1, sizeof *m);

    if (!m)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    lock_init(&m->lock, RANK_LEAF);
    cond_init(&m->changed);
    m->end = &m->first;
    *out = m;
    return 0;
}

int keymaker_start(struct keymaker *m, struct err *e)
{
    if (thread_start(&m->thread, "keymaker", keymaker_main, m, e) < 0)
        return -1;
    m->is_started = true;
    return 0;
}

static struct key_order *take_any(struct keymaker *m)
{
    HOLD(&m->lock);
    return take(m);
}

void keymaker_stop(struct keymaker *m)
{
    struct key_order *o;

    {
        HOLD(&m->lock);
        m->is_stopping = true;
        cond_broadcast(&m->changed);
    }
    if (m->is_started)
        (void)pthread_join(m->thread, NULL);
    m->is_started = false;
    while ((o = take_any(m))) {
        err_set(&o->err, ERR_UNAVAILABLE, "the service is stopping");
        o->done(o->arg);
    }
}

void keymaker_free(struct keymaker *m)
{
    if (!m)
        return;
    keymaker_stop(m);
    cond_done(&m->changed);
    lock_done(&m->lock);
    free(m);
}

int keymaker_submit(struct keymaker *m, struct key_order *o, struct err *e)
{
    HOLD(&m->lock);
    if (m->is_stopping)
        return err_set(e, ERR_UNAVAILABLE, "the service is stopping");
    if (m->count == QUEUE_MAX)
        return err_set(e, ERR_UNAVAILABLE, "%d keys are being made already; try again later", QUEUE_MAX);
    o->next = NULL;
    *m->end = o;
    m->end = &o->next;
    m->count++;
    cond_signal(&m->changed);
    return 0;
}
