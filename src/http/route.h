/* Private to http: the routes of all doors, checked and ordered, and the search for the one that a request names. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "target.h"

#include "base/err.h"
#include "base/str.h"
#include "http/http.h"

struct route_segment {
    const char *text; /* points into route->path; a parameter's name without braces */
    size_t len;
    bool is_param;
};

struct route_entry {
    const struct route *route;
    const struct door *door;
    char *label; /* "POST /v1/vms/{id}/start" */
    size_t segment_count;
    struct route_segment segments[SEGMENTS_MAX];
};

struct route_table {
    struct route_entry *entries; /* ordered: a literal segment before a parameter, so that the first match is the best */
    size_t count;
};

/* ERR_CONFIG names the route that is wrong. */
int route_table_init(struct route_table *table, const struct door *const *doors, struct err *e);
void route_table_done(struct route_table *table);

/* The entry for a decoded target, or NULL: ERR_NOT_FOUND, or ERR_METHOD_NOT_ALLOWED with the methods that are in *allow ("GET,
 * HEAD"). */
const struct route_entry *route_find(const struct route_table *table, const char *method, const struct target *target,
                                     struct buf *allow, struct err *e);
/* The door that answers for a path: the first whose prefix it is below, else the last. */
const struct door *route_door(const struct door *const *doors, const char *path);
/* The decoded segment that stands for {name}; NULL when the route has no such parameter. */
const char *route_param(const struct route_entry *entry, const struct target *target, const char *name);

#endif
