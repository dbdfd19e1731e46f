/* TLS: what is read at the start, what handshakes show, reloading under connections, and what is refused. */
#define _GNU_SOURCE /* memmem */
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/stat.h>
#include <time.h>

#include "http_lab.h"

enum { HOUR_S = 3600 };

static int answer(struct request *r, struct err *err)
{
    size_t len;

    lab_handled++;
    (void)request_body(r, &len);
    char *text = str_printf("%zu", len);
    return request_reply(r, 200, "text/plain", text, strlen(text), err);
}

static const struct route routes[] = {
    { "GET", "/v1/things", "thing:list", .handle = answer },
    { "POST", "/v1/things", "thing:create", .handle = answer },
};
static const struct door door = {
    .prefix = "", .routes = routes, .route_count = sizeof(routes) / sizeof(routes[0]), .error = lab_error
};
static const struct door *const doors[] = { &door, NULL };

static char dir[] = "/tmp/computed-tls-XXXXXX";
static char cert_path[sizeof(dir) + 8], key_path[sizeof(dir) + 8], socket_path[sizeof(dir) + 8], socket_address[sizeof(dir) + 16];

/* ---- files ---- */

static void write_file(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "we");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
}

static void write_cert(const char *name, gnutls_x509_privkey_t key, time_t from, time_t until)
{
    gnutls_x509_crt_t cert;
    gnutls_datum_t pem;

    ck_assert_int_eq(gnutls_x509_crt_init(&cert), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_version(cert, 3), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_serial(cert, "\1", 1), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_activation_time(cert, from), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_expiration_time(cert, until), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_key(cert, key), 0);
    ck_assert_int_eq(gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0), 0);
    ck_assert_int_eq(gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &pem), 0);
    write_file(cert_path, pem.data, pem.size);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(cert);
}

static gnutls_x509_privkey_t new_key(void)
{
    gnutls_x509_privkey_t key;

    ck_assert_int_eq(gnutls_x509_privkey_init(&key), 0);
    ck_assert_int_eq(gnutls_x509_privkey_generate(key, GNUTLS_PK_EC, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    return key;
}

static void write_key(gnutls_x509_privkey_t key)
{
    gnutls_datum_t pem;

    ck_assert_int_eq(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    write_file(key_path, pem.data, pem.size);
    gnutls_free(pem.data);
}

/* A new key with a certificate of that name, which is good from `from_s` to `until_s` from now. */
static void write_pair(const char *name, int from_s, int until_s)
{
    gnutls_x509_privkey_t key = new_key();

    write_cert(name, key, time(NULL) + from_s, time(NULL) + until_s);
    write_key(key);
    gnutls_x509_privkey_deinit(key);
}

static void make_dir(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(cert_path, sizeof(cert_path), "%s/cert", dir);
    (void)snprintf(key_path, sizeof(key_path), "%s/key", dir);
    (void)snprintf(socket_path, sizeof(socket_path), "%s/sock", dir);
    (void)snprintf(socket_address, sizeof(socket_address), "unix:%s", socket_path);
    write_pair("first", -HOUR_S, HOUR_S);
    lab_config.tls_cert = cert_path;
    lab_config.tls_key = key_path;
}

static void remove_dir(void)
{
    (void)unlink(cert_path);
    (void)unlink(key_path);
    ck_assert_int_eq(rmdir(dir), 0);
}

static void start(void)
{
    make_dir();
    lab_start(&door);
}

static void stop(void)
{
    lab_stop();
    remove_dir();
}

/* ---- a client ---- */

struct tls_client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

/* Without a handshake. */
static struct tls_client client_begin(const char *priorities)
{
    struct tls_client c = { .fd = lab_try_tcp("127.0.0.1", strrchr(http_url(lab_http, 0), ':') + 1) };

    ck_assert_int_ge(c.fd, 0);
    lab_set_patience(c.fd);
    ck_assert_int_eq(gnutls_init(&c.session, GNUTLS_CLIENT), 0);
    ck_assert_int_eq(gnutls_certificate_allocate_credentials(&c.credentials), 0);
    ck_assert_int_eq(gnutls_credentials_set(c.session, GNUTLS_CRD_CERTIFICATE, c.credentials), 0);
    ck_assert_int_eq(gnutls_priority_set_direct(c.session, priorities, NULL), 0);
    gnutls_transport_set_int(c.session, c.fd);
    return c;
}

static void client_end(struct tls_client *c)
{
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->credentials);
    (void)close(c->fd);
}

static struct tls_client client_connect(void)
{
    struct tls_client c = client_begin("NORMAL");
    int rc = gnutls_handshake(c.session);

    ck_assert_msg(rc == 0, "handshake: %s", gnutls_strerror(rc));
    return c;
}

static bool is_name(const struct tls_client *c, const char *name)
{
    unsigned count;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(c->session, &count);
    char text[32] = "";
    size_t len = sizeof(text);
    gnutls_x509_crt_t cert;

    ck_assert_ptr_nonnull(chain);
    ck_assert_int_eq(gnutls_x509_crt_init(&cert), 0);
    ck_assert_int_eq(gnutls_x509_crt_import(cert, chain, GNUTLS_X509_FMT_DER), 0);
    ck_assert_int_eq(gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &len), 0);
    gnutls_x509_crt_deinit(cert);
    return strcmp(text, name) == 0;
}

static void client_send(const struct tls_client *c, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = gnutls_record_send(c->session, data, len);
        ck_assert_msg(n > 0, "send: %s", gnutls_strerror((int)n));
        data += n;
        len -= (size_t)n;
    }
}

/* The answer ends with `ending`, and is a good one. */
static void expect_ending(const struct tls_client *c, const char *ending)
{
    AUTO_BUF text = { 0 };
    char block[512];

    while (text.len < strlen(ending) || strcmp(text.data + text.len - strlen(ending), ending) != 0) {
        ssize_t n = gnutls_record_recv(c->session, block, sizeof(block));
        ck_assert_msg(n > 0, "no answer: %s after '%s'", n < 0 ? gnutls_strerror((int)n) : "closed", text.len ? text.data : "");
        buf_add(&text, block, (size_t)n);
    }
    ck_assert(str_starts_with(text.data, "HTTP/1.1 200 "));
}

static int status_of(const struct tls_client *c, const char *request)
{
    char block[512] = "";
    int status = 0;

    client_send(c, request, strlen(request));
    ck_assert_int_gt(gnutls_record_recv(c->session, block, sizeof(block) - 1), 0);
    ck_assert_int_eq(sscanf(block, "HTTP/1.1 %d ", &status), 1);
    return status;
}

static void ask(const struct tls_client *c)
{
    client_send(c, GET("/v1/things"), strlen(GET("/v1/things")));
    expect_ending(c, "\r\n\r\n0");
}

static void expect_present(const char *name)
{
    struct tls_client c = client_connect();

    ck_assert_msg(is_name(&c, name), "the certificate is not '%s'", name);
    ask(&c);
    client_end(&c);
}

/* ---- what works ---- */

START_TEST(speaks_tls_on_tcp_alone)
{
    make_dir();
    lab_listen[1] = socket_address;
    lab_start(&door);
    ck_assert(str_starts_with(http_url(lab_http, 0), "https://127.0.0.1:"));
    ck_assert_str_eq(http_url(lab_http, 1), socket_address);
    expect_present("first");
    int fd = lab_connect_to(1);
    LAB_ANSWER a = lab_ask(fd, GET("/v1/things"));
    ck_assert_int_eq(a.status, 200);
    (void)close(fd);
    stop();
}
END_TEST

/* Larger than a record and than the connection's buffer. */
START_TEST(takes_large_bodies)
{
    enum { LEN = 300000 };
    static char body[LEN];

    memset(body, ' ', LEN);
    start();
    struct tls_client c = client_connect();
    for (int i = 0; i < 2; i++) {
        const char *head = POST("/v1/things", "Content-Type: application/json\r\nContent-Length: 300000\r\n", "");
        client_send(&c, head, strlen(head));
        client_send(&c, body, LEN);
        expect_ending(&c, "\r\n\r\n300000");
    }
    client_end(&c);
    stop();
}
END_TEST

/* A page that came without TLS may be anybody's. */
START_TEST(takes_pages_of_its_own_scheme_alone)
{
    start();
    struct tls_client own = client_connect(), other = client_connect();
    ck_assert_int_eq(status_of(&own, GET("/v1/things", "Origin: https://localhost\r\n")), 200);
    ck_assert_int_eq(status_of(&other, GET("/v1/things", "Origin: http://localhost\r\n")), 403);
    client_end(&own);
    client_end(&other);
    stop();
}
END_TEST

START_TEST(reloads_without_losing_connections)
{
    start();
    struct tls_client before = client_connect(), unborn = client_begin("NORMAL");
    ask(&before);
    write_pair("second", -HOUR_S, HOUR_S);
    unit_ok(http_reload_tls(lab_http, &e));
    expect_present("second");
    ask(&before);
    ck_assert(is_name(&before, "first"));
    ck_assert_int_eq(gnutls_handshake(unborn.session), 0);
    ask(&unborn);
    client_end(&unborn);
    write_pair("third", -HOUR_S, HOUR_S);
    unit_ok(http_reload_tls(lab_http, &e));
    ask(&before);
    expect_present("third");
    client_end(&before);
    stop();
}
END_TEST

START_TEST(reloads_nothing_without_tls)
{
    lab_start(&door);
    unit_ok(http_reload_tls(lab_http, &e));
    lab_stop();
}
END_TEST

/* ---- files that are wrong ---- */

static void write_garbage(const char *path)
{
    write_file(path, "garbage", strlen("garbage"));
}

static void break_cert(void)
{
    write_garbage(cert_path);
}

static void break_key(void)
{
    write_garbage(key_path);
}

static void lose_cert(void)
{
    ck_assert_int_eq(unlink(cert_path), 0);
}

static void lose_key(void)
{
    ck_assert_int_eq(unlink(key_path), 0);
}

static void mix(void)
{
    gnutls_x509_privkey_t other = new_key();

    write_key(other);
    gnutls_x509_privkey_deinit(other);
}

static void expire(void)
{
    write_pair("late", -2 * HOUR_S, -HOUR_S);
}

static void postpone(void)
{
    write_pair("early", HOUR_S, 2 * HOUR_S);
}

static const struct wrong {
    void (*make)(void);
    const char *key, *reason;
} wrongs[] = {
    { break_cert, "tls_cert: ", "PEM" },
    { break_key, "tls_key: ", "PEM" },
    { lose_cert, "tls_cert: ", "No such file" },
    { lose_key, "tls_key: ", "No such file" },
    { mix, "tls_key: ", "is not the key of" },
    { expire, "tls_cert: ", "expired at " },
    { postpone, "tls_cert: ", "not valid before " },
};

static void expect_reason(const struct wrong *w, int rc)
{
    ck_assert_int_eq(rc, -1);
    ck_assert_int_eq(e.code, ERR_CONFIG);
    ck_assert_msg(str_starts_with(e.msg, w->key) && strstr(e.msg, w->reason), "'%s' is not about %s%s", e.msg, w->key, w->reason);
    err_clear(&e);
}

START_TEST(refuses_wrong_files_at_the_start)
{
    make_dir();
    lab_prepare();
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        write_pair("first", -HOUR_S, HOUR_S);
        wrongs[i].make();
        expect_reason(&wrongs[i], http_new(&lab_config, doors, lab_timer, &lab_http, &e));
    }
    stop();
}
END_TEST

START_TEST(keeps_the_old_pair_when_the_new_is_wrong)
{
    start();
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        write_pair("second", -HOUR_S, HOUR_S);
        wrongs[i].make();
        expect_reason(&wrongs[i], http_reload_tls(lab_http, &e));
        expect_present("first");
    }
    stop();
}
END_TEST

START_TEST(wants_both_files)
{
    make_dir();
    lab_prepare();
    lab_config.tls_key = NULL;
    unit_fails(http_new(&lab_config, doors, lab_timer, &lab_http, &e), ERR_CONFIG);
    lab_config.tls_key = lab_config.tls_cert;
    lab_config.tls_cert = NULL;
    unit_fails(http_new(&lab_config, doors, lab_timer, &lab_http, &e), ERR_CONFIG);
    stop();
}
END_TEST

/* ---- clients that are refused ---- */

START_TEST(speaks_nothing_old)
{
    static const char *const olds[] = {
        "NORMAL:-VERS-ALL:+VERS-TLS1.1",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC",
    };
    static const char *const news[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3" };

    start();
    for (size_t i = 0; i < sizeof(olds) / sizeof(olds[0]); i++) {
        struct tls_client c = client_begin(olds[i]);
        int rc = gnutls_handshake(c.session);
        ck_assert_msg(rc == GNUTLS_E_PREMATURE_TERMINATION, "'%s' ends with: %s", olds[i], gnutls_strerror(rc)); /* closed */
        client_end(&c);
    }
    for (size_t i = 0; i < sizeof(news) / sizeof(news[0]); i++) {
        struct tls_client c = client_begin(news[i]);
        ck_assert_int_eq(gnutls_handshake(c.session), 0);
        ask(&c);
        client_end(&c);
    }
    stop();
}
END_TEST

START_TEST(closes_what_speaks_plain_http)
{
    char block[64];
    ssize_t n;

    start();
    int fd = lab_try_tcp("127.0.0.1", strrchr(http_url(lab_http, 0), ':') + 1);
    lab_set_patience(fd);
    lab_send(fd, GET("/v1/things"));
    while ((n = recv(fd, block, sizeof(block), 0)) > 0)
        ck_assert_ptr_null(memmem(block, (size_t)n, "HTTP/", strlen("HTTP/"))); /* an alert at most */
    ck_assert(n == 0 || errno == ECONNRESET);
    ck_assert_int_eq(lab_handled, 0);
    (void)close(fd);
    expect_present("first");
    stop();
}
END_TEST

/* Neither silence nor half a greeting holds a connection. */
START_TEST(ends_slow_handshakes)
{
    static const char half[] = "\x16\x03\x01\x01\x00\x01";

    lab_config.header_deadline_ms = 200;
    start();
    struct tls_client silent = client_begin("NORMAL"), halting = client_begin("NORMAL");
    lab_send_bytes(halting.fd, half, sizeof(half) - 1);
    lab_expect_closed(silent.fd);
    lab_expect_closed(halting.fd);
    client_end(&silent);
    client_end(&halting);
    stop();
}
END_TEST

START_TEST(caps_connections_before_the_handshake)
{
    lab_config.connections_max = 1;
    start();
    struct tls_client only = client_connect(), second = client_begin("NORMAL");
    ck_assert_int_ne(gnutls_handshake(second.session), 0);
    ask(&only);
    client_end(&second);
    client_end(&only);
    stop();
}
END_TEST

UNIT_MAIN("http_tls", speaks_tls_on_tcp_alone, takes_large_bodies, takes_pages_of_its_own_scheme_alone,
          reloads_without_losing_connections, reloads_nothing_without_tls, refuses_wrong_files_at_the_start,
          keeps_the_old_pair_when_the_new_is_wrong, wants_both_files, speaks_nothing_old, closes_what_speaks_plain_http,
          ends_slow_handshakes, caps_connections_before_the_handshake)
