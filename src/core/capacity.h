/* core/capacity: the refusal of what cannot fit, counted in the creating transaction. */
#ifndef CORE_CAPACITY_PRIVATE_H
#define CORE_CAPACITY_PRIVATE_H

#include "internal.h"

#include "core/capacity.h"

/* Inside a transaction of any kind. */
int capacity_read(struct core *c, struct txn *t, struct capacity *out, struct err *e);
/* ERR_NO_CAPACITY with what is missing, each with its numbers, unless the VM fits beside all that is promised. Before its row. */
int capacity_check(const struct change *ch, const struct vm *vm, struct err *e);

/* The arithmetic of it: limits from what is real (already in *c), and the judgement. */
void capacity_limit(struct capacity *c, const struct core_config *config);
int capacity_judge(const struct capacity *c, const struct core_config *config, const struct vm *vm, struct err *e);

#endif
