/* core/token: how a token is made, for whoever may have one. */
#ifndef CORE_TOKEN_PRIVATE_H
#define CORE_TOKEN_PRIVATE_H

#include "identity.h"

#include "core/token.h"

/* Makes spec->name, roles and lifetime_ms a token of user ch->who->user_id for ch->who->project, in the change's transaction:
 * row, quota, secret, and the actor that it lets in. The roles must be among `available`, implied ones included: else
 * ERR_FORBIDDEN. ends_ms: no longer than until then; 0: any. */
struct token_issue {
    const struct token_spec *spec;
    unsigned available;
    unsigned roles; /* what the row gets when spec names none: 0, or the mask of the token that asks */
    int64_t ends_ms;
};
int token_issue(const struct change *ch, const struct token_issue *issue, struct login_result *out, struct err *e);

#endif
