/* job/overdue: the watch over steps that do not come back: a disk that hangs, a guest's QEMU that does not answer its hypervisor.
 * Past its time, or some time after a cancel, a step is left behind: the job goes on as if the step had failed, another thread
 * takes the place of the one that is stuck, and what the step may still do late is taken back when it returns. */
#include <stdlib.h>

#include "engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "store/job.h"

struct overdue {
    uuid_text job;
    struct worker *worker;
};

enum { LEFT_MAX = 64 }; /* threads that are stuck in steps nobody waits for; beyond, they are not replaced */

/* ---- a step's own side ---- */

void stint_begin(struct jobs *js, struct stint *st)
{
    HOLD(&js->lock);

    st->next = js->stints;
    js->stints = st;
    cond_signal(&js->watch);
}

static void unlink_locked(struct jobs *js, struct stint *st)
{
    for (struct stint **at = &js->stints; *at; at = &(*at)->next)
        if (*at == st) {
            *at = st->next;
            return;
        }
}

bool stint_end(struct jobs *js, struct stint *st)
{
    HOLD(&js->lock);

    unlink_locked(js, st);
    return !atomic_load(&st->is_left);
}

/* ---- cancels ---- */

/* One that cannot be read counts as not asked: its deadline stays. */
static bool is_cancel_requested(struct jobs *js, const char *job)
{
    struct err e = ERR_INIT;
    bool is_asked = false;
    AUTO(txn) t = NULL;

    return txn_read(js->store, &t, &e) == 0 && store_job_is_cancel_requested(t, job, &is_asked, &e) == 0 && is_asked;
}

static size_t cancellable_ids(struct jobs *js, uuid_text ids[WORKERS_MAX])
{
    size_t n = 0;
    HOLD(&js->lock);

    for (struct stint *st = js->stints; st && n < WORKERS_MAX; st = st->next)
        if (st->heeds_cancel)
            (void)str_copy(ids[n++], sizeof(ids[0]), st->job);
    return n;
}

static void hurry(struct jobs *js, const char *job)
{
    int64_t until_ms = clock_boot_ms() + js->config.cancel_patience_ms;
    HOLD(&js->lock);

    for (struct stint *st = js->stints; st; st = st->next)
        if (str_equal(st->job, job) && st->heeds_cancel && st->until_boot_ms > until_ms) {
            st->until_boot_ms = until_ms;
            st->heeds_cancel = false;
        }
}

static void look_for_cancels(struct jobs *js)
{
    uuid_text ids[WORKERS_MAX];
    size_t n = cancellable_ids(js, ids);

    for (size_t i = 0; i < n; i++)
        if (is_cancel_requested(js, ids[i]))
            hurry(js, ids[i]);
}

/* ---- leaving a step behind ---- */

static struct stint *earliest_locked(struct jobs *js)
{
    struct stint *first = js->stints;

    for (struct stint *st = first; st; st = st->next)
        if (st->until_boot_ms < first->until_boot_ms)
            first = st;
    return first;
}

/* From here on the stint is its thread's alone. */
static void leave_locked(struct jobs *js, struct stint *st, struct overdue *out)
{
    (void)str_copy(out->job, sizeof(out->job), st->job);
    out->worker = st->worker;
    unlink_locked(js, st);
    atomic_store(&st->is_left, true);
}

enum watch { WATCH_ENDS, WATCH_CANCELS, WATCH_OVERDUE };

static enum watch await_locked(struct jobs *js, unsigned cancels_seen, struct overdue *out)
{
    while (!js->is_watch_over) {
        struct stint *first = earliest_locked(js);
        int64_t left_ms = first ? first->until_boot_ms + js->config.late_ms - clock_boot_ms() : 0;

        if (atomic_load(&js->cancels) != cancels_seen)
            return WATCH_CANCELS;
        if (first && left_ms <= 0) {
            leave_locked(js, first, out);
            return WATCH_OVERDUE;
        }
        if (first)
            (void)cond_wait_ms(&js->watch, &js->lock, left_ms);
        else
            cond_wait(&js->watch, &js->lock);
    }
    return WATCH_ENDS;
}

static enum watch watch_await(struct jobs *js, unsigned cancels_seen, struct overdue *out)
{
    HOLD(&js->lock);

    return await_locked(js, cancels_seen, out);
}

static bool may_replace(struct jobs *js, struct err *e)
{
    HOLD(&js->lock);

    return js->left_count < LEFT_MAX || err_set(e, ERR_UNAVAILABLE, "%u threads are stuck already", js->left_count) == 0;
}

/* The stuck one leaves when its step returns. */
static void replace(struct jobs *js, struct worker *stuck)
{
    struct err e = ERR_INIT;

    if (!may_replace(js, &e) || worker_start(js, stuck->slot, &e) < 0) {
        log_err(LOG_ERROR, "a thread that is stuck in an operation cannot be replaced", &e, NULL);
        return;
    }
    HOLD(&js->lock);
    js->left_count++;
    stuck->is_replaced = true;
    cond_broadcast(&js->due); /* it may have returned already, and wait for work */
}

static void *watch_main(void *arg)
{
    struct jobs *js = arg;
    struct overdue late;
    unsigned cancels_seen = 0;

    for (;;) {
        unsigned cancels = atomic_load(&js->cancels);

        switch (watch_await(js, cancels_seen, &late)) {
        case WATCH_ENDS:
            return NULL;
        case WATCH_CANCELS:
            look_for_cancels(js);
            cancels_seen = cancels;
            break;
        case WATCH_OVERDUE:
            replace(js, late.worker);
            saga_go_on_without(js, late.job);
            jobs_wake(js);
            break;
        }
    }
}

int watch_start(struct jobs *js, struct err *e)
{
    if (thread_start(&js->watch_thread, "job-watch", watch_main, js, e) < 0)
        return -1;
    js->has_watch = true;
    return 0;
}

void watch_stop(struct jobs *js)
{
    lock_take(&js->lock);
    js->is_watch_over = true;
    cond_signal(&js->watch);
    lock_drop(&js->lock);
    if (js->has_watch)
        (void)pthread_join(js->watch_thread, NULL);
    js->has_watch = false;
}
