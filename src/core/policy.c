/* core/policy: the table of actions. */
#include "core/policy.h"

#include "base/cleanup.h"
#include "base/str.h"

/* The least role that may. What makes something makes it in one project, and a quota is one project's; all else may be asked of
 * all of them (?project=*). What is for VISITORS, the configuration may open to whoever is on this host. */
enum {
    PUBLIC = 0,
    READER = ROLE_READER,
    MEMBER = ROLE_MEMBER,
    ADMIN = ROLE_ADMIN,
    ONE_PROJECT = ADMIN << 1,
    VISITORS = ADMIN << 2
};

/* Readers read, members do everything in their project, administrators do what is the host's or the cloud's. */
static const struct rule {
    const char *action;
    unsigned needs;
} rules[] = {
    { "health:read", PUBLIC },
    { "api:describe", PUBLIC },

    { "vm:list", READER },
    { "vm:read", READER },
    { "vm:console-log", READER },
    { "vm:create", MEMBER | ONE_PROJECT },
    { "vm:update", MEMBER },
    { "vm:delete", MEMBER },
    { "vm:start", MEMBER },
    { "vm:stop", MEMBER },
    { "vm:reboot", MEMBER },
    { "vm:pause", MEMBER },
    { "vm:resume", MEMBER },
    { "vm:suspend", MEMBER },
    { "vm:lock", MEMBER },
    { "vm:unlock", MEMBER },
    { "vm:image", MEMBER },
    { "vm:phone-home", PUBLIC }, /* the path holds a secret of the guest's */

    { "image:list", READER },
    { "image:read", READER },
    { "image:download", READER },
    { "image:create", MEMBER | ONE_PROJECT },
    { "image:import", MEMBER | ONE_PROJECT },
    { "image:upload", MEMBER },
    { "image:update", MEMBER },
    { "image:delete", MEMBER },

    { "keypair:list", READER },
    { "keypair:read", READER },
    { "keypair:create", MEMBER | ONE_PROJECT },
    { "keypair:delete", MEMBER },

    { "network:list", READER },
    { "network:read", READER },
    { "network:create", MEMBER | ONE_PROJECT },
    { "network:delete", MEMBER },

    { "operation:list", READER },
    { "operation:read", READER },
    { "operation:cancel", MEMBER },

    { "event:list", READER },
    { "audit:list", MEMBER },
    { "quota:read", READER | ONE_PROJECT },
    { "quota:update", ADMIN },

    { "flavor:list-public", PUBLIC }, /* a catalogue */
    { "flavor:list", READER },
    { "flavor:read", READER },
    { "flavor:create", ADMIN },
    { "flavor:delete", ADMIN },

    /* Of its own user, projects, roles and tokens; core/user and its neighbours hold to that. */
    { "me:read", READER },
    { "token:create", PUBLIC }, /* it takes a password, or looks for a token itself */
    { "token:list", READER },
    { "token:read", READER },
    { "token:revoke", READER },
    { "user:read", READER },
    { "user:update", READER },
    { "project:list", READER },
    { "project:read", READER },
    { "role:list", READER },
    { "role:list-assignments", READER },

    { "user:list", ADMIN },
    { "user:create", ADMIN },
    { "user:delete", ADMIN },
    { "project:create", ADMIN },
    { "project:update", ADMIN },
    { "project:delete", ADMIN },
    { "role:grant", ADMIN },
    { "role:revoke", ADMIN },

    { "host:read", ADMIN },
    { "host:maintenance", ADMIN },
    { "host:guests", ADMIN },
    { "doctor:read", ADMIN },
    { "metrics:show", ADMIN | VISITORS },
};

static const struct rule *find(const char *action)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (str_equal(rules[i].action, action))
            return &rules[i];
    return NULL;
}

static unsigned role_of(const struct rule *rule)
{
    return rule->needs & ROLES_ALL;
}

static const char *role_word(const struct rule *rule)
{
    return role_of(rule) == PUBLIC ? "public" : role_to_string((enum role)role_of(rule));
}

bool policy_knows(const char *action)
{
    return find(action) != NULL;
}

bool policy_is_public(const char *action)
{
    const struct rule *rule = find(action);

    return rule && role_of(rule) == PUBLIC;
}

bool policy_is_for_visitors(const char *action)
{
    const struct rule *rule = find(action);

    return rule && (rule->needs & VISITORS);
}

const char *policy_role(const char *action)
{
    const struct rule *rule = find(action);

    return rule ? role_word(rule) : NULL;
}

const char *policy_action(size_t i)
{
    return i < ARRAY_LEN(rules) ? rules[i].action : NULL;
}

static bool has_role(const struct actor *who, const struct rule *rule)
{
    return role_of(rule) == PUBLIC || who->is_admin || (who->roles & role_of(rule)) != 0 ||
           (who->is_visitor && (rule->needs & VISITORS));
}

static int refuse(const struct actor *who, const struct rule *rule, struct err *e)
{
    if (role_of(rule) == ADMIN)
        return err_set(e, ERR_FORBIDDEN, "%s needs the role admin", rule->action);
    if (!who->project[0])
        return err_set(e, ERR_FORBIDDEN, "%s needs the role %s in a project, and the token is of none", rule->action,
                       role_word(rule));
    return err_set(e, ERR_FORBIDDEN, "%s needs the role %s in project '%s'", rule->action, role_word(rule), who->project);
}

int policy_check(const struct actor *who, const char *action, struct err *e)
{
    const struct rule *rule = find(action);

    if (!rule)
        return err_set(e, ERR_FORBIDDEN, "nobody may %s", action);
    if (!has_role(who, rule))
        return refuse(who, rule, e);
    if (rule->needs & ONE_PROJECT && who->sees_all)
        return err_set_field(e, ERR_INVALID_FIELD, "project", "%s works in one project: name it", action);
    return 0;
}
