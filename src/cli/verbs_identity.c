/* Verbs about users, projects and roles. */
#include <string.h>

#include "calls.h"
#include "password.h"

#include "base/cleanup.h"
#include "base/str.h"

static int change(struct cli *cli, const char *pattern, const char *key, json_t *value, struct err *e)
{
    AUTO_JSON body = json_object();

    add_value(&body, key, value);
    return body ? call(cli, "PATCH", pattern, body, NULL, e) : no_memory(e);
}

/* {"name", "description"} */
static json_t *new_body(const struct args *a)
{
    return json_pack("{s:s, s:s*}", "name", a->operands[0], "description", a->description);
}

/* ---- users ---- */
int user_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_PLAIN },
        { "ENABLED", "enabled", COLUMN_PLAIN },
        { "DESCRIPTION", "description", COLUMN_PLAIN },
        { "ID", "id", COLUMN_PLAIN },
    };

    return get_and_print(cli, LISTING("/v1/users?limit=1000", "users", columns, NULL), e);
}

/* Adds the password that `read` gets. */
static int add_password(json_t **body, const char *key, const char *prompt, int (*read)(const char *, char **, struct err *),
                        struct err *e)
{
    char *password = NULL;

    if (read(prompt, &password, e) < 0)
        return -1;
    add_text(body, key, password);
    str_wipe(password);
    return *body ? 0 : err_set(e, ERR_INVALID, "a password must be UTF-8");
}

int user_create(struct cli *cli, struct err *e)
{
    AUTO_JSON body = new_body(cli->args);
    AUTO_JSON user = NULL;

    if (!body)
        return err_set(e, ERR_INVALID, "the name must be UTF-8");
    if (add_password(&body, "password", "New password: ", password_read_new, e) < 0)
        return -1;
    return client_call(cli->client, "POST", "/v1/users", body, &user, e) < 0 ? -1 : show(cli, user);
}

static int is_oneself(struct cli *cli, const char *ref, bool *out, struct err *e)
{
    AUTO_JSON me = NULL;

    if (client_call(cli->client, "GET", "/v1/me", NULL, &me, e) < 0)
        return -1;
    *out = str_equal(text_member(me, "auth"), "token") &&
           (str_equal(text_member(me, "user"), ref) || str_equal(text_member(me, "user_name"), ref));
    return 0;
}

int user_set_password(struct cli *cli, struct err *e)
{
    AUTO_JSON body = json_object();
    bool is_own;

    if (is_oneself(cli, cli->args->operands[0], &is_own, e) < 0)
        return -1;
    if (is_own && add_password(&body, "original_password", "Password as it is now: ", password_read, e) < 0)
        return -1;
    if (add_password(&body, "password", "New password: ", password_read_new, e) < 0)
        return -1;
    return call(cli, "PATCH", "/v1/users/{}", body, NULL, e);
}

int user_enable(struct cli *cli, struct err *e)
{
    return change(cli, "/v1/users/{}", "enabled", json_true(), e);
}

int user_disable(struct cli *cli, struct err *e)
{
    return change(cli, "/v1/users/{}", "enabled", json_false(), e);
}

int user_delete(struct cli *cli, struct err *e)
{
    return call(cli, "DELETE", "/v1/users/{}", NULL, NULL, e);
}

/* ---- projects ---- */
int project_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_PLAIN },
        { "ENABLED", "enabled", COLUMN_PLAIN },
        { "DESCRIPTION", "description", COLUMN_PLAIN },
        { "ID", "id", COLUMN_PLAIN },
    };

    return get_and_print(cli, LISTING("/v1/projects?limit=1000", "projects", columns, NULL), e);
}

int project_create(struct cli *cli, struct err *e)
{
    AUTO_JSON body = new_body(cli->args);
    AUTO_JSON project = NULL;

    if (!body)
        return err_set(e, ERR_INVALID, "the name must be UTF-8");
    return client_call(cli->client, "POST", "/v1/projects", body, &project, e) < 0 ? -1 : show(cli, project);
}

int project_enable(struct cli *cli, struct err *e)
{
    return change(cli, "/v1/projects/{}", "enabled", json_true(), e);
}

int project_disable(struct cli *cli, struct err *e)
{
    return change(cli, "/v1/projects/{}", "enabled", json_false(), e);
}

int project_delete(struct cli *cli, struct err *e)
{
    return call(cli, "DELETE", "/v1/projects/{}", NULL, NULL, e);
}

/* ---- roles ---- */
int role_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "USER", "user_name", COLUMN_PLAIN },
        { "PROJECT", "project_name", COLUMN_PLAIN },
        { "ROLE", "role", COLUMN_PLAIN },
    };
    const char *user = cli->args->user;
    AUTO_FREE char *path =
        user ? client_path(cli->client, "/v1/role-assignments?user={}", user) : str_dup("/v1/role-assignments");

    return path ? get_and_print(cli, LISTING(path, "role_assignments", columns, NULL), e) : no_memory(e);
}

/* The operands USER PROJECT ROLE. */
static int assign(struct cli *cli, const char *method, struct err *e)
{
    const char *const *words = cli->args->operands;
    AUTO_FREE char *project = client_path(cli->client, "/v1/projects/{}/users/{}/roles/{}", words[1]);
    AUTO_FREE char *user = project ? client_path(cli->client, project, words[0]) : NULL; /* an escaped word holds no {} */
    AUTO_FREE char *path = user ? client_path(cli->client, user, words[2]) : NULL;

    return path ? client_call(cli->client, method, path, NULL, NULL, e) : no_memory(e);
}

int role_grant(struct cli *cli, struct err *e)
{
    return assign(cli, "PUT", e);
}

int role_revoke(struct cli *cli, struct err *e)
{
    return assign(cli, "DELETE", e);
}
