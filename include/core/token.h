/* core/token: opaque secrets of 256 bits, of which a hash is kept. */
#ifndef CORE_TOKEN_H
#define CORE_TOKEN_H

#include "core/identity.h"

/* Another token for who's user, scoped to `project` (id or name; NULL: who's own), with at most who's roles there and, when who
 * came with a token that expires, no longer a life. */
struct token_spec {
    const char *project, *name;
    unsigned roles;      /* 0: all */
    int64_t lifetime_ms; /* 0: token_lifetime */
};
/* ERR_CONFLICT: who is no user (auth=none, local root). ERR_FORBIDDEN "roles", "project": more than it came with;
 * ERR_PROJECT_NOT_FOUND, ERR_INVALID_FIELD, ERR_QUOTA_EXCEEDED. */
int token_create(struct core *c, const struct actor *who, const struct token_spec *spec, struct login_result *out, struct err *e);
void login_result_done(struct login_result *r); /* wipes the secret */
/* Own ones; with who->sees_all everybody's. Never a secret. */
int token_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct token_list *out,
               bool *has_more, struct err *e);
int token_get(struct core *c, const struct actor *who, const char *id, struct token **out,
              struct err *e); /* ERR_TOKEN_NOT_FOUND */
int token_revoke(struct core *c, const struct actor *who, const char *id, struct err *e);

#endif
