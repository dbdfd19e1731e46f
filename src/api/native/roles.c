/* Roles, and who has which in what project. A mask of roles as its words is here too: tokens and /v1/me show it. */
#include "roles.h"

#include "../object.h"
#include "../reply.h"
#include "native.h"

#include "core/project.h"

static const enum role every_role[] = { ROLE_READER, ROLE_MEMBER, ROLE_ADMIN };

json_t *roles_json(unsigned roles)
{
    json_t *words = json_array();

    for (size_t i = 0; words && i < ARRAY_LEN(every_role); i++)
        if ((roles & every_role[i]) && json_array_append_new(words, json_string(role_to_string(every_role[i]))) < 0) {
            json_decref(words);
            words = NULL;
        }
    return words;
}

int roles_decode(const json_t *words, const char *field, unsigned *out, struct err *e)
{
    unsigned roles = 0;
    enum role role;

    for (size_t i = 0; i < json_array_size(words); i++) {
        if (role_from_string(json_string_value(json_array_get(words, i)), &role) < 0)
            return err_set_field(e, ERR_INVALID_FIELD, field, "%s must be of reader, member and admin", field);
        roles |= role;
    }
    if (roles == 0)
        return err_set_field(e, ERR_INVALID_FIELD, field, "%s must name a role, or be absent for all", field);
    *out = roles;
    return 0;
}

int roles_list(struct request *r, struct err *e)
{
    struct role_record roles[ARRAY_LEN(every_role)];
    AUTO_BUF b = { 0 };

    if (query_none(r, e) < 0 || role_list(request_user(r), roles, e) < 0)
        return -1;
    json_list_begin(&b, "roles");
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        AUTO_JSON item = OBJECT({ "id", json_string(roles[i].id) }, { "name", json_string(role_to_string(roles[i].role)) });
        json_list_item(&b, item);
    }
    return reply_list(r, &b, json_object(), e);
}

/* ---- assignments ---- */
static json_t *assignment_json(const struct role_assignment *a)
{
    return OBJECT({ "user", json_string(a->user) }, { "user_name", json_string(a->user_name) },
                  { "project", json_string(a->project) }, { "project_name", json_string(a->project_name) },
                  { "role", json_string(role_to_string(a->role)) });
}

int role_assignments_list(struct request *r, struct err *e)
{
    static const char *const parameters[] = { "user", "project", NULL };
    AUTO_LIST(role_assignment) list = { 0 };
    AUTO_BUF b = { 0 };
    const char *project = request_query(r, "project");

    if (request_query_allow(r, parameters, e) < 0)
        return -1;
    if (str_equal(project, "*"))
        project = NULL;
    if (role_assignments(request_user(r), request_actor(r), request_query(r, "user"), project, &list, e) < 0)
        return -1;
    json_list_begin(&b, "role_assignments");
    for (size_t i = 0; i < list.count; i++) {
        AUTO_JSON item = assignment_json(list.items[i]);
        json_list_item(&b, item);
    }
    return reply_list(r, &b, json_object(), e);
}

typedef int assign_fn(struct core *c, const struct actor *who, const char *user, const char *project, const char *role,
                      struct err *e);

static int assign(struct request *r, assign_fn *fn, struct err *e)
{
    if (query_none(r, e) < 0 ||
        fn(request_user(r), request_actor(r), request_param(r, "user"), request_param(r, "ref"), request_param(r, "role"), e) < 0)
        return -1;
    return request_reply_empty(r, 204, e);
}

int roles_grant(struct request *r, struct err *e)
{
    return assign(r, role_grant, e);
}

int roles_revoke(struct request *r, struct err *e)
{
    return assign(r, role_revoke, e);
}
