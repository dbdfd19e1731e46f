/* verbs: what computectl can do, one row each. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include <stddef.h>

#include "args.h"
#include "client.h"

struct cli {
    const struct args *args;
    struct client *client;
};

extern const struct verb verbs[];
extern const size_t verb_count;

#endif
