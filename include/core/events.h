/* core/events: the outbox, read in order by number: in pages, and by followers, who are told what is new. Events are written by
 * whoever changes something, in the change's own transaction (core/record, job).
 *
 * Numbers begin at 1 and have no holes. What is gone (retention) is gone from the old end, and readers are told: never silently.
 * Somebody who sees one project's events meets numbers that are others'. */
#ifndef CORE_EVENTS_H
#define CORE_EVENTS_H

#include "core/core.h"
#include "model/event.h"

enum { EVENT_TYPES_MAX = 512 };

/* Behind which number, and of which types: by commas, "vm.*" stands for all of a noun; NULL: all. */
struct events_query {
    uint64_t since;
    bool is_from_now; /* for followers: behind the newest there is; `since` is not looked at */
    uint32_t limit;   /* of a page */
    const char *types;
};
struct events_page {
    struct event_record_list items;
    uint64_t last;   /* where to go on: all that who may see up to it has been told */
    uint64_t oldest; /* the first number that is left */
    bool has_gap;    /* some behind `since` are gone */
    bool has_more;
};
/* The events that who may see (its project's; with sees_all everybody's), oldest first. ERR_INVALID_FIELD "since": a number that
 * was not given yet; "types". */
int events_read(struct core *c, const struct actor *who, const struct events_query *q, struct events_page *out, struct err *e);
void events_page_done(struct events_page *p);

/* ---- followers ----
 * A follower is a place in the order of events and has no queue: who is slow only falls behind, and reads what it missed later.
 * Recent events are shared by all. One thread at a time. */
struct event_follower;
/* Fails like events_read. */
int events_follow(struct core *c, const struct actor *who, const struct events_query *q, struct event_follower **out,
                  struct err *e);
void event_follower_free(struct event_follower *f);
DEFINE_AUTO(event_follower, event_follower_free)

/* An event, or word that some are gone. Borrowed until the next call for the same follower. */
struct event_news {
    const struct event_record *event; /* NULL: a gap */
    const char *text;                 /* the event as core_config.event_text has it; NULL without one */
    uint64_t since, oldest;           /* a gap: what lay behind `since` and before `oldest` is gone */
};
/* 1: *out is next; 0: nothing is new; -1: failed, and may be asked again. */
int events_next(struct event_follower *f, struct event_news *out, struct err *e);
/* What it was let in with is still good: asked of the database when users, projects, roles or tokens have changed. */
bool events_is_welcome(struct event_follower *f);

/* fn(arg) is called after each commit that added events, from any thread; it must not wait. One listener; NULL takes it back:
 * when that returns, it is not called any more. */
void events_on_commit(struct core *c, void (*fn)(void *arg), void *arg);

#endif
