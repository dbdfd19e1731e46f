/* args: the command line as a struct. What a verb takes is read from its own synopsis, so that help and parser cannot differ. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { OPERANDS_MAX = 2 };

struct cli;
struct verb {
    const char *noun;
    const char *name;     /* "" when the noun says it all */
    const char *synopsis; /* operands in capitals first, then the options it takes */
    int (*run)(struct cli *cli, struct err *e);
};

/* Borrowed from argv and the environment. */
struct args {
    const struct verb *verb; /* NULL with --help and --version */
    const char *operands[OPERANDS_MAX];
    const char *url;
    bool is_json;
    bool is_help;
    bool is_version;
    bool force;
    bool no_start;
    bool wait;
    const char *format;
    const char *image;
    const char *flavor;
    const char *status;
    uint64_t vcpus, memory_mib, disk_gib, lines;
};

/* A failure is a mistake in the command line; its message tells which. */
int args_parse(int argc, char **argv, const struct verb *verbs, size_t verb_count, struct args *out, struct err *e);

#endif
