/* computectl: the command line client. It knows nothing of the daemon but its HTTP. Exit status: 0 done, 1 failed, 2 wrong usage.
 */
#include <stdio.h>

#include "args.h"
#include "client.h"
#include "verbs.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char default_url[] = "http://127.0.0.1:8081";

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
        "\n  --url URL   http://HOST:PORT or unix:/PATH; else $COMPUTED_URL, else %s\n"
        "  --json      the daemon's answer as it is\n"
        "  --wait      until the operation has ended; fails when it does. --wait=ready: until the guest itself says that it is\n"
        "              up; the address is printed then\n"
        "  TIME is 90s, 10min, 2h or 7d; 0: for ever. --property, --ssh-key and --network may be given several times.\n"
        "  NAME may be an id. Exit status: 0 done, 1 failed, 2 wrong usage.\n",
        default_url);
}

static int report(const struct err *e)
{
    err_print(e, "computectl");
    return EXIT_FAILED;
}

static int run(const struct args *args)
{
    AUTO(client) client = NULL;
    struct err e = ERR_INIT;

    if (client_new(args->url ? args->url : default_url, &client, &e) < 0)
        return report(&e);
    struct cli cli = { .args = args, .client = client };
    if (args->verb->run(&cli, &e) < 0)
        return report(&e);
    return EXIT_DONE;
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
