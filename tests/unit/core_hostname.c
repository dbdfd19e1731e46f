/* From names to hostnames, and that no two guests of a project have one. */
#include "../../src/core/hostname.h"
#include "store_lab.h"

static void expect(const char *name, size_t spare, const char *expected)
{
    char out[HOSTNAME_LEN + 1];

    hostname_of(name, spare, out);
    ck_assert_str_eq(out, expected);
}

START_TEST(a_name_becomes_a_hostname)
{
    expect("web-1", 0, "web-1");
    expect("Web_Server.Eins", 0, "web-server-eins");
    expect("--a  b--", 0, "a-b");
    expect("\xc3\xbc"
           "ber 9",
           0, "ber-9");
    expect("\xe2\x98\x83", 0, "vm");
    expect("", 0, "vm");
    expect("7up", 0, "7up");
}
END_TEST

START_TEST(no_name_is_too_long)
{
    char name[256], expected[HOSTNAME_LEN + 1];

    memset(name, 'A', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    memset(expected, 'a', HOSTNAME_LEN);
    expected[HOSTNAME_LEN] = '\0';
    expect(name, 0, expected);
    expected[HOSTNAME_LEN - 5] = '\0';
    expect(name, 5, expected);
    name[HOSTNAME_LEN - 6] = '.'; /* the cut leaves no hyphen at the end */
    expected[HOSTNAME_LEN - 6] = '\0';
    expect(name, 5, expected);
}
END_TEST

START_TEST(what_dnsmasq_misreads_is_avoided)
{
    static const char *const words[] = { "ignore", "infinite", "localhost", "42", "12h", "3600s", "7d", "2w", "5m" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        AUTO_FREE char *expected = str_printf("vm-%s", words[i]);

        expect(words[i], 0, expected);
    }
    expect("12x", 0, "12x");
    expect("h", 0, "h");
    expect("12-h", 0, "12-h");
}
END_TEST

static struct vm insert_vm(const struct image *image, const char *name, const char *id)
{
    struct vm vm = lab_vm(image, name);

    vm.is_name_unique = false;
    if (id)
        (void)str_copy(vm.id, sizeof vm.id, id);
    LAB_WRITE(hostname_choose(t, &vm, &e) < 0 ? -1 : store_vm_insert(t, &vm, &e));
    return vm;
}

START_TEST(twins_are_told_apart_by_their_ids)
{
    struct image image;
    struct vm vm;

    lab_open_memory();
    image = lab_image("tiny");
    LAB_WRITE(store_image_insert(t, &image, &e));
    ck_assert_str_eq(insert_vm(&image, "web", NULL).hostname, "web");
    ck_assert_str_eq(insert_vm(&image, "Web", "abcdef01-0000-4000-8000-000000000001").hostname, "web-abcd");
    ck_assert_str_eq(insert_vm(&image, "web", "abcdef01-0000-4000-8000-000000000002").hostname, "web-abcdef01");
    ck_assert_str_eq(insert_vm(&image, "web", "1234ef01-0000-4000-8000-000000000003").hostname, "web-1234");
    vm = lab_vm(&image, "web");
    (void)str_copy(vm.id, sizeof vm.id, "abcdef01-0000-4000-8000-000000000004");
    LAB_FAILS(hostname_choose(t, &vm, &e), ERR_CONFLICT);
    lab_done();
}
END_TEST

UNIT_MAIN("core_hostname", a_name_becomes_a_hostname, no_name_is_too_long, what_dnsmasq_misreads_is_avoided,
          twins_are_told_apart_by_their_ids)
