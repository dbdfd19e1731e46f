/* What is read of a hypervisor: XML, the fake's files, libvirt's own test driver, and one that does not answer. */
#include <stdio.h>
#include <sys/stat.h>

#include "../../src/virt/facts_parts.h"
#include "unit.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/xml.h"
#include "virt/domain_xml.h"
#include "virt/facts.h"

#define A "aaaaaaaa-2222-4333-8444-555555555555"
#define B "bbbbbbbb-2222-4333-8444-555555555555"

static struct err e = ERR_INIT;
static char dir[] = "/tmp/computed-facts-XXXXXX";
static char uri[sizeof(dir) + 8];

static void write_file(const char *name, const char *text)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

static void remove_file(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    ck_assert_int_eq(remove(path), 0);
}

static void make_fake(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(uri, sizeof(uri), "fake://%s", dir);
}

static struct virt_facts *read_facts(const char *from)
{
    struct virt_facts *f = NULL;

    unit_ok(virt_facts_read(from, 10000, &f, &e));
    return f;
}

#define TAG(element, id) "<metadata><c:" element " xmlns:c='" VIRT_METADATA_NS "' id='" id "'/></metadata>"

START_TEST(a_domain_says_whose_it_is_and_what_it_uses)
{
    struct fact_domain d = { .name = NULL };

    xml_init();
    unit_ok(fact_domain_read(
        "<domain>" TAG(
            "vm", A) "<devices><disk device='disk'><source file='/a'/></disk><disk device='cdrom'><target dev='hda'/></disk>"
                     "<disk device='cdrom'><source file='/b'/></disk><interface><mac address='02:00:00:00:00:01'/></interface>"
                     "</devices></domain>",
        &d, &e));
    ck_assert(d.has_tag);
    ck_assert_str_eq(d.tag, A);
    ck_assert_uint_eq(d.files.count, 2);
    ck_assert_str_eq(d.files.items[0], "/a");
    ck_assert_str_eq(d.files.items[1], "/b");
    ck_assert_uint_eq(d.macs.count, 1);
    fact_domain_done(&d);
}
END_TEST

START_TEST(what_is_no_tag_of_ours)
{
    static const char *const cases[] = {
        "<domain/>",
        "<domain>",
        "",
        "<domain><metadata><vm id='" A "'/></metadata></domain>",
        "<domain><metadata><c:vm xmlns:c='https://example.org/' id='" A "'/></metadata></domain>",
        "<domain>" TAG("network", A) "</domain>",
    };

    xml_init();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fact_domain d = { .name = NULL };

        unit_ok(fact_domain_read(cases[i], &d, &e));
        ck_assert_msg(!d.has_tag, "%s", cases[i]);
        fact_domain_done(&d);
    }
}
END_TEST

START_TEST(a_network_says_what_it_knows)
{
    struct fact_bridge n = { .name = NULL };

    xml_init();
    unit_ok(fact_network_read(
        "<network>" TAG(
            "network", B) "<bridge name='cn-1'/><dns><host ip='10.0.0.2'><hostname>one</hostname></host></dns>"
                          "<ip address='10.0.0.1'><dhcp><host mac='02:00:00:00:00:01' ip='10.0.0.2'/><host name='x'/></dhcp></ip>"
                          "</network>",
        &n, &e));
    ck_assert(n.has_tag);
    ck_assert_str_eq(n.tag, B);
    ck_assert_str_eq(n.bridge, "cn-1");
    ck_assert_uint_eq(n.dhcp.count, 1);
    ck_assert_str_eq(n.dhcp.items[0].value, "10.0.0.2");
    ck_assert_uint_eq(n.dns.count, 1);
    ck_assert_str_eq(n.dns.items[0].value, "one");
    fact_network_done(&n);
}
END_TEST

START_TEST(the_fakes_files)
{
    make_fake();
    write_file(B ".json", "{\"name\": \"b\", \"state\": \"running\", \"disk\": \"/b\", \"nics\": [{\"mac\": \"m\"}]}");
    write_file(A ".json", "{\"name\": \"a\", \"tag\": \"" B "\", \"state\": \"stopped\", \"managed_save\": true}");
    write_file("notes.txt", "none");
    struct virt_facts *f = read_facts(uri);
    ck_assert_uint_eq(f->domain_count, 2);
    ck_assert_str_eq(f->domains[0].id, A);
    ck_assert_int_eq(f->domains[0].power, VIRT_SUSPENDED);
    ck_assert_str_eq(f->domains[0].tag, B);
    ck_assert_ptr_eq(virt_facts_domain(f, B), &f->domains[1]);
    ck_assert(!f->domains[1].has_tag);
    ck_assert_str_eq(f->domains[1].files.items[0], "/b");
    ck_assert_ptr_null(virt_facts_network(f, A));
    virt_facts_free(f);
    remove_file(A ".json");
    remove_file(B ".json");
    remove_file("notes.txt");
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(libvirts_test_driver)
{
    struct virt_facts *f;

    xml_init();
    f = read_facts("test:///default");
    ck_assert_uint_eq(f->domain_count, 1);
    ck_assert_str_eq(f->domains[0].name, "test");
    ck_assert_int_eq(f->domains[0].power, VIRT_RUNNING);
    ck_assert(!f->domains[0].has_tag);
    ck_assert_uint_eq(f->network_count, 1);
    ck_assert_str_eq(f->networks[0].bridge, "virbr0");
    virt_facts_free(f);
}
END_TEST

START_TEST(nobody_there)
{
    struct virt_facts *f = NULL;

    make_fake();
    write_file("down", "");
    unit_fails(virt_facts_read(uri, 10000, &f, &e), ERR_UNAVAILABLE);
    remove_file("down");
    ck_assert_int_eq(rmdir(dir), 0);
    unit_fails(virt_facts_read("qemu+unix:///system?socket=/nonexistent", 10000, &f, &e), ERR_UNAVAILABLE);
}
END_TEST

static bool answers(void)
{
    struct virt_facts *f = NULL;
    bool is_there = virt_facts_read(uri, 1000, &f, &e) == 0;

    virt_facts_free(f);
    return is_there;
}

/* Two may hang; a third is not begun. When it answers again, all is as before. */
START_TEST(one_that_hangs)
{
    struct virt_facts *f = NULL;
    int64_t began = clock_boot_ms();

    make_fake();
    write_file("hang", "");
    unit_fails(virt_facts_read(uri, 50, &f, &e), ERR_UNAVAILABLE);
    unit_fails(virt_facts_read(uri, 50, &f, &e), ERR_UNAVAILABLE);
    ck_assert_int_ge(clock_boot_ms() - began, 100);
    unit_fails(virt_facts_read(uri, 600000, &f, &e), ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(e.msg, "still wait"));
    remove_file("hang");
    while (!answers())
        continue;
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

UNIT_MAIN("virt_facts", a_domain_says_whose_it_is_and_what_it_uses, what_is_no_tag_of_ours, a_network_says_what_it_knows,
          the_fakes_files, libvirts_test_driver, nobody_there, one_that_hangs)
