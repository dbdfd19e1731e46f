/* Who asks for surveys, and the end of waiting. An asker joins the next survey, never one that is under way, and is called back
 * exactly once: by the reader that took the survey, or by the timer at the asker's deadline. The readers are reader.c's, what
 * they found is survey.c's. */
#include <string.h>

#include "surveyor_parts.h"

#include "base/clock.h"

enum { CLOSE_WAIT_MS = 1000 };

/* ---- lives ---- */

int surveyor_new(const struct surveyor_config *config, struct surveyor **out, struct err *e)
{
    struct surveyor *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    s->config = *config;
    s->config.context = config->source->ref(config->context);
    s->refs = 1;
    lock_init(&s->lock, RANK_VIRT);
    cond_init(&s->work);
    cond_init(&s->gone);
    *out = s;
    return 0;
}

void surveyor_unref(struct surveyor *s)
{
    lock_take(&s->lock);
    bool is_last = --s->refs == 0;
    lock_drop(&s->lock);
    if (!is_last)
        return;
    s->config.source->unref(s->config.context);
    cond_done(&s->gone);
    cond_done(&s->work);
    lock_done(&s->lock);
    free(s);
}

void surveyor_free_request(struct request *r)
{
    if (!r)
        return;
    virt_survey_free(r->base);
    free(r->ids);
    free(r);
}

static void ask_unref(struct ask *a)
{
    struct surveyor *s = a->s;
    HOLD(&s->lock);

    if (--a->refs > 0)
        return;
    free(a);
    s->asks--;
    cond_broadcast(&s->gone);
}

/* ---- the queue (with the lock held) ---- */

static void enqueue(struct surveyor *s, struct request *r)
{
    struct request **p = &s->queue;

    while (*p)
        p = &(*p)->next;
    *p = r;
    s->queued++;
}

void surveyor_dequeue(struct surveyor *s, struct request *r)
{
    for (struct request **p = &s->queue; *p; p = &(*p)->next)
        if (*p == r) {
            *p = r->next;
            r->next = NULL;
            s->queued--;
            return;
        }
}

static struct request *joinable(struct surveyor *s)
{
    for (struct request *r = s->queue; r; r = r->next)
        if (r->is_all)
            return r;
    return NULL;
}

struct ask *surveyor_claim_asks(struct request *r)
{
    struct ask *asks = r->asks;

    for (struct ask *a = asks; a; a = a->next)
        a->is_answered = true;
    r->asks = NULL;
    return asks;
}

static void unlink_ask(struct ask *a)
{
    for (struct ask **p = &a->request->asks; *p; p = &(*p)->next)
        if (*p == a) {
            *p = a->next;
            return;
        }
}

/* ---- answers (without the lock) ---- */

void surveyor_answer(struct ask *asks, struct virt_survey *found)
{
    while (asks) {
        struct ask *a = asks;
        asks = a->next;
        if (timer_cancel(a->s->config.timer, a->timer_id))
            ask_unref(a); /* the timer's reference; a callback that runs now drops it itself */
        a->fn(a->arg, found);
        ask_unref(a);
    }
}

/* ---- asking ---- */

static void on_deadline(void *arg)
{
    struct ask *a = arg;
    struct surveyor *s = a->s;
    struct request *done = NULL;

    lock_take(&s->lock);
    bool is_mine = !a->is_answered;
    if (is_mine) {
        struct request *r = a->request;
        a->is_answered = true;
        unlink_ask(a);
        if (r->reader && !r->reader->is_stuck) {
            r->reader->is_stuck = true;
            s->stuck++;
        } else if (!r->reader && !r->asks) {
            surveyor_dequeue(s, r);
            done = r;
        }
        if (s->queue)
            (void)reader_rouse(s);
    }
    lock_drop(&s->lock);
    surveyor_free_request(done);
    if (is_mine) {
        a->fn(a->arg, NULL);
        ask_unref(a);
    }
    ask_unref(a);
}

/* With the lock held: puts the ask on the request. */
static int link_ask(struct ask *a, struct request *r, int64_t deadline_ms)
{
    struct err e = ERR_INIT;

    if (timer_add(a->s->config.timer, deadline_ms, on_deadline, a, &a->timer_id, &e) < 0)
        return -1;
    a->request = r;
    a->next = r->asks;
    r->asks = a;
    a->refs = 2;
    a->s->asks++;
    return 0;
}

/* Queues `fresh` with this ask, or joins a request that waits; what was not used of it is left in *fresh. */
static int submit(struct ask *a, struct request **fresh, int64_t deadline_ms)
{
    struct surveyor *s = a->s;
    HOLD(&s->lock);
    struct request *r = (*fresh)->is_all ? joinable(s) : NULL;

    if (s->is_closing)
        return -1;
    if (!r) {
        enqueue(s, *fresh);
        if (!reader_rouse(s) || link_ask(a, *fresh, deadline_ms) < 0) {
            surveyor_dequeue(s, *fresh);
            return -1;
        }
        *fresh = NULL;
        return 0;
    }
    return link_ask(a, r, deadline_ms);
}

static int try_ask(struct surveyor *s, struct request **fresh, int64_t deadline_ms, const struct ask *as)
{
    if (!*fresh || deadline_ms <= 0 || s->config.source->is_down(s->config.context))
        return -1;
    struct ask *a = malloc(sizeof(*a));
    if (!a)
        return -1;
    *a = *as;
    if (submit(a, fresh, deadline_ms) == 0)
        return 0;
    free(a);
    return -1;
}

/* Takes `fresh` over; NULL stands for "no memory". */
static void ask(struct surveyor *s, struct request *fresh, int64_t deadline_ms, virt_survey_fn *fn, void *arg)
{
    if (try_ask(s, &fresh, deadline_ms, &(struct ask){ .s = s, .fn = fn, .arg = arg }) < 0)
        fn(arg, NULL);
    surveyor_free_request(fresh);
}

void surveyor_ask_all(struct surveyor *s, int64_t deadline_ms, virt_survey_fn *fn, void *arg)
{
    struct request *r = calloc(1, sizeof(*r));

    if (r)
        r->is_all = true;
    ask(s, r, deadline_ms, fn, arg);
}

static struct request *each_request(const struct survey_wish *wish)
{
    struct request *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->ids = calloc(wish->count > 0 ? wish->count : 1, sizeof(*r->ids));
    if (!r->ids) {
        surveyor_free_request(r);
        return NULL;
    }
    if (wish->count > 0)
        memcpy(r->ids, wish->ids, wish->count * sizeof(*r->ids));
    r->count = wish->count;
    r->base = wish->base ? virt_survey_ref(wish->base) : NULL;
    return r;
}

void surveyor_ask_each(struct surveyor *s, const struct survey_wish *wish, int64_t deadline_ms, virt_survey_fn *fn, void *arg)
{
    ask(s, each_request(wish), deadline_ms, fn, arg);
}

uint32_t surveyor_stuck(struct surveyor *s)
{
    HOLD(&s->lock);

    return s->stuck;
}

/* ---- the end ---- */

/* With the lock held: takes every ask there is, queued or under way; requests of the queue that are empty now come back in
 * *queue. */
static struct ask *claim_everything(struct surveyor *s, struct request **queue)
{
    struct ask *all = NULL, **tail = &all;

    for (struct request *r = s->queue; r; r = r->next)
        for (*tail = surveyor_claim_asks(r); *tail;)
            tail = &(*tail)->next;
    for (struct reader *reader = s->readers; reader; reader = reader->next)
        if (reader->now)
            for (*tail = surveyor_claim_asks(reader->now); *tail;)
                tail = &(*tail)->next;
    *queue = s->queue;
    s->queue = NULL;
    s->queued = 0;
    return all;
}

static void free_requests(struct request *queue)
{
    while (queue) {
        struct request *r = queue;
        queue = r->next;
        surveyor_free_request(r);
    }
}

/* Callbacks that run now are waited for without a limit, as they do not block; readers, which may, only for a while. */
static void wait_gone(struct surveyor *s)
{
    int64_t until = clock_boot_ms() + CLOSE_WAIT_MS;
    HOLD(&s->lock);

    while (s->asks > 0)
        cond_wait(&s->gone, &s->lock);
    for (int64_t left = CLOSE_WAIT_MS; s->readers && left > 0; left = until - clock_boot_ms())
        (void)cond_wait_ms(&s->gone, &s->lock, left);
}

void surveyor_close(struct surveyor *s)
{
    struct request *queue;

    if (!s)
        return;
    lock_take(&s->lock);
    s->is_closing = true;
    struct ask *asks = claim_everything(s, &queue);
    cond_broadcast(&s->work);
    lock_drop(&s->lock);
    surveyor_answer(asks, NULL);
    free_requests(queue);
    wait_gone(s);
    surveyor_unref(s);
}
