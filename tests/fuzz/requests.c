/* fuzz/requests: requests to the real handlers, on the fake hypervisor. An input is one or several, each ended by RS (0x1e):
 *     a byte that picks the route, counted in `labels` from '0', and from NUL on after DEL (a GET's with 0x80 is a HEAD);
 *     to the end of the line the path's parameters by blanks, perhaps ?query; then header lines, an empty line, the body.
 * A parameter @vm, @token, @op or @made is the first VM's id, its token, the id of the last operation, or of what was made last;
 * @secret at the end of a header line with credentials is a token that lets in. Whatever was accepted is waited for. Nothing may
 * crash or hang, no answer is a 500, names a path of the daemon's or that token, or is JSON that does not parse. How often each
 * route was reached is printed at the end. */
#define _GNU_SOURCE /* strcasestr, memmem */
#include <ctype.h>
#include <stdint.h>

#include "world_client.h"

#include "store/vm_seed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { RECORD_SEPARATOR = 0x1e, INPUT_MAX = 64 << 10, REQUESTS_MAX = 16, INPUTS_PER_WORLD = 256, ROUTES_MAX = 128 };

/* The order in which a byte counts: append only, or every input means another route. Routes that are not named here come behind
 * them, and ones that are named here must exist. */
static const char *const labels[] = {
    "GET /health",
    "GET /openapi.json",
    "GET /v1/vms",
    "POST /v1/vms",
    "GET /v1/vms/{ref}",
    "PATCH /v1/vms/{ref}",
    "DELETE /v1/vms/{ref}",
    "POST /v1/vms/{ref}/start",
    "POST /v1/vms/{ref}/stop",
    "POST /v1/vms/{ref}/reboot",
    "POST /v1/vms/{ref}/pause",
    "POST /v1/vms/{ref}/resume",
    "POST /v1/vms/{ref}/suspend",
    "POST /v1/vms/{ref}/lock",
    "POST /v1/vms/{ref}/unlock",
    "POST /v1/vms/{ref}/image",
    "GET /v1/vms/{ref}/console-log",
    "GET /v1/images",
    "POST /v1/images",
    "POST /v1/images/import",
    "GET /v1/images/{ref}",
    "PATCH /v1/images/{ref}",
    "DELETE /v1/images/{ref}",
    "PUT /v1/images/{ref}/file",
    "GET /v1/images/{ref}/data",
    "GET /v1/keypairs",
    "POST /v1/keypairs",
    "GET /v1/keypairs/{ref}",
    "DELETE /v1/keypairs/{ref}",
    "GET /v1/networks",
    "POST /v1/networks",
    "GET /v1/networks/{ref}",
    "DELETE /v1/networks/{ref}",
    "GET /v1/flavors",
    "POST /v1/flavors",
    "GET /v1/flavors/{ref}",
    "DELETE /v1/flavors/{ref}",
    "GET /v1/host",
    "GET /v1/operations",
    "GET /v1/operations/{id}",
    "DELETE /v1/operations/{id}",
    "POST /v1/phone-home/{id}/{token}",
    "GET /v1/doctor",
    "GET /v1/me",
    "GET /v1/users",
    "POST /v1/users",
    "GET /v1/users/{ref}",
    "PATCH /v1/users/{ref}",
    "DELETE /v1/users/{ref}",
    "GET /v1/projects",
    "POST /v1/projects",
    "GET /v1/projects/{ref}",
    "PATCH /v1/projects/{ref}",
    "DELETE /v1/projects/{ref}",
    "GET /v1/roles",
    "GET /v1/role-assignments",
    "PUT /v1/projects/{ref}/users/{user}/roles/{role}",
    "DELETE /v1/projects/{ref}/users/{user}/roles/{role}",
    "GET /v1/tokens",
    "POST /v1/tokens",
    "GET /v1/tokens/{id}",
    "DELETE /v1/tokens/{id}",
    "GET /v1/quota",
    "GET /v1/projects/{ref}/quota",
    "PUT /v1/projects/{ref}/quota",
    "GET /v1/audit",
    "GET /v1/events",
    "GET /api/v1/compute/flavors",
    "GET /api/v1/compute/instances",
    "POST /api/v1/compute/instances",
    "GET /api/v1/compute/instances/{id}",
    "DELETE /api/v1/compute/instances/{id}",
    "POST /api/v1/compute/instances/{id}/stop",
    "POST /api/v1/compute/instances/{id}/start",
    "POST /api/v1/compute/instances/{id}/restart",
    "GET /api/v1/vms",
    "POST /api/v1/vms",
    "GET /api/v1/vms/{id}",
    "PUT /api/v1/vms/{id}",
    "DELETE /api/v1/vms/{id}",
    "POST /api/v1/vms/{id}/start",
    "POST /api/v1/vms/{id}/stop",
    "POST /api/v1/vms/{id}/restart",
    "POST /api/v1/vms/{id}/terminate",
    "GET /metrics",
    "PUT /v1/host/maintenance",
    "DELETE /v1/host/maintenance",
    "POST /v1/host/stop-guests",
    "POST /v1/host/start-guests",
};

struct target {
    const struct route *route;
    enum world_door door;
    unsigned long done, refused, missing, failed; /* 101, 2xx; 4xx but 404; 404; 5xx and connections closed without an answer */
};
static struct target targets[ROUTES_MAX];
static size_t target_count;

static uuid_text vm_id, last_operation, last_made;
static char *secret; /* a token's text */
static hex32_text vm_token;
static bool is_under_way; /* the last operation */

/* ---- the routes ---- */

static struct target *target_find(const char *label)
{
    for (size_t i = 0; i < target_count; i++) {
        const struct route *r = targets[i].route;
        size_t len = strlen(r->method);

        if (strncmp(label, r->method, len) == 0 && label[len] == ' ' && strcmp(label + len + 1, r->path) == 0)
            return &targets[i];
    }
    return NULL;
}

static void add_routes(enum world_door at, const struct door *const *doors)
{
    for (; *doors; doors++)
        for (size_t i = 0; i < (*doors)->route_count; i++) {
            WORLD_REQUIRE(target_count < ROUTES_MAX);
            targets[target_count++] = (struct target){ .route = &(*doors)->routes[i], .door = at };
        }
}

static void order_routes(void)
{
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        struct target *found = target_find(labels[i]), moved;

        WORLD_REQUIRE(found && found >= &targets[i]);
        moved = targets[i];
        targets[i] = *found;
        *found = moved;
    }
}

/* ---- the world ---- */

static void read_token(void)
{
    struct err e = ERR_INIT;
    AUTO(txn) t = NULL;
    AUTO(vm_seed) seed = NULL;

    WORLD_OK(txn_read(world.store, &t, &e));
    WORLD_OK(store_vm_seed_get(t, vm_id, &seed, &e));
    (void)str_copy(vm_token, sizeof vm_token, seed->token);
}

static const struct {
    const char *path, *body;
} furniture[] = {
    { "/v1/flavors", "{\"name\":\"f\",\"vcpus\":1,\"memory_mib\":64,\"disk_gib\":1}" },
    { "/v1/networks", "{\"name\":\"net\"}" },
    { "/v1/keypairs", "{\"name\":\"key\",\"type\":\"ed25519\"}" },
};

/* What inputs can count on. */
static void furnish(void)
{
    client_add_image();
    for (size_t i = 0; i < ARRAY_LEN(furniture); i++)
        free(client_make(furniture[i].path, furniture[i].body));
    free(secret);
    secret = client_log_in();
    CLIENT_ANSWER vm = client_done(client_post("/v1/vms", "{\"name\":\"vm\",\"image\":\"tiny\",\"flavor\":\"f\"}"));
    AUTO_FREE char *id = client_member(&vm, "id");
    AUTO_FREE char *operation = client_operation(&vm);
    (void)str_copy(vm_id, sizeof vm_id, id);
    (void)str_copy(last_operation, sizeof last_operation, strrchr(operation, '/') + 1);
    read_token();
}

static void report(void)
{
    size_t reached = 0, done = 0;

    for (size_t i = 0; i < target_count; i++) {
        const struct target *t = &targets[i];
        bool is_reached = t->done + t->refused > 0;

        reached += is_reached;
        done += t->done > 0;
        printf("%-6s %-36s %8lu done %8lu refused %8lu not found %8lu failed\n", t->route->method, t->route->path, t->done,
               t->refused, t->missing, t->failed);
        if (!is_reached)
            printf("never reached: %s %s\n", t->route->method, t->route->path);
    }
    printf("%zu routes: %zu handlers reached by an answer other than 404, %zu of them by a success\n", target_count, reached,
           done);
}

static void end_world(void)
{
    report();
    free(secret);
    if (world.core)
        world_close();
}

/* At the end before libcrypto ends, which it does in the opposite order. */
static void renew_world(void)
{
    static unsigned inputs;

    if (inputs++ % INPUTS_PER_WORLD != 0)
        return;
    for (int door = 0; door < WORLD_DOORS; door++)
        client_leave(door);
    if (world.core)
        world_close();
    world_open();
    furnish();
    if (inputs == 1)
        WORLD_REQUIRE(atexit(end_world) == 0);
}

/* Neither a network nor qemu-img is wanted here: what children do is their own fuzzers' and tests' matter. */
static const char armed[] = "disk.fetch_run.before=error(download_failed);disk.convert_run.before=error(internal)";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    WORLD_REQUIRE(setenv("COMPUTED_FAILPOINTS", armed, 1) == 0);
    add_routes(WORLD_API, api_doors);
    add_routes(WORLD_GUESTS, guest_doors);
    order_routes();
    return 0;
}

/* ---- building a request ---- */

struct span {
    const char *at, *end;
};

/* Up to the separator, which is skipped. */
static struct span cut(struct span *from, char separator)
{
    struct span part = { from->at, memchr(from->at, separator, (size_t)(from->end - from->at)) };

    if (!part.end)
        part.end = from->end;
    from->at = part.end < from->end ? part.end + 1 : from->end;
    return part;
}

/* Percent-encodes all but the plain and those of `also`. */
static void add_encoded(struct buf *to, struct span s, const char *also)
{
    for (; s.at < s.end; s.at++)
        if (isalnum((unsigned char)*s.at) || (*s.at && strchr("-._~", *s.at)) || (*s.at && strchr(also, *s.at)))
            buf_add(to, s.at, 1);
        else
            buf_addf(to, "%%%02X", (unsigned)(unsigned char)*s.at);
}

static bool span_is(struct span s, const char *text)
{
    return (size_t)(s.end - s.at) == strlen(text) && memcmp(s.at, text, strlen(text)) == 0;
}

static bool span_begins(struct span s, const char *text)
{
    return (size_t)(s.end - s.at) >= strlen(text) && strncasecmp(s.at, text, strlen(text)) == 0;
}

static void add_param(struct buf *to, struct span s)
{
    if (span_is(s, "@vm"))
        buf_adds(to, vm_id);
    else if (span_is(s, "@token"))
        buf_adds(to, vm_token);
    else if (span_is(s, "@op"))
        buf_adds(to, last_operation);
    else if (span_is(s, "@made"))
        buf_adds(to, last_made);
    else
        add_encoded(to, s, "");
}

/* The route's path with its parameters in it, and the query. */
static void add_target(struct buf *to, const struct route *route, struct span line)
{
    struct span params = cut(&line, '?'), query = line;

    for (const char *at = route->path; *at; at++) {
        if (*at != '{') {
            buf_add(to, at, 1);
            continue;
        }
        add_param(to, cut(&params, ' '));
        at = strchr(at, '}');
    }
    if (query.at < query.end) {
        buf_adds(to, "?");
        add_encoded(to, query, "=&%+,:");
    }
}

static const char secret_mark[] = "@secret";

static bool carries_secret(struct span line)
{
    size_t len = (size_t)(line.end - line.at), mark_len = strlen(secret_mark);

    if (!span_begins(line, "x-auth-token:") && !span_begins(line, "authorization:"))
        return false;
    return len > mark_len && memcmp(line.end - mark_len, secret_mark, mark_len) == 0;
}

/* Framing is the guard's matter, and would only end the connection: a header line is one, and the length is the body's. */
static void add_headers(struct buf *to, struct span *rest)
{
    for (struct span line = cut(rest, '\n'); line.at < line.end; line = cut(rest, '\n')) {
        if (span_begins(line, "content-length") || span_begins(line, "transfer-encoding"))
            continue;
        bool has_secret = carries_secret(line);
        if (has_secret)
            line.end -= strlen(secret_mark);
        for (; line.at < line.end; line.at++)
            buf_add(to, *line.at >= 0 && *line.at < ' ' ? "." : line.at, 1);
        buf_addf(to, "%s\r\n", has_secret ? secret : "");
    }
}

static bool takes_body(const struct route *route)
{
    return strcmp(route->method, "GET") != 0 && strcmp(route->method, "DELETE") != 0;
}

static void build(struct buf *to, const struct target *t, bool is_head, struct span input)
{
    AUTO_BUF headers = { 0 };
    struct span line = cut(&input, '\n');

    buf_addf(to, "%s ", is_head && strcmp(t->route->method, "GET") == 0 ? "HEAD" : t->route->method);
    add_target(to, t->route, line);
    buf_adds(to, " HTTP/1.1\r\nHost: localhost\r\n");
    add_headers(&headers, &input);
    buf_add(to, headers.len > 0 ? headers.data : "", headers.len);
    if (takes_body(t->route) && !(headers.len > 0 && strcasestr(headers.data, "content-type")))
        buf_adds(to, "Content-Type: application/json\r\n");
    if (takes_body(t->route) || input.at < input.end)
        buf_addf(to, "Content-Length: %zu\r\n", (size_t)(input.end - input.at));
    buf_adds(to, "\r\n");
    buf_add(to, input.at, (size_t)(input.end - input.at));
    WORLD_REQUIRE(!to->failed);
}

/* ---- judging the answer ---- */

static void count(struct target *t, int status)
{
    if (status / 100 == 2 || status == 101)
        t->done++;
    else if (status == 404)
        t->missing++;
    else if (status / 100 == 4)
        t->refused++;
    else
        t->failed++;
}

/* The fuzzer sees what is compared, and so finds the token that it should not know: one that it sends as a name is echoed. */
static bool sends_secret_as_name(const struct buf *request)
{
    const char *found = strstr(request->data, secret);

    return found && found < strstr(request->data, "\r\n");
}

/* A success may show a path (the administrator's libvirt has a URI), and an echo what was sent; but nothing a token. */
static bool is_fit(const struct buf *request, const struct client_answer *a)
{
    bool is_echo = strstr(request->data, "computed-world") != NULL;

    if (strstr(a->body.data, secret) && !sends_secret_as_name(request))
        return false;
    return a->status != 500 && (a->status < 400 || is_echo || !strstr(a->body.data, world.dir));
}

static void check_answer(const struct buf *request, const struct client_answer *a)
{
    struct err e = ERR_INIT;
    AUTO_JSON json = NULL;
    const char *type = client_header(a, "Content-Type");
    bool is_json = type && (str_starts_with(type, "application/json") || str_starts_with(type, "application/problem+json"));

    if (!is_fit(request, a))
        (void)fprintf(stderr, "%s\n%s%s\n", request->data, a->head.data, a->body.data);
    WORLD_REQUIRE(is_fit(request, a));
    if (is_json && a->body.len > 0)
        WORLD_OK(json_parse(a->body.data, a->body.len, &json, &e));
}

/* Before what may depend on it: other requests. One about operations may find it under way. */
static void finish_operation(void)
{
    AUTO_FREE char *path = str_printf("/v1/operations/%s", last_operation);

    if (is_under_way)
        (void)client_wait(path);
    is_under_way = false;
}

static void note_operation(const struct target *t, const struct client_answer *a)
{
    AUTO_FREE char *operation = client_operation_at(t->route->path, a);

    if (!operation)
        return;
    finish_operation();
    (void)str_copy(last_operation, sizeof last_operation, strrchr(operation, '/') + 1);
    is_under_way = true;
}

static void note_made(const struct client_answer *a)
{
    const char *location = a->status == 201 ? client_header(a, "Location") : NULL;
    AUTO_FREE char *path = location ? strndup(location, strcspn(location, "\r\n")) : NULL;

    if (path)
        (void)str_copy(last_made, sizeof last_made, strrchr(path, '/') + 1);
}

static void ask(struct span input)
{
    uint8_t pick = (uint8_t)*input.at++;
    struct target *t = &targets[((pick - '0') & 0x7f) % target_count];
    AUTO_BUF request = { 0 };

    if (!str_starts_with(t->route->path, "/v1/operations"))
        finish_operation();
    build(&request, t, pick >= 0x80, input);
    CLIENT_ANSWER a = client_ask(t->door, &request);
    count(t, a.status);
    if (a.status == 0 || a.status >= 500)
        printf("status %d after %s\n", a.status, request.data);
    if (a.status == 0)
        return;
    check_answer(&request, &a);
    note_operation(t, &a);
    note_made(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = { (const char *)data, (const char *)data + size };

    if (size > INPUT_MAX)
        return 0;
    renew_world();
    for (int i = 0; i < REQUESTS_MAX && rest.at < rest.end; i++) {
        struct span one = cut(&rest, RECORD_SEPARATOR);

        if (one.at < one.end)
            ask(one);
    }
    finish_operation();
    return 0;
}
