/* guest_listen: guests are heard on their gateway, with their own token only, and reach nothing else; servers come once and end
 * together. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>

#include "../../src/app/guest_listen.h"
#include "store_lab.h"

#include "base/thread.h"
#include "base/timer.h"
#include "core/core.h"
#include "store/vm_seed.h"

enum { BODY_MAX_BYTES = 4096 };

static struct timer *timer;
static struct core *core;
static struct guest_servers *guests;
static uint32_t port;
static struct vm vm;
static struct vm_seed seed;

/* ---- a core with a VM that may phone home ---- */

static uint32_t free_port(void)
{
    struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    (void)close(fd);
    return ntohs(sin.sin_port);
}

static void add_vm(void)
{
    struct image image = lab_image("tiny");

    vm = lab_vm(&image, "web");
    seed.ssh_keys = (char *)"[]";
    memcpy(seed.vm, vm.id, sizeof seed.vm);
    id_hex32(seed.token);
    LAB_WRITE(store_image_insert(t, &image, &e));
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    LAB_WRITE(store_vm_seed_insert(t, &seed, &e));
}

static void set_up(void)
{
    const struct core_config config = { .region = "local", .workers = 1 };

    lab_open_memory();
    add_vm();
    port = free_port();
    unit_ok(timer_new(&timer, &e));
    unit_ok(core_new(&config, store, NULL, timer, &core, &e));
    unit_ok(guest_servers_new(core, timer, port, &guests, &e));
}

static void tear_down(void)
{
    guest_servers_free(guests);
    core_free(core);
    timer_free(timer);
    lab_done();
}

static bool is_ready(void)
{
    AUTO(vm) now = NULL;

    LAB_READ(store_vm_get(t, NULL, vm.id, &now, &e));
    return now->ready_at_ms != 0;
}

/* ---- a guest ---- */

struct call {
    const char *gateway, *method, *path;
    const char *body;   /* NULL: none */
    const char *header; /* NULL: what curl sends */
};
struct answer {
    long status; /* 0: nobody answered */
    struct buf body;
};

static void answer_done(struct answer *a)
{
    buf_done(&a->body);
}
#define ANSWER __attribute__((cleanup(answer_done))) struct answer

static size_t keep(char *data, size_t size, size_t count, void *buf)
{
    buf_add(buf, data, size * count);
    return size * count;
}

static struct answer ask(const struct call *c)
{
    struct answer a = { 0 };
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = c->header ? curl_slist_append(NULL, c->header) : NULL;
    AUTO_FREE char *url = str_printf("http://%s:%u%s", c->gateway, port, c->path);

    buf_adds(&a.body, "");
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, c->method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &a.body);
    if (c->body)
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, c->body); /* as a form, unless the header says otherwise */
    if (curl_easy_perform(curl) == CURLE_OK)
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a.status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return a;
}

static char *home(const char *id, const char *token)
{
    char *path = str_printf("/v1/phone-home/%s/%s", id, token);

    ck_assert_ptr_nonnull(path);
    return path;
}

static long phone_home(const char *gateway)
{
    AUTO_FREE char *path = home(vm.id, seed.token);
    ANSWER a = ask(&(struct call){ gateway, "POST", path, "instance_id=x", NULL });

    return a.status;
}

/* ---- tests ---- */

START_TEST(guests_say_that_they_are_up)
{
    set_up();
    unit_ok(guest_listen(guests, "127.0.0.1", &e));
    ck_assert(!is_ready());
    ck_assert_int_eq(phone_home("127.0.0.1"), 204);
    ck_assert(is_ready());
    ck_assert_int_eq(phone_home("127.0.0.1"), 204); /* cloud-init may try again */
    tear_down();
}
END_TEST

START_TEST(bodies_are_small_and_of_any_type)
{
    static const char *const headers[] = { NULL, "Content-Type: application/json", "Content-Type: text/plain", "Content-Type:" };
    char body[BODY_MAX_BYTES + 2] = "";

    set_up();
    unit_ok(guest_listen(guests, "127.0.0.1", &e));
    AUTO_FREE char *path = home(vm.id, seed.token);
    memset(body, 'x', BODY_MAX_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        ANSWER a = ask(&(struct call){ "127.0.0.1", "POST", path, body, headers[i] });
        ck_assert_int_eq(a.status, 204);
    }
    ANSWER none = ask(&(struct call){ "127.0.0.1", "POST", path, NULL, NULL });
    ck_assert_int_eq(none.status, 204);
    body[BODY_MAX_BYTES] = 'x';
    ANSWER large = ask(&(struct call){ "127.0.0.1", "POST", path, body, NULL });
    ck_assert_int_eq(large.status, 413);
    tear_down();
}
END_TEST

/* Whether the VM or the token is wrong is not told. */
START_TEST(strangers_are_not_believed)
{
    uuid_text other_id;
    hex32_text other_token;

    set_up();
    unit_ok(guest_listen(guests, "127.0.0.1", &e));
    id_uuid(other_id);
    id_hex32(other_token);
    const char *const wrong[][2] = { { vm.id, other_token },   { other_id, seed.token }, { other_id, other_token },
                                     { "web", seed.token },    { vm.id, "x" },           { vm.id, "%25" },
                                     { vm.id, seed.token + 1 } };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        AUTO_FREE char *path = home(wrong[i][0], wrong[i][1]);
        ANSWER a = ask(&(struct call){ "127.0.0.1", "POST", path, "", NULL });
        ck_assert_msg(a.status == 404, "%s: %ld", path, a.status);
        ck_assert_msg(strstr(a.body.data, "\"vm_not_found\""), "%s", a.body.data);
        ck_assert_ptr_null(strstr(a.body.data, "admin_detail"));
    }
    ck_assert(!is_ready());
    tear_down();
}
END_TEST

START_TEST(nothing_else_is_reached)
{
    static const struct {
        const char *method, *path;
        long status;
    } calls[] = {
        { "GET", "/", 404 },
        { "GET", "/health", 404 },
        { "GET", "/v1/vms", 404 },
        { "POST", "/v1/vms", 404 },
        { "GET", "/v1/phone-home", 404 },
        { "GET", "/v1/phone-home/a/b", 405 },
        { "PUT", "/v1/phone-home/a/b", 405 },
        { "POST", "/v1/phone-home/a/b/c", 404 },
        { "GET", "/openapi.json", 404 },
    };

    set_up();
    unit_ok(guest_listen(guests, "127.0.0.1", &e));
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        ANSWER a = ask(&(struct call){ "127.0.0.1", calls[i].method, calls[i].path, NULL, NULL });
        ck_assert_msg(a.status == calls[i].status, "%s %s: %ld", calls[i].method, calls[i].path, a.status);
    }
    AUTO_FREE char *path = home(vm.id, seed.token);
    ANSWER foreign = ask(&(struct call){ "127.0.0.1", "POST", path, "", "Host: evil.example" });
    ck_assert_int_eq(foreign.status, 403);
    ck_assert(!is_ready());
    tear_down();
}
END_TEST

START_TEST(each_gateway_has_one_server)
{
    struct guest_servers *others = NULL;

    set_up();
    ck_assert_int_eq(phone_home("127.0.0.2"), 0);
    unit_ok(guest_listen(guests, "127.0.0.1", &e));
    unit_ok(guest_listen(guests, "127.0.0.2", &e));
    unit_ok(guest_listen(guests, "127.0.0.1", &e));
    ck_assert_int_eq(phone_home("127.0.0.1"), 204);
    ck_assert_int_eq(phone_home("127.0.0.2"), 204);
    ck_assert_int_eq(phone_home("127.0.0.3"), 0);
    unit_fails(guest_listen(guests, "localhost", &e), ERR_INTERNAL);
    unit_fails(guest_listen(guests, "127.0.0.1:1", &e), ERR_INTERNAL);

    unit_ok(guest_servers_new(core, timer, port, &others, &e));
    unit_fails(guest_listen(others, "127.0.0.2", &e), ERR_CONFIG);
    guest_servers_free(guests);
    guests = others;
    unit_ok(guest_listen(others, "127.0.0.2", &e));
    ck_assert_int_eq(phone_home("127.0.0.2"), 204);
    tear_down();
}
END_TEST

/* The bridge comes up after its network's server: an address of documentation, which no host has. */
START_TEST(the_address_may_come_later)
{
    set_up();
    unit_ok(guest_listen(guests, "192.0.2.1", &e));
    tear_down();
}
END_TEST

static void *listen_everywhere(void *arg)
{
    struct err err = ERR_INIT;

    for (int i = 1; i <= 20; i++) {
        char gateway[24];

        (void)snprintf(gateway, sizeof gateway, "127.0.1.%d", i);
        if (guest_listen(guests, gateway, &err) < 0)
            return arg;
    }
    return NULL;
}

START_TEST(workers_may_ask_at_the_same_time)
{
    enum { WORKERS = 4 };
    pthread_t workers[WORKERS];
    void *failed = NULL;

    set_up();
    for (int i = 0; i < WORKERS; i++)
        unit_ok(thread_start(&workers[i], "worker", listen_everywhere, &port, &e));
    for (int i = 0; i < WORKERS; i++) {
        ck_assert_int_eq(pthread_join(workers[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    ck_assert_int_eq(phone_home("127.0.1.20"), 204);
    tear_down();
}
END_TEST

START_TEST(the_end)
{
    set_up();
    unit_ok(guest_listen(guests, "127.0.0.1", &e));
    guest_servers_quiesce(guests);
    ck_assert_int_eq(phone_home("127.0.0.1"), 0);
    unit_fails(guest_listen(guests, "127.0.0.2", &e), ERR_UNAVAILABLE);
    guest_servers_quiesce(guests);
    guest_servers_quiesce(NULL);
    guest_servers_free(NULL);
    tear_down();
}
END_TEST

UNIT_MAIN("app_guest_listen", guests_say_that_they_are_up, bodies_are_small_and_of_any_type, strangers_are_not_believed,
          nothing_else_is_reached, each_gateway_has_one_server, the_address_may_come_later, workers_may_ask_at_the_same_time,
          the_end)
