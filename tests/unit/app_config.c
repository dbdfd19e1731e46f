/* Configuration: sources in order, every trap with its place, and what is printed is what is read. */
#include <stdio.h>

#include "../../src/app/config.h"
#include "unit.h"

static char *write_file(const char *text)
{
    static char path[] = "/tmp/computed-config-XXXXXX";
    int fd;

    snprintf(path, sizeof path, "/tmp/computed-config-XXXXXX");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static void refused(const char *text, const char *needle)
{
    AUTO_CONFIG c = { 0 };
    struct err e = ERR_INIT;
    char *path = write_file(text);

    unit_fails(config_load(path, &c, &e), ERR_CONFIG);
    ck_assert_msg(strstr(e.msg, needle) || strstr(e.detail, needle), "'%s' is not in: %s (%s)", needle, e.msg, e.detail);
    unlink(path);
}

START_TEST(defaults)
{
    AUTO_CONFIG c = { 0 };
    struct err e = ERR_INIT;
    char *path = write_file("");

    unit_ok(config_load(path, &c, &e));
    unlink(path);
    ck_assert_str_eq(c.listen, "127.0.0.1:8081");
    ck_assert_str_eq(c.state_dir, "/var/lib/computed");
    ck_assert_str_eq(c.region, "local");
    ck_assert_uint_eq(c.stop_grace_ms, 10000);
    ck_assert_uint_eq(c.survey_deadline_ms, 500);
    ck_assert_int_eq(c.virt_type, VIRT_CHOICE_AUTO);
    ck_assert_double_eq(c.cpu_overcommit, 16);
    ck_assert_double_eq(c.memory_overcommit, 1);
    ck_assert_double_eq(c.disk_overcommit, 4);
    ck_assert_uint_eq(c.network_prefix, 24);
    ck_assert_uint_eq(c.import_deadline_ms, 3600 * 1000);
    ck_assert_str_eq(c.import_allow, "");
    ck_assert_uint_eq(c.audit_retention_ms, 90ULL * 24 * 3600 * 1000);
    ck_assert_uint_eq(c.audit_keep, 1000000);
    ck_assert_str_eq(c.default_quota, "vms=10, vcpus=20, memory_mib=51200, disk_gib=1000, images=20, networks=10, ports=50,"
                                      " keypairs=100, tokens=1000");
    ck_assert_uint_eq(c.guest_port, 8775);
    unit_ok(config_check(&c, &e));
}
END_TEST

START_TEST(file_then_environment)
{
    AUTO_CONFIG c = { 0 };
    struct err e = ERR_INIT;
    char *path = write_file("[computed]\nregion = north\nworkers = 7\nstop_grace = 2min\nvirt_type = qemu\n");

    setenv("COMPUTED_WORKERS", "9", 1);
    unit_ok(config_load(path, &c, &e));
    unlink(path);
    ck_assert_str_eq(c.region, "north");
    ck_assert_uint_eq(c.workers, 9);
    ck_assert_uint_eq(c.stop_grace_ms, 120000);
    ck_assert_int_eq(c.virt_type, VIRT_CHOICE_QEMU);
}
END_TEST

START_TEST(mistakes_have_a_place)
{
    refused("[computed]\nregion = a\nnonsense = 1\n", ":3: ");
    refused("[other]\nregion = a\n", ":2: ");
    refused("workers = 0\n", "workers");
    refused("workers = 1x\n", ":1: ");
    refused("stop_grace = 5 fortnights\n", "stop_grace");
    refused("virt_type = xen\n", "auto, kvm, qemu");
    refused("cpu_overcommit = 0.009\n", "0.01 to 1000");
    refused("cpu_overcommit = 1000.1\n", "0.01 to 1000");
    refused("cpu_overcommit = 1e2\n", "cpu_overcommit");
    refused("cpu_overcommit = -1\n", "cpu_overcommit");
    refused("cpu_overcommit = 1.2.3\n", "cpu_overcommit");
    refused("cpu_overcommit = inf\n", "cpu_overcommit");
    refused("cpu_overcommit =\n", "cpu_overcommit");
    refused("network_prefix = 30\n", "16 to 29");
    refused("guest_port = 65536\n", "guest_port");
    refused("region = a ;b\n", ":1: ");
    refused("region = a\n  workers = 2\n", ":2: ");
    refused("region = a\nregion = b\n", ":2: ");
}
END_TEST

/* What is quoted in a message ends between two characters. */
START_TEST(long_texts_are_cut_fairly)
{
    char key[] = "xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xC3\xA9\xC3\xA9 = 1\n";

    ck_assert_int_eq(strcspn(key, "\xC3"), 63);
    refused(key, "aaaaaaa'");
}
END_TEST

START_TEST(a_named_file_must_exist)
{
    AUTO_CONFIG c = { 0 };
    struct err e = ERR_INIT;

    ck_assert_int_eq(config_load("/nonexistent/computed.conf", &c, &e), -1);
}
END_TEST

START_TEST(environment_mistakes_name_the_variable)
{
    AUTO_CONFIG c = { 0 };
    struct err e = ERR_INIT;
    char *path = write_file("");

    setenv("COMPUTED_LOG_LEVEL", "loud", 1);
    unit_fails(config_load(path, &c, &e), ERR_CONFIG);
    unlink(path);
    ck_assert_ptr_nonnull(strstr(e.msg, "COMPUTED_LOG_LEVEL"));
}
END_TEST

START_TEST(no_auth_stays_at_home)
{
    static const struct {
        const char *listen;
        int result;
    } table[] = {
        { "127.0.0.1:8081", 0 },
        { "127.0.0.1:0, [::1]:0", 0 },
        { "unix:/run/c.sock", 0 },
        { "localhost:1", -1 }, /* a name could change its address */
        { "0.0.0.0:8081", -1 },
        { "127.0.0.1:1,[::]:1", -1 },
        { "192.0.2.1:80", -1 },
        { "127.0.0.1.example.org:80", -1 },
        { "", -1 },
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        AUTO_CONFIG c = { 0 };
        struct err e = ERR_INIT;
        char *path = write_file("");

        unit_ok(config_load(path, &c, &e));
        unlink(path);
        free(c.listen);
        c.listen = strdup(table[i].listen);
        ck_assert_msg(config_check(&c, &e) == table[i].result, "listen=%s", table[i].listen);
    }
}
END_TEST

/* TLS, or saying aloud that there is none; and never without tokens. */
START_TEST(what_others_reach_wants_tls)
{
    static const struct {
        const char *text, *needle; /* NULL: it is fine */
    } table[] = {
        { "auth = token\nlisten = 127.0.0.1:1,[::1]:1,unix:/s\n", NULL },
        { "auth = token\nlisten = 127.0.0.1:1,0.0.0.0:1\n", "listen: '0.0.0.0:1'" },
        { "auth = token\nlisten = [::]:1\ninsecure = no\n", "insecure=yes" },
        { "auth = token\nlisten = 192.0.2.1:1\ninsecure = yes\n", NULL },
        { "auth = token\nlisten = 192.0.2.1:1\ntls_cert = /c\ntls_key = /k\n", NULL },
        { "auth = token\nlisten = 192.0.2.1:1\ntls_cert = /c\n", "tls_key: missing" },
        { "auth = token\ntls_key = /k\n", "tls_cert: missing" },
        { "listen = 192.0.2.1:1\ninsecure = yes\n", "auth=token" },
        { "listen = 192.0.2.1:1\ntls_cert = /c\ntls_key = /k\n", "listen: '192.0.2.1:1'" },
        { "tls_cert = /c\ntls_key = /k\n", NULL },
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        AUTO_CONFIG c = { 0 };
        struct err e = ERR_INIT;
        char *path = write_file(table[i].text);

        unit_ok(config_load(path, &c, &e));
        unlink(path);
        ck_assert_msg(config_check(&c, &e) == (table[i].needle ? -1 : 0), "%zu: %s: %s", i, table[i].text, e.msg);
        if (table[i].needle)
            ck_assert_msg(strstr(e.msg, table[i].needle), "'%s' does not say '%s'", e.msg, table[i].needle);
    }
}
END_TEST

/* What each key alone allows, and the whole does not. */
START_TEST(ranges_are_checked)
{
    static const struct {
        const char *text;
        const char *needle; /* NULL: it is fine */
    } table[] = {
        { "network_pools = 10.0.0.0/8\n", NULL },
        { "network_pools = 10.1.2.0/24, 192.168.0.0/16\n", NULL },
        { "network_pools = 100.64.0.0/10\n", NULL },
        { "network_pools = \n", "network_pools: no range" },
        { "network_pools = 10.1.2.0\n", "'10.1.2.0' is not a private range" },
        { "network_pools = 10.1.2.3/24\n", "'10.1.2.3/24' is not a private range" },
        { "network_pools = 10.1.0.0/16,8.8.8.0/24\n", "'8.8.8.0/24' is not a private range" },
        { "network_pools = 192.168.0.0/15\n", "'192.168.0.0/15' is not a private range" },
        { "network_pools = 10.1.2.0/25\n", "smaller than one network" },
        { "network_pools = 10.1.2.0/25\nnetwork_prefix = 25\n", NULL },
        { "import_allow = 127.0.0.1/32, 192.168.0.0/16\n", NULL },
        { "import_allow = 127.0.0.1\n", "import_allow: '127.0.0.1'" },
        { "import_allow = localhost\n", "import_allow: 'localhost'" },
        { "default_quota = \n", NULL },
        { "default_quota = vms=3,tokens=unlimited\n", NULL },
        { "default_quota = vms=three\n", "default_quota: 'three' is no limit of vms" },
        { "default_quota = moons=3\n", "default_quota: 'moons' is no resource" },
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        AUTO_CONFIG c = { 0 };
        struct err e = ERR_INIT;
        char *path = write_file(table[i].text);

        unit_ok(config_load(path, &c, &e));
        unlink(path);
        if (!table[i].needle) {
            unit_ok(config_check(&c, &e));
            continue;
        }
        unit_fails(config_check(&c, &e), ERR_CONFIG);
        ck_assert_msg(strstr(e.msg, table[i].needle), "'%s' is not in: %s", table[i].needle, e.msg);
    }
}
END_TEST

START_TEST(what_is_printed_is_read_again)
{
    AUTO_CONFIG c = { 0 }, again = { 0 };
    struct err e = ERR_INIT;
    char *path = write_file(
        "region = north\nsurvey_deadline = 750ms\nevent_retention = 36h\noperation_keep = 123\nlisten = unix:/a b,127.0.0.1:0\n"
        "cpu_overcommit = 1.1\nimport_allow = 127.0.0.0/8\n");
    FILE *f;

    unit_ok(config_load(path, &c, &e));
    f = fopen(path, "w");
    config_print(&c, f);
    fclose(f);
    unit_ok(config_load(path, &again, &e));
    unlink(path);
    ck_assert_str_eq(again.region, "north");
    ck_assert_uint_eq(again.survey_deadline_ms, 750);
    ck_assert_uint_eq(again.event_retention_ms, 36ULL * 3600 * 1000);
    ck_assert_uint_eq(again.operation_keep, 123);
    ck_assert_str_eq(again.listen, c.listen);
    ck_assert_double_eq(again.cpu_overcommit, 1.1);
    ck_assert_str_eq(again.import_allow, "127.0.0.0/8");
    ck_assert_str_eq(again.template_dir, c.template_dir);
}
END_TEST

/* The configuration that a file gives, as config_print tells it; freed by the caller. */
static char *effective(const char *text)
{
    AUTO_CONFIG c = { 0 };
    struct err e = ERR_INIT;
    char *path = write_file(text), *printed = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&printed, &len);

    unit_ok(config_load(path, &c, &e));
    unlink(path);
    config_print(&c, f);
    fclose(f);
    return printed;
}

START_TEST(printed_defaults_say_what_holds_without_them)
{
    char *text = NULL, *none = effective(""), *as_printed, *uncommented;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    config_print_defaults(f);
    fclose(f);
    as_printed = effective(text);
    for (char *at = strstr(text, "\n#"); at; at = strstr(at + 1, "\n#"))
        if (at[2] != ' ')
            memmove(at + 1, at + 2, strlen(at + 2) + 1);
    uncommented = effective(text);
    ck_assert_str_eq(as_printed, none);
    ck_assert_str_eq(uncommented, none);
    ck_assert_ptr_nonnull(strstr(text, "\nstate_dir = /var/lib/computed\n"));
    free(text);
    free(none);
    free(as_printed);
    free(uncommented);
}
END_TEST

START_TEST(tcp_is_told_from_unix)
{
    static const struct {
        const char *listen;
        bool has_tcp;
    } table[] = { { "127.0.0.1:1", true }, { "unix:/a", false }, { "unix:/a,unix:/b", false }, { "unix:/a,[::1]:0", true } };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct config c = { .listen = (char *)(uintptr_t)table[i].listen };

        ck_assert_msg(config_has_tcp(&c) == table[i].has_tcp, "listen=%s", table[i].listen);
    }
}
END_TEST

START_TEST(lists_are_split)
{
    char **list = NULL;
    struct err e = ERR_INIT;

    unit_ok(config_split("listen", " a , b,,c ", &list, &e));
    ck_assert_str_eq(list[0], "a");
    ck_assert_str_eq(list[1], "b");
    ck_assert_str_eq(list[2], "c");
    ck_assert_ptr_null(list[3]);
    free(list);
    unit_fails(config_split("listen", "1,2,3,4,5,6,7,8,9", &list, &e), ERR_CONFIG);
}
END_TEST

static int check(const char *text, struct err *out)
{
    AUTO_CONFIG c = { 0 };
    struct err e = ERR_INIT;
    char *path = write_file(text);

    unit_ok(config_load(path, &c, &e));
    unlink(path);
    return config_check(&c, out);
}

START_TEST(tokens_and_their_administrators)
{
    AUTO_CONFIG c = { 0 };
    struct err e = ERR_INIT;
    char *path = write_file("auth = token\n");
    uint32_t gid = 1;

    unit_ok(config_load(path, &c, &e));
    unlink(path);
    ck_assert_int_eq(c.auth, AUTH_TOKEN);
    ck_assert_uint_eq(c.token_lifetime_ms, 24ULL * 3600 * 1000);
    ck_assert_uint_eq(c.token_lifetime_max_ms, 365ULL * 24 * 3600 * 1000);
    unit_ok(config_admin_gid(&c, &gid, &e));
    ck_assert_uint_eq(gid, 0);
    unit_ok(check("auth = token\nadmin_group = daemon\n", &e));
    unit_fails(check("admin_group = no-such-group\n", &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.msg, "no-such-group"));
    unit_fails(check("admin_group = root\n", &e), ERR_CONFIG);
    unit_fails(check("token_lifetime = 2h\ntoken_lifetime_max = 1h\n", &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.msg, "token_lifetime"));
    refused("auth = password\n", "none, token");
}
END_TEST

UNIT_MAIN("app_config", tokens_and_their_administrators, defaults, file_then_environment, mistakes_have_a_place,
          long_texts_are_cut_fairly, a_named_file_must_exist, environment_mistakes_name_the_variable, no_auth_stays_at_home,
          what_others_reach_wants_tls, ranges_are_checked, what_is_printed_is_read_again,
          printed_defaults_say_what_holds_without_them, tcp_is_told_from_unix, lists_are_split)
