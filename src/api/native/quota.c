/* Quotas: what a project may have, and what it has. */
#include "core/quota.h"

#include <inttypes.h>

#include "../object.h"
#include "../reply.h"
#include "native.h"

#include "base/str.h"

static json_t *state_json(const struct quota_state *s)
{
    return OBJECT({ "used", json_integer((json_int_t)s->used) },
                  { "limit", s->limit == QUOTA_NO_LIMIT ? json_null() : json_integer((json_int_t)s->limit) });
}

static json_t *view_json(const struct quota_view *v)
{
    json_t *limits = json_object();

    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        object_add(&limits, quota_resource_to_string((enum quota_resource)i), state_json(&v->of[i]));
    return OBJECT({ "project", OBJECT({ "id", json_string(v->project->id) }, { "name", json_string(v->project->name) }) },
                  { "limits", limits });
}

/* ---- setting ---- */

/* null: no limit; "default": the configuration's. */
static int decode_limit(const char *word, const json_t *value, int64_t *out, struct err *e)
{
    if (json_is_null(value)) {
        *out = QUOTA_NO_LIMIT;
        return 0;
    }
    if (str_equal(json_string_value(value), "default")) {
        *out = QUOTA_DEFAULT;
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > QUOTA_LIMIT_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, word, "%s must be a number from 0 to %" PRId64 ", null or \"default\"", word,
                             (int64_t)QUOTA_LIMIT_MAX);
    *out = json_integer_value(value);
    return 0;
}

/* What is not named stays as it is. */
static int decode_limits(struct request *r, int64_t out[QUOTA_RESOURCE_COUNT], struct err *e)
{
    AUTO_JSON body = NULL;
    const char *word;
    json_t *value;

    if (query_none(r, e) < 0 || body_parse(r, false, &body, e) < 0)
        return -1;
    if (!json_is_object(body))
        return err_set(e, ERR_INVALID, "the body must be a JSON object");
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        out[i] = QUOTA_STAYS;
    json_object_foreach(body, word, value)
    {
        enum quota_resource resource;

        if (quota_resource_from_string(word, &resource) < 0)
            return err_set_field(e, ERR_INVALID_FIELD, word, "there is no such resource");
        if (decode_limit(word, value, &out[resource], e) < 0)
            return -1;
    }
    return 0;
}

/* ---- the routes ---- */

/* ref NULL: the asker's own project. */
static int show(struct request *r, const char *ref, struct err *e)
{
    AUTO_QUOTA_VIEW view = { 0 };

    if (query_none(r, e) < 0 || quota_get(request_user(r), request_actor(r), ref, &view, e) < 0)
        return -1;
    return reply_json(r, 200, view_json(&view), e);
}

int quota_show_own(struct request *r, struct err *e)
{
    return show(r, NULL, e);
}

int quota_show(struct request *r, struct err *e)
{
    return show(r, request_param(r, "ref"), e);
}

int quota_change(struct request *r, struct err *e)
{
    int64_t limits[QUOTA_RESOURCE_COUNT];
    AUTO_QUOTA_VIEW view = { 0 };

    if (decode_limits(r, limits, e) < 0 ||
        quota_set(request_user(r), request_actor(r), request_param(r, "ref"), limits, &view, e) < 0)
        return -1;
    return reply_json(r, 200, view_json(&view), e);
}
