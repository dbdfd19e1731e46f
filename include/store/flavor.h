/* store/flavor: rows of flavors; they belong to no project. The first start makes small, medium, large and xlarge. */
#ifndef STORE_FLAVOR_H
#define STORE_FLAVOR_H

#include "model/flavor.h"
#include "store/store.h"

int store_flavor_insert(struct txn *t, const struct flavor *f, struct err *e);                       /* ERR_NAME_TAKEN */
int store_flavor_resolve(struct txn *t, const char *id_or_name, struct flavor **out, struct err *e); /* ERR_FLAVOR_NOT_FOUND */
int store_flavor_list(struct txn *t, struct flavor_list *out, struct err *e);                        /* by vcpus, memory, name */
int store_flavor_delete(struct txn *t, const char *id, struct err *e);                               /* ERR_FLAVOR_NOT_FOUND */

#endif
