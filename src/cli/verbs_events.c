/* What happened: all that is left, or as it happens. A line each; with --json, the event itself. */
#include <stdio.h>
#include <string.h>

#include "calls.h"

#include "base/str.h"

/* Events that are gone are no detail. */
static void print_gap(const json_t *gap)
{
    fprintf(stderr, "computectl: events behind %lld and before %lld are gone\n",
            (long long)json_integer_value(json_object_get(gap, "since")),
            (long long)json_integer_value(json_object_get(gap, "oldest")));
}

static void print_event(const struct cli *cli, const json_t *event)
{
    const json_t *data = json_object_get(event, "data");
    const char *name = text_member(data, "name"), *status = text_member(data, "status"), *now = text_member(data, "new_status");
    AUTO_FREE char *text = cli->args->is_json ? json_text(event) : NULL;

    if (cli->args->is_json)
        (void)printf("%s\n", text ? text : "");
    else
        (void)printf("%8lld  %s  %-18s  %s  %s%s%s\n", (long long)json_integer_value(json_object_get(event, "seq")),
                     text_member(event, "at"), text_member(event, "type"), text_member(event, "resource"), name,
                     name[0] && (now[0] || status[0]) ? " " : "", now[0] ? now : status);
    (void)fflush(stdout);
}

/* The path with the options that were given, escaped; since and types may be NULL. */
static char *events_path(struct cli *cli, const char *since, const char *types)
{
    AUTO_FREE char *behind = since ? client_path(cli->client, "since={}", since) : str_dup("");
    AUTO_FREE char *only = types ? client_path(cli->client, "types={}", types) : str_dup("");

    if (!behind || !only)
        return NULL;
    return str_printf("/v1/events?limit=1000%s%s%s%s", behind[0] ? "&" : "", behind, only[0] ? "&" : "", only);
}

static int print_pages(struct cli *cli, const char *path, struct err *e)
{
    AUTO_FREE char *next = str_dup(path);
    const json_t *event;
    size_t i;

    while (next) {
        AUTO_JSON page = NULL;

        if (client_call(cli->client, "GET", next, NULL, &page, e) < 0)
            return -1;
        if (json_is_object(json_object_get(page, "gap")))
            print_gap(json_object_get(page, "gap"));
        json_array_foreach(json_object_get(page, "events"), i, event)
        {
            print_event(cli, event);
        }
        free(next);
        next = str_dup(json_string_value(json_object_get(page, "next")));
    }
    return 0;
}

struct following {
    const struct cli *cli;
    long long last; /* the number of the last event; 0: none yet */
};

static void on_line(void *arg, const char *line)
{
    static const char data[] = "data: ";
    struct following *f = arg;
    struct err ignored = ERR_INIT;
    AUTO_JSON object = NULL;

    if (!str_starts_with(line, data) || json_parse(line + strlen(data), strlen(line) - strlen(data), &object, &ignored) < 0)
        return;
    if (str_equal(text_member(object, "type"), "gap")) {
        print_gap(object);
        return;
    }
    f->last = (long long)json_integer_value(json_object_get(object, "seq"));
    print_event(f->cli, object);
}

static int follow_stream(struct cli *cli, const char *path, struct err *e)
{
    struct following f = { .cli = cli };

    if (client_follow(cli->client, path, on_line, &f, e) < 0)
        return -1;
    if (f.last > 0)
        return err_set(e, ERR_UNAVAILABLE, "the daemon has ended the stream; go on with --since %lld", f.last);
    return err_set(e, ERR_UNAVAILABLE, "the daemon has ended the stream");
}

int events(struct cli *cli, struct err *e)
{
    AUTO_FREE char *path = events_path(cli, cli->args->since, cli->args->types);

    if (!path)
        return no_memory(e);
    return cli->args->follow ? follow_stream(cli, path, e) : print_pages(cli, path, e);
}
