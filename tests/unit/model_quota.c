/* Limits as an administrator writes them. */
#include <stdio.h>

#include "unit.h"

#include "model/quota.h"

static struct err e = ERR_INIT;

static void assert_limits(const char *text, const char *expected)
{
    int64_t limits[QUOTA_RESOURCE_COUNT];
    char seen[256] = "";
    size_t at = 0;

    unit_ok(quota_limits_parse(text, limits, &e));
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++)
        at += (size_t)snprintf(seen + at, sizeof seen - at, "%s%lld", i > 0 ? "," : "", (long long)limits[i]);
    ck_assert_str_eq(seen, expected);
}

START_TEST(words_are_read)
{
    assert_limits("vms=10, vcpus=20, memory_mib=51200, disk_gib=1000, images=20, networks=10, ports=50, keypairs=100, tokens=99",
                  "10,20,51200,1000,20,10,50,100,99");
    assert_limits("", "-1,-1,-1,-1,-1,-1,-1,-1,-1");
    assert_limits(" , ,", "-1,-1,-1,-1,-1,-1,-1,-1,-1");
    assert_limits("vms=0,tokens=unlimited,\tports = -1 ,images =  7", "0,-1,-1,-1,7,-1,-1,-1,-1");
    assert_limits("disk_gib=1000000000000", "-1,-1,-1,1000000000000,-1,-1,-1,-1,-1");
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "moons=3", "'moons' is no resource" },
        { "vms=1, =3", "'' is no resource" },
        { "vms", "vms has no limit" },
        { "vms=", "'' is no limit of vms" },
        { "vms=-2", "'-2' is no limit of vms" },
        { "vms=1 2", "'1 2' is no limit of vms" },
        { "vms=1000000000001", "is no limit of vms" },
        { "ports=two", "'two' is no limit of ports" },
        { "vms=1,images=2,vms=1", "vms is named twice" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t limits[QUOTA_RESOURCE_COUNT] = { 77 };

        err_clear(&e);
        unit_fails(quota_limits_parse(cases[i].text, limits, &e), ERR_INVALID);
        ck_assert_msg(strstr(e.msg, cases[i].said) != NULL, "%s: %s", cases[i].text, e.msg);
        ck_assert_int_eq(limits[0], 77);
    }
}
END_TEST

START_TEST(words_and_numbers_agree)
{
    for (int i = 0; i < QUOTA_RESOURCE_COUNT; i++) {
        enum quota_resource back = QUOTA_RESOURCE_COUNT;

        ck_assert_int_eq(quota_resource_from_string(quota_resource_to_string((enum quota_resource)i), &back), 0);
        ck_assert_int_eq(back, i);
    }
    ck_assert_ptr_null(quota_resource_to_string(QUOTA_RESOURCE_COUNT));
}
END_TEST

UNIT_MAIN("model_quota", words_are_read, what_is_wrong_is_named, words_and_numbers_agree)
