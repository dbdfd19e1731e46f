/* Users. A password that comes is hashed before anything is written: creates and changes wait for that, suspended. */
#include "../await.h"
#include "../object.h"
#include "../reply.h"
#include "native.h"
#include "page.h"

#include "core/user.h"

/* A user that is being made or changed. */
struct writing {
    struct await await;
    char *name, *description, *password, *original_password;
    bool is_enabled, says_enabled;
    const char *ref; /* borrowed from the request; NULL: a new one */
    struct user_draft *draft;
};

static void writing_free(void *arg)
{
    struct writing *writing = arg;

    user_draft_free(writing->draft);
    free(writing->name);
    free(writing->description);
    str_wipe(writing->password);
    str_wipe(writing->original_password);
    free(writing);
}

#define AT(member) offsetof(struct writing, member)
static const struct json_field create_fields[] = {
    { "name", JSON_FIELD_STRING, AT(name), .is_required = true, .min = 1, .max = USER_NAME_MAX },
    { "description", JSON_FIELD_STRING, AT(description), .max = DESCRIPTION_MAX },
    { "password", JSON_FIELD_STRING, AT(password), .is_text = true, .min = PASSWORD_MIN, .max = PASSWORD_MAX },
    { "enabled", JSON_FIELD_BOOL, AT(is_enabled), .seen_offset = AT(says_enabled) },
};
static const struct json_field change_fields[] = {
    { "name", JSON_FIELD_STRING, AT(name), .min = 1, .max = USER_NAME_MAX },
    { "description", JSON_FIELD_STRING, AT(description), .max = DESCRIPTION_MAX },
    { "password", JSON_FIELD_STRING, AT(password), .is_text = true, .min = PASSWORD_MIN, .max = PASSWORD_MAX },
    { "original_password", JSON_FIELD_STRING, AT(original_password), .is_text = true, .max = PASSWORD_MAX },
    { "enabled", JSON_FIELD_BOOL, AT(is_enabled), .seen_offset = AT(says_enabled) },
};
#undef AT

static json_t *user_json(const struct user *u)
{
    return OBJECT({ "id", json_string(u->id) }, { "domain", json_string(u->domain) }, { "name", json_string(u->name) },
                  { "description", json_string(u->description) }, { "enabled", json_boolean(u->is_enabled) },
                  { "has_password", json_boolean(u->password_hash != NULL) }, { "created_at", json_time(u->created_at_ms) });
}

/* ---- create, change ---- */
static int begin(struct request *r, struct err *e)
{
    struct writing *w = request_data(r);
    const struct user_change change = {
        .name = w->name,
        .description = w->description,
        .password = w->password,
        .is_enabled = w->says_enabled ? &w->is_enabled : NULL,
        .original_password = w->original_password,
    };

    return user_write_begin(request_user(r), request_actor(r), w->ref, &change, await_done, &w->await, &w->draft, e);
}

static int finish(struct request *r, struct err *e)
{
    struct writing *w = request_data(r);
    AUTO(user) user = NULL;

    if (await_result(&w->await, e) < 0 || user_write_finish(w->draft, &user, e) < 0)
        return -1;
    if (w->ref)
        return reply_json(r, 200, user_json(user), e);
    return reply_created(r, (struct place){ "/v1/users", user->id }, user_json(user), e);
}

static int decode_body(struct request *r, struct writing *w, struct err *e)
{
    AUTO_JSON body = NULL;

    if (query_none(r, e) < 0 || body_parse(r, false, &body, e) < 0)
        return -1;
    return w->ref ? json_decode(body, change_fields, ARRAY_LEN(change_fields), w, e)
                  : json_decode(body, create_fields, ARRAY_LEN(create_fields), w, e);
}

static int write_user(struct request *r, const char *ref, struct err *e)
{
    struct writing *w = calloc(1, sizeof(*w));

    if (!w)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    w->ref = ref;
    request_set_data(r, w, writing_free);
    return decode_body(r, w, e) < 0 ? -1 : await_start(&w->await, r, begin, finish, e);
}

int users_create(struct request *r, struct err *e)
{
    return write_user(r, NULL, e);
}

int users_change(struct request *r, struct err *e)
{
    return write_user(r, request_param(r, "ref"), e);
}

/* ---- read, delete ---- */
int users_list(struct request *r, struct err *e)
{
    AUTO_LIST(user) list = { 0 };
    AUTO_LISTING page = { 0 };

    if (listing_begin(&page, r, "users", page_parameters, e) < 0 ||
        user_list(request_user(r), request_actor(r), page.marker, page.limit, &list, &page.has_more, e) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++)
        listing_add(&page, user_json(list.items[i]));
    return listing_reply(&page, r, e);
}

int users_show(struct request *r, struct err *e)
{
    AUTO(user) user = NULL;

    if (query_none(r, e) < 0 || user_get(request_user(r), request_actor(r), request_param(r, "ref"), &user, e) < 0)
        return -1;
    return reply_json(r, 200, user_json(user), e);
}

int users_delete(struct request *r, struct err *e)
{
    if (query_none(r, e) < 0 || user_delete(request_user(r), request_actor(r), request_param(r, "ref"), e) < 0)
        return -1;
    return request_reply_empty(r, 204, e);
}
