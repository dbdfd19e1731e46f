/* store/keypair: rows of public keys. `project` NULL means all projects. */
#ifndef STORE_KEYPAIR_H
#define STORE_KEYPAIR_H

#include "model/keypair.h"
#include "store/store.h"

int store_keypair_insert(struct txn *t, const struct keypair *k, struct err *e); /* ERR_NAME_TAKEN within the project */
/* By id when it looks like one, else by name. ERR_KEYPAIR_NOT_FOUND, ERR_NAME_AMBIGUOUS (of all projects). */
int store_keypair_resolve(struct txn *t, const char *project, const char *id_or_name, struct keypair **out, struct err *e);
/* Ordered by creation time, then id; marker and *has_more as in store_vm_list. */
int store_keypair_list(struct txn *t, const char *project, const char *marker, uint32_t limit, struct keypair_list *out,
                       bool *has_more, struct err *e);
int store_keypair_delete(struct txn *t, const char *id, struct err *e); /* ERR_KEYPAIR_NOT_FOUND */

#endif
