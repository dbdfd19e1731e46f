/* core/audit: who did what. A change's line is in the change's own transaction (store_audit_add); what changes nothing, a refusal
 * or a failed login, is written by a thread of its own, so that nobody can slow others down by being refused. */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "core/core.h"
#include "model/event.h"

/* "refused:<code>" for this action and what it was asked for (a path's id or name; NULL: nothing, or nobody knows); never fails
 * and never waits. A user's name is left out when neither who->user_id nor, for a login, the resource says that there is
 * such a user. When more come than can be written, one line, "audit:overflow", says how many were left out. */
void audit_refusal(struct core *c, const struct actor *who, const char *action, const char *resource, const struct err *why);

/* Newest first. Administrators see all with ?project=*; others their project's: q->project is not looked at. */
int audit_list(struct core *c, const struct actor *who, const struct audit_query *q, struct audit_line_list *out, bool *has_more,
               struct err *e);

#endif
