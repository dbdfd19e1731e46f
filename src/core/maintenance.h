/* core/maintenance: the half that the room's verbs use, inside their transaction. */
#ifndef CORE_MAINTENANCE_PRIVATE_H
#define CORE_MAINTENANCE_PRIVATE_H

#include "core/maintenance.h"

/* What is so now; since_ms is 0 when it is off. */
int maintenance_find(struct txn *t, struct maintenance *out, struct err *e);
/* ERR_MAINTENANCE with the administrator's reason. For what makes something new: in the transaction that makes it, so that
 * it is either there before the maintenance or not at all. */
int maintenance_check(struct txn *t, struct err *e);

#endif
