/* init_main: the first administrator's password, made at random and printed once; and a new one for who has lost it. The daemon
 * must be down: it holds the lock of state_dir. */
#include "init_main.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "state.h"

#include "base/cleanup.h"
#include "core/user.h"

enum { EXIT_HAS_ONE = 1, EXIT_NOTHING = 2, OPT_RESET = 256 };

static const char help[] = "usage: computed init [--config FILE] [--reset-password]\n"
                           "\n"
                           "Gives the user `admin` a random password, prints it once, and makes sure that it\n"
                           "is an enabled administrator of the project `default`. Makes the database when\n"
                           "there is none. To be run by the user that the daemon runs as, or by root, while\n"
                           "it does not run.\n"
                           "\n"
                           "  -c, --config FILE      read FILE, as computed does\n"
                           "      --reset-password   also when it has one, which ends, and its tokens too\n"
                           "  -h, --help             print this and exit\n"
                           "\n"
                           "Exit code: 0 the password is the last line, 1 it has one already, 2 not done.\n";

static int init(const struct config *config, bool is_again, struct err *e)
{
    AUTO(disk) disk = NULL;
    AUTO(store) store = NULL;
    char password[32];

    if (state_open(config->state_dir, &disk, &store, e) < 0)
        return e->code == ERR_CONFLICT ? err_set(e, ERR_CONFIG, "the daemon runs; stop it first") : -1;
    if (user_init_admin(store, is_again, password, e) < 0)
        return -1;
    (void)printf(
        "computed: user 'admin' has a new password. With auth=token in the configuration, start the daemon, and\n"
        "          `computectl login --user admin` asks for it. It is kept nowhere: this is the only time that it is shown.\n"
        "%s\n",
        password);
    explicit_bzero(password, sizeof password);
    return 0;
}

static int run(const char *config_path, bool is_again)
{
    AUTO_CONFIG config = { 0 };
    struct err e = ERR_INIT;

    if (config_load(config_path, &config, &e) == 0 && config_check(&config, &e) == 0 && init(&config, is_again, &e) == 0)
        return EXIT_SUCCESS;
    err_print(&e, "computed init");
    if (e.code != ERR_CONFLICT)
        return EXIT_NOTHING;
    (void)fprintf(stderr, "computed init: --reset-password gives it a new one\n");
    return EXIT_HAS_ONE;
}

int init_main(int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "reset-password", no_argument, NULL, OPT_RESET },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *config_path = NULL;
    bool is_again = false;

    for (int opt = getopt_long(argc, argv, "c:h", options, NULL); opt != -1;
         opt = getopt_long(argc, argv, "c:h", options, NULL)) {
        if (opt == 'c') {
            config_path = optarg;
        } else if (opt == OPT_RESET) {
            is_again = true;
        } else {
            (void)fputs(help, opt == 'h' ? stdout : stderr);
            return opt == 'h' ? EXIT_SUCCESS : EXIT_NOTHING;
        }
    }
    if (optind < argc) {
        (void)fputs(help, stderr);
        return EXIT_NOTHING;
    }
    return run(config_path, is_again);
}
