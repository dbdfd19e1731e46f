/* store/quota: the limits that projects have of their own, and what their rows use. */
#ifndef STORE_QUOTA_H
#define STORE_QUOTA_H

#include "model/quota.h"
#include "store/store.h"

/* Overwrites the limits that have a row; the others stay what they are. */
int store_quota_limits(struct txn *t, const char *project, int64_t limits[QUOTA_RESOURCE_COUNT], struct err *e);
/* QUOTA_NO_LIMIT or a number; QUOTA_DEFAULT takes the row away. */
int store_quota_set(struct txn *t, const char *project, enum quota_resource resource, int64_t limit, struct err *e);
/* Sums the resources whose bits (1 << resource) are set, and perhaps others that lie in the same rows; the rest stays what it is.
 * Reads the project's rows only. */
int store_quota_used(struct txn *t, const char *project, unsigned resources, uint64_t used[QUOTA_RESOURCE_COUNT], struct err *e);

#endif
