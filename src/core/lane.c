/* core/lane: the queue, and the thread that works through it. What the work is, is the asker's affair. */
#include "lane.h"

#include <stdlib.h>

#include "base/runner.h"

struct lane {
    const char *name, *what;
    unsigned max;
    struct runner runner; /* RANK_LEAF */
    struct lane_task *first GUARDED_BY(runner.lock);
    struct lane_task **end GUARDED_BY(runner.lock); /* where the next is linked in */
    unsigned count GUARDED_BY(runner.lock);
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
    HOLD(&l->runner.lock);
    while (!l->runner.is_stopping && !l->first)
        cond_wait(&l->runner.changed, &l->runner.lock);
    return l->runner.is_stopping ? NULL : take(l);
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
    runner_init(&l->runner, RANK_LEAF);
    l->end = &l->first;
    *out = l;
    return 0;
}

int lane_start(struct lane *l, struct err *e)
{
    return runner_start(&l->runner, l->name, lane_main, l, e);
}

static struct lane_task *take_any(struct lane *l)
{
    HOLD(&l->runner.lock);
    return take(l);
}

void lane_stop(struct lane *l)
{
    struct lane_task *task;

    runner_stop(&l->runner);
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
    runner_done(&l->runner);
    free(l);
}

int lane_submit(struct lane *l, struct lane_task *task, struct err *e)
{
    HOLD(&l->runner.lock);
    if (l->runner.is_stopping)
        return err_set(e, ERR_UNAVAILABLE, "the service is stopping");
    if (l->count == l->max)
        return err_set(e, ERR_UNAVAILABLE, "%u %s already; try again later", l->max, l->what);
    task->next = NULL;
    *l->end = task;
    l->end = &task->next;
    l->count++;
    cond_signal(&l->runner.changed);
    return 0;
}
