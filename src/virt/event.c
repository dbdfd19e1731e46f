/* The hub: one listener, and watches that threads sleep on until something happens to one domain.
 * Which events exist, and how a driver comes to know them, is the drivers' affair. */
#include "event.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"

struct hub {
    atomic_uint refs;
    virt_event_fn *fn;
    void *arg;
    struct lock lock; /* RANK_LEAF; never held across the listener */
    struct cond changed;
    struct virt_watch *watches GUARDED_BY(lock);
    unsigned calls GUARDED_BY(lock); /* of the listener, under way */
    bool is_muted GUARDED_BY(lock);
};

struct virt_watch {
    struct hub *hub;
    struct virt_watch *next GUARDED_BY(hub->lock);
    uuid_text id;
    bool has_event GUARDED_BY(hub->lock);
    bool has_reboot GUARDED_BY(hub->lock);
};

int hub_new(virt_event_fn *fn, void *arg, struct hub **out, struct err *e)
{
    struct hub *h = calloc(1, sizeof(*h));

    if (!h)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    atomic_init(&h->refs, 1);
    h->fn = fn;
    h->arg = arg;
    lock_init(&h->lock, RANK_LEAF);
    cond_init(&h->changed);
    *out = h;
    return 0;
}

struct hub *hub_ref(struct hub *h)
{
    atomic_fetch_add(&h->refs, 1);
    return h;
}

void hub_free(struct hub *h)
{
    if (!h || atomic_fetch_sub(&h->refs, 1) > 1)
        return;
    cond_done(&h->changed);
    lock_done(&h->lock);
    free(h);
}

void hub_mute(struct hub *h)
{
    HOLD(&h->lock);

    h->is_muted = true;
    while (h->calls > 0)
        cond_wait(&h->changed, &h->lock);
}

static void wake_watches(struct hub *h, const char *id, bool is_reboot)
{
    for (struct virt_watch *w = h->watches; w; w = w->next)
        if (strcmp(w->id, id) == 0) {
            w->has_event = true;
            w->has_reboot |= is_reboot;
        }
    cond_broadcast(&h->changed);
}

static bool begin_call(struct hub *h, const char *id, bool is_reboot)
{
    HOLD(&h->lock);

    wake_watches(h, id, is_reboot);
    if (h->is_muted || !h->fn)
        return false;
    h->calls++;
    return true;
}

static void end_call(struct hub *h)
{
    HOLD(&h->lock);

    h->calls--;
    cond_broadcast(&h->changed);
}

static void emit(struct hub *h, enum virt_event_kind kind, const char *id, bool is_reboot)
{
    if (!begin_call(h, id, is_reboot))
        return;
    h->fn(h->arg, kind, id);
    end_call(h);
}

void hub_emit(struct hub *h, enum virt_event_kind kind, const char *id)
{
    emit(h, kind, id, false);
}

void hub_emit_reboot(struct hub *h, const char *id)
{
    emit(h, VIRT_EVENT_DOMAIN, id, true);
}

int hub_watch(struct hub *h, const char *id, struct virt_watch **out, struct err *e)
{
    struct virt_watch *w = calloc(1, sizeof(*w));

    if (!w)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    w->hub = hub_ref(h);
    (void)str_copy(w->id, sizeof(w->id), id);
    HOLD(&h->lock);
    w->next = h->watches;
    h->watches = w;
    *out = w;
    return 0;
}

static void unlink_watch(struct virt_watch *w)
{
    HOLD(&w->hub->lock);

    for (struct virt_watch **p = &w->hub->watches; *p; p = &(*p)->next)
        if (*p == w) {
            *p = w->next;
            return;
        }
}

void virt_watch_free(struct virt_watch *w)
{
    if (!w)
        return;
    unlink_watch(w);
    hub_free(w->hub);
    free(w);
}

/* Waits until *flag or the end; true when the flag is up. */
static bool wait_flag(struct virt_watch *w, const bool *flag, int64_t timeout_ms)
{
    int64_t until = clock_boot_ms() + timeout_ms;

    while (!*flag) {
        int64_t left = until - clock_boot_ms();
        if (left <= 0)
            return false;
        (void)cond_wait_ms(&w->hub->changed, &w->hub->lock, left);
    }
    return true;
}

void hub_watch_wait(struct virt_watch *w, int64_t timeout_ms)
{
    HOLD(&w->hub->lock);

    (void)wait_flag(w, &w->has_event, timeout_ms);
    w->has_event = false;
}

int virt_watch_reboot(struct virt_watch *w, int64_t timeout_ms, bool *seen, struct err *e)
{
    HOLD(&w->hub->lock);

    (void)e;
    *seen = wait_flag(w, &w->has_reboot, timeout_ms);
    return 0;
}
