/* Calls, lists in pages, operations to their end. Which calls a verb makes is in verbs*.c. */
#include "calls.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum { OPERATION_WAIT_S = 3600 }; /* every operation has a deadline of its own in the daemon, and ends before this */

int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

const char *text_member(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s ? s : "";
}

/* ---- calls and answers ---- */

int call(struct cli *cli, const char *method, const char *pattern, const json_t *body, json_t **out, struct err *e)
{
    bool has_operand = strstr(pattern, "{}") != NULL;
    AUTO_FREE char *path = has_operand ? client_path(cli->client, pattern, cli->args->operands[0]) : str_dup(pattern);

    return path ? client_call(cli->client, method, path, body, out, e) : no_memory(e);
}

int show(const struct cli *cli, const json_t *object)
{
    if (cli->args->is_json)
        print_json(object);
    else
        print_members(object);
    return 0;
}

int call_and_show(struct cli *cli, const char *method, const char *pattern, const json_t *body, struct err *e)
{
    AUTO_JSON answer = NULL;

    return call(cli, method, pattern, body, &answer, e) < 0 ? -1 : show(cli, answer);
}

int get_and_show(struct cli *cli, const char *pattern, struct err *e)
{
    return call_and_show(cli, "GET", pattern, NULL, e);
}

/* A whole list, page after page, as one answer. */
static int get_all(struct cli *cli, const char *path, const char *key, json_t **out, struct err *e)
{
    AUTO_FREE char *next = str_dup(path);
    AUTO_JSON whole = NULL;

    while (next) {
        AUTO_JSON page = NULL;

        if (client_call(cli->client, "GET", next, NULL, &page, e) < 0)
            return -1;
        free(next);
        next = str_dup(json_string_value(json_object_get(page, "next")));
        if (!whole)
            whole = json_incref(page);
        else if (json_array_extend(json_object_get(whole, key), json_object_get(page, key)) < 0)
            return no_memory(e);
    }
    if (!whole)
        return no_memory(e);
    (void)json_object_set_new(whole, "next", json_null());
    *out = TAKE(whole);
    return 0;
}

int get_and_print(struct cli *cli, const struct listing *l, struct err *e)
{
    AUTO_JSON answer = NULL;

    if (get_all(cli, l->path, l->key, &answer, e) < 0)
        return -1;
    const json_t *rows = json_object_get(answer, l->key);
    if (cli->args->is_json) {
        print_json(answer);
    } else if (cli->args->is_names) {
        print_column(rows, &l->columns[0]);
    } else {
        for (size_t i = 0; l->prepare && i < json_array_size(rows); i++)
            l->prepare(json_array_get(rows, i));
        print_table(rows, l->columns, l->column_count);
    }
    if (json_is_true(json_object_get(answer, "stale")))
        fprintf(stderr, "computectl: libvirt did not answer in time: this is what was last known\n");
    return 0;
}

/* ---- operations ---- */

/* "vm.create  40 %", and the bytes of what moves bytes. */
static void tell_progress(const json_t *operation)
{
    const json_t *details = json_object_get(operation, "details");
    json_int_t bytes = json_integer_value(json_object_get(details, "bytes"));
    json_int_t rate = json_integer_value(json_object_get(details, "rate_bytes_s"));

    fprintf(stderr, "\r\033[K  %s %lld %%", text_member(operation, "kind"),
            (long long)json_integer_value(json_object_get(operation, "progress")));
    if (bytes > 0)
        fprintf(stderr, ", %lld MiB at %.1f MiB/s", (long long)(bytes >> 20), (double)rate / (1 << 20));
}

/* 1: it has ended well, 0: it has not ended. */
static int look(struct cli *cli, const char *path, json_t **out, struct err *e)
{
    AUTO_JSON operation = NULL;

    if (client_call(cli->client, "GET", path, NULL, &operation, e) < 0)
        return -1;
    const char *status = text_member(operation, "status");
    const json_t *error = json_object_get(operation, "error");
    if (strcmp(status, "failed") == 0)
        return err_set(e, ERR_INTERNAL, "%s: %s (operation %s)", text_member(error, "code"), text_member(error, "message"),
                       text_member(operation, "id"));
    bool has_ended = strcmp(status, "succeeded") == 0;
    *out = TAKE(operation);
    return has_ended ? 1 : 0;
}

int wait_for(struct cli *cli, const char *id, json_t **out, struct err *e)
{
    bool is_watched = isatty(STDERR_FILENO) == 1;
    AUTO_FREE char *path = client_path(cli->client, is_watched ? "/v1/operations/{}?wait=1" : "/v1/operations/{}?wait=30", id);
    int64_t end = clock_boot_ms() + OPERATION_WAIT_S * INT64_C(1000);
    int has_ended = 0;

    if (!path)
        return no_memory(e);
    while (has_ended == 0 && clock_boot_ms() < end) {
        AUTO_JSON operation = NULL;

        has_ended = look(cli, path, &operation, e);
        if (has_ended == 0 && is_watched)
            tell_progress(operation);
        if (has_ended == 1)
            *out = TAKE(operation);
    }
    if (is_watched)
        fputs("\r\033[K", stderr);
    if (has_ended == 0)
        return err_set(e, ERR_TIMEOUT, "operation %s did not end in %d s", id, OPERATION_WAIT_S);
    return has_ended == 1 ? 0 : -1;
}

int follow(struct cli *cli, json_t *operation, struct err *e)
{
    AUTO_JSON ended = NULL;

    if (cli->args->wait && wait_for(cli, text_member(operation, "id"), &ended, e) < 0)
        return -1;
    const json_t *last = ended ? ended : operation;
    if (cli->args->is_json)
        print_json(last);
    else
        printf("%s %s (operation %s)\n", text_member(last, "kind"), text_member(last, "status"), text_member(last, "id"));
    return 0;
}

int call_and_follow(struct cli *cli, const char *method, const char *pattern, struct err *e)
{
    AUTO_JSON body = cli->args->force ? json_pack("{s:b}", "force", 1) : NULL;
    AUTO_JSON operation = NULL;

    return call(cli, method, pattern, body, &operation, e) < 0 ? -1 : follow(cli, operation, e);
}

/* ---- bodies ---- */

void add_value(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new(*object, key, value) == 0)
        return;
    json_decref(*object);
    *object = NULL;
}

void add_text(json_t **object, const char *key, const char *text)
{
    if (text)
        add_value(object, key, json_string(text));
}

int properties_of(const struct args_list *words, json_t **out, struct err *e)
{
    AUTO_JSON properties = json_object();

    for (size_t i = 0; i < words->count; i++) {
        const char *equals = strchr(words->items[i], '=');
        AUTO_FREE char *key = equals ? strndup(words->items[i], (size_t)(equals - words->items[i])) : NULL;

        if (!equals || equals == words->items[i])
            return err_set(e, ERR_INVALID, "--property wants NAME=VALUE, not '%s'", words->items[i]);
        if (!key)
            return no_memory(e);
        add_text(&properties, key, equals + 1);
    }
    if (!properties)
        return err_set(e, ERR_INVALID, "properties must be UTF-8");
    *out = TAKE(properties);
    return 0;
}
