/* fuzz/http_route: any bytes as a request target, behind a method. Nothing may crash; what is let in decodes to printable parts,
 * and a route that is found has every parameter that it names. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/http/route.h"
#include "../../src/http/target.h"

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static int handle(struct request *r, struct err *e)
{
    (void)r;
    return err_set(e, ERR_INTERNAL, "never called");
}

static const struct route routes[] = {
    { "GET", "/", "root:read", .handle = handle },
    { "GET", "/v1/vms", "vm:list", .handle = handle },
    { "POST", "/v1/vms/{id}/start", "vm:start", .handle = handle },
    { "GET", "/v1/vms/detail", "vm:list", .handle = handle },
    { "GET", "/v1/vms/{id}", "vm:read", .handle = handle },
    { "DELETE", "/{a}/{b}/{c}/{d}", "vm:delete", .handle = handle },
};
static const struct door door = { .prefix = "/v1", .routes = routes, .route_count = ARRAY_LEN(routes) };
static const struct door *const doors[] = { &door, NULL };
static const char *const methods[] = { "GET", "HEAD", "POST", "DELETE", "OPTIONS" };
static const char *const names[] = { "id", "a", "b", "c", "d" };

static struct route_table table;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_parts(const struct target *t)
{
    require(t->segment_count > 0 && t->segment_count <= SEGMENTS_MAX && t->pair_count <= QUERY_MAX);
    for (size_t i = 0; i < t->segment_count; i++)
        require(str_is_printable(t->segments[i]) && !strchr(t->segments[i], '/') && strcmp(t->segments[i], "..") != 0);
    for (size_t i = 0; i < t->pair_count; i++)
        require(str_is_printable(t->pairs[i].name) && str_is_printable(t->pairs[i].value) && target_query(t, t->pairs[i].name));
}

static void check_route(const struct route_entry *entry, const struct target *t)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO_FREE char *braced = str_printf("{%s}", names[i]);
        const char *value = route_param(entry, t, names[i]);
        require((value != NULL) == (strstr(entry->route->path, braced) != NULL));
        require(!value || *value != '\0');
    }
}

static void try_target(const struct target *t, const char *method)
{
    AUTO_BUF allow = { 0 };
    struct err e = ERR_INIT;
    const struct route_entry *entry = route_find(&table, method, t, &allow, &e);

    if (entry)
        check_route(entry, t);
    else
        require(e.code == ERR_NOT_FOUND || (e.code == ERR_METHOD_NOT_ALLOWED && allow.len > 0));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct err e = ERR_INIT;

    (void)argc;
    (void)argv;
    require(route_table_init(&table, doors, &e) == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *raw = strndup((const char *)data, size);
    struct err e = ERR_INIT;
    struct target t;

    require(raw && target_init(&t, raw) == 0);
    require(route_door(doors, raw) == &door);
    if (target_decode(&t, &e) == 0) {
        check_parts(&t);
        for (size_t i = 0; i < ARRAY_LEN(methods); i++)
            try_target(&t, methods[i]);
    } else {
        require(e.code == ERR_INVALID || e.code == ERR_NOT_FOUND);
    }
    target_done(&t);
    return 0;
}
