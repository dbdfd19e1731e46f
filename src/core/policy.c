/* core/policy: the table of actions. Roles and projects come with users; until then there is one administrator, and rows say who
 * else may. */
#include "core/policy.h"

#include "base/cleanup.h"
#include "base/str.h"

static const struct rule {
    const char *action;
    bool is_admin_only;
} rules[] = {
    { "health:read", false },    { "api:describe", false },     { "vm:list", false },        { "vm:create", false },
    { "vm:read", false },        { "vm:update", false },        { "vm:delete", false },      { "vm:start", false },
    { "vm:stop", false },        { "vm:reboot", false },        { "vm:pause", false },       { "vm:resume", false },
    { "vm:phone-home", false },  { "vm:console-log", false },   { "image:list", false },     { "image:create", false },
    { "image:read", false },     { "image:upload", false },     { "image:delete", false },   { "flavor:list", false },
    { "flavor:read", false },    { "flavor:create", true },     { "flavor:delete", true },   { "operation:list", false },
    { "operation:read", false }, { "operation:cancel", false }, { "vm:suspend", false },     { "vm:lock", false },
    { "vm:unlock", false },      { "vm:image", false },         { "image:import", false },   { "image:update", false },
    { "image:download", false }, { "keypair:list", false },     { "keypair:create", false }, { "keypair:read", false },
    { "keypair:delete", false }, { "network:list", false },     { "network:create", false }, { "network:read", false },
    { "network:delete", false }, { "host:read", true },         { "doctor:read", true },
};

static const struct rule *find(const char *action)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (str_equal(rules[i].action, action))
            return &rules[i];
    return NULL;
}

bool policy_knows(const char *action)
{
    return find(action) != NULL;
}

int policy_check(const struct actor *who, const char *action, struct err *e)
{
    const struct rule *rule = find(action);

    if (rule && (who->is_admin || !rule->is_admin_only))
        return 0;
    return err_set(e, ERR_FORBIDDEN, "%s is for administrators", action);
}
