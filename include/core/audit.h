/* core/audit: who did what. A change's line is in the change's own transaction (store_audit_add); what changes nothing, a refusal
 * or a failed login, is written by a thread of its own, so that nobody can slow others down by being refused. */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "core/core.h"
#include "model/event.h"

/* "refused:<code>" for this action; never fails and never waits. When more come than can be written, one line says how many were
 * left out. */
void audit_refusal(struct core *c, const struct actor *who, const char *action, const struct err *why);

struct audit_query {
    const char *project;                                         /* as seen: NULL all */
    const char *user, *action, *resource, *outcome, *request_id; /* NULL: any */
    int64_t since_ms, until_ms;                                  /* 0: any */
    uint64_t before;                                             /* seq, from the page before; 0: the newest */
    uint32_t limit;
};
/* Newest first. Administrators see all with ?project=*; others their project's. */
int audit_list(struct core *c, const struct actor *who, const struct audit_query *q, struct audit_line_list *out, bool *has_more,
               struct err *e);

#endif
