/* core/identity: who is who. */
#include "identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "model/name.h"
#include "store/audit.h"
#include "store/project.h"
#include "store/role.h"

/* ---- those without a row ---- */

static void fill_administrator(struct core *c, struct actor *out)
{
    (void)str_copy(out->project, sizeof out->project, c->default_project);
    out->roles = ROLES_ALL;
    out->is_admin = true;
}

void identity_implicit(struct core *c, struct actor *out)
{
    fill_administrator(c, out);
    (void)str_copy(out->user, sizeof out->user, "admin");
}

void identity_local(struct core *c, uint32_t uid, struct actor *out)
{
    fill_administrator(c, out);
    (void)snprintf(out->user, sizeof out->user, "uid:%" PRIu32, uid);
}

/* ---- tokens ---- */

static unsigned roles_of_grant(const struct token_grant *g)
{
    unsigned roles = roles_implied(g->assigned);

    return g->roles ? roles & roles_implied(g->roles) : roles;
}

bool identity_of_grant(const struct token_grant *g, struct actor *out)
{
    (void)str_copy(out->user, sizeof out->user, g->user_name);
    (void)str_copy(out->user_id, sizeof out->user_id, g->user);
    (void)str_copy(out->project, sizeof out->project, g->project);
    (void)str_copy(out->token, sizeof out->token, g->token);
    out->roles = roles_of_grant(g);
    out->is_admin = (out->roles & ROLE_ADMIN) != 0;
    return out->roles != 0;
}

int identity_by_token(struct core *c, const char *text, struct actor *out, struct err *e)
{
    AUTO_TOKEN_GRANT g = { 0 };
    AUTO(txn) t = NULL;
    sha256_text sha256;
    bool is_found = false;

    sha256_of(text, strlen(text), sha256);
    if (txn_read(c->store, &t, e) < 0 || store_token_grant(t, sha256, clock_wall_ms(), &g, &is_found, e) < 0)
        return -1;
    if (!is_found || !identity_of_grant(&g, out))
        return err_set(e, ERR_UNAUTHORIZED, "the token is not valid");
    return 0;
}

uint64_t identity_version(struct core *c)
{
    return store_identity_version(c->store);
}

/* ERR_NONE in *e and -1: it is not valid. */
static int check_token(struct core *c, const struct actor *who, struct err *e)
{
    AUTO_TOKEN_GRANT g = { 0 };
    AUTO(txn) t = NULL;
    bool is_found = false;

    if (txn_read(c->store, &t, e) < 0 || store_token_grant_by_id(t, who->token, clock_wall_ms(), &g, &is_found, e) < 0)
        return -1;
    return is_found && (who->roles & ~roles_of_grant(&g)) == 0 ? 0 : -1;
}

bool identity_is_valid(struct core *c, const struct actor *who)
{
    struct err ignored = ERR_INIT;

    return !who->token[0] || check_token(c, who, &ignored) == 0;
}

/* ---- ?project= ---- */

/* Of those that an actor may not name only its own user's are said to be there. */
static int scope_to(struct core *c, struct actor *who, const char *ref, struct err *e)
{
    AUTO(project) p = NULL;
    AUTO(txn) t = NULL;

    if (txn_read(c->store, &t, e) < 0 || store_project_get(t, identity_own(who), ref, &p, e) < 0)
        return -1;
    if (!who->is_admin && !str_equal(p->id, who->project))
        return err_set_field(e, ERR_FORBIDDEN, "project", "the token is for another project than '%s'", p->name);
    (void)str_copy(who->project, sizeof who->project, p->id);
    return 0;
}

int identity_scope(struct core *c, struct actor *who, const char *project, struct err *e)
{
    if (!str_equal(project, "*"))
        return scope_to(c, who, project, e);
    if (!who->is_admin)
        return err_set_field(e, ERR_FORBIDDEN, "project", "all projects are for administrators");
    who->sees_all = true;
    return 0;
}

static int no_project(const char *ref, struct err *e)
{
    return err_set(e, ERR_PROJECT_NOT_FOUND, "there is no project '%s'", ref);
}

static int roles_in(struct txn *t, const struct actor *who, const struct project *p, unsigned *out, struct err *e)
{
    unsigned assigned = 0;

    if (!p->is_enabled)
        return no_project(p->name, e);
    if (store_role_mask(t, who->user_id, p->id, &assigned, e) < 0)
        return -1;
    *out = who->roles & roles_implied(assigned);
    return *out ? 0 : no_project(p->name, e);
}

int identity_enter(struct core *c, struct actor *who, const char *project, struct err *e)
{
    AUTO(project) p = NULL;
    AUTO(txn) t = NULL;
    unsigned roles = who->roles;

    if (txn_read(c->store, &t, e) < 0 || store_project_get(t, identity_own(who), project, &p, e) < 0)
        return -1;
    if (!who->is_admin && !str_equal(p->id, who->project) && roles_in(t, who, p, &roles, e) < 0)
        return -1;
    who->roles = roles;
    who->sees_all = false;
    (void)str_copy(who->project, sizeof who->project, p->id);
    return 0;
}

/* ---- tenants ---- */

static int check_tenant(const char *tenant, struct err *e)
{
    if (strlen(tenant) <= PROJECT_NAME_MAX && str_is_printable(tenant))
        return 0;
    return err_set_field(e, ERR_INVALID_FIELD, "tenant", "the tenant must be 1 to %d bytes of printable characters",
                         PROJECT_NAME_MAX);
}

/* Names that are made by being used are plain ones: what else somebody sends is a mistake, or worse. */
static int enter_new(struct actor *who, const char *tenant, struct err *e)
{
    struct err why = ERR_INIT;

    if (name_check(tenant, NAME_RULE_STRICT, "tenant", e) < 0)
        return -1;
    if (identity_check_name(tenant, PROJECT_NAME_MAX, &why) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "tenant", "the tenant looks like an id, and is none");
    who->project[0] = '\0';
    return 0;
}

int identity_as_tenant(struct core *c, struct actor *who, const char *tenant, bool is_open, struct err *e)
{
    if (!tenant || !tenant[0])
        return 0;
    if (check_tenant(tenant, e) < 0)
        return -1;
    if (identity_enter(c, who, tenant, e) == 0)
        return 0;
    if (e->code != ERR_PROJECT_NOT_FOUND)
        return -1;
    err_clear(e);
    return is_open ? enter_new(who, tenant, e) : err_set(e, ERR_FORBIDDEN, "the credentials are not this tenant's");
}

/* ---- what users and projects share ---- */

int identity_check_name(const char *name, size_t max, struct err *e)
{
    size_t len = strlen(name);

    if (len == 0 || len > max || !str_is_printable(name) || name[0] == ' ' || name[len - 1] == ' ' || strchr(name, '/'))
        return err_set_field(
            e, ERR_INVALID_FIELD, "name",
            "name must be 1 to %zu bytes of printable characters without '/', not beginning or ending with a space", max);
    if (str_is_hex(name, HEX32_LEN) || str_equal(name, "*") || str_equal(name, ".") || str_equal(name, ".."))
        return err_set_field(e, ERR_INVALID_FIELD, "name", "name must not be '*', '.', '..' or look like an id");
    return 0;
}

int identity_check_description(const char *text, struct err *e)
{
    if (strlen(text) <= DESCRIPTION_MAX && (!text[0] || str_is_printable(text)))
        return 0;
    return err_set_field(e, ERR_INVALID_FIELD, "description", "description must be at most %d bytes of printable characters",
                         DESCRIPTION_MAX);
}

int identity_replace(char **at, const char *text, struct err *e)
{
    char *copy = str_dup(text);

    if (!text)
        return 0;
    if (!copy)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    free(*at);
    *at = copy;
    return 0;
}

int identity_keep_administrator(struct txn *t, uint64_t before, struct err *e)
{
    uint64_t now = 0;

    if (store_role_count_administrators(t, &now, e) < 0)
        return -1;
    if (before > 0 && now == 0)
        return err_set(e, ERR_CONFLICT, "nobody would be left who is an enabled administrator with a password");
    return 0;
}

int identity_audit(const struct change *ch, const char *action, const char *resource_type, const char *resource, struct err *e)
{
    return store_audit_add(ch->txn, &(struct audit){ ch->who, action, resource_type, resource, "accepted" }, e);
}
