/* args: the command line as a struct. What a verb takes is read from its own synopsis, so that help and parser cannot differ. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { OPERANDS_MAX = 3, LIST_MAX = 32 };

struct cli;
struct verb {
    const char *noun;
    const char *name;     /* "" when the noun says it all */
    const char *synopsis; /* operands in capitals first, then the options it takes */
    int (*run)(struct cli *cli, struct err *e);
};

/* An option that may be given several times. */
struct args_list {
    const char *items[LIST_MAX];
    size_t count;
};

/* Borrowed from argv and the environment. */
struct args {
    const struct verb *verb; /* NULL with --help and --version */
    const char *operands[OPERANDS_MAX];
    const char *url;
    const char *cacert;
    bool is_json;
    bool is_help;
    const char *topic, *topic_verb; /* of help; NULL: of everything */
    bool is_names;                  /* of a list: the names alone */
    bool is_version;
    bool force;
    bool no_start;
    const char *wait; /* NULL: no; "running" (also without a value), "ready" */
    bool no_network, autostart, no_autostart, config_drive;
    const char *format;
    const char *image;
    const char *flavor;
    const char *status;
    const char *keypair, *user_data, *public_key, *type, *out, *cidr, *kind, *sha256, *new_name;
    const char *project; /* what to work in: its id or name; "*": all, for administrators */
    const char *user, *description, *action, *reason;
    const char *since, *types; /* since: the daemon's to check */
    bool follow;
    struct args_list ssh_keys, networks, properties, roles, limits;
    uint64_t vcpus, memory_mib, disk_gib, lines;
    const char *ttl, *lifetime; /* checked: args_seconds takes them */
};

/* "90", "90s", "10min", "2h", "7d", or "0": seconds. */
int args_seconds(const char *text, uint64_t *out);
/* A failure is a mistake in the command line; its message tells which. */
int args_parse(int argc, char **argv, const struct verb *verbs, size_t verb_count, struct args *out, struct err *e);

#endif
