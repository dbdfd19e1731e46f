/* core/event_ring: the newest events, each with its text, shared by all followers. Private to the room. Any thread. */
#ifndef CORE_EVENT_RING_H
#define CORE_EVENT_RING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "model/event.h"
#include "store/store.h"

struct event_ring;
/* text(event): what is kept beside it, malloc'ed; NULL: nothing. Listens to the store (store_on_events). */
int event_ring_new(struct store *store, char *(*text)(const struct event_record *), struct event_ring **out, struct err *e);
void event_ring_free(struct event_ring *ring);
void event_ring_listen(struct event_ring *ring, void (*fn)(void *arg), void *arg); /* as events_on_commit */

/* Reads until everything that was committed before the call is in the ring. */
int event_ring_catch_up(struct event_ring *ring, struct err *e);

struct event_item {
    atomic_uint users;
    struct event_record *event;
    char *text;
};
void event_item_put(struct event_item *i); /* NULL is fine */
/* The first one behind *at that is wanted, for event_item_put; *at is its number. NULL: there is none, and *at is the last number
 * there is; or *is_behind: what comes next is no longer in the ring. */
typedef bool event_wanted_fn(const void *arg, const struct event_record *event);
struct event_item *event_ring_next(struct event_ring *ring, uint64_t *at, event_wanted_fn *is_wanted, const void *arg,
                                   bool *is_behind);

#endif
