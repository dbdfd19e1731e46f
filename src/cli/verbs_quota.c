/* Verbs about what a project may have, and who did what. */
#include <stdio.h>
#include <string.h>

#include "calls.h"

#include "base/cleanup.h"
#include "base/str.h"

enum { AUDIT_LINES = 100, AUDIT_LINES_MAX = 1000 };

/* ---- quota ---- */

/* A row for each resource. */
static json_t *limit_rows(const json_t *quota)
{
    json_t *rows = json_array();
    const char *name;
    json_t *row;

    json_object_foreach(json_object_get(quota, "limits"), name, row)
    {
        (void)json_object_set_new(row, "resource", json_string(name));
        (void)json_array_append(rows, row);
    }
    return rows;
}

static int show_quota(const struct cli *cli, const json_t *quota)
{
    static const struct column columns[] = {
        { "RESOURCE", "resource", COLUMN_PLAIN },
        { "USED", "used", COLUMN_PLAIN },
        { "LIMIT", "limit", COLUMN_PLAIN },
    };

    if (cli->args->is_json)
        return show(cli, quota);
    AUTO_JSON rows = limit_rows(quota);
    print_table(rows, columns, ARRAY_LEN(columns));
    return 0;
}

int quota_show(struct cli *cli, struct err *e)
{
    AUTO_JSON quota = NULL;

    return client_call(cli->client, "GET", "/v1/quota", NULL, &quota, e) < 0 ? -1 : show_quota(cli, quota);
}

/* "10", "none", "default", as the daemon takes it; NULL: neither. */
static json_t *limit_of(const char *text)
{
    uint64_t max;

    if (str_equal(text, "none"))
        return json_null();
    if (str_equal(text, "default"))
        return json_string(text);
    return str_to_u64(text, INT64_MAX, &max) < 0 ? NULL : json_integer((json_int_t)max);
}

/* Adds one "vms=10". */
static int add_limit(json_t **body, const char *word, struct err *e)
{
    const char *equals = strchr(word, '=');
    AUTO_FREE char *name = equals ? strndup(word, (size_t)(equals - word)) : NULL;
    json_t *limit = name ? limit_of(equals + 1) : NULL;

    if (!limit)
        return err_set(e, ERR_INVALID, "--limit wants RESOURCE=N, RESOURCE=none or RESOURCE=default, not '%s'", word);
    add_value(body, name, limit);
    return *body ? 0 : err_set(e, ERR_INVALID, "--limit must be UTF-8");
}

int quota_set(struct cli *cli, struct err *e)
{
    const struct args_list *limits = &cli->args->limits;
    AUTO_JSON body = json_object();
    AUTO_JSON quota = NULL;

    for (size_t i = 0; i < limits->count; i++)
        if (add_limit(&body, limits->items[i], e) < 0)
            return -1;
    return call(cli, "PUT", "/v1/projects/{}/quota", body, &quota, e) < 0 ? -1 : show_quota(cli, quota);
}

/* ---- audit ---- */

static int add_filter(struct cli *cli, char **path, const char *pattern, const char *value)
{
    AUTO_FREE char *filter = value ? client_path(cli->client, pattern, value) : NULL;
    char *longer = filter ? str_printf("%s%s", *path, filter) : NULL;

    if (!value)
        return 0;
    free(*path);
    *path = longer;
    return longer ? 0 : -1;
}

/* The newest lines, the newest first: the whole of it is long. */
int audit_list(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "AT", "at", COLUMN_PLAIN },           { "USER", "user", COLUMN_PLAIN },         { "PROJECT", "project", COLUMN_PLAIN },
        { "ACTION", "action", COLUMN_PLAIN },   { "RESOURCE", "resource", COLUMN_PLAIN }, { "OUTCOME", "outcome", COLUMN_PLAIN },
        { "ADDRESS", "address", COLUMN_PLAIN },
    };
    uint64_t lines = cli->args->lines > 0 ? cli->args->lines : AUDIT_LINES;
    AUTO_FREE char *path = NULL;
    AUTO_JSON answer = NULL;

    if (lines > AUDIT_LINES_MAX)
        return err_set(e, ERR_INVALID, "--lines is at most %d here", AUDIT_LINES_MAX);
    path = str_printf("/v1/audit?limit=%llu", (unsigned long long)lines);
    if (!path || add_filter(cli, &path, "&user={}", cli->args->user) < 0 ||
        add_filter(cli, &path, "&action={}", cli->args->action) < 0)
        return no_memory(e);
    if (client_call(cli->client, "GET", path, NULL, &answer, e) < 0)
        return -1;
    if (cli->args->is_json)
        return show(cli, answer);
    print_table(json_object_get(answer, "audit"), columns, ARRAY_LEN(columns));
    return 0;
}
