/* store/token: rows of tokens, by the hash of their secret. */
#ifndef STORE_TOKEN_H
#define STORE_TOKEN_H

#include "base/hash.h"
#include "model/identity.h"
#include "store/store.h"

int store_token_insert(struct txn *t, const struct token *k, struct err *e);
/* `user` NULL: whosever. Those that have expired by now_ms are none. ERR_TOKEN_NOT_FOUND. */
int store_token_get(struct txn *t, const char *user, const char *id, int64_t now_ms, struct token **out, struct err *e);
/* Ordered as users are (store_user_list). */
struct token_filter {
    const char *user; /* NULL: everybody's */
    int64_t now_ms;   /* those that have expired by then are left out */
    const char *marker;
    uint32_t limit;
};
int store_token_list(struct txn *t, const struct token_filter *f, struct token_list *out, bool *has_more, struct err *e);
int store_token_delete(struct txn *t, const char *id, struct err *e); /* ERR_TOKEN_NOT_FOUND */
/* All of a user's but the one whose id is `keep`, which may be "". */
int store_token_delete_others(struct txn *t, const char *user, const char *keep, struct err *e);
int store_token_prune(struct txn *t, int64_t now_ms, struct err *e); /* those that have expired by then */

/* What a token is good for: user, project and the domains of both are enabled, and the user has a role in the project. */
struct token_grant {
    hex32_text token, user, project;
    char *user_name;
    uint32_t roles;    /* the token's own mask; 0: all that are assigned */
    uint32_t assigned; /* to its user, in its project; what they imply is not in it */
    int64_t expires_at_ms;
};
void token_grant_done(struct token_grant *g);
static inline void cleanup_token_grant(struct token_grant *g)
{
    token_grant_done(g);
}
#define AUTO_TOKEN_GRANT __attribute__((cleanup(cleanup_token_grant))) struct token_grant
/* By the hash of the secret, or by the token's id. *is_found is false for one that is good for nothing at now_ms. */
int store_token_grant(struct txn *t, const sha256_text sha256, int64_t now_ms, struct token_grant *out, bool *is_found,
                      struct err *e);
int store_token_grant_by_id(struct txn *t, const char *id, int64_t now_ms, struct token_grant *out, bool *is_found,
                            struct err *e);

#endif
