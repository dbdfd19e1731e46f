/* authenticate: credentials become an actor, and ?project= or a header says where it works. */
#include "authenticate.h"

#include "api/credentials.h"
#include "core/identity.h"
#include "core/policy.h"
#include "store/store.h"

/* A door has one way to name a project: its header, or ?project=. */
static int scope(struct core *c, const struct request *r, struct actor *who, bool is_open, struct err *e)
{
    const char *header = request_door(r)->project_header;
    const char *project = header ? NULL : request_query(r, "project");

    if (header)
        return identity_as_tenant(c, who, request_header(r, header), is_open, e);
    return project ? identity_scope(c, who, project, e) : 0;
}

int authenticate_nobody(void *arg, struct request *r, struct actor *out, struct err *e)
{
    store_hurry(); /* this thread has others to answer */
    identity_implicit(arg, out);
    return scope(arg, r, out, true, e);
}

static bool is_visit(const struct request *r)
{
    return request_is_from_host(r) && policy_is_for_visitors(request_action(r));
}

/* A token counts also where none is needed: a local administrator may want to be somebody else. */
static int identify(struct request *r, struct core *c, bool lets_visitors_in, struct actor *out, struct err *e)
{
    const char *token = NULL;
    bool is_in_group = false;
    uint32_t uid;

    if (credentials_token(r, &token, e) < 0)
        return -1;
    if (token)
        return identity_by_token(c, token, out, e);
    if (request_local_peer(r, &uid, &is_in_group) && (uid == 0 || is_in_group)) {
        identity_local(c, uid, out);
        return 0;
    }
    out->is_visitor = lets_visitors_in && is_visit(r);
    if (!out->is_visitor)
        return err_set(e, ERR_UNAUTHORIZED, "credentials are missing: send a token as Authorization: Bearer or X-Auth-Token");
    return 0;
}

int authenticate_token(void *arg, struct request *r, struct actor *out, struct err *e)
{
    store_hurry(); /* this thread has others to answer */
    return identify(r, arg, false, out, e) < 0 ? -1 : scope(arg, r, out, false, e);
}

int authenticate_token_or_visitor(void *arg, struct request *r, struct actor *out, struct err *e)
{
    store_hurry(); /* this thread has others to answer */
    return identify(r, arg, true, out, e) < 0 ? -1 : scope(arg, r, out, false, e);
}
