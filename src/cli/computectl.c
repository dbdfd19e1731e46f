/* computectl: the command line client. It knows nothing of the daemon but its HTTP. Exit status: 0 done, 1 failed, 2 wrong usage.
 */
#include <stdio.h>

#include "args.h"
#include "client.h"
#include "verbs.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static void print_help(void)
{
    printf("computectl: virtual machines of a computed daemon\n\n");
    for (size_t i = 0; i < verb_count; i++) {
        const char *words[] = { verbs[i].noun, verbs[i].name, verbs[i].synopsis };

        printf("  computectl");
        for (size_t w = 0; w < ARRAY_LEN(words); w++)
            printf("%s%s", words[w][0] != '\0' ? " " : "", words[w]);
        putchar('\n');
    }
    printf(
        "\n"
        "  --url URL       http://HOST:PORT, https://HOST:PORT or unix:/PATH; else $COMPUTED_URL, else the last login's,\n"
        "                  else unix:/run/computed/computed.sock when it is there, else http://127.0.0.1:8081\n"
        "  --cacert FILE   certificates (PEM) of the authorities to believe; else $COMPUTED_CACERT, else the system's\n"
        "  --project P     work in this project, by id or name; for administrators, and of a token that is made\n"
        "  --all-projects  work in all of them; for administrators\n"
        "  --json          the daemon's answer as it is\n"
        "  --wait          until the operation has ended; fails when it does. --wait=ready: until the guest itself says that it\n"
        "                  is up; the address is printed then\n"
        "\n"
        "  Passwords are asked for, or read from stdin. login keeps a token for later calls; $COMPUTED_TOKEN goes before it.\n"
        "  TIME is 90s, 10min, 2h or 7d; 0: for ever. What is followed by ... may be given several times.\n"
        "  NAME may be an id. Exit status: 0 done, 1 failed, 2 wrong usage.\n");
}

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

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct args args;

    if (args_parse(argc, argv, verbs, verb_count, &args, &e) < 0) {
        fprintf(stderr, "computectl: %s (computectl --help tells more)\n", e.msg);
        return EXIT_USAGE;
    }
    if (args.is_help)
        print_help();
    else if (args.is_version)
        printf("computectl %s\n", COMPUTED_VERSION);
    else
        return run(&args);
    return EXIT_DONE;
}
