/* model/identity: who asks, and the records behind it, which are Keystone's: users and projects lie in domains; a role is
 * assigned to a user on a project; a token is a user's, scoped to a project, with all or some of the roles that the user has
 * there. */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/id.h"
#include "model/list.h"

enum { USER_NAME_MAX = 255, PROJECT_NAME_MAX = 64, DESCRIPTION_MAX = 255, TOKEN_NAME_MAX = 64 };
enum { PASSWORD_MIN = 8, PASSWORD_MAX = 1024 }; /* bytes */
enum { REQUEST_ID_MAX = 64, ADDRESS_MAX = 64 };

/* Bits of a mask. A role implies those before it. */
enum role { ROLE_READER = 1, ROLE_MEMBER = 2, ROLE_ADMIN = 4 };
enum { ROLES_ALL = ROLE_READER | ROLE_MEMBER | ROLE_ADMIN };
const char *role_to_string(enum role r);
int role_from_string(const char *s, enum role *out); /* "developer" is member */
/* The mask with what its roles imply. */
unsigned roles_implied(unsigned roles);

/* On whose behalf something happens. */
struct actor {
    char user[USER_NAME_MAX + 1]; /* a name; "" when nobody is known */
    hex32_text user_id;           /* "" for the implicit administrator, local root and the daemon itself */
    hex32_text project;           /* what it works in */
    unsigned roles;               /* there, implied ones included */
    bool is_admin;                /* ROLE_ADMIN, which is the whole cloud's, as in Nova */
    bool is_visitor;              /* without credentials, but on this host: may what policy opens to such, and no more */
    bool sees_all;                /* an administrator who asked for ?project=*: finds what any project has */
    hex32_text token;             /* the token's id; "" without one */
    char request_id[REQUEST_ID_MAX + 1];
    char address[ADDRESS_MAX + 1]; /* the peer's, for the audit line; "" when unknown */
};
/* The project whose records it may find: NULL for those of all. For store's `project` parameters. */
const char *actor_scope(const struct actor *who);
/* The same one at work in the project of what it found, which an administrator's home need not be: what is done to a thing (its
 * operation, the audit line) belongs to the thing's project, whose members see it. */
struct actor actor_in(const struct actor *who, const char *project);

struct user {
    hex32_text id;
    hex32_text domain;
    char *name; /* unique in the domain */
    char *description;
    bool is_enabled;
    char *password_hash; /* libsodium's crypto_pwhash_str; NULL: no password fits */
    int64_t created_at_ms;
};
void user_free(struct user *u);
DEFINE_AUTO(user, user_free)

struct project {
    hex32_text id;
    hex32_text domain;
    char *name; /* unique in the domain */
    char *description;
    bool is_enabled;
    int64_t created_at_ms;
};
void project_free(struct project *p);
DEFINE_AUTO(project, project_free)

struct role_record {
    hex32_text id;
    enum role role;
};

struct role_assignment {
    hex32_text user;
    hex32_text project;
    enum role role; /* as assigned: what it implies is not listed */
    char *user_name, *project_name;
};
void role_assignment_free(struct role_assignment *a);
DEFINE_AUTO(role_assignment, role_assignment_free)

struct token {
    hex32_text id;
    sha256_text sha256; /* of the secret */
    hex32_text user;
    hex32_text project;
    unsigned roles; /* 0: all that the user has, whenever it is used */
    char *name;     /* "" or what it is for */
    int64_t expires_at_ms;
    int64_t created_at_ms;
};
void token_free(struct token *t);
DEFINE_AUTO(token, token_free)

DEFINE_LIST(user)
DEFINE_LIST(project)
DEFINE_LIST(role_assignment)
DEFINE_LIST(token)

#endif
