/* Projects: whose things are whose. */
#include "../object.h"
#include "../reply.h"
#include "native.h"
#include "page.h"

#include "core/project.h"

struct body {
    char *name, *description;
    bool is_enabled, says_enabled;
};
static void cleanup_body(struct body *b)
{
    free(b->name);
    free(b->description);
}
#define AUTO_BODY __attribute__((cleanup(cleanup_body))) struct body

#define AT(member) offsetof(struct body, member)
static const struct json_field create_fields[] = {
    { "name", JSON_FIELD_STRING, AT(name), .is_required = true, .min = 1, .max = PROJECT_NAME_MAX },
    { "description", JSON_FIELD_STRING, AT(description), .max = DESCRIPTION_MAX },
    { "enabled", JSON_FIELD_BOOL, AT(is_enabled), .seen_offset = AT(says_enabled) },
};
static const struct json_field change_fields[] = {
    { "name", JSON_FIELD_STRING, AT(name), .min = 1, .max = PROJECT_NAME_MAX },
    { "description", JSON_FIELD_STRING, AT(description), .max = DESCRIPTION_MAX },
    { "enabled", JSON_FIELD_BOOL, AT(is_enabled), .seen_offset = AT(says_enabled) },
};
#undef AT
_Static_assert(ARRAY_LEN(create_fields) == ARRAY_LEN(change_fields), "decode_body takes either");

static json_t *project_json(const struct project *p)
{
    return OBJECT({ "id", json_string(p->id) }, { "domain", json_string(p->domain) }, { "name", json_string(p->name) },
                  { "description", json_string(p->description) }, { "enabled", json_boolean(p->is_enabled) },
                  { "created_at", json_time(p->created_at_ms) });
}

static int decode_body(struct request *r, const struct json_field *fields, struct body *body, struct err *e)
{
    AUTO_JSON json = NULL;

    if (query_none(r, e) < 0 || body_parse(r, false, &json, e) < 0)
        return -1;
    return json_decode(json, fields, ARRAY_LEN(create_fields), body, e);
}

/* Borrows from the body. */
static struct project_change change_of(const struct body *b)
{
    return (struct project_change){
        .name = b->name,
        .description = b->description,
        .is_enabled = b->says_enabled ? &b->is_enabled : NULL,
    };
}

int projects_create(struct request *r, struct err *e)
{
    AUTO_BODY body = { 0 };
    AUTO(project) project = NULL;

    if (decode_body(r, create_fields, &body, e) < 0)
        return -1;
    const struct project_change spec = change_of(&body);
    if (project_create(request_user(r), request_actor(r), &spec, &project, e) < 0)
        return -1;
    return reply_created(r, (struct place){ "/v1/projects", project->id }, project_json(project), e);
}

int projects_change(struct request *r, struct err *e)
{
    AUTO_BODY body = { 0 };
    AUTO(project) project = NULL;

    if (decode_body(r, change_fields, &body, e) < 0)
        return -1;
    const struct project_change change = change_of(&body);
    if (project_update(request_user(r), request_actor(r), request_param(r, "ref"), &change, &project, e) < 0)
        return -1;
    return reply_json(r, 200, project_json(project), e);
}

int projects_list(struct request *r, struct err *e)
{
    AUTO_LIST(project) list = { 0 };
    AUTO_LISTING page = { 0 };

    if (listing_begin(&page, r, "projects", page_parameters, e) < 0 ||
        project_list(request_user(r), request_actor(r), page.marker, page.limit, &list, &page.has_more, e) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++)
        listing_add(&page, project_json(list.items[i]));
    return listing_reply(&page, r, e);
}

int projects_show(struct request *r, struct err *e)
{
    AUTO(project) project = NULL;

    if (query_none(r, e) < 0 || project_get(request_user(r), request_actor(r), request_param(r, "ref"), &project, e) < 0)
        return -1;
    return reply_json(r, 200, project_json(project), e);
}

int projects_delete(struct request *r, struct err *e)
{
    if (query_none(r, e) < 0 || project_delete(request_user(r), request_actor(r), request_param(r, "ref"), e) < 0)
        return -1;
    return request_reply_empty(r, 204, e);
}
