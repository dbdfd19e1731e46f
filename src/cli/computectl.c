/* computectl: the command line client. It knows nothing of the daemon but its HTTP. Exit status: 0 done, 1 failed, 2 wrong usage.
 */
#include <stdio.h>

#include "args.h"
#include "client.h"
#include "help.h"
#include "verbs.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int report(const struct err *e)
{
    err_print(e, "computectl");
    return EXIT_FAILED;
}

static int prepare(struct client *client, const struct args *args, const char *token, struct err *e)
{
    if (args->cacert && client_trust(client, args->cacert, e) < 0)
        return -1;
    return client_set_token(client, token, e) < 0 ? -1 : client_set_project(client, args->project, e);
}

static int run(const struct args *args)
{
    AUTO(client) client = NULL;
    AUTO_CREDENTIALS kept = { 0 };
    struct err e = ERR_INIT;

    if (credentials_load(&kept, &e) < 0)
        return report(&e);
    const char *url = credentials_url(&kept, args->url);
    if (client_new(url, &client, &e) < 0 || prepare(client, args, credentials_token(&kept, url), &e) < 0)
        return report(&e);
    struct cli cli = { .args = args, .client = client, .url = url, .kept = &kept };
    if (args->verb->run(&cli, &e) == 0)
        return EXIT_DONE;
    if (e.code == ERR_UNAUTHORIZED)
        (void)err_detail(&e, "`computectl login` gets a token for %s", url);
    return report(&e);
}

/* What there is no verb for has no help. */
static int print_help(const struct args *args)
{
    struct err e = ERR_INIT;

    if (help_print(args->topic, args->topic_verb))
        return EXIT_DONE;
    (void)err_set(&e, ERR_INVALID, "there is no '%s%s%s'", args->topic, args->topic_verb ? " " : "",
                  args->topic_verb ? args->topic_verb : "");
    (void)err_detail(&e, "`computectl --help` tells what there is");
    err_print(&e, "computectl");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct args args;

    if (args_parse(argc, argv, verbs, verb_count, &args, &e) < 0) {
        err_print(&e, "computectl");
        return EXIT_USAGE;
    }
    if (args.is_help)
        return print_help(&args);
    if (args.is_version)
        printf("computectl %s\n", COMPUTED_VERSION);
    else
        return run(&args);
    return EXIT_DONE;
}
