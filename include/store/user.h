/* store/user: rows of users. */
#ifndef STORE_USER_H
#define STORE_USER_H

#include "model/identity.h"
#include "store/store.h"

/* The domain `Default`, made by a migration. */
int store_domain_default(struct txn *t, hex32_text out, struct err *e);

int store_user_insert(struct txn *t, const struct user *u, struct err *e); /* ERR_NAME_TAKEN within the domain */
/* By id when it looks like one, else by its name in the domain Default. *out is NULL when there is none. */
int store_user_find(struct txn *t, const char *id_or_name, struct user **out, struct err *e);
int store_user_get(struct txn *t, const char *id_or_name, struct user **out, struct err *e); /* ERR_USER_NOT_FOUND */
/* Ordered by creation time, then id, beginning behind the user `marker` (NULL: at the first one). ERR_INVALID_FIELD "marker":
 * there is none. only: this one's id; NULL: all. */
int store_user_list(struct txn *t, const char *only, const char *marker, uint32_t limit, struct user_list *out, bool *has_more,
                    struct err *e);
/* Name, description, is_enabled and password_hash. ERR_NAME_TAKEN, ERR_USER_NOT_FOUND. */
int store_user_change(struct txn *t, const struct user *u, struct err *e);
/* Its roles and tokens go with it. ERR_USER_NOT_FOUND. */
int store_user_delete(struct txn *t, const char *id, struct err *e);

#endif
