/* core/event_ring: the newest events, read once for all followers. Who may see what, and what lies behind the ring, is
 * events.c's. */
#include "event_ring.h"

#include <stdlib.h>

#include "base/thread.h"
#include "store/event.h"

enum { RING_SIZE = 1024, RING_READ = 256 };

struct event_ring {
    struct store *store;
    char *(*text)(const struct event_record *);
    struct lock loading; /* RANK_EVENTS; one thread reads what is new, the others wait for that short while */
    bool is_begun GUARDED_BY(loading);
    atomic_bool is_stale; /* there was a commit since the last read */

    struct lock lock; /* RANK_LEAF; for what follows; memory only */
    struct event_item *items[RING_SIZE];
    uint64_t first, last; /* the numbers that it holds; empty: first is last + 1 */
    void (*listener)(void *arg);
    void *listener_arg;
};

void event_item_put(struct event_item *i)
{
    if (!i || atomic_fetch_sub(&i->users, 1) > 1)
        return;
    event_record_free(i->event);
    free(i->text);
    free(i);
}

static struct event_item **slot(struct event_ring *ring, uint64_t seq)
{
    return &ring->items[seq % RING_SIZE];
}

/* Takes the event over, also on failure. */
static int ring_add(struct event_ring *ring, struct event_record *event, struct err *e)
{
    struct event_item *i = calloc(1, sizeof *i), *old;

    if (!i) {
        event_record_free(event);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    atomic_init(&i->users, 1);
    i->event = event;
    i->text = ring->text ? ring->text(event) : NULL;
    if (ring->text && !i->text) {
        event_item_put(i);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    {
        HOLD(&ring->lock);
        old = *slot(ring, event->seq);
        *slot(ring, event->seq) = i;
        ring->last = event->seq;
        if (old)
            ring->first = old->event->seq + 1;
    }
    event_item_put(old);
    return 0;
}

/* What comes later begins behind the newest there is now. */
static int ring_begin(struct event_ring *ring, struct err *e)
{
    AUTO(txn) t = NULL;
    uint64_t oldest, newest;

    if (txn_read(ring->store, &t, e) < 0 || store_event_range(t, &oldest, &newest, e) < 0)
        return -1;
    HOLD(&ring->lock);
    ring->last = newest;
    ring->first = newest + 1;
    ring->is_begun = true;
    return 0;
}

static int ring_read(struct event_ring *ring, bool *has_more, struct err *e)
{
    const struct event_query q = { .since = ring->last, .limit = RING_READ }; /* `last` is changed by this thread alone */
    AUTO_LIST(event_record) list = { 0 };
    AUTO(txn) t = NULL;

    if (txn_read(ring->store, &t, e) < 0 || store_event_list(t, &q, &list, has_more, e) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++)
        if (ring_add(ring, TAKE(list.items[i]), e) < 0)
            return -1;
    return 0;
}

static int ring_load(struct event_ring *ring, struct err *e)
{
    bool has_more = true;

    if (!ring->is_begun && ring_begin(ring, e) < 0)
        return -1;
    while (has_more)
        if (ring_read(ring, &has_more, e) < 0)
            return -1;
    return 0;
}

int event_ring_catch_up(struct event_ring *ring, struct err *e)
{
    HOLD(&ring->loading);

    if (!atomic_exchange(&ring->is_stale, false) || ring_load(ring, e) == 0)
        return 0;
    atomic_store(&ring->is_stale, true);
    return -1;
}

struct event_item *event_ring_next(struct event_ring *ring, uint64_t *at, event_wanted_fn *is_wanted, const void *arg,
                                   bool *is_behind)
{
    HOLD(&ring->lock);

    *is_behind = *at + 1 < ring->first;
    while (!*is_behind && *at < ring->last) {
        struct event_item *i = *slot(ring, ++*at);
        if (!is_wanted(arg, i->event))
            continue;
        atomic_fetch_add(&i->users, 1);
        return i;
    }
    return NULL;
}

static void on_commit(void *arg)
{
    struct event_ring *ring = arg;

    atomic_store(&ring->is_stale, true);
    HOLD(&ring->lock);
    if (ring->listener)
        ring->listener(ring->listener_arg);
}

void event_ring_listen(struct event_ring *ring, void (*fn)(void *arg), void *arg)
{
    HOLD(&ring->lock);

    ring->listener = fn;
    ring->listener_arg = arg;
}

int event_ring_new(struct store *store, char *(*text)(const struct event_record *), struct event_ring **out, struct err *e)
{
    struct event_ring *ring = calloc(1, sizeof *ring);

    if (!ring)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    ring->store = store;
    ring->text = text;
    atomic_init(&ring->is_stale, true);
    lock_init(&ring->loading, RANK_EVENTS);
    lock_init(&ring->lock, RANK_LEAF);
    store_on_events(store, on_commit, ring);
    *out = ring;
    return 0;
}

void event_ring_free(struct event_ring *ring)
{
    if (!ring)
        return;
    store_on_events(ring->store, NULL, NULL);
    for (size_t i = 0; i < RING_SIZE; i++)
        event_item_put(ring->items[i]);
    lock_done(&ring->lock);
    lock_done(&ring->loading);
    free(ring);
}
