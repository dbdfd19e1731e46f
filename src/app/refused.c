/* refused: a request that somebody was not let in with becomes a line of the audit log. What a project's limits refuse, core
 * notes itself, and so it does with logins. */
#include "refused.h"

#include "api/credentials.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "core/audit.h"

static const enum err_code refusals[] = { ERR_UNAUTHORIZED, ERR_FORBIDDEN, ERR_HOST_REFUSED, ERR_ORIGIN_REFUSED,
                                          ERR_TOO_MANY_REQUESTS };

static bool is_refusal(enum err_code code)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (refusals[i] == code)
            return true;
    return false;
}

static bool is_login(const struct request *r, const char *action)
{
    struct err ignored = ERR_INIT;
    const char *token = NULL;

    return str_equal(action, "token:create") && credentials_token(r, &token, &ignored) == 0 && !token;
}

static const char *named(const struct request *r)
{
    const char *ref = request_param(r, "ref");

    return ref ? ref : request_param(r, "id");
}

void refused_note(void *arg, const struct request *r, const struct err *e)
{
    const char *action = request_action(r);

    if (!is_refusal(e->code) || is_login(r, action))
        return;
    audit_refusal(arg, request_actor(r), action ? action : "http:request", named(r), e);
}
