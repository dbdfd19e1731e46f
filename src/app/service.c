/* service: one thread that looks at the parts from time to time, and tells what it saw. */
#include "service.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/runner.h"
#include "base/str.h"
#include "core/health.h"

/* What is waited for at the start comes by itself, so that is looked at more often for a minute. A look costs a count of the
 * operations. */
enum { LOOK_MS = 5000, EARLY_LOOK_MS = 500, EARLY_LOOKS = 120, STATUS_MAX = 384 };

struct service {
    struct service_parts parts;
    struct runner runner; /* RANK_LEAF */
    int64_t watchdog_ms;  /* 0: nobody watches */
    int64_t alive_us;     /* when it was last said */
    atomic_bool is_asked; /* the timer's thread, which takes it back */
    int64_t asked_us;
    const char *stuck; /* what does not move, as it was seen last; NULL: all does */
    bool is_settled;   /* nothing is waited for */
    unsigned looks;
    char status[STATUS_MAX];
};

/* ---- alive ---- */

static void answer(void *arg)
{
    struct service *s = arg;
    struct err e = ERR_INIT;

    (void)FAILPOINT_EVAL(&e, "service.timer");
    atomic_store(&s->is_asked, false);
}

/* Without memory for the question there is no answer to be missed: it is asked next time. */
static void ask_timer(struct service *s)
{
    struct err e = ERR_INIT;
    uint64_t id;

    if (atomic_exchange(&s->is_asked, true))
        return;
    s->asked_us = clock_tick_us();
    if (timer_add(s->parts.timer, 0, answer, s, &id, &e) < 0)
        atomic_store(&s->is_asked, false);
}

static const char *find_stuck(struct service *s)
{
    if (atomic_load(&s->is_asked) && (clock_tick_us() - s->asked_us) / 1000 > s->watchdog_ms)
        return "the timer's thread";
    if (http_busy_ms(s->parts.http) > s->watchdog_ms)
        return "an HTTP thread";
    if (store_writing_ms(s->parts.store) > s->watchdog_ms)
        return "a write to the database";
    return NULL;
}

static void note_stuck(struct service *s, const char *stuck)
{
    if (stuck && !str_equal(s->stuck, stuck))
        log_error("the daemon hangs; the watchdog is no longer told that it is alive", "stuck", stuck, NULL);
    if (s->stuck && !stuck)
        log_info("what hung goes on", "stuck", s->stuck, NULL);
    s->stuck = stuck;
}

static int64_t pause_ms(const struct service *s)
{
    int64_t ms = s->is_settled || s->looks > EARLY_LOOKS ? LOOK_MS : EARLY_LOOK_MS;

    return s->watchdog_ms > 0 && s->watchdog_ms / 4 < ms ? s->watchdog_ms / 4 : ms;
}

/* At half of the interval, as is usual: when the next look would come later than that. */
static void tell_alive(struct service *s)
{
    int64_t now_us = clock_tick_us();

    if (s->watchdog_ms == 0)
        return;
    note_stuck(s, find_stuck(s));
    ask_timer(s);
    if (s->stuck || (now_us - s->alive_us) / 1000 + pause_ms(s) < s->watchdog_ms / 2)
        return;
    s->alive_us = now_us;
    notify_alive();
}

/* ---- how it is ---- */

static void describe_libvirt(const struct service *s, const struct health *h, struct buf *out)
{
    const char *uri = h->libvirt_uri[0] ? h->libvirt_uri : s->parts.libvirt_uri;

    if (!h->is_libvirt_ok)
        buf_addf(out, "waiting for libvirt%s%s", uri[0] ? " at " : "", uri);
    else if (h->is_probed)
        buf_addf(out, "ready: libvirt %s, %s", uri, h->virt_type);
    else if (h->warning[0])
        buf_addf(out, "libvirt %s: %s", uri, h->warning);
    else
        buf_addf(out, "finding out how guests run here: libvirt %s", uri);
}

static void describe(const struct service *s, const struct health *h, struct buf *out)
{
    if (s->stuck)
        buf_addf(out, "%s hangs: the watchdog is no longer told; ", s->stuck);
    describe_libvirt(s, h, out);
    if (!h->is_database_ok)
        buf_adds(out, ", the database does not answer");
    else if (h->open_operations > 0)
        buf_addf(out, ", %llu operation%s under way", (unsigned long long)h->open_operations, h->open_operations > 1 ? "s" : "");
}

static void tell_status(struct service *s, const struct health *h)
{
    AUTO_BUF text = { 0 };

    describe(s, h, &text);
    if (text.failed || str_equal(text.data, s->status))
        return;
    (void)str_copy(s->status, sizeof s->status, text.data);
    notify_status("%s", s->status);
}

/* The database first: when it cannot even be read, nothing is told. */
static void look(struct service *s)
{
    struct health h;

    health_glance(s->parts.core, &h);
    tell_alive(s);
    tell_status(s, &h);
    s->is_settled = h.is_libvirt_ok && h.is_probed;
    s->looks += !s->is_settled;
}

/* ---- life ---- */

static bool wait_for_next(struct service *s)
{
    int64_t until_ms = clock_boot_ms() + pause_ms(s), left_ms;
    HOLD(&s->runner.lock);

    while (!s->runner.is_stopping && (left_ms = until_ms - clock_boot_ms()) > 0)
        (void)cond_wait_ms(&s->runner.changed, &s->runner.lock, left_ms);
    return !s->runner.is_stopping;
}

static void *service_main(void *arg)
{
    struct service *s = arg;

    do
        look(s);
    while (wait_for_next(s));
    return NULL;
}

int service_start(const struct service_parts *parts, int64_t watchdog_ms, struct service **out, struct err *e)
{
    struct service *s;

    notify_ready();
    if (!notify_is_heard())
        return 0;
    s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *s = (struct service){ .parts = *parts, .watchdog_ms = watchdog_ms };
    runner_init(&s->runner, RANK_LEAF);
    *out = s;
    return runner_start(&s->runner, "service", service_main, s, e);
}

void service_stop(struct service *s)
{
    if (s)
        runner_stop(&s->runner);
}

void service_free(struct service *s)
{
    if (!s)
        return;
    runner_done(&s->runner);
    free(s);
}
