/* core/housekeeping: what nobody asks for: what is kept for a stated time only goes (operations, events, audit lines, answers to
 * idempotency keys), records without a sidecar get one, and images of uploads that were given up wait for their bytes again. */
#ifndef CORE_HOUSEKEEPING_H
#define CORE_HOUSEKEEPING_H

#include <stdbool.h>

struct core;

/* False: something is to be tried again soon. Most is done at most once an hour; a failure is logged and tried again then. Only
 * for the reconciler's thread. */
bool housekeeping_run(struct core *c);

#endif
