/* main: arguments, signals, exit codes. Everything else is app's. */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "app.h"
#include "config.h"
#include "doctor_main.h"
#include "init_main.h"
#include "rescue.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "disk/transfer.h"

enum { EXIT_USAGE = 2, DESCRIPTORS = 4096 };
enum option_code {
    OPT_CONFIG = 'c',
    OPT_HELP = 'h',
    OPT_VERSION = 'V',
    OPT_CHECK = 256,
    OPT_PRINT,
    OPT_DEFAULTS,
    OPT_ROUTES,
    OPT_FAILPOINTS
};

static const struct option options[] = {
    { "config", required_argument, NULL, OPT_CONFIG },
    { "check-config", no_argument, NULL, OPT_CHECK },
    { "print-config", no_argument, NULL, OPT_PRINT },
    { "print-defaults", no_argument, NULL, OPT_DEFAULTS },
    { "print-routes", no_argument, NULL, OPT_ROUTES },
    { "list-failpoints", no_argument, NULL, OPT_FAILPOINTS },
    { "version", no_argument, NULL, OPT_VERSION },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

static void print_help(FILE *to)
{
    (void)fprintf(to, "usage: computed [--config FILE]\n"
                      "       computed doctor [OPTION]...  what does not fit (computed doctor --help)\n"
                      "       computed init                gives the first administrator a password\n"
                      "       computed backup FILE         copies the database, also while in use\n"
                      "       computed restore FILE        puts such a copy in its place\n"
                      "\n"
                      "Creates, lists, controls and deletes virtual machines on libvirt over REST.\n"
                      "\n"
                      "  -c, --config FILE      read FILE (default: /etc/computed/computed.conf)\n"
                      "      --check-config     say what is wrong with the configuration, and exit\n"
                      "      --print-config     print the configuration, each key with its meaning\n"
                      "      --print-defaults   print such a file of the defaults, all commented out\n"
                      "      --print-routes     print method, path, action and role of every route\n"
                      "      --list-failpoints  print where a test build can be made to fail\n"
                      "  -V, --version          print the version and exit\n"
                      "  -h, --help             print this and exit\n"
                      "\n"
                      "Every key is also an environment variable: COMPUTED_LISTEN, COMPUTED_STATE_DIR.\n"
                      "SIGHUP reads tls_cert and tls_key again; SIGTERM and SIGINT finish or park what\n"
                      "is under way and end the daemon. computed(8) and computed.conf(5) tell more.\n");
}

static int fail(const struct err *e)
{
    if (log_use_journal())
        log_err(LOG_ERROR, "the daemon cannot go on", e, NULL);
    else
        err_print(e, "computed");
    return EXIT_FAILURE;
}

/* Every thread inherits this: signals are for main's sigwait alone, and a client that goes away is an error code, not a signal.
 */
static void block_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* A daemon of a few MiB: two arenas instead of one per thread, and what was a long answer goes back to the kernel. */
static void tune_memory(void)
{
    (void)mallopt(M_ARENA_MAX, 2);
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

/* The usual 1024 would not hold the connections that we let in, beside everything else. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

enum mode { MODE_RUN, MODE_CHECK, MODE_PRINT };

static int run(const char *path, enum mode mode)
{
    AUTO_CONFIG config = { 0 };
    struct err e = ERR_INIT;

    if (config_load(path, &config, &e) < 0 || config_check(&config, &e) < 0 || app_check_routes(&e) < 0)
        return fail(&e);
    if (mode == MODE_PRINT)
        config_print(&config, stdout);
    if (mode == MODE_CHECK)
        (void)printf("computed: the configuration is good\n");
    if (mode != MODE_RUN)
        return EXIT_SUCCESS;
    log_set_level(config.log_level);
    (void)log_use_journal();
    block_signals();
    raise_descriptor_limit();
    return app_run(&config, &e) < 0 ? fail(&e) : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    enum mode mode = MODE_RUN;

    /* Not a mode for people: how the daemon starts its own helper processes. */
    if (argc == 2 && strcmp(argv[1], "--fetch") == 0)
        return transfer_child_main();
    if (argc > 1 && strcmp(argv[1], "doctor") == 0)
        return doctor_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "init") == 0)
        return init_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "backup") == 0)
        return backup_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "restore") == 0)
        return restore_main(argc - 1, argv + 1);
    tune_memory();
    for (int opt = getopt_long(argc, argv, "c:hV", options, NULL); opt != -1;
         opt = getopt_long(argc, argv, "c:hV", options, NULL)) {
        switch (opt) {
        case OPT_CONFIG:
            path = optarg;
            break;
        case OPT_CHECK:
            mode = MODE_CHECK;
            break;
        case OPT_PRINT:
            mode = MODE_PRINT;
            break;
        case OPT_DEFAULTS:
            config_print_defaults(stdout);
            return EXIT_SUCCESS;
        case OPT_ROUTES:
            app_print_routes();
            return EXIT_SUCCESS;
        case OPT_FAILPOINTS:
            failpoint_list();
            return EXIT_SUCCESS;
        case OPT_VERSION:
            (void)printf("computed %s\n", COMPUTED_VERSION);
            return EXIT_SUCCESS;
        case OPT_HELP:
            print_help(stdout);
            return EXIT_SUCCESS;
        default:
            print_help(stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    return run(path, mode);
}
