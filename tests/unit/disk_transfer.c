/* transfer: what a URL brings becomes an image's bytes or an error that says why, and nothing else is left behind. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>

#include "../../src/disk/fetch.h"
#include "transfer_lab.h"

#define PART    "state/images/" IMAGE_ID ".part"
#define FETCHED "state/images/" IMAGE_ID ".fetch"
#define MIB     (UINT64_C(1) << 20)

struct fixture {
    struct lab lab;
    struct disk *disk;
    struct server server;
    struct cidr loopback;
    struct transfer_terms terms;
    struct transfer_progress last;
    unsigned progressed;
    bool is_cancelled;
};

static void progress(void *arg, const struct transfer_progress *p)
{
    struct fixture *f = arg;

    f->last = *p;
    f->progressed++;
}

static bool is_cancelled(void *arg)
{
    return ((struct fixture *)arg)->is_cancelled;
}

static void fixture_open(struct fixture *f)
{
    *f = (struct fixture){ .progressed = 0 };
    lab_open(&f->lab);
    f->disk = lab_disk(&f->lab);
    server_open(&f->server, &f->lab);
    ck_assert_int_eq(cidr_parse("127.0.0.0/8", &f->loopback), 0);
    f->terms = (struct transfer_terms){
        .limits = { .size_bytes = 64 * MIB, .timeout_ms = 25000, .expansion = 10, .allowed = &f->loopback, .allowed_count = 1 },
        .watch = { progress, is_cancelled, f },
    };
}

static void fixture_close(struct fixture *f)
{
    server_close(&f->server);
    disk_close(f->disk);
    lab_close(&f->lab);
}
#define FIXTURE __attribute__((cleanup(fixture_close))) struct fixture

/* path may be a whole URL. */
static int get(struct fixture *f, const char *path, const char *sha256, enum disk_format *format, struct err *e)
{
    AUTO_FREE char *url =
        strstr(path, "://") && path[0] != '/' ? strdup(path) : str_printf("http://127.0.0.1:%u%s", f->server.port, path);

    return transfer_download(f->disk, &(struct transfer_source){ IMAGE_ID, url, sha256 }, &f->terms, format, e);
}

static void expect_nothing_left(const struct fixture *f)
{
    ck_assert(!lab_exists(&f->lab, PART));
    ck_assert(!lab_exists(&f->lab, FETCHED));
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static void expect_image(struct fixture *f, const char *path, enum disk_format expected, const char *same_as)
{
    enum disk_format format = DISK_FORMAT_COUNT;
    struct image_facts facts = { 0 };
    struct err e = ERR_INIT;

    unit_ok(get(f, path, NULL, &format, &e));
    ck_assert_int_eq(format, expected);
    ck_assert(!lab_exists(&f->lab, FETCHED));
    ck_assert_uint_eq(lab_mode(&f->lab, PART), 0600);
    unit_ok(disk_image_seal(f->disk, IMAGE_ID, format, NULL, NULL, &facts, &e));
    lab_run(&f->lab, "cmp %s state/images/%s.%s", same_as, IMAGE_ID, disk_format_to_string(format));
    unit_ok(disk_image_remove(f->disk, IMAGE_ID, &e));
    expect_nothing_left(f);
}

START_TEST(as_it_is)
{
    FIXTURE f;
    fixture_open(&f);

    lab_run(&f.lab, "head -c 3000000 /dev/urandom > raw; qemu-img create -f qcow2 cow 5M; truncate -s 20M holes");
    expect_image(&f, "/raw", DISK_FORMAT_RAW, "raw");
    expect_image(&f, "/chunked/raw", DISK_FORMAT_RAW, "raw");
    expect_image(&f, "/cow", DISK_FORMAT_QCOW2, "cow");
    expect_image(&f, "/holes", DISK_FORMAT_RAW, "holes");
    expect_image(&f, "/to//to//raw", DISK_FORMAT_RAW, "raw");
}
END_TEST

/* By the bytes, whatever the name says; packed twice, and with something behind the end, too. */
START_TEST(unpacked_on_the_way)
{
    FIXTURE f;
    fixture_open(&f);

    lab_run(&f.lab, "qemu-img create -f qcow2 cow 5M; head -c 3000000 /dev/urandom > raw; truncate -s 5M raw");
    lab_run(&f.lab, "for i in cow raw; do gzip < $i > $i.1; xz -0 < $i > $i.2; zstd -q < $i > $i.3; xz -0 < $i.1 > $i.4; done");
    for (int packed = 1; packed <= 4; packed++) {
        AUTO_FREE char *cow = str_printf("/cow.%d", packed), *raw = str_printf("/chunked/raw.%d", packed);

        f.terms.limits.expansion = 1000;
        expect_image(&f, cow, DISK_FORMAT_QCOW2, "cow");
        expect_image(&f, raw, DISK_FORMAT_RAW, "raw");
    }
}
END_TEST

START_TEST(zeros_become_holes)
{
    FIXTURE f;
    fixture_open(&f);
    enum disk_format format;
    struct err e = ERR_INIT;

    lab_run(&f.lab, "(head -c 1M /dev/zero; head -c 100000 /dev/urandom; head -c 30M /dev/zero; echo end) > raw; gzip -k raw");
    f.terms.limits.expansion = 1000;
    unit_ok(get(&f, "/raw.gz", NULL, &format, &e));
    lab_run(&f.lab, "cmp raw " PART " && test $(du -k " PART " | cut -f1) -lt 1024");
}
END_TEST

START_TEST(told_how_far_it_is)
{
    FIXTURE f;
    fixture_open(&f);
    enum disk_format format;
    struct err e = ERR_INIT;

    lab_run(&f.lab, "head -c 4M /dev/urandom > raw");
    f.terms.limits.rate_bytes_s = 2 * MIB;
    unit_ok(get(&f, "/raw", NULL, &format, &e));
    ck_assert_uint_ge(f.progressed, 2);
    ck_assert_uint_eq(f.last.bytes, 4 * MIB);
    ck_assert_uint_eq(f.last.total_bytes, 4 * MIB);
}
END_TEST

START_TEST(sha256_of_what_came)
{
    FIXTURE f;
    fixture_open(&f);
    enum disk_format format;
    struct err e = ERR_INIT;

    lab_run(&f.lab, "head -c 1M /dev/urandom > raw; gzip -k raw; echo more >> raw.gz");
    AUTO_FREE char *sum = lab_must(&f.lab, "sha256sum raw.gz | cut -c1-64 | tr -d '\\n'");
    unit_ok(get(&f, "/raw.gz", sum, &format, &e));
    sum[0] = sum[0] == '0' ? '1' : '0';
    unit_fails(get(&f, "/raw.gz", sum, &format, &e), ERR_DOWNLOAD);
    ck_assert_ptr_nonnull(strstr(e.msg, "sha256"));
    expect_nothing_left(&f);
}
END_TEST

static const struct {
    const char *make, *path;
    enum err_code code;
    const char *reason;
} failures[] = {
    { "true", "/absent", ERR_DOWNLOAD, "status 404" },
    { "true", "/nothing", ERR_DOWNLOAD, "status 204" },
    { "true", "/cut", ERR_DOWNLOAD, "cut off" },
    { "true", "/endless", ERR_DOWNLOAD, "more than" },
    { "truncate -s 65M x", "/x", ERR_DOWNLOAD, "than what is let in" },
    { "truncate -s 65M x", "/chunked/x", ERR_DOWNLOAD, "more than" },
    { "head -c 7M /dev/urandom > y; cat y y y y y y y y y y | zstd -q --long=25 > x", "/x", ERR_DOWNLOAD, "more than" },
    { "head -c 40M /dev/zero | gzip > x", "/x", ERR_IMAGE_REFUSED, "10 times larger" },
    { "head -c 60M /dev/zero | xz -9 | xz -9 > x", "/x", ERR_IMAGE_REFUSED, "10 times larger" },
    { "head -c 1M /dev/urandom | gzip > y; head -c 500000 y > x", "/x", ERR_IMAGE_REFUSED, "damaged" },
    { "head -c 1M /dev/urandom | xz > x; printf x | dd of=x bs=1 seek=500000 conv=notrunc", "/x", ERR_IMAGE_REFUSED, "damaged" },
    { "touch x", "/x", ERR_IMAGE_REFUSED, "empty" },
    { "touch x; gzip x; mv x.gz x", "/x", ERR_IMAGE_REFUSED, "empty" },
    /* Where a redirect may lead. The last one has a port where nobody listens. */
    { "true", "/to/file:///etc/passwd", ERR_DOWNLOAD, "neither http nor https" },
    { "true", "/to/ftp://127.0.0.1/x", ERR_DOWNLOAD, "neither http nor https" },
    { "true", "/to/http://10.0.0.1/x", ERR_DOWNLOAD, "must not be fetched from" },
    { "true", "/to/http://169.254.169.254/latest", ERR_DOWNLOAD, "must not be fetched from" },
    { "true", "/to/http://[::1]:80/x", ERR_DOWNLOAD, "must not be fetched from" },
    { "true", "/to/http://[::ffff:127.0.0.1]:80/x", ERR_DOWNLOAD, "must not be fetched from" },
    { "true", "/to//to//to//to//to//to//to/x", ERR_DOWNLOAD, "redirects too often" },
    { "true", "http://127.0.0.1:1/", ERR_DOWNLOAD, "cannot be reached" },
};

START_TEST(failures_say_why)
{
    FIXTURE f;
    fixture_open(&f);
    enum disk_format format;

    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        struct err e = ERR_INIT;

        lab_run(&f.lab, "rm -f x y; %s", failures[i].make);
        ck_assert_msg(get(&f, failures[i].path, NULL, &format, &e) < 0, "%zu: %s", i, failures[i].path);
        ck_assert_msg(e.code == failures[i].code && strstr(e.msg, failures[i].reason), "%zu %s %s: %s: %s (%s)", i,
                      failures[i].make, failures[i].path, err_code_word(e.code), e.msg, e.detail);
        expect_nothing_left(&f);
    }
}
END_TEST

/* Nothing but what is configured makes an exception, and a name is what it leads to. */
START_TEST(private_addresses_are_refused)
{
    FIXTURE f;
    fixture_open(&f);
    AUTO_FREE char *named = str_printf("http://localhost:%u/raw", f.server.port);
    enum disk_format format;
    struct err e = ERR_INIT;

    lab_run(&f.lab, "head -c 1000 /dev/urandom > raw");
    f.terms.limits.allowed_count = 0;
    unit_fails(get(&f, "/raw", NULL, &format, &e), ERR_DOWNLOAD);
    ck_assert_ptr_nonnull(strstr(e.msg, "must not be fetched from"));
    e = (struct err)ERR_INIT;
    unit_fails(get(&f, named, NULL, &format, &e), ERR_DOWNLOAD);
    ck_assert_ptr_nonnull(strstr(e.msg, "must not be fetched from"));
    expect_nothing_left(&f);
}
END_TEST

/* What the environment says about proxies is nobody's order. */
START_TEST(no_proxy)
{
    FIXTURE f;
    fixture_open(&f);
    enum disk_format format;
    struct err e = ERR_INIT;

    lab_run(&f.lab, "head -c 1000 /dev/urandom > raw");
    ck_assert_int_eq(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    unit_ok(get(&f, "/raw", NULL, &format, &e));
}
END_TEST

START_TEST(ends_in_time)
{
    FIXTURE f;
    fixture_open(&f);
    enum disk_format format;
    struct err e = ERR_INIT;

    f.terms.limits.timeout_ms = 700;
    unit_fails(get(&f, "/mute", NULL, &format, &e), ERR_TIMEOUT);
    expect_nothing_left(&f);
    unit_fails(get(&f, "/deaf", NULL, &format, &e), ERR_TIMEOUT);
    expect_nothing_left(&f);
}
END_TEST

START_TEST(ends_when_cancelled)
{
    FIXTURE f;
    fixture_open(&f);
    enum disk_format format;
    struct err e = ERR_INIT;

    f.is_cancelled = true;
    unit_fails(get(&f, "/mute", NULL, &format, &e), ERR_CANCELLED);
    expect_nothing_left(&f);
}
END_TEST

START_TEST(begins_anew)
{
    FIXTURE f;
    fixture_open(&f);

    lab_run(&f.lab, "head -c 1000 /dev/urandom > raw; echo old > " PART "; echo old > " FETCHED);
    expect_image(&f, "/raw", DISK_FORMAT_RAW, "raw");
}
END_TEST

START_TEST(failing_anywhere_leaves_nothing)
{
    static const char *const points[] = { "disk.fetch_create.after",  "disk.fetch_run.before",   "disk.fetch_run.after",
                                          "disk.fetch_rename.before", "disk.fetch_rename.after", "disk.convert_create.after",
                                          "disk.convert_lend.after",  "disk.convert_run.before", "disk.convert_run.after" };
    FIXTURE f;
    fixture_open(&f);
    enum disk_format format;

    lab_run(&f.lab, "head -c 1000 /dev/urandom > raw; qemu-img create -f vdi vdi 3M");
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        struct err e = ERR_INIT;

        lab_arm(&f.lab, points[i], "error(internal)");
        if (strstr(points[i], "convert_lend") && geteuid() != 0)
            continue;
        unit_fails(get(&f, strstr(points[i], "convert") ? "/vdi" : "/raw", NULL, &format, &e), ERR_INTERNAL);
        expect_nothing_left(&f);
    }
}
END_TEST

START_TEST(urls)
{
    static const char *const good[] = { "http://a", "https://a.example/b?c=d#e", "HTTP://a:8080/", "http://[2001:db8::1]:80/x" };
    static const char *const bad[] = { "",
                                       "a",
                                       "/a",
                                       "ftp://a/b",
                                       "file:///etc/passwd",
                                       "http://",

                                       "http://u@a",
                                       "http://u:p@a/b",
                                       "http://a b/",
                                       "http://a/\n",
                                       "gopher://a/",
                                       "https://a:x/",
                                       "http://a:99999/" };
    AUTO_FREE char *lengthy = malloc(TRANSFER_URL_MAX + 10);
    struct err e = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        unit_ok(transfer_check_url(good[i], &e));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(transfer_check_url(bad[i], &e) < 0, "%s", bad[i]);
        ck_assert_int_eq(e.code, ERR_INVALID_FIELD);
        ck_assert_str_eq(e.field, "url");
    }
    memset(lengthy, 'a', TRANSFER_URL_MAX + 10);
    memcpy(lengthy, "http://a/", 9);
    lengthy[TRANSFER_URL_MAX] = '\0';
    unit_ok(transfer_check_url(lengthy, &e));
    lengthy[TRANSFER_URL_MAX] = 'a';
    lengthy[TRANSFER_URL_MAX + 1] = '\0';
    unit_fails(transfer_check_url(lengthy, &e), ERR_INVALID_FIELD);
}
END_TEST

START_TEST(addresses)
{
    static const struct {
        const char *text;
        bool is_allowed;
    } subjects[] = {
        { "8.8.8.8", true },
        { "10.1.2.3", false },
        { "127.0.0.1", false },
        { "192.168.7.7", true },
        { "192.168.8.1", false },
        { "0.0.0.0", false },
        { "255.255.255.255", false },
        { "2606:4700::1111", true },
        { "2a01:4f8::1", true },
        { "::", false },
        { "::1", false },
        { "::ffff:8.8.8.8", false },
        { "::8.8.8.8", false },
        { "64:ff9b::808:808", false },
        { "64:ff9b:1::1", false },
        { "100::1", false },
        { "2001::1", false },
        { "2001:1ff::1", false },
        { "2001:200::1", true },
        { "2001:db8::1", false },
        { "2002:808:808::1", false },
        { "3fff::1", false },
        { "3fff:1000::1", true },
        { "fc00::1", false },
        { "fe80::1", false },
        { "fec0::1", false },
        { "ff02::1", false },
        { "4000::1", false },
    };
    struct cidr allowed[2];

    ck_assert_int_eq(cidr_parse("192.168.7.0/24", &allowed[0]), 0);
    ck_assert_int_eq(cidr_parse("172.16.0.0/12", &allowed[1]), 0);
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
        struct sockaddr_in v4 = { .sin_family = AF_INET };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
        bool is_v4 = inet_pton(AF_INET, subjects[i].text, &v4.sin_addr) == 1;
        const struct sockaddr *to = is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;

        ck_assert(is_v4 || inet_pton(AF_INET6, subjects[i].text, &v6.sin6_addr) == 1);
        ck_assert_msg(address_is_allowed(to, allowed, 2) == subjects[i].is_allowed, "%s", subjects[i].text);
    }
    ck_assert(!address_is_allowed(&(struct sockaddr){ .sa_family = AF_UNIX }, allowed, 2));
}
END_TEST

TRANSFER_MAIN("disk_transfer", as_it_is, unpacked_on_the_way, zeros_become_holes, told_how_far_it_is, sha256_of_what_came,
              failures_say_why, private_addresses_are_refused, no_proxy, ends_in_time, ends_when_cancelled, begins_anew,
              failing_anywhere_leaves_nothing, urls, addresses)
