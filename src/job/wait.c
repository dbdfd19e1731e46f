/* job/wait: the list of those who wait for the end of a job. Whoever takes a wait off the list, under the lock, is the one who
 * tells it. Jobs and rows are not known here: job.c says which id has ended. */
#include "wait.h"

#include "base/id.h"
#include "base/str.h"

struct wait {
    struct waits *owner;
    struct wait *next;
    job_done_fn *fn;
    void *arg;
    uint64_t timer_id;
    uint32_t refs; /* the list (then who took it off), the timer's callback, who added it */
    bool is_poll;
    bool is_off; /* taken off the list: told, or about to be */
    uuid_text id;
};

void waits_init(struct waits *ws, struct timer *timer)
{
    *ws = (struct waits){ .timer = timer };
    lock_init(&ws->lock, RANK_JOB);
    cond_init(&ws->drained);
}

void waits_done(struct waits *ws)
{
    lock_take(&ws->lock);
    while (ws->timers_out > 0)
        cond_wait(&ws->drained, &ws->lock);
    lock_drop(&ws->lock);
    cond_done(&ws->drained);
    lock_done(&ws->lock);
}

static void drop_locked(struct wait *w, uint32_t refs)
{
    w->refs -= refs;
    if (w->refs == 0)
        free(w);
}

static void timer_gone_locked(struct waits *ws)
{
    if (--ws->timers_out == 0)
        cond_broadcast(&ws->drained);
}

/* A callback that is under way keeps its hold and finds the wait off the list. */
static void cancel_timer_locked(struct waits *ws, struct wait *w)
{
    if (!timer_cancel(ws->timer, w->timer_id))
        return;
    drop_locked(w, 1);
    timer_gone_locked(ws);
}

/* Unlinks the wait that *at points to. */
static struct wait *unlink_locked(struct waits *ws, struct wait **at)
{
    struct wait *w = *at;

    *at = w->next;
    w->next = NULL;
    w->is_off = true;
    ws->count--;
    return w;
}

static bool take_locked(struct waits *ws, struct wait *w)
{
    struct wait **at = &ws->head;

    if (w->is_off)
        return false;
    while (*at != w)
        at = &(*at)->next;
    (void)unlink_locked(ws, at);
    return true;
}

static void time_is_over(void *arg)
{
    struct wait *w = arg;
    struct waits *ws = w->owner;
    bool is_mine;

    lock_take(&ws->lock);
    is_mine = take_locked(ws, w);
    lock_drop(&ws->lock);
    if (is_mine)
        w->fn(w->arg);
    lock_take(&ws->lock);
    drop_locked(w, is_mine ? 2 : 1);
    timer_gone_locked(ws);
    lock_drop(&ws->lock);
}

/* The timer's callback cannot see the wait before the lock is dropped, so timer_id is set when it does. */
static int link_locked(struct waits *ws, struct wait *w, int64_t wait_ms, struct err *e)
{
    if (ws->count >= WAITS_MAX)
        return err_set(e, ERR_UNAVAILABLE, "too many requests wait for operations");
    if (timer_add(ws->timer, wait_ms > 0 ? wait_ms : 0, time_is_over, w, &w->timer_id, e) < 0)
        return -1;
    w->next = ws->head;
    ws->head = w;
    w->refs = 3;
    ws->count++;
    ws->timers_out++;
    return 0;
}

int waits_add(struct waits *ws, const struct wait_ask *ask, struct wait **out, struct err *e)
{
    AUTO_FREE struct wait *w = calloc(1, sizeof(*w));
    bool is_told;
    int rc = 0;

    if (!w)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    w->owner = ws;
    w->fn = ask->fn;
    w->arg = ask->arg;
    w->is_poll = ask->is_poll;
    (void)str_copy(w->id, sizeof(w->id), ask->id);
    lock_take(&ws->lock);
    is_told = ws->is_closed || (ws->is_impatient && ask->is_poll);
    if (!is_told)
        rc = link_locked(ws, w, ask->wait_ms, e);
    lock_drop(&ws->lock);
    if (rc < 0)
        return -1;
    if (is_told)
        ask->fn(ask->arg);
    *out = is_told ? NULL : TAKE(w);
    return 0;
}

bool waits_take(struct waits *ws, struct wait *w)
{
    HOLD(&ws->lock);
    if (!take_locked(ws, w))
        return false;
    cancel_timer_locked(ws, w);
    drop_locked(w, 1); /* the list's; the caller still has its own */
    return true;
}

void waits_release(struct waits *ws, struct wait *w)
{
    HOLD(&ws->lock);
    drop_locked(w, 1);
}

typedef bool match_fn(const struct wait *w, const char *id);

static bool is_for(const struct wait *w, const char *id)
{
    return str_equal(w->id, id);
}

static bool is_poll(const struct wait *w, const char *id)
{
    (void)id;
    return w->is_poll;
}

static bool is_any(const struct wait *w, const char *id)
{
    (void)w, (void)id;
    return true;
}

static struct wait *take_matching(struct waits *ws, match_fn *matches, const char *id)
{
    struct wait *taken = NULL;
    struct wait **at = &ws->head;

    HOLD(&ws->lock);
    while (*at) {
        if (!matches(*at, id)) {
            at = &(*at)->next;
            continue;
        }
        struct wait *w = unlink_locked(ws, at);
        cancel_timer_locked(ws, w);
        w->next = taken;
        taken = w;
    }
    return taken;
}

static void tell(struct waits *ws, struct wait *taken)
{
    while (taken) {
        struct wait *w = taken;

        taken = w->next;
        w->fn(w->arg);
        waits_release(ws, w);
    }
}

void waits_tell(struct waits *ws, const char *id)
{
    tell(ws, take_matching(ws, is_for, id));
}

void waits_end_polls(struct waits *ws)
{
    lock_take(&ws->lock);
    ws->is_impatient = true;
    lock_drop(&ws->lock);
    tell(ws, take_matching(ws, is_poll, NULL));
}

void waits_close(struct waits *ws)
{
    lock_take(&ws->lock);
    ws->is_closed = true;
    lock_drop(&ws->lock);
    tell(ws, take_matching(ws, is_any, NULL));
}
