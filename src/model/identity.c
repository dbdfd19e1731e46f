/* model/identity: roles as words, what an actor may find, and the ends of records. */
#include "model/identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* A role's own word comes first; behind those, what other sources call them. */
static const struct {
    const char *word;
    enum role role;
    unsigned implied;
} roles[] = {
    { "reader", ROLE_READER, ROLE_READER },
    { "member", ROLE_MEMBER, ROLE_MEMBER | ROLE_READER },
    { "admin", ROLE_ADMIN, ROLES_ALL },
    { "developer", ROLE_MEMBER, ROLE_MEMBER | ROLE_READER },
};

const char *role_to_string(enum role r)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (roles[i].role == r)
            return roles[i].word;
    return NULL;
}

int role_from_string(const char *s, enum role *out)
{
    for (size_t i = 0; s && i < ARRAY_LEN(roles); i++) {
        if (strcmp(roles[i].word, s) == 0) {
            *out = roles[i].role;
            return 0;
        }
    }
    return -1;
}

unsigned roles_implied(unsigned mask)
{
    unsigned out = 0;

    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (mask & roles[i].role)
            out |= roles[i].implied;
    return out;
}

const char *actor_scope(const struct actor *who)
{
    return who->sees_all ? NULL : who->project;
}

struct actor actor_in(const struct actor *who, const char *project)
{
    struct actor at = *who;

    (void)str_copy(at.project, sizeof at.project, project);
    at.sees_all = false;
    return at;
}

void user_free(struct user *u)
{
    if (!u)
        return;
    free(u->name);
    free(u->description);
    free(u->password_hash);
    free(u);
}

void project_free(struct project *p)
{
    if (!p)
        return;
    free(p->name);
    free(p->description);
    free(p);
}

void role_assignment_free(struct role_assignment *a)
{
    if (!a)
        return;
    free(a->user_name);
    free(a->project_name);
    free(a);
}

void token_free(struct token *t)
{
    if (!t)
        return;
    free(t->name);
    free(t);
}
