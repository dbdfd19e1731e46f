/* core/events: the outbox, read in order by number: pages of it, and whoever follows it. Events are written by whoever changes
 * something, in the change's own transaction (core/record, job). */
#ifndef CORE_EVENTS_H
#define CORE_EVENTS_H

#include "core/core.h"
#include "model/event.h"

/* The events behind number `since` that who may see (its project's; with sees_all everybody's), oldest first. *gap: some behind
 * `since` are gone already (retention): *oldest is the first that is left. ERR_INVALID_FIELD "since": a number from the future.
 */
struct events_query {
    uint64_t since;
    uint32_t limit;
    const char *types; /* by commas, "vm.*" stands for all of a noun; NULL: all */
};
struct events_page {
    struct event_record_list items;
    uint64_t last;   /* the newest number there is: where to go on when nothing was found */
    uint64_t oldest; /* the first number that is left */
    bool has_gap, has_more;
};
int events_read(struct core *c, const struct actor *who, const struct events_query *q, struct events_page *out, struct err *e);
void events_page_done(struct events_page *p);

/* fn(arg) is called after each commit that added events, from any thread; it must not wait. One listener; NULL takes it back. */
void events_on_commit(struct core *c, void (*fn)(void *arg), void *arg);

#endif
