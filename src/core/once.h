/* core/once: the half of idempotency that the verbs use, inside their transaction. */
#ifndef CORE_ONCE_PRIVATE_H
#define CORE_ONCE_PRIVATE_H

#include <stdbool.h>

#include "core/once.h"
#include "store/store.h"

struct core;

/* Begins the verb's write transaction. True in *is_replay when this key has had its answer: it is in *o again, and there is
 * nothing to do. */
int once_begin(struct core *c, struct once *o, struct txn **out, bool *is_replay, struct err *e);
/* The front door's own rule, when it has one. */
int once_accept(struct once *o, const void *record, struct err *e);
/* Makes the answer from record, keeps it when there is a key, and commits. */
int once_commit(struct txn *t, struct once *o, const void *record, struct err *e);

#endif
