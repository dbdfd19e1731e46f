/* Routes and targets, without a server: what is refused at start, which route a path names, what its parts decode to. */
#include <stdio.h>

#include "../../src/http/route.h"
#include "../../src/http/target.h"
#include "unit.h"

#include "base/cleanup.h"
#include "http/http.h"

static struct err e = ERR_INIT;

static int handle(struct request *r, struct err *err)
{
    (void)r;
    return err_set(err, ERR_INTERNAL, "never called");
}

static int take(struct request *r, const void *data, size_t len, struct err *err)
{
    (void)data;
    (void)len;
    return handle(r, err);
}

static void reply_error(struct request *r, const struct err *err)
{
    (void)r;
    (void)err;
}

static const struct route routes[] = {
    { "GET", "/", "root:read", .handle = handle },
    { "GET", "/health", "health:read", .handle = handle, .flags = ROUTE_PUBLIC },
    { "GET", "/v1/vms", "vm:list", .handle = handle },
    { "POST", "/v1/vms", "vm:create", .handle = handle },
    { "GET", "/v1/vms/{id}", "vm:read", .handle = handle },
    { "GET", "/v1/vms/detail", "vm:list", .handle = handle },
    { "DELETE", "/v1/vms/{id}", "vm:delete", .handle = handle },
    { "POST", "/v1/vms/{id}/start", "vm:start", .handle = handle },
    { "PUT", "/v1/images/{image_id}/file", "image:upload", .handle = handle, .begin = handle, .chunk = take },
};
static const struct door first = { "/v1", routes, sizeof(routes) / sizeof(routes[0]), reply_error, NULL, NULL };
static const struct door last = { "", NULL, 0, reply_error, NULL, NULL };
static const struct door *const doors[] = { &first, &last, NULL };

static struct route_table table;
static struct target target;

static void set_up(void)
{
    unit_ok(route_table_init(&table, doors, &e));
}

static void tear_down(void)
{
    target_done(&target);
    route_table_done(&table);
}

static int decode(const char *raw)
{
    target_done(&target);
    ck_assert_int_eq(target_init(&target, raw), 0);
    return target_decode(&target, &e);
}

/* The label of the route, or the word of the error. */
static const char *find(const char *method, const char *path)
{
    const struct route_entry *entry;
    AUTO_BUF allow = { 0 };

    unit_ok(decode(path));
    entry = route_find(&table, method, &target, &allow, &e);
    return entry ? entry->label : err_code_word(e.code);
}

START_TEST(finds_the_route_of_a_path)
{
    set_up();
    ck_assert_str_eq(find("GET", "/"), "GET /");
    ck_assert_str_eq(find("GET", "/health"), "GET /health");
    ck_assert_str_eq(find("GET", "/v1/vms"), "GET /v1/vms");
    ck_assert_str_eq(find("HEAD", "/v1/vms"), "GET /v1/vms");
    ck_assert_str_eq(find("POST", "/v1/vms?x=y"), "POST /v1/vms");
    ck_assert_str_eq(find("GET", "/v1/vms/a"), "GET /v1/vms/{id}");
    ck_assert_str_eq(find("GET", "/v1/vms/detail"), "GET /v1/vms/detail");
    ck_assert_str_eq(find("GET", "/v1/vms/details"), "GET /v1/vms/{id}");
    ck_assert_str_eq(find("GET", "/v1/vms/detai"), "GET /v1/vms/{id}");
    ck_assert_str_eq(find("POST", "/v1/vms/a/start"), "POST /v1/vms/{id}/start");
    ck_assert_str_eq(find("GET", "/%761/vms"), "GET /v1/vms");
    tear_down();
}
END_TEST

START_TEST(finds_nothing_else)
{
    static const char *const paths[] = { "/v1",      "/v1/",       "/v1/vms/",    "/v1//vms",       "//v1/vms",
                                         "/V1/vms",  "/v1/vms/a/", "/v1/vms/a/b", "/v1/vms//start", "/health/x",
                                         "/healthy", "/healt",     "//" };
    set_up();
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        ck_assert_msg(strcmp(find("GET", paths[i]), "not_found") == 0, "%s: %s", paths[i], find("GET", paths[i]));
    ck_assert_str_eq(find("GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p"), "not_found");
    tear_down();
}
END_TEST

static void check_allow(const char *method, const char *path, const char *expected)
{
    AUTO_BUF allow = { 0 };

    unit_ok(decode(path));
    ck_assert_ptr_null(route_find(&table, method, &target, &allow, &e));
    ck_assert_int_eq(e.code, ERR_METHOD_NOT_ALLOWED);
    ck_assert_str_eq(allow.data, expected);
}

START_TEST(names_the_methods_that_a_path_has)
{
    set_up();
    check_allow("DELETE", "/v1/vms", "GET, HEAD, POST");
    check_allow("OPTIONS", "/v1/vms/a", "DELETE, GET, HEAD");
    check_allow("PATCH", "/v1/vms/detail", "GET, HEAD, DELETE");
    check_allow("HEAD", "/v1/vms/a/start", "POST");
    check_allow("get", "/health", "GET, HEAD");
    tear_down();
}
END_TEST

START_TEST(gives_the_parameters)
{
    const struct route_entry *entry;
    AUTO_BUF allow = { 0 };

    set_up();
    unit_ok(decode("/v1/vms/m%C3%A4h%20%2B+%25/start"));
    entry = route_find(&table, "POST", &target, &allow, &e);
    ck_assert_ptr_nonnull(entry);
    ck_assert_str_eq(route_param(entry, &target, "id"), "m\xC3\xA4h ++%");
    ck_assert_ptr_null(route_param(entry, &target, "i"));
    ck_assert_ptr_null(route_param(entry, &target, "start"));
    tear_down();
}
END_TEST

START_TEST(refuses_paths_that_are_none)
{
    static const char *const paths[] = {
        "",
        "*",
        "v1",
        "http://localhost/v1/vms",
        "localhost:80",
        "/v1/%",
        "/v1/%2",
        "/v1/%zz",
        "/v1/%2f",
        "/v1/a%2Fb",
        "/v1/%00",
        "/v1/a%00",
        "/v1/%0a",
        "/v1/%7f",
        "/v1/%ff",
        "/v1/%c3",
        "/v1/%c0%af",
        "/v1/%ed%a0%80",
        "/v1/%e2%80%a8",
        "/v1/\xC3\xA4",
        "/v1/a b",
        "/v1/a\tb",
        "/v1/a#b",
        "/v1/.",
        "/v1/..",
        "/../etc",
        "/v1/%2e%2e",
        "/v1/a\\b",
        "/v1/<a>",
        "/v1/\"",
        "/v1/%%",
        "/v1/%C2%85",
    };
    set_up();
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ck_assert_msg(decode(paths[i]) == -1, "%s is let in", paths[i]);
        ck_assert_msg(e.code == ERR_INVALID && strcmp(e.field, "path") == 0, "%s: %s", paths[i], e.field);
    }
    tear_down();
}
END_TEST

START_TEST(refuses_a_target_that_is_too_long)
{
    char longest[TARGET_MAX + 2];

    set_up();
    memset(longest, 'a', sizeof(longest));
    longest[0] = '/';
    longest[TARGET_MAX] = '\0';
    unit_ok(decode(longest));
    longest[TARGET_MAX] = 'a';
    longest[TARGET_MAX + 1] = '\0';
    unit_fails(decode(longest), ERR_INVALID);
    tear_down();
}
END_TEST

START_TEST(splits_queries)
{
    set_up();
    unit_ok(decode("/?a=1&b=x+y%2Bz&empty=&flag&&c=%26%3D&a=2&q=a=b"));
    ck_assert_uint_eq(target.pair_count, 7);
    ck_assert_str_eq(target_query(&target, "a"), "1");
    ck_assert_str_eq(target_query(&target, "b"), "x y+z");
    ck_assert_str_eq(target_query(&target, "empty"), "");
    ck_assert_str_eq(target_query(&target, "flag"), "");
    ck_assert_str_eq(target_query(&target, "c"), "&=");
    ck_assert_str_eq(target_query(&target, "q"), "a=b");
    ck_assert_ptr_null(target_query(&target, "d"));
    unit_ok(decode("/?"));
    ck_assert_uint_eq(target.pair_count, 0);
    unit_ok(decode("/?a=/v1/vms?x"));
    ck_assert_str_eq(target_query(&target, "a"), "/v1/vms?x");
    tear_down();
}
END_TEST

START_TEST(refuses_queries_that_are_none)
{
    static const char *const queries[] = {
        "/?a=%", "/?a=%0", "/?%00=a", "/?a=%00", "/?a=%0a", "/?a=%ff", "/?=a", "/?a=<", "/?a=#"
    };
    AUTO_BUF many = { 0 };

    set_up();
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        ck_assert_msg(decode(queries[i]) == -1, "%s is let in", queries[i]);
        ck_assert_str_eq(e.field, "query");
    }
    buf_adds(&many, "/?");
    for (int i = 0; i < QUERY_MAX; i++)
        buf_addf(&many, "a%d&", i);
    unit_ok(decode(many.data));
    buf_adds(&many, "more");
    unit_fails(decode(many.data), ERR_INVALID);
    tear_down();
}
END_TEST

START_TEST(picks_the_door_by_prefix)
{
    static const struct door slashed = { "/openstack/", NULL, 0, reply_error, NULL, NULL };
    static const struct door *const three[] = { &first, &slashed, &last, NULL };

    ck_assert_ptr_eq(route_door(three, "/v1"), &first);
    ck_assert_ptr_eq(route_door(three, "/v1?x"), &first);
    ck_assert_ptr_eq(route_door(three, "/v1/vms"), &first);
    ck_assert_ptr_eq(route_door(three, "/v11"), &last);
    ck_assert_ptr_eq(route_door(three, "/v"), &last);
    ck_assert_ptr_eq(route_door(three, "/openstack/x"), &slashed);
    ck_assert_ptr_eq(route_door(three, "/openstack"), &last);
    ck_assert_ptr_eq(route_door(three, ""), &last);
    ck_assert_ptr_eq(route_door(three, "*"), &last);
}
END_TEST

struct bad_route {
    struct route routes[2];
    size_t count;
};

START_TEST(refuses_routes_that_are_wrong)
{
    static const struct bad_route bad[] = {
        { { { "GET", "/a", NULL, .handle = handle } }, 1 },
        { { { "GET", "/a", "", .handle = handle } }, 1 },
        { { { "GET", "/a", "a:b", .handle = NULL } }, 1 },
        { { { NULL, "/a", "a:b", .handle = handle } }, 1 },
        { { { "get", "/a", "a:b", .handle = handle } }, 1 },
        { { { "HEAD", "/a", "a:b", .handle = handle } }, 1 },
        { { { "GET", NULL, "a:b", .handle = handle } }, 1 },
        { { { "GET", "", "a:b", .handle = handle } }, 1 },
        { { { "GET", "a", "a:b", .handle = handle } }, 1 },
        { { { "GET", "/a/", "a:b", .handle = handle } }, 1 },
        { { { "GET", "/a//b", "a:b", .handle = handle } }, 1 },
        { { { "GET", "/{}", "a:b", .handle = handle } }, 1 },
        { { { "GET", "/{a", "a:b", .handle = handle } }, 1 },
        { { { "GET", "/{A}", "a:b", .handle = handle } }, 1 },
        { { { "GET", "/x{a}", "a:b", .handle = handle } }, 1 },
        { { { "PUT", "/a", "a:b", .handle = handle, .begin = handle } }, 1 },
        { { { "PUT", "/a", "a:b", .handle = handle, .chunk = take, .flags = ROUTE_NO_BODY } }, 1 },
        { { { "GET", "/a", "a:b", .handle = handle }, { "GET", "/a", "c:d", .handle = handle } }, 2 },
        { { { "GET", "/{a}/x", "a:b", .handle = handle }, { "GET", "/{b}/x", "c:d", .handle = handle } }, 2 },
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct door door = { "", bad[i].routes, bad[i].count, reply_error, NULL, NULL };
        const struct door *const one[] = { &door, NULL };
        ck_assert_msg(route_table_init(&table, one, &e) == -1, "%zu is let in", i);
        ck_assert_str_eq(err_code_word(e.code), "config");
        route_table_done(&table);
    }
}
END_TEST

static const char *role_of(const char *action)
{
    return str_equal(action, "vm:create") ? "somebody" : "anybody";
}

START_TEST(prints_all_routes_in_order)
{
    char path[] = "/tmp/computed-routes-XXXXXX", text[4096] = "";
    int fd = mkstemp(path), kept = dup(STDOUT_FILENO);

    (void)unlink(path);
    ck_assert_int_ge(dup2(fd, STDOUT_FILENO), 0);
    http_print_routes(doors, role_of);
    (void)fflush(stdout);
    ck_assert_int_ge(dup2(kept, STDOUT_FILENO), 0);
    ck_assert_int_gt(pread(fd, text, sizeof(text) - 1, 0), 0);
    (void)close(fd);
    (void)close(kept);
    const char *get = strstr(text, "GET    /v1/vms "), *post = strstr(text, "POST   /v1/vms ");
    ck_assert(str_starts_with(text, "GET    / "));
    ck_assert(get && post && get < post && strstr(post, " vm:create              somebody\n"));
}
END_TEST

UNIT_MAIN("http_route", finds_the_route_of_a_path, finds_nothing_else, names_the_methods_that_a_path_has, gives_the_parameters,
          refuses_paths_that_are_none, refuses_a_target_that_is_too_long, splits_queries, refuses_queries_that_are_none,
          picks_the_door_by_prefix, refuses_routes_that_are_wrong, prints_all_routes_in_order)
