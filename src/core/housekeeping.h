/* core/housekeeping: what is kept for a stated time only: operations, events, answers to idempotency keys. */
#ifndef CORE_HOUSEKEEPING_H
#define CORE_HOUSEKEEPING_H

struct core;

/* Prunes at most once an hour; a failure is logged and tried again later. Only for the reconciler's thread. */
void housekeeping_run(struct core *c);

#endif
