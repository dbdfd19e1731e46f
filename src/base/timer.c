/* Deadlines: a binary heap and one thread that sleeps until the earliest. Callbacks run off the lock, one after the other. */
#include "base/timer.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "base/thread.h"

enum { HEAP_FIRST = 16 };
static const int64_t ns_per_ms = 1000000;
static const int64_t delay_max_ms = INT64_C(1000) * 86400 * 365; /* keeps the sum with "now" from overflowing */

struct timer_entry {
    int64_t due_ns; /* CLOCK_MONOTONIC */
    uint64_t id;    /* ids grow, so equal deadlines keep the order of adding */
    timer_fn *fn;
    void *arg;
};

struct timer {
    struct lock lock; /* RANK_TIMER */
    struct cond changed;
    pthread_t thread;
    struct timer_entry *heap GUARDED_BY(lock);
    size_t count GUARDED_BY(lock), cap GUARDED_BY(lock);
    uint64_t last_id GUARDED_BY(lock);
    bool is_stopping GUARDED_BY(lock); /* everything counts as due */
};

static int64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static bool is_earlier(const struct timer_entry *a, const struct timer_entry *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->id < b->id;
}

static void swap_entries(struct timer_entry *a, struct timer_entry *b)
{
    struct timer_entry kept = *a;

    *a = *b;
    *b = kept;
}

static void sift_up(struct timer *t, size_t i)
{
    for (; i > 0 && is_earlier(&t->heap[i], &t->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap_entries(&t->heap[i], &t->heap[(i - 1) / 2]);
}

static void sift_down(struct timer *t, size_t i)
{
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < t->count; child++)
            if (is_earlier(&t->heap[child], &t->heap[least]))
                least = child;
        if (least == i)
            return;
        swap_entries(&t->heap[i], &t->heap[least]);
        i = least;
    }
}

static void remove_at(struct timer *t, size_t i)
{
    t->heap[i] = t->heap[--t->count];
    if (i < t->count) {
        sift_up(t, i);
        sift_down(t, i);
    }
}

static bool take_due(struct timer *t, struct timer_entry *out)
{
    if (t->count == 0 || (!t->is_stopping && t->heap[0].due_ns > now_ns()))
        return false;
    *out = t->heap[0];
    remove_at(t, 0);
    return true;
}

static void wait_for_change(struct timer *t)
{
    if (t->count == 0) {
        cond_wait(&t->changed, &t->lock);
        return;
    }
    int64_t left_ns = t->heap[0].due_ns - now_ns();
    (void)cond_wait_ms(&t->changed, &t->lock, (left_ns + ns_per_ms - 1) / ns_per_ms);
}

static void *timer_main(void *arg)
{
    struct timer *t = arg;
    struct timer_entry due;
    HOLD(&t->lock);

    for (;;) {
        if (take_due(t, &due)) {
            lock_drop(&t->lock);
            due.fn(due.arg);
            lock_take(&t->lock);
        } else if (t->is_stopping) {
            return NULL;
        } else {
            wait_for_change(t);
        }
    }
}

int timer_new(struct timer **out, struct err *e)
{
    struct timer *t = calloc(1, sizeof(*t));

    if (!t)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    lock_init(&t->lock, RANK_TIMER);
    cond_init(&t->changed);
    if (thread_start(&t->thread, "timer", timer_main, t, e) < 0) {
        cond_done(&t->changed);
        lock_done(&t->lock);
        free(t);
        return -1;
    }
    *out = t;
    return 0;
}

static void stop_thread(struct timer *t)
{
    assert(!pthread_equal(t->thread, pthread_self()) && "a callback cannot free its timer");
    lock_take(&t->lock);
    t->is_stopping = true;
    cond_signal(&t->changed);
    lock_drop(&t->lock);
    (void)pthread_join(t->thread, NULL);
}

void timer_free(struct timer *t)
{
    if (!t)
        return;
    stop_thread(t);
    cond_done(&t->changed);
    lock_done(&t->lock);
    free(t->heap);
    free(t);
}

static int grow(struct timer *t, struct err *e)
{
    size_t cap = t->cap > 0 ? 2 * t->cap : HEAP_FIRST;
    struct timer_entry *heap = reallocarray(t->heap, cap, sizeof(*heap));

    if (!heap)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    t->heap = heap;
    t->cap = cap;
    return 0;
}

int timer_add(struct timer *t, int64_t delay_ms, timer_fn *fn, void *arg, uint64_t *id, struct err *e)
{
    int64_t delay = delay_ms < 0 ? 0 : delay_ms > delay_max_ms ? delay_max_ms : delay_ms;
    int64_t due_ns = now_ns() + delay * ns_per_ms;
    HOLD(&t->lock);

    if (t->count == t->cap && grow(t, e) < 0)
        return -1;
    *id = ++t->last_id; /* under the lock: the callback may run before this function returns */
    t->heap[t->count] = (struct timer_entry){ due_ns, *id, fn, arg };
    sift_up(t, t->count++);
    if (t->heap[0].id == *id)
        cond_signal(&t->changed);
    return 0;
}

/* A linear search: the heap holds what waits at one moment, some hundreds at most, and stays in the cache. */
bool timer_cancel(struct timer *t, uint64_t id)
{
    HOLD(&t->lock);

    for (size_t i = 0; i < t->count; i++)
        if (t->heap[i].id == id) {
            remove_at(t, i);
            return true;
        }
    return false;
}
