/* Limits of projects, and sums that are the rows' own. */
#include "store_lab.h"

#include "store/keypair.h"
#include "store/network.h"
#include "store/port.h"
#include "store/quota.h"

static const char other_project[] = "00000000000000000000000000000001";

static struct image image;

static void set_up(void)
{
    lab_open_file();
    lab_add_project(other_project);
    image = lab_image("tiny");
    LAB_WRITE(store_image_insert(t, &image, &e));
}

/* Every resource's limit, by commas, where 7 stands for what has no row. */
static void assert_limits(const char *of, const char *expected)
{
    int64_t limits[QUOTA_RESOURCE_COUNT];
    AUTO_BUF seen = { 0 };

    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        limits[i] = 7;
    LAB_READ(store_quota_limits(t, of, limits, &e));
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        buf_addf(&seen, "%s%lld", i > 0 ? "," : "", (long long)limits[i]);
    ck_assert_str_eq(seen.data, expected);
}

static void assert_used(const char *of, unsigned resources, const char *expected)
{
    uint64_t used[QUOTA_RESOURCE_COUNT] = { 0 };
    AUTO_BUF seen = { 0 };

    LAB_READ(store_quota_used(t, of, resources, used, &e));
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        buf_addf(&seen, "%s%llu", i > 0 ? "," : "", (unsigned long long)used[i]);
    ck_assert_str_eq(seen.data, expected);
}

START_TEST(the_first_project_has_no_limits)
{
    set_up();
    assert_limits(project, "-1,-1,-1,-1,-1,-1,-1,-1,-1");
    assert_limits(other_project, "7,7,7,7,7,7,7,7,7");
    lab_done();
}
END_TEST

START_TEST(limits_are_set_and_taken_back)
{
    set_up();
    LAB_WRITE(store_quota_set(t, other_project, QUOTA_VMS, 3, &e));
    LAB_WRITE(store_quota_set(t, other_project, QUOTA_TOKENS, 0, &e));
    assert_limits(other_project, "3,7,7,7,7,7,7,7,0");
    LAB_WRITE(store_quota_set(t, other_project, QUOTA_VMS, QUOTA_NO_LIMIT, &e));
    assert_limits(other_project, "-1,7,7,7,7,7,7,7,0");
    LAB_WRITE(store_quota_set(t, other_project, QUOTA_VMS, QUOTA_DEFAULT, &e));
    LAB_WRITE(store_quota_set(t, other_project, QUOTA_IMAGES, QUOTA_DEFAULT, &e));
    assert_limits(other_project, "7,7,7,7,7,7,7,7,0");
    assert_limits(project, "-1,-1,-1,-1,-1,-1,-1,-1,-1");
    lab_exec("INSERT INTO quota SELECT id, 'moons', 1 FROM project"); /* a later program's */
    assert_limits(other_project, "7,7,7,7,7,7,7,7,0");
    lab_done();
}
END_TEST

static void add_vm(const char *name, const char *of, const struct network *n, uint32_t ipv4)
{
    struct vm vm = lab_vm(&image, name);
    struct port port = lab_port(&vm, n, 0, ipv4);

    (void)str_copy(vm.project, sizeof vm.project, of);
    vm.vcpus = 2;
    vm.memory_mib = 300;
    vm.disk_gib = 5;
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    LAB_WRITE(store_port_insert(t, &port, &e));
}

static void add_keypair(const char *name)
{
    struct keypair k = { .name = (char *)name,
                         .type = (char *)"ssh-ed25519",
                         .public_key = (char *)"ssh-ed25519 AAAA",
                         .fingerprint_sha256 = (char *)"SHA256:abc",
                         .fingerprint_md5 = (char *)"aa:bb",
                         .created_at_ms = 1 };

    id_uuid(k.id);
    (void)str_copy(k.project, sizeof k.project, project);
    LAB_WRITE(store_keypair_insert(t, &k, &e));
}

/* expires_at as SQL has it. */
static void add_token(const char *digit, const char *expires_at)
{
    AUTO_FREE char *sql = str_printf("INSERT INTO token SELECT printf('%%.32c', '%s'), printf('%%.64c', '%s'), u.id, p.id, 0, '',"
                                     " %s, 1 FROM user u, project p WHERE p.name = 'default'",
                                     digit, digit, expires_at);

    lab_exec(sql);
}

START_TEST(sums_are_of_the_projects_rows)
{
    struct network n;

    set_up();
    assert_used(project, ~0U, "0,0,0,0,1,0,0,0,0");
    n = lab_network("net", "203.0.113.0/28");
    LAB_WRITE(store_network_insert(t, &n, &e));
    add_vm("a", project, &n, 1);
    add_vm("b", project, &n, 2);
    add_vm("c", other_project, &n, 3);
    add_keypair("k1");
    add_keypair("k2");
    add_token("1", "0");
    add_token("2", "unixepoch() * 1000 + 60000");
    add_token("3", "1");
    assert_used(project, ~0U, "2,4,600,10,1,1,2,2,2");
    assert_used(other_project, ~0U, "1,2,300,5,0,0,1,0,0");
    assert_used("none", ~0U, "0,0,0,0,0,0,0,0,0");
    lab_done();
}
END_TEST

START_TEST(only_what_is_asked_is_summed)
{
    struct network n;

    set_up();
    n = lab_network("net", "203.0.113.0/28");
    LAB_WRITE(store_network_insert(t, &n, &e));
    add_vm("a", project, &n, 1);
    assert_used(project, 0, "0,0,0,0,0,0,0,0,0");
    assert_used(project, 1U << QUOTA_IMAGES, "0,0,0,0,1,0,0,0,0");
    assert_used(project, 1U << QUOTA_VCPUS, "1,2,300,5,0,0,0,0,0"); /* one statement */
    assert_used(project, 1U << QUOTA_PORTS | 1U << QUOTA_NETWORKS, "0,0,0,0,0,1,1,0,0");
    lab_done();
}
END_TEST

UNIT_MAIN("store_quota", the_first_project_has_no_limits, limits_are_set_and_taken_back, sums_are_of_the_projects_rows,
          only_what_is_asked_is_summed)
