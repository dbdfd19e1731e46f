/* Routes: checked at start, found per request, printed for people. Credentials and bodies are not looked at here. */
#include "route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* HEAD is GET's, and OPTIONS is answered with 405 and Allow. */
static const char *const route_methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

static bool is_route_method(const char *method)
{
    for (size_t i = 0; method && i < ARRAY_LEN(route_methods); i++)
        if (strcmp(method, route_methods[i]) == 0)
            return true;
    return false;
}

static bool parse_segment(const char *text, size_t len, struct route_segment *out)
{
    bool is_param = len > 2 && text[0] == '{' && text[len - 1] == '}';

    *out = (struct route_segment){ is_param ? text + 1 : text, is_param ? len - 2 : len, is_param };
    if (is_param)
        return strspn(out->text, "abcdefghijklmnopqrstuvwxyz0123456789_") == out->len;
    return !memchr(text, '{', len) && !memchr(text, '}', len);
}

static bool parse_template(struct route_entry *entry)
{
    const char *at = entry->route->path;
    bool is_root = str_equal(at, "/"); /* one empty segment, as target.c splits it */

    if (!at || *at != '/')
        return false;
    while (*at == '/') {
        size_t len = strcspn(++at, "/");
        if (entry->segment_count == SEGMENTS_MAX || (len == 0 && !is_root))
            return false;
        if (!parse_segment(at, len, &entry->segments[entry->segment_count++]))
            return false;
        at += len;
    }
    return true;
}

static int check_route(const struct route *route, struct err *e)
{
    const char *fault = NULL;

    if (!is_route_method(route->method))
        fault = "has no known method";
    else if (!route->action || !*route->action)
        fault = "has no action";
    else if (!route->handle)
        fault = "has no handler";
    else if (route->begin && !route->chunk)
        fault = "begins a stream that it does not take";
    else if (route->chunk && (route->flags & ROUTE_NO_BODY))
        fault = "takes a stream and no body";
    if (!fault)
        return 0;
    return err_set(e, ERR_CONFIG, "route %s %s %s", route->method ? route->method : "?", route->path ? route->path : "?", fault);
}

static int add_route(struct route_table *table, const struct door *door, const struct route *route, struct err *e)
{
    struct route_entry *entry = &table->entries[table->count++];

    *entry = (struct route_entry){ .route = route, .door = door };
    if (check_route(route, e) < 0)
        return -1;
    if (!parse_template(entry))
        return err_set(e, ERR_CONFIG, "route %s %s has no valid path", route->method, route->path ? route->path : "?");
    entry->label = str_printf("%s %s", route->method, route->path);
    return entry->label ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int compare_segments(const struct route_segment *a, const struct route_segment *b)
{
    if (a->is_param || b->is_param)
        return (int)a->is_param - (int)b->is_param;
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->text, b->text, len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* Two routes are equal when no request could tell them apart: parameters' names do not count. */
static int compare_entries(const void *left, const void *right)
{
    const struct route_entry *a = left, *b = right;

    if (a->segment_count != b->segment_count)
        return a->segment_count < b->segment_count ? -1 : 1;
    for (size_t i = 0; i < a->segment_count; i++) {
        int order = compare_segments(&a->segments[i], &b->segments[i]);
        if (order)
            return order;
    }
    return strcmp(a->route->method, b->route->method);
}

static size_t count_routes(const struct door *const *doors)
{
    size_t count = 0;

    for (; *doors; doors++)
        count += (*doors)->route_count;
    return count;
}

static int add_doors(struct route_table *table, const struct door *const *doors, struct err *e)
{
    for (; *doors; doors++)
        for (size_t i = 0; i < (*doors)->route_count; i++)
            if (add_route(table, *doors, &(*doors)->routes[i], e) < 0)
                return -1;
    return 0;
}

int route_table_init(struct route_table *table, const struct door *const *doors, struct err *e)
{
    *table = (struct route_table){ .entries = calloc(count_routes(doors) + 1, sizeof(struct route_entry)) };
    if (!table->entries)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (!*doors)
        return err_set(e, ERR_CONFIG, "no door");
    if (add_doors(table, doors, e) < 0)
        return -1;
    qsort(table->entries, table->count, sizeof(table->entries[0]), compare_entries);
    for (size_t i = 1; i < table->count; i++)
        if (compare_entries(&table->entries[i - 1], &table->entries[i]) == 0)
            return err_set(e, ERR_CONFIG, "routes %s and %s are the same", table->entries[i - 1].label, table->entries[i].label);
    return 0;
}

void route_table_done(struct route_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->entries[i].label);
    free(table->entries);
    *table = (struct route_table){ 0 };
}

static bool matches(const struct route_entry *entry, const struct target *target)
{
    if (entry->segment_count != target->segment_count)
        return false;
    for (size_t i = 0; i < target->segment_count; i++) {
        const struct route_segment *want = &entry->segments[i];
        const char *have = target->segments[i];
        if (want->is_param ? *have == '\0' : strncmp(have, want->text, want->len) != 0 || have[want->len] != '\0')
            return false;
    }
    return true;
}

static void allow_method(struct buf *allow, const char *method)
{
    if (allow->len > 0 && strstr(allow->data, method))
        return; /* PUT is no part of another name, nor is any other */
    buf_addf(allow, "%s%s", allow->len > 0 ? ", " : "", method);
    if (strcmp(method, "GET") == 0)
        buf_adds(allow, ", HEAD");
}

const struct route_entry *route_find(const struct route_table *table, const char *method, const struct target *target,
                                     struct buf *allow, struct err *e)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;

    for (size_t i = 0; i < table->count; i++) {
        const struct route_entry *entry = &table->entries[i];
        if (!matches(entry, target))
            continue;
        if (strcmp(entry->route->method, wanted) == 0)
            return entry;
        allow_method(allow, entry->route->method);
    }
    if (allow->len == 0 && !allow->failed)
        (void)err_set(e, ERR_NOT_FOUND, "no such resource");
    else
        (void)err_set(e, ERR_METHOD_NOT_ALLOWED, "the resource does not know the method %s", method);
    return NULL;
}

const struct door *route_door(const struct door *const *doors, const char *path)
{
    const struct door *last = NULL;

    for (; *doors; doors++) {
        size_t len = strlen((*doors)->prefix);
        last = *doors;
        if (len == 0)
            return last;
        bool is_whole_segment = last->prefix[len - 1] == '/' || path[strnlen(path, len)] == '\0' || strchr("/?", path[len]);
        if (str_starts_with(path, last->prefix) && is_whole_segment)
            return last;
    }
    return last;
}

const char *route_param(const struct route_entry *entry, const struct target *target, const char *name)
{
    for (size_t i = 0; i < entry->segment_count; i++) {
        const struct route_segment *segment = &entry->segments[i];
        if (segment->is_param && strlen(name) == segment->len && memcmp(segment->text, name, segment->len) == 0)
            return target->segments[i];
    }
    return NULL;
}

static int compare_printed(const void *left, const void *right)
{
    const struct route *a = *(const struct route *const *)left, *b = *(const struct route *const *)right;
    int order = strcmp(a->path, b->path);

    return order ? order : strcmp(a->method, b->method);
}

void http_print_routes(const struct door *const *doors, const char *(*role)(const char *action))
{
    size_t count = 0;
    AUTO_FREE const struct route **routes = calloc(count_routes(doors) + 1, sizeof(*routes));

    if (!routes)
        return;
    for (; *doors; doors++)
        for (size_t i = 0; i < (*doors)->route_count; i++)
            routes[count++] = &(*doors)->routes[i];
    qsort(routes, count, sizeof(routes[0]), compare_printed);
    for (size_t i = 0; i < count; i++)
        (void)printf("%-6s %-48s %-22s %s\n", routes[i]->method, routes[i]->path, routes[i]->action, role(routes[i]->action));
}
