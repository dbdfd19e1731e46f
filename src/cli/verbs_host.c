/* Verbs about the host: what it has, its maintenance, its guests when it shuts down and when it is there again. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "calls.h"

#include "base/clock.h"

/* libvirt may need a while after the host's start; and what is asked again in a round is what was held by something else, or has
 * failed. */
enum { UNAVAILABLE_WAIT_S = 300, UNAVAILABLE_POLL_S = 1, ROUNDS_MAX = 5 };

/* Its capacity, a row for each thing that can run out. */
static json_t *capacity_rows(const json_t *host)
{
    json_t *rows = json_array();
    const char *name;
    json_t *row;

    json_object_foreach(json_object_get(host, "capacity"), name, row)
    {
        (void)json_object_set_new(row, "name", json_string(name));
        (void)json_array_append(rows, row);
    }
    return rows;
}

int host_show(struct cli *cli, struct err *e)
{
    static const struct column columns[] = {
        { "WHAT", "name", COLUMN_PLAIN },           { "REAL", "real", COLUMN_PLAIN },
        { "AVAILABLE", "available", COLUMN_PLAIN }, { "OVERCOMMIT", "overcommit", COLUMN_PLAIN },
        { "LIMIT", "limit", COLUMN_PLAIN },         { "PROMISED", "promised", COLUMN_PLAIN },
    };
    AUTO_JSON host = NULL;

    if (client_call(cli->client, "GET", "/v1/host", NULL, &host, e) < 0)
        return -1;
    if (cli->args->is_json)
        return show(cli, host);
    AUTO_JSON rows = capacity_rows(host);
    (void)json_object_del(host, "capacity");
    print_members(host);
    print_table(rows, columns, ARRAY_LEN(columns));
    return 0;
}

int host_maintenance(struct cli *cli, struct err *e)
{
    const char *state = cli->args->operands[0], *reason = cli->args->reason;
    AUTO_JSON body = json_object();

    if (strcasecmp(state, "off") == 0 && !reason)
        return client_call(cli->client, "DELETE", "/v1/host/maintenance", NULL, NULL, e);
    if (strcasecmp(state, "on") != 0)
        return err_set(e, ERR_INVALID, "it is: host maintenance on --reason TEXT, or: host maintenance off");
    if (!reason)
        return err_set(e, ERR_INVALID, "--reason is wanted: users who are refused read it");
    add_text(&body, "reason", reason);
    if (!body)
        return err_set(e, ERR_INVALID, "the reason must be UTF-8");
    return call_and_show(cli, "PUT", "/v1/host/maintenance", body, e);
}

/* ---- the guests ---- */

struct round {
    const char *path;
    const json_t *body; /* NULL: none */
    json_t *answer;
};

/* Until the daemon has libvirt, which it may have lost. */
static int ask(struct cli *cli, struct round *r, struct err *e)
{
    const struct timespec pause = { .tv_sec = UNAVAILABLE_POLL_S };
    int64_t end = clock_boot_ms() + UNAVAILABLE_WAIT_S * INT64_C(1000);

    json_decref(r->answer);
    r->answer = NULL;
    while (client_call(cli->client, "POST", r->path, r->body, &r->answer, e) < 0) {
        if (!cli->args->wait || client_status(cli->client) != 503 || clock_boot_ms() > end)
            return -1;
        err_clear(e);
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}

/* A failed one is told, and does not hold up the others. */
static void wait_for_all(struct cli *cli, const json_t *operations)
{
    const json_t *operation;
    size_t i;

    json_array_foreach(operations, i, operation)
    {
        struct err e = ERR_INIT;
        AUTO_JSON ended = NULL;

        if (wait_for(cli, text_member(operation, "id"), &ended, &e) < 0)
            fprintf(stderr, "computectl: %s of VM %s: %s\n", text_member(operation, "kind"), text_member(operation, "target"),
                    e.msg);
    }
}

/* Asks and waits until there is nothing left to wait for. */
static int ask_until_done(struct cli *cli, struct round *r, struct err *e)
{
    size_t left = 0;

    for (int i = 0; i <= ROUNDS_MAX; i++) {
        if (ask(cli, r, e) < 0)
            return -1;
        left = json_array_size(json_object_get(r->answer, "operations"));
        if (left == 0)
            return 0;
        if (i < ROUNDS_MAX)
            wait_for_all(cli, json_object_get(r->answer, "operations"));
    }
    return err_set(e, ERR_CONFLICT, "%zu VM%s been asked for %d times in vain", left, left == 1 ? " has" : "s have", ROUNDS_MAX);
}

/* Whosever they are. */
static int for_all_guests(struct cli *cli, const char *path, const json_t *body, struct err *e)
{
    static const struct column columns[] = {
        { "KIND", "kind", COLUMN_PLAIN },
        { "STATUS", "status", COLUMN_PLAIN },
        { "VM", "target", COLUMN_PLAIN },
        { "OPERATION", "id", COLUMN_PLAIN },
    };
    struct round r = { .path = path, .body = body };
    int rc = client_set_project(cli->client, "*", e);

    if (rc == 0)
        rc = cli->args->wait ? ask_until_done(cli, &r, e) : ask(cli, &r, e);
    AUTO_JSON answer = r.answer;
    if (rc < 0)
        return -1;
    if (cli->args->is_json)
        return show(cli, answer);
    if (!cli->args->wait)
        print_table(json_object_get(answer, "operations"), columns, ARRAY_LEN(columns));
    return 0;
}

int host_stop_guests(struct cli *cli, struct err *e)
{
    AUTO_JSON body = json_object();

    add_text(&body, "action", cli->args->action);
    if (!body)
        return err_set(e, ERR_INVALID, "the action must be UTF-8");
    return for_all_guests(cli, "/v1/host/stop-guests", body, e);
}

int host_start_guests(struct cli *cli, struct err *e)
{
    return for_all_guests(cli, "/v1/host/start-guests", NULL, e);
}
