/* Out of memory: the nth allocation fails, for each n that there is, while a request is served and its job runs. The client gets
 * an answer, an operation comes to its end, nothing is left of what failed, and the daemon goes on. Under the leak sanitizer each
 * test is judged alone. */
#define _GNU_SOURCE    /* memmem */
#define UNIT_TIMEOUT_S 300
#include "malloc_fail.h"
#include "unit.h"
#include "world_client.h"

#include "base/clock.h"

enum { NTH_MAX = 20000, QUIET_NEEDED = 3, UNANSWERED_MAX = 8 };

struct act {
    const char *method, *path, *body;
    const char *undo; /* where what was made is deleted; NULL: nothing is made */
    long stride;      /* 0: each allocation */
    int refusal;      /* the status that it has when all goes well; 0: a success */
};

/* What stands between the socket and a request to answer, has no answer. */
static int unanswered;
static long armed;
static int instances; /* entries of the folder, before anything failed */

static void set_up(void)
{
    ck_assert(malloc_fail_init());
    malloc_fail_spare_me();
    world_open();
    client_add_image();
}

static int count_entries(const char *name)
{
    AUTO_FREE char *path = world_path(name);
    DIR *dir = opendir(path);
    int count = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count;
}

static void tear_down(int tried)
{
    ck_assert_int_eq(count_entries("instances"), instances);
    client_leave(WORLD_API);
    client_token = NULL;
    world_close();
    ck_assert_int_gt(tried, 10);
    ck_assert_int_le(unanswered, UNANSWERED_MAX);
}

static bool is_right(const struct act *act, const struct client_answer *a)
{
    return act->refusal ? a->status == act->refusal : a->status / 100 == 2;
}

static struct client_answer perform(const struct act *act)
{
    struct client_answer a = client_call(act->method, act->path, "application/json", act->body);

    unanswered += a.status == 0;
    ck_assert_msg(a.status == 0 || a.status == 503 || is_right(act, &a), "%ld: %d %s", armed, a.status, a.body.data);
    return a;
}

/* What was made, whether its operation succeeded or not; what was not answered may have been made too. A job that its client
 * does not know of may still be at it. */
static void undo(const struct act *act)
{
    struct client_answer a = { .status = 409 };

    for (int64_t until_ms = clock_boot_ms() + WORLD_DEADLINE_MS; a.status == 409 && clock_boot_ms() < until_ms;) {
        client_answer_done(&a);
        a = client_call("DELETE", act->undo, NULL, NULL);
    }
    AUTO_FREE char *operation = client_operation(&a);
    ck_assert_msg(a.status / 100 == 2 || a.status == 404, "%ld: %d %s", armed, a.status, a.body.data);
    ck_assert(!operation || client_wait(operation));
    client_answer_done(&a);
}

/* True when the allocation was reached. */
static bool try_nth(const struct act *act, long nth)
{
    armed = nth;
    malloc_fail_arm(nth);
    CLIENT_ANSWER a = perform(act);
    AUTO_FREE char *operation = client_operation_at(act->path, &a);
    bool is_done = operation ? client_wait(operation) : is_right(act, &a);
    bool is_hit = malloc_fail_disarm();

    ck_assert(is_done || is_hit);
    if (act->undo)
        undo(act);
    return is_hit;
}

static long stride_of(const struct act *act)
{
    return act->stride > 0 ? act->stride : 1;
}

/* Other threads allocate, too: the end is where several n in a row find nothing. */
static void walk(const struct act *act)
{
    int quiet = 0, tried = 0;

    instances = count_entries("instances");
    for (long nth = 1; quiet < QUIET_NEEDED; nth += stride_of(act), tried++) {
        ck_assert_int_lt(nth, NTH_MAX);
        quiet = try_nth(act, nth) ? 0 : quiet + 1;
    }
    tear_down(tried);
}

START_TEST(a_list)
{
    static const struct act list = { .method = "GET", .path = "/v1/vms" };
    static const char vm[] = "{\"name\":\"vm\",\"image\":\"tiny\",\"vcpus\":1,\"memory_mib\":64,\"disk_gib\":1}";

    set_up();
    free(client_make("/v1/vms", vm));
    walk(&list);
}
END_TEST

START_TEST(a_create)
{
    static const struct act create = {
        .method = "POST",
        .path = "/v1/vms",
        .body = "{\"name\":\"vm\",\"image\":\"tiny\",\"vcpus\":1,\"memory_mib\":64,\"disk_gib\":1,\"user_data\":\"#!\","
                "\"networks\":[]}",
        .undo = "/v1/vms/vm",
    };

    set_up();
    walk(&create);
}
END_TEST

/* An address that was given back rests for a while: a network does not last for each allocation. */
START_TEST(a_create_on_a_network)
{
    static const struct act create = { .method = "POST",
                                       .path = "/v1/vms",
                                       .body =
                                           "{\"name\":\"vm\",\"image\":\"tiny\",\"vcpus\":1,\"memory_mib\":64,\"disk_gib\":1}",
                                       .undo = "/v1/vms/vm",
                                       .stride = 101 };

    world_network_prefix = 25;
    set_up();
    walk(&create);
}
END_TEST

/* As above, on a network. */
START_TEST(a_create_through_the_tenant_door)
{
    static const struct act create = { .method = "POST",
                                       .path = "/api/v1/compute/instances",
                                       .body = "{\"name\":\"vm\",\"flavor\":\"f\",\"imageId\":\"tiny\"}",
                                       .undo = "/v1/vms/vm",
                                       .stride = 101 };

    world_network_prefix = 25;
    set_up();
    free(client_make("/v1/flavors", "{\"name\":\"f\",\"vcpus\":1,\"memory_mib\":64,\"disk_gib\":1}"));
    walk(&create);
}
END_TEST

/* What is left is deleted by the same door, be it the VM or its tombstone. */
START_TEST(a_terminate_through_the_workspace_door)
{
    static const char vm[] = "{\"name\":\"vm\",\"image\":\"tiny\",\"vcpus\":1,\"memory_mib\":64,\"disk_gib\":1,\"networks\":[]}";
    int quiet = 0, tried = 0;

    set_up();
    instances = count_entries("instances");
    for (long nth = 1; quiet < QUIET_NEEDED; nth++, tried++) {
        AUTO_FREE char *id = client_make("/v1/vms", vm);
        AUTO_FREE char *path = str_printf("/api/v1/vms/%s", id), *verb = str_printf("%s/terminate", path);
        const struct act terminate = { .method = "POST", .path = verb, .undo = path };
        quiet = try_nth(&terminate, nth) ? 0 : quiet + 1;
    }
    tear_down(tried);
}
END_TEST

START_TEST(a_keypair)
{
    static const struct act create = {
        .method = "POST", .path = "/v1/keypairs", .body = "{\"name\":\"k\"}", .undo = "/v1/keypairs/k"
    };

    set_up();
    walk(&create);
}
END_TEST

START_TEST(a_network)
{
    static const struct act create = {
        .method = "POST", .path = "/v1/networks", .body = "{\"name\":\"n\"}", .undo = "/v1/networks/n"
    };

    set_up();
    walk(&create);
}
END_TEST

/* An upload that failed is to be had again. */
START_TEST(an_upload)
{
    int quiet = 0, tried = 0;

    set_up();
    instances = count_entries("instances");
    for (long nth = 1; quiet < QUIET_NEEDED; nth++, tried++) {
        AUTO_FREE char *id = client_make("/v1/images", "{\"name\":\"i\",\"disk_format\":\"raw\"}");
        AUTO_FREE char *path = str_printf("/v1/images/%s", id), *file = str_printf("%s/file", path);
        const struct act upload = { .method = "PUT", .path = file, .body = "some bytes", .undo = path };
        quiet = try_nth(&upload, nth) ? 0 : quiet + 1;
    }
    tear_down(tried);
}
END_TEST

START_TEST(a_user)
{
    static const struct act create = { .method = "POST", .path = "/v1/users", .body = "{\"name\":\"x\"}", .undo = "/v1/users/x" };

    set_up();
    walk(&create);
}
END_TEST

START_TEST(a_project)
{
    static const struct act create = {
        .method = "POST", .path = "/v1/projects", .body = "{\"name\":\"p\"}", .undo = "/v1/projects/p"
    };

    set_up();
    walk(&create);
}
END_TEST

/* With a password that is known already: it is not looked at again. */
START_TEST(a_login)
{
    static const struct act login = { .method = "POST", .path = "/v1/tokens", .body = CLIENT_LOGIN };

    set_up();
    free(client_log_in());
    walk(&login);
}
END_TEST

START_TEST(a_token)
{
    static const struct act look = { .method = "GET", .path = "/v1/tokens/current" };

    set_up();
    AUTO_FREE char *token = client_log_in();
    client_token = token;
    walk(&look);
}
END_TEST

START_TEST(a_quota_refusal)
{
    static const struct act create = { .method = "POST", .path = "/v1/keypairs", .body = "{\"name\":\"k\"}", .refusal = 403 };

    set_up();
    struct client_answer a =
        client_done(client_call("PUT", "/v1/projects/default/quota", "application/json", "{\"keypairs\":0}"));
    client_answer_done(&a);
    walk(&create);
}
END_TEST

START_TEST(a_page_of_the_audit_log)
{
    static const struct act page = { .method = "GET", .path = "/v1/audit?outcome=accepted&since=2026-01-01T00:00:00Z" };

    set_up();
    walk(&page);
}
END_TEST

START_TEST(a_page_of_events)
{
    static const struct act page = { .method = "GET", .path = "/v1/events?types=image.*,operation.updated&limit=2" };

    set_up();
    walk(&page);
}
END_TEST

START_TEST(a_scrape)
{
    static const struct act scrape = { .method = "GET", .path = "/metrics" };
    static const char vm[] = "{\"name\":\"vm\",\"image\":\"tiny\",\"vcpus\":1,\"memory_mib\":64,\"disk_gib\":1}";

    set_up();
    free(client_make("/v1/vms", vm));
    walk(&scrape);
}
END_TEST

UNIT_MAIN("app_memory", a_list, a_create, a_create_on_a_network, a_create_through_the_tenant_door,
          a_terminate_through_the_workspace_door, a_keypair, a_network, an_upload, a_user, a_project, a_login, a_token,
          a_quota_refusal, a_page_of_the_audit_log, a_page_of_events, a_scrape)
