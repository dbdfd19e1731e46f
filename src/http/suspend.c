/* Suspending and resuming: a handler that waits leaves its thread, and whoever has the answer brings it back.
 *
 * The handler that suspends and the thread that resumes race: the resume may come first. libmicrohttpd must see suspend before
 * resume, each once, so an atomic state decides who is ahead, and whoever comes second does what is left. */
#include "request.h"
#include "server.h"

#include "base/log.h"

static void waiting_add(struct request *r)
{
    struct http *h = r->http;
    HOLD(&h->lock);

    r->waiting_prev = NULL;
    r->waiting_next = h->waiting;
    if (h->waiting)
        h->waiting->waiting_prev = r;
    h->waiting = r;
}

static void waiting_remove(struct request *r)
{
    struct http *h = r->http;
    HOLD(&h->lock);

    if (r->waiting_prev)
        r->waiting_prev->waiting_next = r->waiting_next;
    else
        h->waiting = r->waiting_next;
    if (r->waiting_next)
        r->waiting_next->waiting_prev = r->waiting_prev;
    cond_broadcast(&h->changed);
}

static bool change(struct request *r, enum resume_state from, enum resume_state to)
{
    int expected = (int)from;

    return atomic_compare_exchange_strong(&r->resume, &expected, (int)to);
}

int request_suspend(struct request *r, request_fn *then, struct err *e)
{
    if (r->response || r->then)
        return err_set(e, ERR_INTERNAL, "suspended after the answer, or twice");
    r->then = then;
    return 0;
}

/* After the exchange that finds it awaited, the request lives until libmicrohttpd resumes it, and not a moment longer. */
void request_resume(struct request *r)
{
    if (change(r, RESUME_NONE, RESUME_EARLY))
        return;
    if (change(r, RESUME_AWAITED, RESUME_NONE))
        MHD_resume_connection(r->connection);
}

static struct request *take_awaited(struct http *h)
{
    HOLD(&h->lock);

    for (struct request *r = h->waiting; r; r = r->waiting_next)
        if (change(r, RESUME_AWAITED, RESUME_NONE))
            return r;
    return NULL;
}

bool suspend_wake_all(struct http *h)
{
    struct request *r;
    bool has_woken = false;

    while ((r = take_awaited(h))) {
        has_woken = true;
        log_error("http.request abandoned by whoever was to resume it", "request_id", r->id, NULL);
        MHD_resume_connection(r->connection); /* without the lock: libmicrohttpd has one of its own */
    }
    return has_woken;
}

/* False when it was resumed meanwhile and can go on at once. */
static bool suspend(struct request *r)
{
    if (change(r, RESUME_EARLY, RESUME_NONE))
        return false;
    client_deadline_off(r->conn);
    waiting_add(r);
    MHD_suspend_connection(r->connection);
    if (!change(r, RESUME_NONE, RESUME_AWAITED)) {
        atomic_store(&r->resume, RESUME_NONE);
        MHD_resume_connection(r->connection);
    }
    return true;
}

/* A handler that fails after it asked to be suspended has told nobody to resume it. */
static void settle_result(struct request *r, int rc, const struct err *e)
{
    if (rc == 0)
        return;
    r->then = NULL;
    request_fail(r, e);
}

static int refuse_when_stopping(struct request *r, struct err *e)
{
    return atomic_load(&r->http->is_stopping) ? err_set(e, ERR_UNAVAILABLE, "the service is stopping") : 0;
}

static void call(struct request *r, request_fn *fn)
{
    struct err e = ERR_INIT;

    r->then = NULL;
    settle_result(r, refuse_when_stopping(r, &e) < 0 ? -1 : fn(r, &e), &e);
}

/* Until the request neither waits nor has anything to go on with. */
static bool settle(struct request *r)
{
    bool is_suspended = false;

    while (r->then && !(is_suspended = suspend(r)))
        call(r, r->then);
    atomic_fetch_sub(&r->http->running, 1);
    return !is_suspended;
}

bool request_run(struct request *r, request_fn *fn)
{
    atomic_fetch_add(&r->http->running, 1);
    call(r, fn);
    return settle(r);
}

bool request_run_chunk(struct request *r, const char *data, size_t len)
{
    struct err e = ERR_INIT;

    atomic_fetch_add(&r->http->running, 1);
    settle_result(r, refuse_when_stopping(r, &e) < 0 ? -1 : r->entry->route->chunk(r, data, len, &e), &e);
    return settle(r);
}

static void come_back(struct request *r)
{
    (void)atomic_load(&r->resume); /* what the resumer wrote before request_resume() is seen from here on */
    waiting_remove(r);
}

bool request_run_then(struct request *r)
{
    come_back(r);
    return request_run(r, r->then);
}

/* libmicrohttpd looks at a suspended connection only after its resume: whoever was to resume it has done so. */
void request_end_waiting(struct request *r)
{
    if (!r->then)
        return;
    come_back(r);
    r->then = NULL;
}
