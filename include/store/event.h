/* store/event: the outbox of events: written in the transaction of the change. */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include "model/event.h"
#include "store/store.h"

int store_event_add(struct txn *t, const struct event *ev, struct err *e);
/* Which events, in the order of their numbers; strings are borrowed. */
struct event_query {
    const char *project; /* NULL: of all */
    const char *types;   /* ",vm.*,image.created,": NULL: all */
    uint64_t since;      /* behind this number */
    uint32_t limit;      /* 1..1000 */
};
int store_event_list(struct txn *t, const struct event_query *q, struct event_record_list *out, bool *has_more, struct err *e);
/* The first number that is left and the last that was given. There may be none left: then the first is the next to come. */
int store_event_range(struct txn *t, uint64_t *oldest, uint64_t *newest, struct err *e);

/* Deletes events beyond their retention: wall time, and a count. */
int store_event_prune(struct txn *t, int64_t before_ms, uint64_t keep, struct err *e);

#endif
