/* core/identity: turns credentials into an actor, and logs in. Users, projects and tokens themselves are core/user, core/project
 * and core/token.
 *
 * What a token's owner may do is asked of the database at each use: user, domain, project and role, so that disabling one takes
 * effect at once. */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include "core/core.h"
#include "model/identity.h"

/* With auth=none everybody is the one administrator of the default project. */
void identity_implicit(struct core *c, struct actor *out);
/* Root, or a member of admin_group, on the unix socket: the same, by the name "uid:<number>". */
void identity_local(struct core *c, uint32_t uid, struct actor *out);
/* By a token's text, as the client sent it. ERR_UNAUTHORIZED for everything that does not let in, in the same words. Fills all
 * but request_id and address. */
int identity_by_token(struct core *c, const char *text, struct actor *out, struct err *e);
/* Narrows to ?project=<id or name>, or widens to "*". An administrator may name any; others the one that their token is for:
 * ERR_FORBIDDEN for "*" and another in which they have a role, ERR_PROJECT_NOT_FOUND for all else. */
int identity_scope(struct core *c, struct actor *who, const char *project, struct err *e);
/* Goes to work in another project, by id or name: an administrator in any that is there, others where they have a role, with at
 * most the roles that they came with. ERR_PROJECT_NOT_FOUND for all else. */
int identity_enter(struct core *c, struct actor *who, const char *project, struct err *e);
/* Enters the project that a request names beside its credentials, as a tenant: id or name; NULL or "": who's own. is_open: there
 * are no credentials, and projects come into being by being written to (project_open): a name that is none yet is let in, and
 * finds nothing: who's project is "". ERR_INVALID_FIELD, ERR_FORBIDDEN: the same for what is not there and what is not who's. */
int identity_as_tenant(struct core *c, struct actor *who, const char *tenant, bool is_open, struct err *e);
/* Counts committed changes that may take something from somebody: users, projects, roles, tokens. From memory. Whoever keeps an
 * actor for longer than a request looks again (identity_is_valid) when it has changed. */
uint64_t identity_version(struct core *c);
/* The token is still good for what the actor was let in with; also false when it has expired, or when the database does not say.
 */
bool identity_is_valid(struct core *c, const struct actor *who);

/* ---- logging in: a password costs a hundred milliseconds and 64 MiB, for one thread of its own ---- */
struct login_request {
    const char *user, *password; /* copied */
    const char *address;         /* the peer's */
    const char *request_id;
    const char *project; /* id or name; NULL: the only one it has a role in */
    const char *name;    /* of the token; NULL: "" */
    unsigned roles;      /* a subset; 0: all */
    int64_t lifetime_ms; /* 0: the configuration's token_lifetime */
};
struct login;
/* A made token; `text` is the secret, given once: "ct_" and 43 characters of base64url. */
enum { TOKEN_TEXT_SIZE = 48 };
struct login_result {
    struct token *token;
    char text[TOKEN_TEXT_SIZE];
    struct actor actor;
};
/* Refuses at once what is refused without a look at the password: ERR_TOO_MANY_REQUESTS (too many failures of this user or from
 * this address; e->retry_after_s says when), ERR_UNAVAILABLE (the queue is full). done(arg) is called exactly once, from any
 * thread, perhaps before this returns; then login_finish. When this fails, done is not called. */
int login_begin(struct core *c, const struct login_request *want, void (*done)(void *arg), void *arg, struct login **out,
                struct err *e);
/* Makes the token, in the project that is named or the only one there is. ERR_FORBIDDEN "project", "roles"; ERR_INVALID_FIELD;
 * ERR_QUOTA_EXCEEDED; ERR_UNAUTHORIZED in the same words, and after about the same time, for a wrong user and a wrong password.
 * *out is borrowed from the login. The audit line of either outcome is written. */
int login_finish(struct login *l, const struct login_result **out, struct err *e);
void login_free(struct login *l); /* wipes the secrets; not before done */
DEFINE_AUTO(login, login_free)

#endif
