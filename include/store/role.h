/* store/role: which user has which role in which project. */
#ifndef STORE_ROLE_H
#define STORE_ROLE_H

#include "model/identity.h"
#include "store/store.h"

enum { ROLE_COUNT = 3 };
int store_role_list(struct txn *t, struct role_record out[ROLE_COUNT], struct err *e);
/* *has_changed: it was not so before. ERR_IN_USE: there is no such user or project. */
int store_role_grant(struct txn *t, const struct role_assignment *a, bool *has_changed, struct err *e);
int store_role_revoke(struct txn *t, const struct role_assignment *a, bool *has_changed, struct err *e);
/* The mask of what is assigned; 0: nothing. What it implies is not in it. */
int store_role_mask(struct txn *t, const char *user, const char *project, unsigned *out, struct err *e);
/* By names of project and user, then role; NULL: any. With the names. */
int store_role_assignments(struct txn *t, const char *user, const char *project, struct role_assignment_list *out, struct err *e);
/* Enabled users who have a password and are administrators of an enabled project. */
int store_role_count_administrators(struct txn *t, uint64_t *out, struct err *e);

#endif
