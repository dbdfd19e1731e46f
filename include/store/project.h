/* store/project: rows of projects. */
#ifndef STORE_PROJECT_H
#define STORE_PROJECT_H

#include "model/identity.h"
#include "store/store.h"

/* The default project's id; made by the first migration, random, for ever. */
int store_project_default(struct txn *t, hex32_text out, struct err *e);
/* Caller frees *out. ERR_NOT_FOUND. */
int store_project_name(struct txn *t, const char *id, char **out, struct err *e);
/* For a database made anew: the project of this name has this id; made when there is none. ERR_IN_USE when something of the
 * project's is there under another id already. */
int store_project_restore(struct txn *t, const char *id, const char *name, struct err *e);

int store_project_insert(struct txn *t, const struct project *p, struct err *e); /* ERR_NAME_TAKEN within the domain */
/* By id when it looks like one, else by its name in the domain Default. member: the id of a user who must have a role in it;
 * NULL: none need. ERR_PROJECT_NOT_FOUND. */
int store_project_get(struct txn *t, const char *member, const char *id_or_name, struct project **out, struct err *e);
/* Ordered as users are (store_user_list); those that `member` has a role in, NULL: all. */
int store_project_list(struct txn *t, const char *member, const char *marker, uint32_t limit, struct project_list *out,
                       bool *has_more, struct err *e);
int store_project_count(struct txn *t, uint64_t *out, struct err *e);
int store_project_change(struct txn *t, const struct project *p, struct err *e); /* name, description, is_enabled */
/* Its roles, tokens and quotas go with it. ERR_PROJECT_NOT_FOUND; ERR_IN_USE: it has VMs, images, networks or keypairs. */
int store_project_delete(struct txn *t, const char *id, struct err *e);
/* What keeps a project from being deleted. */
struct project_contents {
    uint64_t vms, images, networks, keypairs;
};
int store_project_contents(struct txn *t, const char *id, struct project_contents *out, struct err *e);

#endif
