/* rescue: the command lines that save the database and bring it back. A backup may be made while the daemon runs; the others take
 * the lock of state_dir, so they work while it is down. */
#include "rescue.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "state.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "base/timer.h"
#include "base/xml.h"
#include "core/rebuild.h"
#include "disk/disk.h"
#include "store/backup.h"

enum { EXIT_LEFT = 1, EXIT_NOTHING = 2, VIRT_WAIT_MS = 15000 };

static int fail(const char *who, const struct err *e)
{
    err_print(e, who);
    return EXIT_NOTHING;
}

static int take_lock(const struct config *config, struct disk **out, struct err *e)
{
    if (state_lock(config->state_dir, out, e) == 0)
        return 0;
    return e->code == ERR_CONFLICT ? err_set(e, ERR_CONFLICT, "the daemon runs; stop it first") : -1;
}

/* ---- backup, restore ---- */

typedef int work_fn(const struct config *config, const char *path, const char *file, struct err *e);

static int back_up(const struct config *config, const char *path, const char *file, struct err *e)
{
    (void)config;
    if (store_backup(path, file, e) < 0)
        return -1;
    (void)printf("computed: the database is in %s; `computed restore` brings it back\n", file);
    return 0;
}

/* A sound one is folded into one file before it is moved; a damaged one is kept as it is. */
static int set_aside(const char *path, struct err *e)
{
    AUTO_FREE char *aside = NULL;
    enum store_verdict verdict;
    struct err why = ERR_INIT, ignored = ERR_INIT;

    (void)store_judge(path, &verdict, &why, &ignored);
    if (store_set_aside(path, "replaced", &aside, e) < 0)
        return -1;
    if (aside)
        (void)printf("computed: the old database is kept as %s\n", aside);
    return 0;
}

static int restore(const struct config *config, const char *path, const char *file, struct err *e)
{
    AUTO(disk) disk = NULL;

    if (take_lock(config, &disk, e) < 0 || store_copy_backup(path, file, e) < 0 || set_aside(path, e) < 0 ||
        store_adopt_new(path, e) < 0)
        return -1;
    (void)printf("computed: the database is that of %s; `computed doctor` says what has changed since\n", file);
    return 0;
}

/* What both command lines look like. */
static const struct command {
    const char *who, *help;
    work_fn *work;
} backup_command = { "computed backup",
                     "Writes a copy of the database to FILE, which must not be there, also while the\n"
                     "daemon runs. Images, disks and sidecars are files below state_dir: copy them as\n"
                     "files.\n",
                     back_up },
  restore_command = { "computed restore",
                      "Puts a copy that `computed backup` made in the database's place, while the\n"
                      "daemon is down. The copy is checked first; the old database is kept.\n",
                      restore };

static void print_help(const struct command *c, FILE *to)
{
    (void)fprintf(to, "usage: %s [--config FILE] FILE\n\n%s", c->who, c->help);
}

static int run(const struct command *c, const char *config_path, const char *file)
{
    AUTO_CONFIG config = { 0 };
    AUTO_FREE char *path = NULL;
    struct err e = ERR_INIT;

    if (config_load(config_path, &config, &e) < 0)
        return fail(c->who, &e);
    path = disk_database_path(config.state_dir);
    if (!path)
        (void)err_set(&e, ERR_NO_MEMORY, "out of memory");
    return !path || c->work(&config, path, file, &e) < 0 ? fail(c->who, &e) : EXIT_SUCCESS;
}

static int command_main(const struct command *c, int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *config_path = NULL;

    for (int opt = getopt_long(argc, argv, "c:h", options, NULL); opt != -1;
         opt = getopt_long(argc, argv, "c:h", options, NULL)) {
        if (opt != 'c') {
            print_help(c, opt == 'h' ? stdout : stderr);
            return opt == 'h' ? EXIT_SUCCESS : EXIT_NOTHING;
        }
        config_path = optarg;
    }
    if (optind != argc - 1) {
        print_help(c, stderr);
        return EXIT_NOTHING;
    }
    return run(c, config_path, argv[optind]);
}

int backup_main(int argc, char **argv)
{
    return command_main(&backup_command, argc, argv);
}

int restore_main(int argc, char **argv)
{
    return command_main(&restore_command, argc, argv);
}

/* ---- rebuild ---- */

/* *out is NULL when libvirt does not answer: sidecars are enough for all but what has none. */
static int connect_virt(const struct config *config, struct timer *timer, struct virt **out, struct err *e)
{
    struct virt_config c = {
        .uri = config->libvirt_uri,
        .template_dir = config->template_dir,
        .state_dir = config->state_dir,
        .readers = 1,
        .keepalive_interval_s = 5,
        .keepalive_count = 3,
    };
    AUTO(virt) virt = NULL;

    if (virt_open(&c, timer, &virt, e) < 0)
        return -1;
    if (virt_wait_connected(virt, VIRT_WAIT_MS, e) == 0) {
        *out = TAKE(virt);
        return 0;
    }
    (void)printf("libvirt does not answer: virtual machines without a sidecar are not looked for\n");
    err_clear(e);
    return 0;
}

static int rebuild(const struct config *config, struct rebuild *r, struct err *e)
{
    AUTO(disk) disk = NULL;
    AUTO(timer) timer = NULL;
    AUTO(virt) virt = NULL;

    if (take_lock(config, &disk, e) < 0 || timer_new(&timer, e) < 0 || connect_virt(config, timer, &virt, e) < 0)
        return -1;
    r->disk = disk;
    r->virt = virt;
    return rebuild_run(r, e);
}

int rescue_rebuild(const char *config_path, bool checks_hashes)
{
    AUTO_CONFIG config = { 0 };
    struct rebuild r = { .checks_hashes = checks_hashes, .out = stdout };
    struct err e = ERR_INIT;

    xml_init();
    if (config_load(config_path, &config, &e) < 0 || rebuild(&config, &r, &e) < 0)
        return fail("computed doctor --rebuild", &e);
    (void)printf("%u made, %u left\n", r.made, r.left);
    return r.left > 0 ? EXIT_LEFT : EXIT_SUCCESS;
}
