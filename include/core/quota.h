/* core/quota: what a project may have. There are no counters: what is used is summed from the rows, in the transaction that adds
 * to it, so that it is exact whatever happens. */
#ifndef CORE_QUOTA_H
#define CORE_QUOTA_H

#include "core/core.h"
#include "model/identity.h"
#include "model/quota.h"

struct quota_view {
    struct project *project; /* owned */
    struct quota_state of[QUOTA_RESOURCE_COUNT];
};
void quota_view_done(struct quota_view *v);
#define AUTO_QUOTA_VIEW __attribute__((cleanup(quota_view_done))) struct quota_view

/* ref NULL: who's own project; else an id or a name, another's for administrators alone. ERR_PROJECT_NOT_FOUND. */
int quota_get(struct core *c, const struct actor *who, const char *ref, struct quota_view *out, struct err *e);
/* limits[i] QUOTA_STAYS: as it is; QUOTA_DEFAULT: the configuration's again; QUOTA_NO_LIMIT: none. A limit below what is used is
 * allowed: it refuses what comes. For administrators. */
int quota_set(struct core *c, const struct actor *who, const char *ref, const int64_t limits[QUOTA_RESOURCE_COUNT],
              struct quota_view *out, struct err *e);

#endif
