/* Private to http: the request target as the client sent it, and its decoded parts. */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { TARGET_MAX = 8192, SEGMENTS_MAX = 16, QUERY_MAX = 32 };

struct query_pair {
    const char *name, *value;
};

struct target {
    char *path;    /* as sent, without the query; never NULL after target_init */
    char *query;   /* as sent, behind the path in the same memory; NULL without one */
    bool is_cut;   /* it was longer than TARGET_MAX */
    char *decoded; /* what segments and pairs point into */
    size_t segment_count;
    const char *segments[SEGMENTS_MAX]; /* printable UTF-8 without '/', not "." or ".." */
    size_t pair_count;
    struct query_pair pairs[QUERY_MAX];
};

/* Keeps a copy of the raw target, for the log too when it is nonsense. -1: out of memory. */
int target_init(struct target *t, const char *raw);
void target_done(struct target *t);
/* Splits and decodes. ERR_INVALID with field "path" or "query". */
int target_decode(struct target *t, struct err *e);
/* The first value of that name, or NULL. */
const char *target_query(const struct target *t, const char *name);

#endif
