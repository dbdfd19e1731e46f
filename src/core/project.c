/* core/project: projects, and the roles that users have in them. */
#include "core/project.h"

#include <inttypes.h>
#include <stdlib.h>

#include "identity.h"

#include "base/clock.h"
#include "base/str.h"
#include "store/project.h"
#include "store/role.h"
#include "store/user.h"

/* ---- projects ---- */

static int check_change(const struct project_change *change, struct err *e)
{
    if (change->name && identity_check_name(change->name, PROJECT_NAME_MAX, e) < 0)
        return -1;
    return change->description ? identity_check_description(change->description, e) : 0;
}

static int apply(const struct project_change *change, struct project *p, struct err *e)
{
    if (change->is_enabled)
        p->is_enabled = *change->is_enabled;
    return identity_replace(&p->name, change->name, e) < 0 ? -1 : identity_replace(&p->description, change->description, e);
}

static int new_project(struct txn *t, struct project **out, struct err *e)
{
    AUTO(project) p = calloc(1, sizeof *p);

    if (!p || !(p->description = str_dup("")))
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    id_hex32(p->id);
    p->is_enabled = true;
    p->created_at_ms = clock_wall_ms();
    if (store_domain_default(t, p->domain, e) < 0)
        return -1;
    *out = TAKE(p);
    return 0;
}

int project_create(struct core *c, const struct actor *who, const struct project_change *spec, struct project **out,
                   struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(project) p = NULL;

    if (!spec->name)
        return err_set_field(e, ERR_INVALID_FIELD, "name", "name is missing");
    if (check_change(spec, e) < 0 || txn_write(c->store, &t, e) < 0 || new_project(t, &p, e) < 0 || apply(spec, p, e) < 0 ||
        store_project_insert(t, p, e) < 0 ||
        identity_audit(&(struct change){ c, who, t }, "project:create", "project", p->id, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    *out = TAKE(p);
    return 0;
}

static int open_new(const struct change *ch, const char *name, struct project **out, struct err *e)
{
    AUTO(project) p = NULL;
    uint64_t count = 0;

    if (store_project_count(ch->txn, &count, e) < 0)
        return -1;
    if (count >= PROJECTS_OPEN_MAX)
        return err_set(e, ERR_QUOTA_EXCEEDED, "there are %d projects: an administrator makes further ones", PROJECTS_OPEN_MAX);
    if (new_project(ch->txn, &p, e) < 0)
        return -1;
    const struct actor at = actor_in(ch->who, p->id);
    if (apply(&(struct project_change){ .name = name }, p, e) < 0 || store_project_insert(ch->txn, p, e) < 0 ||
        identity_audit(&(struct change){ ch->core, &at, ch->txn }, "project:create", "project", p->id, e) < 0)
        return -1;
    *out = TAKE(p);
    return 0;
}

int project_open(struct core *c, struct actor *who, const char *name, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(project) p = NULL;

    if (identity_check_name(name, PROJECT_NAME_MAX, e) < 0 || txn_write(c->store, &t, e) < 0)
        return -1;
    if (store_project_get(t, NULL, name, &p, e) < 0) {
        if (e->code != ERR_PROJECT_NOT_FOUND)
            return -1;
        err_clear(e);
        if (open_new(&(struct change){ c, who, t }, name, &p, e) < 0)
            return -1;
    }
    (void)str_copy(who->project, sizeof who->project, p->id);
    return txn_commit(t, e);
}

/* It is found by its name, and where everybody works who has no token. */
static int refuse_default(const struct core *c, const struct project *p, struct err *e)
{
    if (!str_equal(p->id, c->default_project))
        return 0;
    return err_set(e, ERR_CONFLICT, "project '%s' keeps its name and stays enabled", p->name);
}

static int update(const struct change *ch, const struct project *p, struct err *e)
{
    uint64_t administrators = 0;

    if (store_role_count_administrators(ch->txn, &administrators, e) < 0 || store_project_change(ch->txn, p, e) < 0 ||
        identity_keep_administrator(ch->txn, administrators, e) < 0)
        return -1;
    return identity_audit(ch, "project:update", "project", p->id, e);
}

int project_update(struct core *c, const struct actor *who, const char *ref, const struct project_change *change,
                   struct project **out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(project) p = NULL;
    bool ends_something = change->is_enabled && !*change->is_enabled;

    if (check_change(change, e) < 0 || txn_write(c->store, &t, e) < 0 || store_project_get(t, NULL, ref, &p, e) < 0)
        return -1;
    if ((ends_something || (change->name && !str_equal(change->name, p->name))) && refuse_default(c, p, e) < 0)
        return -1;
    if (apply(change, p, e) < 0 || update(&(struct change){ c, who, t }, p, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    *out = TAKE(p);
    return 0;
}

int project_get(struct core *c, const struct actor *who, const char *ref, struct project **out, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_project_get(t, identity_own(who), ref, out, e);
}

int project_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct project_list *out,
                 bool *has_more, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_project_list(t, identity_own(who), marker, limit, out, has_more, e);
}

static int refuse_used(struct txn *t, const struct project *p, struct err *e)
{
    struct project_contents has;
    AUTO_BUF text = { 0 };

    if (store_project_contents(t, p->id, &has, e) < 0)
        return -1;
    const struct {
        uint64_t count;
        const char *what;
    } parts[] = { { has.vms, "VMs" }, { has.images, "images" }, { has.networks, "networks" }, { has.keypairs, "keypairs" } };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i].count > 0)
            buf_addf(&text, "%s%s (%" PRIu64 ")", text.len ? ", " : "", parts[i].what, parts[i].count);
    if (text.failed)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return text.len ? err_set(e, ERR_IN_USE, "project '%s' has %s: delete them first", p->name, text.data) : 0;
}

static int delete_project(const struct change *ch, const struct project *p, struct err *e)
{
    uint64_t administrators = 0;

    if (refuse_used(ch->txn, p, e) < 0 || store_role_count_administrators(ch->txn, &administrators, e) < 0 ||
        store_project_delete(ch->txn, p->id, e) < 0 || identity_keep_administrator(ch->txn, administrators, e) < 0)
        return -1;
    return identity_audit(ch, "project:delete", "project", p->id, e);
}

int project_delete(struct core *c, const struct actor *who, const char *ref, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(project) p = NULL;

    if (txn_write(c->store, &t, e) < 0 || store_project_get(t, NULL, ref, &p, e) < 0)
        return -1;
    if (str_equal(p->id, c->default_project))
        return err_set(e, ERR_CONFLICT, "project '%s' stays", p->name);
    return delete_project(&(struct change){ c, who, t }, p, e) < 0 ? -1 : txn_commit(t, e);
}

/* ---- roles ---- */

int role_list(struct core *c, struct role_record out[3], struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_role_list(t, out, e);
}

/* The ids behind three words. */
static int find_assignment(struct txn *t, const char *user, const char *project, const char *role, struct role_assignment *out,
                           struct err *e)
{
    AUTO(user) u = NULL;
    AUTO(project) p = NULL;

    if (role_from_string(role, &out->role) < 0)
        return err_set(e, ERR_ROLE_NOT_FOUND, "there is no role '%s'; there are reader, member and admin", role);
    if (store_user_get(t, user, &u, e) < 0 || store_project_get(t, NULL, project, &p, e) < 0)
        return -1;
    (void)str_copy(out->user, sizeof out->user, u->id);
    (void)str_copy(out->project, sizeof out->project, p->id);
    return 0;
}

static int audit_assignment(const struct change *ch, const char *action, const struct role_assignment *a, struct err *e)
{
    AUTO_FREE char *what = str_printf("%s %s in %s", a->user, role_to_string(a->role), a->project);

    return what ? identity_audit(ch, action, "role", what, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int role_grant(struct core *c, const struct actor *who, const char *user, const char *project, const char *role, struct err *e)
{
    AUTO(txn) t = NULL;
    struct role_assignment a = { 0 };
    bool has_changed = false;

    if (txn_write(c->store, &t, e) < 0 || find_assignment(t, user, project, role, &a, e) < 0 ||
        store_role_grant(t, &a, &has_changed, e) < 0)
        return -1;
    if (has_changed && audit_assignment(&(struct change){ c, who, t }, "role:grant", &a, e) < 0)
        return -1;
    return txn_commit(t, e);
}

int role_revoke(struct core *c, const struct actor *who, const char *user, const char *project, const char *role, struct err *e)
{
    AUTO(txn) t = NULL;
    struct role_assignment a = { 0 };
    uint64_t administrators = 0;
    bool has_changed = false;

    if (txn_write(c->store, &t, e) < 0 || find_assignment(t, user, project, role, &a, e) < 0 ||
        store_role_count_administrators(t, &administrators, e) < 0 || store_role_revoke(t, &a, &has_changed, e) < 0 ||
        identity_keep_administrator(t, administrators, e) < 0)
        return -1;
    if (has_changed && audit_assignment(&(struct change){ c, who, t }, "role:revoke", &a, e) < 0)
        return -1;
    return txn_commit(t, e);
}

/* Those who are no administrators see what is theirs, whatever they ask for. */
int role_assignments(struct core *c, const struct actor *who, const char *user, const char *project,
                     struct role_assignment_list *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(user) u = NULL;
    AUTO(project) p = NULL;
    const char *whose = identity_own(who);

    if (txn_read(c->store, &t, e) < 0 || (user && store_user_get(t, user, &u, e) < 0) ||
        (project && store_project_get(t, whose, project, &p, e) < 0))
        return -1;
    if (u && whose && !str_equal(u->id, whose))
        return err_set(e, ERR_USER_NOT_FOUND, "there is no user '%s'", user);
    return store_role_assignments(t, u ? u->id : whose, p ? p->id : NULL, out, e);
}
