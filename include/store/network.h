/* store/network: rows of networks. `project` NULL means all projects. */
#ifndef STORE_NETWORK_H
#define STORE_NETWORK_H

#include "model/network.h"
#include "store/store.h"

/* ERR_NAME_TAKEN within the project; ERR_CONFLICT when the project has a default network already. */
int store_network_insert(struct txn *t, const struct network *n, struct err *e);
int store_network_get(struct txn *t, const char *project, const char *id, struct network **out,
                      struct err *e); /* ERR_NETWORK_NOT_FOUND */
/* By id when it looks like one, else by name. ERR_NETWORK_NOT_FOUND, ERR_NAME_AMBIGUOUS (of all projects). */
int store_network_resolve(struct txn *t, const char *project, const char *id_or_name, struct network **out, struct err *e);
/* *out is NULL when the project has none yet. */
int store_network_find_default(struct txn *t, const char *project, struct network **out, struct err *e);
/* Ordered by creation time, then id; marker and *has_more as in store_vm_list. */
int store_network_list(struct txn *t, const char *project, const char *marker, uint32_t limit, struct network_list *out,
                       bool *has_more, struct err *e);
int store_network_all(struct txn *t, struct network_list *out, struct err *e); /* of every project, whatever their number */
/* Compare-and-set on the status; job may be "", reason NULL. ERR_CONFLICT, ERR_NETWORK_NOT_FOUND when it is gone. */
int store_network_set_status(struct txn *t, const struct network *n, enum network_status to, const char *job, const char *reason,
                             struct err *e);
/* Fine when already gone; ERR_IN_USE while it has ports. The memory of its released addresses goes with it. */
int store_network_delete(struct txn *t, const char *id, struct err *e);

#endif
