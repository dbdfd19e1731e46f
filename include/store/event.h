/* store/event: the outbox of events and the audit log: written in the transaction of the change. */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include "model/event.h"
#include "store/store.h"

int store_event_add(struct txn *t, const struct event *ev, struct err *e);
int store_audit_add(struct txn *t, const struct audit *a, struct err *e);
/* Deletes events and audit lines beyond their retention (wall time, and a count for events). */
int store_event_prune(struct txn *t, int64_t before_ms, uint64_t keep, struct err *e);

#endif
