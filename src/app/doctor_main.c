/* doctor_main: the doctor's command line. It takes the lock of state_dir, so it works while the daemon is down; the running one
 * is asked by `computectl doctor`. */
#include "doctor_main.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "rescue.h"
#include "state.h"

#include "api/doctor.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "base/xml.h"
#include "core/doctor.h"
#include "disk/disk.h"

enum { EXIT_HEALTHY, EXIT_FINDINGS, EXIT_BLIND };
enum option_code { OPT_CONFIG = 'c', OPT_HELP = 'h', OPT_JSON = 256, OPT_FIX, OPT_DEEP, OPT_CODES, OPT_REBUILD };
enum { VIRT_DEADLINE_MS = 30000 };

static const struct option options[] = {
    { "config", required_argument, NULL, OPT_CONFIG },
    { "json", no_argument, NULL, OPT_JSON },
    { "fix", no_argument, NULL, OPT_FIX },
    { "deep", no_argument, NULL, OPT_DEEP },
    { "rebuild", no_argument, NULL, OPT_REBUILD },
    { "codes", no_argument, NULL, OPT_CODES },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

struct order {
    const char *config_path;
    bool is_json, is_fix, is_deep, is_rebuild;
};

static void print_help(FILE *to)
{
    (void)fprintf(to, "usage: computed doctor [--config FILE] [--json] [--deep] [--fix | --rebuild]\n"
                      "\n"
                      "Holds files, libvirt and database against each other while the daemon is down.\n"
                      "The running one is asked by: computectl doctor\n"
                      "\n"
                      "  -c, --config FILE  as for the daemon\n"
                      "      --json         print the report as JSON\n"
                      "      --deep         read every byte of images and disks, too: takes long\n"
                      "      --fix          mend what is provably ours; doctor.log has each act\n"
                      "      --rebuild      make a lost or unreadable database anew from sidecars and\n"
                      "                     domains; with --deep, images' hashes are checked\n"
                      "      --codes        print the codes of findings, and exit\n"
                      "  -h, --help         print this and exit\n"
                      "\n"
                      "Exit code: 0 healthy, 1 findings, 2 could not look.\n");
}

static int blind(const struct err *e)
{
    err_print(e, "computed doctor");
    return EXIT_BLIND;
}

static void print_text(const struct doctor_report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct finding *f = &r->findings[i];

        (void)printf("%s %s %s\n    %s\n", doctor_severity_to_string(f->severity), f->code, f->subject, f->text);
        if (f->command)
            (void)printf("    $ %s\n", f->command);
    }
    for (size_t i = 0; i < r->unseen_count; i++)
        (void)printf("not looked at: %s\n", r->unseen[i]);
    (void)printf("%zu finding%s\n", r->count, r->count == 1 ? "" : "s");
}

static int print_report(const struct order *o, const struct doctor_report *r, struct err *e)
{
    if (!o->is_json) {
        print_text(r);
        return 0;
    }
    AUTO_JSON json = doctor_json(r);
    AUTO_FREE char *text = json ? json_text(json) : NULL;

    if (!text)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    (void)printf("%s\n", text);
    return 0;
}

/* What is not there is not made: a wrong path would look healthy. */
static int check_state_dir(const char *state_dir, struct err *e)
{
    AUTO_FREE char *path = disk_database_path(state_dir);
    struct stat st;

    if (!path)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (stat(path, &st) == 0)
        return 0;
    if (errno != ENOENT)
        return err_errno(e, errno, "%s cannot be read", path);
    return err_set(e, ERR_NOT_FOUND, "there is no %s: never started, or lost; `computed doctor --rebuild` makes it from sidecars",
                   path);
}

static int look(const struct doctor_config *config, struct disk *disk, const struct order *o, struct doctor_report *out,
                struct err *e)
{
    AUTO_DOCTOR_REPORT first = { 0 };
    size_t mended = 0;

    if (doctor_look(config, &first, e) < 0)
        return -1;
    if (!o->is_fix) {
        *out = first;
        first = (struct doctor_report){ 0 };
        return 0;
    }
    if (doctor_fix(config, disk, &first, &mended, e) < 0)
        return -1;
    (void)fprintf(stderr, "computed doctor: %zu of %zu finding%s mended\n", mended, first.count, first.count == 1 ? "" : "s");
    return doctor_look(config, out, e);
}

static int run(const struct order *o)
{
    AUTO_CONFIG config = { 0 };
    AUTO(disk) disk = NULL;
    AUTO_DOCTOR_REPORT r = { 0 };
    struct err e = ERR_INIT;

    if (config_load(o->config_path, &config, &e) < 0 || check_state_dir(config.state_dir, &e) < 0)
        return blind(&e);
    if (state_lock(config.state_dir, &disk, &e) < 0) {
        if (e.code == ERR_CONFLICT)
            (void)err_set(&e, ERR_CONFLICT, "the daemon runs: ask it with `computectl doctor`, or stop it first");
        return blind(&e);
    }
    struct doctor_config c = {
        .state_dir = config.state_dir,
        .libvirt_uri = config.libvirt_uri,
        .is_deep = o->is_deep,
        .virt_deadline_ms = VIRT_DEADLINE_MS,
    };
    if (look(&c, disk, o, &r, &e) < 0 || print_report(o, &r, &e) < 0)
        return blind(&e);
    if (r.unseen_count > 0)
        return EXIT_BLIND;
    return r.count > 0 ? EXIT_FINDINGS : EXIT_HEALTHY;
}

int doctor_main(int argc, char **argv)
{
    struct order o = { 0 };

    for (int opt = getopt_long(argc, argv, "c:h", options, NULL); opt != -1;
         opt = getopt_long(argc, argv, "c:h", options, NULL)) {
        switch (opt) {
        case OPT_CONFIG:
            o.config_path = optarg;
            break;
        case OPT_JSON:
            o.is_json = true;
            break;
        case OPT_FIX:
            o.is_fix = true;
            break;
        case OPT_DEEP:
            o.is_deep = true;
            break;
        case OPT_REBUILD:
            o.is_rebuild = true;
            break;
        case OPT_CODES:
            doctor_print_rules(stdout);
            return EXIT_HEALTHY;
        case OPT_HELP:
            print_help(stdout);
            return EXIT_HEALTHY;
        default:
            print_help(stderr);
            return EXIT_BLIND;
        }
    }
    if (optind < argc || (o.is_rebuild && (o.is_fix || o.is_json))) {
        print_help(stderr);
        return EXIT_BLIND;
    }
    if (o.is_rebuild)
        return rescue_rebuild(o.config_path, o.is_deep);
    xml_init();
    return run(&o);
}
