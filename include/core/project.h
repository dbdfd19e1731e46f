/* core/project: projects, who has which role in them, and their quotas' names. For administrators; others see their own. */
#ifndef CORE_PROJECT_H
#define CORE_PROJECT_H

#include "core/core.h"
#include "model/identity.h"

struct project_change { /* NULL stays */
    const char *name, *description;
    const bool *is_enabled;
};
/* ERR_INVALID_FIELD, ERR_NAME_TAKEN. Names are printable and do not look like an id. */
int project_create(struct core *c, const struct actor *who, const struct project_change *spec, struct project **out,
                   struct err *e);
/* who's project becomes the one of this name, which is made when there is none: for front doors that know no verb for it, where
 * nobody needs credentials. ERR_QUOTA_EXCEEDED: there are PROJECTS_OPEN_MAX projects. */
enum { PROJECTS_OPEN_MAX = 1000 };
int project_open(struct core *c, struct actor *who, const char *name, struct err *e);
/* ERR_CONFLICT: `default` keeps its name and stays enabled; so does the last administrator's. */
int project_update(struct core *c, const struct actor *who, const char *ref, const struct project_change *change,
                   struct project **out, struct err *e);
/* ERR_PROJECT_NOT_FOUND also for one that a user has no role in. */
int project_get(struct core *c, const struct actor *who, const char *ref, struct project **out, struct err *e);
int project_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct project_list *out,
                 bool *has_more, struct err *e);
/* ERR_IN_USE while it has VMs, images, networks or keypairs, which are counted in the text: each of them is deleted by a verb of
 * its own. Roles, tokens and quotas go with it. ERR_CONFLICT: the project `default`, or the last administrator's. */
int project_delete(struct core *c, const struct actor *who, const char *ref, struct err *e);

int role_list(struct core *c, struct role_record out[3], struct err *e);
/* Granting what is granted and revoking what is not are fine. ERR_USER_NOT_FOUND, ERR_PROJECT_NOT_FOUND, ERR_ROLE_NOT_FOUND.
 * Nobody revokes the last administrator: ERR_CONFLICT. */
int role_grant(struct core *c, const struct actor *who, const char *user, const char *project, const char *role, struct err *e);
int role_revoke(struct core *c, const struct actor *who, const char *user, const char *project, const char *role, struct err *e);
/* user and project NULL: any. All of them: there are few. Those who are no administrators get their own. */
int role_assignments(struct core *c, const struct actor *who, const char *user, const char *project,
                     struct role_assignment_list *out, struct err *e);

#endif
