/* core/lane: the queue, and the thread that works through it. What the work is, is the asker's affair. */
#include "lane.h"

#include <stdlib.h>

#include "base/thread.h"

struct lane {
    const char *name, *what;
    unsigned max;
    pthread_t thread;
    bool is_started;
    struct lock lock; /* RANK_LEAF */
    struct cond changed;
    bool is_stopping GUARDED_BY(lock);
    struct lane_task *first GUARDED_BY(lock);
    struct lane_task **end GUARDED_BY(lock); /* where the next is linked in */
    unsigned count GUARDED_BY(lock);
};

static struct lane_task *take(struct lane *l)
{
    struct lane_task *task = l->first;

    if (!task)
        return NULL;
    l->first = task->next;
    if (!l->first)
        l->end = &l->first;
    l->count--;
    return task;
}

/* NULL: it is time to end. */
static struct lane_task *wait_for_task(struct lane *l)
{
    HOLD(&l->lock);
    while (!l->is_stopping && !l->first)
        cond_wait(&l->changed, &l->lock);
    return l->is_stopping ? NULL : take(l);
}

static void *lane_main(void *arg)
{
    struct lane_task *task;

    while ((task = wait_for_task(arg))) {
        task->run(task->work, &task->err);
        task->done(task->arg);
    }
    return NULL;
}

int lane_new(const char *name, const char *what, unsigned max, struct lane **out, struct err *e)
{
    struct lane *l = calloc(1, sizeof *l);

    if (!l)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    l->name = name;
    l->what = what;
    l->max = max;
    lock_init(&l->lock, RANK_LEAF);
    cond_init(&l->changed);
    l->end = &l->first;
    *out = l;
    return 0;
}

int lane_start(struct lane *l, struct err *e)
{
    if (thread_start(&l->thread, l->name, lane_main, l, e) < 0)
        return -1;
    l->is_started = true;
    return 0;
}

static struct lane_task *take_any(struct lane *l)
{
    HOLD(&l->lock);
    return take(l);
}

void lane_stop(struct lane *l)
{
    struct lane_task *task;

    {
        HOLD(&l->lock);
        l->is_stopping = true;
        cond_broadcast(&l->changed);
    }
    if (l->is_started)
        (void)pthread_join(l->thread, NULL);
    l->is_started = false;
    while ((task = take_any(l))) {
        err_set(&task->err, ERR_UNAVAILABLE, "the service is stopping");
        task->done(task->arg);
    }
}

void lane_free(struct lane *l)
{
    if (!l)
        return;
    lane_stop(l);
    cond_done(&l->changed);
    lock_done(&l->lock);
    free(l);
}

int lane_submit(struct lane *l, struct lane_task *task, struct err *e)
{
    HOLD(&l->lock);
    if (l->is_stopping)
        return err_set(e, ERR_UNAVAILABLE, "the service is stopping");
    if (l->count == l->max)
        return err_set(e, ERR_UNAVAILABLE, "%u %s already; try again later", l->max, l->what);
    task->next = NULL;
    *l->end = task;
    l->end = &task->next;
    l->count++;
    cond_signal(&l->changed);
    return 0;
}
