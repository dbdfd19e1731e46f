/* core/hostname: the name by which a guest knows itself, and the others of its network know it. */
#ifndef CORE_HOSTNAME_H
#define CORE_HOSTNAME_H

#include "model/vm.h"
#include "store/store.h"

/* Lower-case letters, digits and hyphens, as much of the name as that can say; never empty, at most HOSTNAME_LEN - `spare`
 * characters. Pure. */
void hostname_of(const char *name, size_t spare, char out[HOSTNAME_LEN + 1]);
/* Sets vm->hostname from its name and id: unique in its project. ERR_CONFLICT when chance is against it: the same request with a
 * new id works. */
int hostname_choose(struct txn *t, struct vm *vm, struct err *e);

#endif
