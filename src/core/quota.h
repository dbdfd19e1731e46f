/* core/quota: what a create asks of its project's limits. */
#ifndef CORE_QUOTA_PRIVATE_H
#define CORE_QUOTA_PRIVATE_H

#include "internal.h"

#include "core/quota.h"

/* What will be used more. */
struct quota_delta {
    uint64_t of[QUOTA_RESOURCE_COUNT];
};
/* Before the rows are inserted, in the transaction that inserts them: writers are one at a time, so that two who ask at once
 * cannot both have the last unit. ERR_QUOTA_EXCEEDED with the resource as field, and a line in the audit
 * log. What has no limit is not summed. */
int quota_reserve(const struct change *ch, const char *project, const struct quota_delta *want, struct err *e);

#endif
