/* core/identity: what the files about users, projects and tokens share. */
#ifndef CORE_IDENTITY_PRIVATE_H
#define CORE_IDENTITY_PRIVATE_H

#include "internal.h"

#include "core/identity.h"
#include "store/token.h"

/* Whom a grant lets in, but for request_id and address. False: none of its roles is left. */
bool identity_of_grant(const struct token_grant *g, struct actor *out);

/* Whose users and projects are found: NULL, everybody's, by administrators; others find themselves, and what they have a role in.
 */
static inline const char *identity_own(const struct actor *who)
{
    return who->is_admin ? NULL : who->user_id;
}

/* Names of users and projects: printable, not like an id, fit for a path and for ?project=. `max` in bytes. */
int identity_check_name(const char *name, size_t max, struct err *e);
int identity_check_description(const char *text, struct err *e);
/* Puts a copy of text into *at, unless text is NULL. */
int identity_replace(char **at, const char *text, struct err *e);

/* Behind a change that may have taken an administrator away: ERR_CONFLICT when there were some before
 * (store_role_count_administrators) and are none now. */
int identity_keep_administrator(struct txn *t, uint64_t before, struct err *e);

int identity_audit(const struct change *ch, const char *action, const char *resource_type, const char *resource, struct err *e);

#endif
