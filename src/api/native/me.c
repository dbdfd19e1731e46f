/* Who asks, as the daemon sees it. */
#include "../object.h"
#include "../reply.h"
#include "native.h"
#include "roles.h"

#include "core/project.h"
#include "core/token.h"

/* How it was let in: with a token; by its uid on the unix socket; because auth=none lets everybody in. */
static const char *way_in(const struct actor *who)
{
    if (who->token[0] != '\0')
        return "token";
    return str_starts_with(who->user, "uid:") ? "local" : "none";
}

static json_t *me_json(const struct actor *who, const struct project *project, const struct token *token)
{
    return OBJECT({ "auth", json_string(way_in(who)) }, { "user", text_or_null(who->user_id) },
                  { "user_name", json_string(who->user) }, { "project", text_or_null(who->project) },
                  { "project_name", json_string_or_null(project ? project->name : NULL) },
                  { "roles", roles_json(roles_implied(who->roles)) }, { "is_admin", json_boolean(who->is_admin) },
                  { "token", text_or_null(who->token) }, { "expires_at", json_time(token ? token->expires_at_ms : 0) });
}

int me_show(struct request *r, struct err *e)
{
    const struct actor *who = request_actor(r);
    AUTO(project) project = NULL;
    AUTO(token) token = NULL;

    if (query_none(r, e) < 0)
        return -1;
    if (who->project[0] != '\0' && project_get(request_user(r), who, who->project, &project, e) < 0)
        return -1;
    if (who->token[0] != '\0' && token_get(request_user(r), who, who->token, &token, e) < 0)
        return -1;
    return reply_json(r, 200, me_json(who, project, token), e);
}
