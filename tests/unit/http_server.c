/* The server: addresses, unix socket files, caps on connections, deadlines, and the end. */
#include <grp.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>

#include "http_lab.h"

static int answer(struct request *r, struct err *err)
{
    lab_handled++;
    return lab_text(r, request_actor(r)->address, err);
}

static int take(struct request *r, const void *data, size_t len, struct err *err)
{
    (void)r;
    (void)data;
    (void)len;
    (void)err;
    return 0;
}

static const struct route routes[] = {
    { "GET", "/v1/things", "thing:list", .handle = answer },
    { "POST", "/v1/things", "thing:create", .handle = answer },
    { "PUT", "/v1/stream", "thing:upload", .handle = answer, .chunk = take },
};
static const struct door door = { "", routes, sizeof(routes) / sizeof(routes[0]), lab_error, NULL, NULL };
static const struct door *const doors[] = { &door, NULL };

static char dir[] = "/tmp/computed-http-XXXXXX";
static char socket_path[sizeof(dir) + 8], socket_address[sizeof(dir) + 16];

static void make_dir(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(socket_path, sizeof(socket_path), "%s/sock", dir);
    (void)snprintf(socket_address, sizeof(socket_address), "unix:%s", socket_path);
    lab_listen[0] = socket_address;
}

static void remove_dir(void)
{
    (void)unlink(socket_path);
    ck_assert_int_eq(rmdir(dir), 0);
}

static int64_t now_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- addresses ---- */

START_TEST(listens_on_several_addresses)
{
    make_dir();
    lab_listen[1] = "127.0.0.1:0";
    lab_listen[2] = "[::1]:0";
    lab_start(&door);
    ck_assert_str_eq(http_url(lab_http, 0), socket_address);
    ck_assert(str_starts_with(http_url(lab_http, 1), "http://127.0.0.1:"));
    ck_assert(str_starts_with(http_url(lab_http, 2), "http://[::1]:"));
    ck_assert_ptr_null(http_url(lab_http, 3));
    AUTO_FREE char *unix_peer = str_printf("unix:%u", (unsigned)getuid());
    const char *peers[] = { unix_peer, "127.0.0.1", "::1" };
    for (size_t i = 0; i < 3; i++) {
        int fd = lab_connect_to(i);
        LAB_ANSWER a = lab_ask(fd, GET("/v1/things"));
        ck_assert_str_eq(a.body.data, peers[i]);
        (void)close(fd);
    }
    lab_stop();
    remove_dir();
}
END_TEST

/* "<uid> in", "<uid> out", or "none" where the kernel vouches for nobody. */
static int answer_peer(struct request *r, struct err *err)
{
    char text[32] = "none";
    uint32_t uid;
    bool is_in_group;

    if (request_local_peer(r, &uid, &is_in_group))
        (void)snprintf(text, sizeof(text), "%u %s", (unsigned)uid, is_in_group ? "in" : "out");
    return lab_text(r, text, err);
}

static const struct route peer_routes[] = { { "GET", "/v1/peer", "thing:list", .handle = answer_peer } };
static const struct door peer_door = { "", peer_routes, sizeof(peer_routes) / sizeof(peer_routes[0]), lab_error, NULL, NULL };

static void expect_peer(size_t listener, const char *expected)
{
    int fd = lab_connect_to(listener);
    LAB_ANSWER a = lab_ask(fd, GET("/v1/peer"));

    ck_assert_str_eq(a.body.data, expected);
    (void)close(fd);
}

/* Its members may connect. */
static void expect_group(gid_t group)
{
    struct stat st;

    ck_assert_int_eq(stat(socket_path, &st), 0);
    ck_assert_uint_eq(st.st_gid, group);
    ck_assert_uint_eq(st.st_mode & 07777, 0660);
}

/* As a member, by its primary group or a further one, as a stranger, and on TCP: only the superuser may change its groups. */
START_TEST(tells_local_peers_and_their_group)
{
    enum { GROUP = 4711 };
    bool is_root = geteuid() == 0;
    static const gid_t many[] = { 12, 17, GROUP }, others[] = { 12, 17 };
    AUTO_FREE char *in = str_printf("%u in", (unsigned)getuid()), *out = str_printf("%u out", (unsigned)getuid());

    make_dir();
    lab_listen[1] = "127.0.0.1:0";
    lab_config.peer_group = is_root ? GROUP : getgid();
    lab_start(&peer_door);
    expect_peer(1, "none");
    expect_group(lab_config.peer_group);
    if (is_root) {
        ck_assert_int_eq(setgroups(2, others), 0);
        expect_peer(0, out);
        ck_assert_int_eq(setgroups(3, many), 0);
        expect_peer(0, in);
        ck_assert_int_eq(setgroups(0, NULL), 0);
        expect_peer(0, out);
        ck_assert_int_eq(setegid(GROUP), 0);
        expect_peer(0, in);
        ck_assert_int_eq(setegid(getgid()), 0);
    } else {
        expect_peer(0, in);
    }
    lab_stop();
    remove_dir();
}
END_TEST

/* Nobody asked for one, and root's own group is none. */
START_TEST(knows_no_group_unless_told)
{
    AUTO_FREE char *out = str_printf("%u out", (unsigned)getuid());

    make_dir();
    lab_start(&peer_door);
    expect_peer(0, out);
    lab_stop();
    remove_dir();
}
END_TEST

START_TEST(asks_no_host_of_unix_clients)
{
    make_dir();
    lab_start(&door);
    int fd = lab_connect();
    LAB_ANSWER a = lab_ask(fd, "GET /v1/things HTTP/1.1\r\nHost: whatever\r\n\r\n");
    ck_assert_int_eq(a.status, 200);
    (void)close(fd);
    lab_stop();
    remove_dir();
}
END_TEST

static int try_new(const char *address)
{
    const char *listen[] = { address, NULL };
    struct http_config config = { .listen = listen };
    struct http *h = NULL;
    int rc = http_new(&config, doors, lab_timer, &h, &e);

    http_free(h);
    return rc;
}

START_TEST(refuses_addresses_that_are_none)
{
    static const char *const addresses[] = {
        "",
        "8081",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:99999",
        "localhost:8081",
        ":8081",
        "::1:0",
        "[127.0.0.1]:0",
        "[::1]",
        "[::1:0",
        "unix:",
        "unix:relative/path",
        "256.0.0.1:0",
        "1.2.3.4:0",
        "unix:/nonexistent/socket",
    };
    AUTO_BUF long_path = { 0 };

    lab_prepare();
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        ck_assert_msg(try_new(addresses[i]) == -1, "%s is let in", addresses[i]);
        ck_assert_str_eq(err_code_word(e.code), "config");
    }
    buf_adds(&long_path, "unix:/tmp/");
    buf_addf(&long_path, "%0110d", 7);
    unit_fails(try_new(long_path.data), ERR_CONFIG);
    unit_fails(try_new(NULL), ERR_CONFIG);
    lab_stop();
}
END_TEST

/* Addresses of documentation, which no host has. */
START_TEST(binds_freely_where_it_is_told_to)
{
    static const char *const elsewhere[] = { "192.0.2.1:0", "[2001:db8::1]:0" };

    lab_prepare();
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        const char *const listen[] = { elsewhere[i], NULL };
        struct http_config config = { .listen = listen };

        unit_fails(http_new(&config, doors, lab_timer, &lab_http, &e), ERR_CONFIG);
        config.is_free_bound = true;
        unit_ok(http_new(&config, doors, lab_timer, &lab_http, &e));
        ck_assert(strncmp(http_url(lab_http, 0) + strlen("http://"), elsewhere[i], strlen(elsewhere[i]) - 1) == 0);
        unit_ok(http_start(lab_http, &e));
        http_free(lab_http);
    }
    lab_http = NULL;
    lab_stop();
}
END_TEST

START_TEST(refuses_an_address_in_use)
{
    make_dir();
    lab_listen[1] = "127.0.0.1:0";
    lab_start(&door);
    unit_fails(try_new(socket_address), ERR_CONFIG);
    unit_fails(try_new(http_url(lab_http, 1) + strlen("http://")), ERR_CONFIG);
    int fd = lab_connect(); /* the refused one has left the socket file alone */
    LAB_ANSWER a = lab_ask(fd, GET("/v1/things"));
    ck_assert_int_eq(a.status, 200);
    (void)close(fd);
    lab_stop();
    remove_dir();
}
END_TEST

static void leave_socket_behind(void)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert(str_copy(sun.sun_path, sizeof(sun.sun_path), socket_path));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
    (void)close(fd);
}

START_TEST(replaces_a_socket_that_was_left_behind)
{
    struct stat st;

    make_dir();
    leave_socket_behind();
    (void)umask(0);
    lab_start(&door);
    ck_assert_int_eq(stat(socket_path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0660);
    int fd = lab_connect();
    LAB_ANSWER a = lab_ask(fd, GET("/v1/things"));
    ck_assert_int_eq(a.status, 200);
    (void)close(fd);
    lab_stop();
    ck_assert_int_eq(stat(socket_path, &st), -1);
    remove_dir();
}
END_TEST

START_TEST(never_removes_what_is_not_its_own)
{
    struct stat st;

    make_dir();
    lab_prepare();
    ck_assert_int_ge(close(open(socket_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    unit_fails(try_new(socket_address), ERR_CONFIG);
    ck_assert_int_eq(stat(socket_path, &st), 0);
    ck_assert(S_ISREG(st.st_mode));
    ck_assert_int_eq(unlink(socket_path), 0);
    unit_ok(http_new(&lab_config, doors, lab_timer, &lab_http, &e));
    ck_assert_int_eq(unlink(socket_path), 0);
    leave_socket_behind(); /* somebody else's by now */
    lab_stop();
    ck_assert_int_eq(stat(socket_path, &st), 0);
    remove_dir();
}
END_TEST

START_TEST(answers_nobody_before_the_start)
{
    lab_prepare();
    unit_ok(http_new(&lab_config, doors, lab_timer, &lab_http, &e));
    int fd = lab_connect();
    struct pollfd p = { fd, POLLIN, 0 };
    lab_send(fd, GET("/v1/things"));
    ck_assert_int_eq(poll(&p, 1, 50), 0);
    ck_assert_int_eq(lab_handled, 0);
    unit_ok(http_start(lab_http, &e));
    LAB_ANSWER a = lab_read(fd);
    ck_assert_int_eq(a.status, 200);
    (void)close(fd);
    lab_stop();
}
END_TEST

START_TEST(refuses_routes_without_an_action)
{
    static const struct route bad[] = { { "GET", "/a", NULL, .handle = answer } };
    static const struct door bad_door = { "", bad, 1, lab_error, NULL, NULL };
    static const struct door *const bad_doors[] = { &bad_door, NULL };

    lab_prepare();
    unit_fails(http_new(&lab_config, bad_doors, lab_timer, &lab_http, &e), ERR_CONFIG);
    ck_assert_ptr_null(lab_http);
    lab_stop();
}
END_TEST

/* ---- caps ---- */

/* The number of n connections that answer; the others are closed. */
static int count_served(size_t address, int n)
{
    int fds[16], served = 0;

    for (int i = 0; i < n; i++) {
        char c;
        fds[i] = lab_connect_to(address);
        (void)send(fds[i], GET("/v1/things"), strlen(GET("/v1/things")), MSG_NOSIGNAL);
        served += recv(fds[i], &c, 1, 0) == 1;
    }
    for (int i = 0; i < n; i++)
        (void)close(fds[i]);
    return served;
}

START_TEST(caps_connections_per_address)
{
    lab_config.connections_per_address_max = 5;
    lab_start(&door);
    ck_assert_int_eq(count_served(0, 10), 5);
    lab_stop();
}
END_TEST

START_TEST(caps_connections_in_all)
{
    make_dir();
    lab_listen[1] = "127.0.0.1:0";
    lab_config.connections_max = 6;
    lab_start(&door);
    int kept = lab_connect_to(1);
    LAB_ANSWER a = lab_ask(kept, GET("/v1/things"));
    ck_assert_int_eq(a.status, 200);
    ck_assert_int_eq(count_served(0, 12), 5);
    (void)close(kept);
    lab_stop();
    remove_dir();
}
END_TEST

/* ---- deadlines ---- */

/* Sends a byte every few milliseconds until the server hangs up; the time that took. */
static int64_t drip(int fd, const char *start, const char *drop)
{
    int64_t began_ms = now_ms();
    struct pollfd p = { fd, POLLIN, 0 };

    (void)send(fd, start, strlen(start), MSG_NOSIGNAL);
    while (poll(&p, 1, 10) == 0) {
        (void)send(fd, drop, strlen(drop), MSG_NOSIGNAL);
        ck_assert_msg(now_ms() - began_ms < LAB_PATIENCE_MS, "lives for ever");
    }
    lab_expect_closed(fd);
    (void)close(fd);
    return now_ms() - began_ms;
}

enum { SHORT_MS = 500 };

START_TEST(ends_slow_headers)
{
    lab_config.header_deadline_ms = SHORT_MS;
    lab_start(&door);
    ck_assert_int_ge(drip(lab_connect(), "", "\r\n"), SHORT_MS - 10);
    ck_assert_int_ge(drip(lab_connect(), "G", "E"), SHORT_MS - 10);
    ck_assert_int_ge(drip(lab_connect(), "GET /v1/things HTTP/1.1\r\nHost: localhost\r\n", "X: y\r\n"), SHORT_MS - 10);
    ck_assert_int_eq(lab_handled, 0);
    lab_stop();
}
END_TEST

START_TEST(ends_slow_headers_of_a_second_request)
{
    lab_config.header_deadline_ms = SHORT_MS;
    lab_config.idle_timeout_ms = SHORT_MS;
    lab_start(&door);
    int fd = lab_connect();
    LAB_ANSWER a = lab_ask(fd, GET("/v1/things"));
    ck_assert_int_eq(a.status, 200);
    (void)drip(fd, "GET /v1/things HTTP/1.1\r\nHost: localhost\r\n", "X: y\r\n");
    ck_assert_int_eq(lab_handled, 1);
    lab_stop();
}
END_TEST

START_TEST(ends_slow_bodies)
{
    lab_config.idle_timeout_ms = SHORT_MS;
    lab_config.header_deadline_ms = SHORT_MS;
    lab_start(&door);
    (void)drip(lab_connect(), POST("/v1/things", "Content-Type: application/json\r\nContent-Length: 100000\r\n", ""), "x");
    ck_assert_int_eq(lab_handled, 0);
    ck_assert_int_eq(lab_wait_record(0).status, 0);
    lab_stop();
}
END_TEST

/* A stream may take its time as long as bytes come. */
START_TEST(lets_slow_streams_live)
{
    lab_config.idle_timeout_ms = 5000;
    lab_config.header_deadline_ms = SHORT_MS;
    lab_start(&door);
    int fd = lab_connect();
    struct pollfd p = { fd, POLLIN, 0 };
    lab_send(fd, "PUT /v1/stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 80\r\n\r\n");
    for (int i = 0; i < 80; i++) {
        ck_assert_int_eq(poll(&p, 1, 10), 0);
        lab_send(fd, "x");
    }
    LAB_ANSWER a = lab_read(fd);
    ck_assert_int_eq(a.status, 200);
    (void)close(fd);
    lab_stop();
}
END_TEST

/* ---- the end ---- */

START_TEST(quiesces_and_finishes)
{
    int fd, idle;

    make_dir();
    lab_listen[1] = "127.0.0.1:0";
    lab_start(&door);
    fd = lab_connect();
    idle = lab_connect_to(1);
    LAB_ANSWER before = lab_ask(fd, GET("/v1/things"));
    ck_assert_ptr_null(lab_header(&before, "Connection"));
    lab_send(fd, "POST /v1/things HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{");
    http_quiesce(lab_http);
    http_quiesce(lab_http);
    ck_assert_int_eq(lab_try_connect(0), -1);
    ck_assert_int_eq(lab_try_connect(1), -1);
    LAB_ANSWER a = lab_ask(fd, "}");
    ck_assert_int_eq(a.status, 200);
    ck_assert(lab_header_is(&a, "Connection", "close"));
    lab_expect_closed(fd);
    lab_stop();
    lab_expect_closed(idle);
    (void)close(fd);
    (void)close(idle);
    remove_dir();
}
END_TEST

static _Atomic bool is_over;

static void *ask_until_over(void *arg)
{
    while (!is_over) {
        int fd = lab_try_connect(0);
        char c;
        if (fd < 0)
            continue;
        for (int i = 0; i < 3; i++)
            if (send(fd, GET("/v1/things"), strlen(GET("/v1/things")), MSG_NOSIGNAL) > 0)
                (void)recv(fd, &c, 1, 0);
        (void)close(fd);
    }
    return arg;
}

/* Under load, again and again: nothing hangs, aborts or leaks. */
START_TEST(stops_under_load)
{
    enum { CLIENTS = 4 };
    pthread_t clients[CLIENTS];
    static struct timespec pause = { .tv_nsec = 5000000 };

    lab_start(&door);
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(pthread_create(&clients[i], NULL, ask_until_over, NULL), 0);
    for (int before = lab_handled; lab_handled < before + 200;)
        (void)nanosleep(&pause, NULL);
    http_quiesce(lab_http);
    is_over = true;
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(pthread_join(clients[i], NULL), 0);
    lab_stop();
}
END_TEST

START_TEST(frees_what_was_never_started)
{
    lab_prepare();
    unit_ok(http_new(&lab_config, doors, lab_timer, &lab_http, &e));
    lab_stop();
    http_free(NULL);
}
END_TEST

UNIT_MAIN("http_server", listens_on_several_addresses, tells_local_peers_and_their_group, knows_no_group_unless_told,
          asks_no_host_of_unix_clients, refuses_addresses_that_are_none, binds_freely_where_it_is_told_to,
          refuses_an_address_in_use, replaces_a_socket_that_was_left_behind, never_removes_what_is_not_its_own,
          answers_nobody_before_the_start, refuses_routes_without_an_action, caps_connections_per_address,
          caps_connections_in_all, ends_slow_headers, ends_slow_headers_of_a_second_request, ends_slow_bodies,
          lets_slow_streams_live, quiesces_and_finishes, stops_under_load, frees_what_was_never_started)
