/* core/quota: what a project may have. There are no counters: what is used is summed from the rows, in the transaction that adds
 * to it, so that it is exact whatever happens. */
#ifndef CORE_QUOTA_H
#define CORE_QUOTA_H

#include "core/core.h"
#include "model/identity.h"
#include "model/quota.h"

/* who's project, or, for administrators, any. ERR_PROJECT_NOT_FOUND. */
int quota_get(struct core *c, const struct actor *who, const char *project, struct quota_state out[QUOTA_RESOURCE_COUNT],
              struct err *e);
/* limits[i] QUOTA_STAYS: as it is; QUOTA_DEFAULT: the configuration's again; -1: none. A limit below what is used is allowed: it
 * refuses what comes. */
int quota_set(struct core *c, const struct actor *who, const char *project, const int64_t limits[QUOTA_RESOURCE_COUNT],
              struct err *e);

#endif
