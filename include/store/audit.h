/* store/audit: the audit log: a change's line is written in the transaction of the change. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "model/event.h"
#include "store/store.h"

int store_audit_add(struct txn *t, const struct audit *a, struct err *e);
/* The line of what happened at that wall time. */
int store_audit_add_at(struct txn *t, const struct audit *a, int64_t at_ms, struct err *e);
/* Newest first. limit 1..1000, else ERR_INVALID_FIELD. */
int store_audit_list(struct txn *t, const struct audit_query *q, struct audit_line_list *out, bool *has_more, struct err *e);
/* Deletes the oldest end: lines from before that wall time, and those beyond the newest `keep`. */
int store_audit_prune(struct txn *t, int64_t before_ms, uint64_t keep, struct err *e);

#endif
