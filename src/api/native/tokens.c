/* Tokens: logging in, further ones for oneself, logging out. A secret is in one answer and nowhere else. */
#include "../await.h"
#include "../object.h"
#include "../reply.h"
#include "native.h"
#include "page.h"
#include "roles.h"

#include "core/token.h"

enum { LIFETIME_MAX_S = 10 * 366 * 24 * 3600 };

/* A token that is asked for; with a password, a login. */
struct asking {
    struct await await;
    char *user, *password, *project, *name;
    json_t *role_words; /* NULL: all roles */
    uint64_t lifetime_s;
    unsigned roles;
    struct login *login;
};

static void asking_free(void *arg)
{
    struct asking *a = arg;

    login_free(a->login);
    free(a->user);
    str_wipe(a->password);
    free(a->project);
    free(a->name);
    json_decref(a->role_words);
    free(a);
}

#define AT(member) offsetof(struct asking, member)
static const struct json_field create_fields[] = {
    { "user", JSON_FIELD_STRING, AT(user), .min = 1, .max = USER_NAME_MAX },
    { "password", JSON_FIELD_STRING, AT(password), .is_text = true, .max = PASSWORD_MAX },
    { "project", JSON_FIELD_STRING, AT(project), .min = 1, .max = PROJECT_NAME_MAX },
    { "roles", JSON_FIELD_STRINGS, AT(role_words), .max = 3 },
    { "name", JSON_FIELD_STRING, AT(name), .max = TOKEN_NAME_MAX },
    { "lifetime_s", JSON_FIELD_U64, AT(lifetime_s), .min = 1, .max = LIFETIME_MAX_S },
};
#undef AT

static json_t *token_json(const struct token *t)
{
    return OBJECT({ "id", json_string(t->id) }, { "name", json_string(t->name) }, { "user", json_string(t->user) },
                  { "project", text_or_null(t->project) }, { "roles", t->roles ? roles_json(t->roles) : json_null() },
                  { "expires_at", json_time(t->expires_at_ms) }, { "created_at", json_time(t->created_at_ms) });
}

static int reply_made(struct request *r, const struct login_result *made, struct err *e)
{
    json_t *token = token_json(made->token);

    object_add(&token, "token", json_string(made->text));
    return reply_created(r, (struct place){ "/v1/tokens", made->token->id }, token, e);
}

/* ---- by password ---- */
static int begin(struct request *r, struct err *e)
{
    struct asking *a = request_data(r);
    const struct login_request want = {
        .user = a->user,
        .password = a->password,
        .address = request_actor(r)->address,
        .request_id = request_id(r),
        .project = a->project,
        .name = a->name,
        .roles = a->roles,
        .lifetime_ms = (int64_t)a->lifetime_s * 1000,
    };

    return login_begin(request_user(r), &want, await_done, &a->await, &a->login, e);
}

static int finish(struct request *r, struct err *e)
{
    struct asking *a = request_data(r);
    const struct login_result *made;

    if (await_result(&a->await, e) < 0 || login_finish(a->login, &made, e) < 0)
        return -1;
    return reply_made(r, made, e);
}

/* ---- by a token ---- */
static int make_another(struct request *r, const struct asking *a, struct err *e)
{
    const struct token_spec spec = {
        .project = a->project,
        .name = a->name,
        .roles = a->roles,
        .lifetime_ms = (int64_t)a->lifetime_s * 1000,
    };
    struct login_result made = { 0 };

    if (request_authenticate(r, e) < 0 || token_create(request_user(r), request_actor(r), &spec, &made, e) < 0)
        return -1;
    int rc = reply_made(r, &made, e);
    login_result_done(&made);
    return rc;
}

static int decode_body(struct request *r, struct asking *a, struct err *e)
{
    AUTO_JSON body = NULL;

    if (query_none(r, e) < 0 || body_parse(r, false, &body, e) < 0 ||
        json_decode(body, create_fields, ARRAY_LEN(create_fields), a, e) < 0)
        return -1;
    if (a->role_words && roles_decode(a->role_words, "roles", &a->roles, e) < 0)
        return -1;
    if (a->user && !a->password)
        return err_set_field(e, ERR_INVALID_FIELD, "password", "password is missing");
    if (a->password && !a->user)
        return err_set_field(e, ERR_INVALID_FIELD, "user", "user is missing");
    return 0;
}

int tokens_create(struct request *r, struct err *e)
{
    struct asking *a = calloc(1, sizeof(*a));

    if (!a)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    request_set_data(r, a, asking_free);
    if (decode_body(r, a, e) < 0)
        return -1;
    return a->password ? await_start(&a->await, r, begin, finish, e) : make_another(r, a, e);
}

/* ---- read, revoke ---- */
int tokens_list(struct request *r, struct err *e)
{
    AUTO_LIST(token) list = { 0 };
    AUTO_LISTING page = { 0 };

    if (listing_begin(&page, r, "tokens", page_parameters, e) < 0 ||
        token_list(request_user(r), request_actor(r), page.marker, page.limit, &list, &page.has_more, e) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++)
        listing_add(&page, token_json(list.items[i]));
    return listing_reply(&page, r, e);
}

/* `current` is the one that the request came with. */
static const char *token_of(const struct request *r)
{
    const char *id = request_param(r, "id");

    return str_equal(id, "current") ? request_actor(r)->token : id;
}

int tokens_show(struct request *r, struct err *e)
{
    AUTO(token) token = NULL;

    if (query_none(r, e) < 0 || token_get(request_user(r), request_actor(r), token_of(r), &token, e) < 0)
        return -1;
    return reply_json(r, 200, token_json(token), e);
}

int tokens_revoke(struct request *r, struct err *e)
{
    if (query_none(r, e) < 0 || token_revoke(request_user(r), request_actor(r), token_of(r), e) < 0)
        return -1;
    return request_reply_empty(r, 204, e);
}
