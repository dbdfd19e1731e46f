/* Verbs about being let in: login, logout, tokens. A token goes into the file of credentials or, when it is made for something
 * else, to stdout. */
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "password.h"

#include "base/cleanup.h"
#include "base/str.h"

static const char default_user[] = "admin";

/* ---- login, logout ---- */
static int login_body(const struct args *a, json_t **out, struct err *e)
{
    const char *user = a->user ? a->user : default_user;
    AUTO_FREE char *prompt = str_printf("Password of %s: ", user);
    char *password = NULL;

    if (!prompt)
        return no_memory(e);
    if (password_read(prompt, &password, e) < 0)
        return -1;
    *out = json_pack("{s:s, s:s, s:s*, s:s}", "user", user, "password", password, "project", a->project, "name", "computectl");
    str_wipe(password);
    return *out ? 0 : err_set(e, ERR_INVALID, "names and passwords must be UTF-8");
}

static int keep(const struct cli *cli, const json_t *answer, struct err *e)
{
    AUTO_CREDENTIALS fresh = {
        .url = str_dup(cli->url),
        .token = str_dup(text_member(answer, "token")),
        .expires_at = str_dup(json_string_value(json_object_get(answer, "expires_at"))),
    };

    return fresh.url && fresh.token ? credentials_save(&fresh, e) : no_memory(e);
}

int login(struct cli *cli, struct err *e)
{
    AUTO_JSON body = NULL;
    AUTO_JSON answer = NULL;

    /* The project is the token's here, and no old token may be in the way. */
    if (client_set_project(cli->client, NULL, e) < 0 || client_set_token(cli->client, NULL, e) < 0)
        return -1;
    if (login_body(cli->args, &body, e) < 0 || client_call(cli->client, "POST", "/v1/tokens", body, &answer, e) < 0)
        return -1;
    if (keep(cli, answer, e) < 0)
        return -1;
    (void)json_object_del(answer, "token");
    return show(cli, answer);
}

int logout(struct cli *cli, struct err *e)
{
    int rc = client_call(cli->client, "DELETE", "/v1/tokens/current", NULL, NULL, e);

    if (rc < 0 && e->code != ERR_UNAUTHORIZED) /* which says that the token has ended before */
        return -1;
    return str_equal(cli->kept->url, cli->url) ? credentials_forget(e) : rc;
}

int whoami(struct cli *cli, struct err *e)
{
    return get_and_show(cli, "/v1/me", e);
}

/* ---- tokens ---- */
int token_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_PLAIN },       { "NAME", "name", COLUMN_PLAIN },          { "PROJECT", "project", COLUMN_PLAIN },
        { "ROLES", "roles", COLUMN_PLAIN }, { "EXPIRES", "expires_at", COLUMN_PLAIN },
    };

    return get_and_print(cli, LISTING("/v1/tokens?limit=1000", "tokens", columns, NULL), e);
}

static int token_body(const struct args *a, json_t **out, struct err *e)
{
    AUTO_JSON body = json_pack("{s:s*, s:s*}", "name", a->new_name, "project", a->project);
    json_t *roles = a->roles.count > 0 ? json_array() : NULL;
    uint64_t seconds;

    for (size_t i = 0; i < a->roles.count; i++)
        (void)json_array_append_new(roles, json_string(a->roles.items[i]));
    if (roles)
        add_value(&body, "roles", roles);
    if (a->lifetime && args_seconds(a->lifetime, &seconds) == 0)
        add_value(&body, "lifetime_s", json_integer((json_int_t)seconds));
    *out = TAKE(body);
    return *out ? 0 : err_set(e, ERR_INVALID, "names must be UTF-8");
}

/* The secret goes to stdout alone, so that it can be redirected. */
int token_create(struct cli *cli, struct err *e)
{
    AUTO_JSON body = NULL;
    AUTO_JSON answer = NULL;

    if (client_set_project(cli->client, NULL, e) < 0 || token_body(cli->args, &body, e) < 0 ||
        client_call(cli->client, "POST", "/v1/tokens", body, &answer, e) < 0)
        return -1;
    if (cli->args->is_json)
        return show(cli, answer);
    fprintf(stderr, "token %s, until %s\n", text_member(answer, "id"), text_member(answer, "expires_at"));
    return puts(text_member(answer, "token")) < 0 ? err_set(e, ERR_INTERNAL, "the token could not be printed") : 0;
}

int token_revoke(struct cli *cli, struct err *e)
{
    return call(cli, "DELETE", "/v1/tokens/{}", NULL, NULL, e);
}
