/* Which subnet a network gets, and which it may ask for. */
#include "../../src/core/subnet.h"
#include "unit.h"

#include "base/cleanup.h"

static struct err e = ERR_INIT;

static struct cidr cidr(const char *text)
{
    struct cidr c = { 0 };

    ck_assert_msg(cidr_parse(text, &c) == 0, "%s", text);
    return c;
}

static void expect(const struct subnet_rules *rules, const char *expected)
{
    struct cidr c;
    cidr_text text;

    unit_ok(subnet_choose(rules, &c, &e));
    cidr_format(c, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(the_first_free_one_is_chosen)
{
    struct cidr taken[] = { cidr("10.77.0.0/24"), cidr("10.77.1.128/25"), cidr("192.168.0.0/16") };
    struct subnet_rules rules = { .pools = "10.77.0.0/16,172.27.0.0/16", .prefix = 24, .taken = taken };

    expect(&rules, "10.77.0.0/24");
    rules.taken_count = 1;
    expect(&rules, "10.77.1.0/24");
    rules.taken_count = ARRAY_LEN(taken);
    expect(&rules, "10.77.2.0/24");
}
END_TEST

START_TEST(a_large_neighbour_is_leapt_over)
{
    struct cidr taken[] = { cidr("10.77.0.0/17"), cidr("10.77.128.0/18"), cidr("10.0.0.0/8") };
    struct subnet_rules rules = { .pools = "10.77.0.0/16, 172.27.0.0/16", .prefix = 20, .taken = taken, .taken_count = 2 };

    expect(&rules, "10.77.192.0/20");
    rules.taken_count = 3;
    expect(&rules, "172.27.0.0/20");
}
END_TEST

START_TEST(the_end_of_the_addresses_is_no_way_round)
{
    struct cidr taken[] = { cidr("255.255.255.0/24") };
    struct subnet_rules rules = { .pools = "255.255.255.0/24", .prefix = 24, .taken = taken, .taken_count = 1 };
    struct cidr c;

    unit_fails(subnet_choose(&rules, &c, &e), ERR_NO_CAPACITY);
}
END_TEST

START_TEST(a_full_pool_says_so)
{
    struct cidr taken[] = { cidr("192.168.0.0/16") };
    struct subnet_rules rules = { .pools = "192.168.128.0/17", .prefix = 24, .taken = taken, .taken_count = 1 };
    struct cidr c;

    unit_fails(subnet_choose(&rules, &c, &e), ERR_NO_CAPACITY);
}
END_TEST

START_TEST(what_is_asked_for_is_checked)
{
    static const struct {
        const char *text;
        enum err_code code;
    } table[] = {
        { "10.5.0.0/24", ERR_NONE },           { "100.64.0.0/16", ERR_NONE },         { "172.31.255.248/29", ERR_NONE },
        { "8.8.8.0/24", ERR_INVALID_FIELD },   { "10.5.0.1/24", ERR_INVALID_FIELD },  { "10.0.0.0/8", ERR_INVALID_FIELD },
        { "10.5.0.0/30", ERR_INVALID_FIELD },  { "10.5.0.0", ERR_INVALID_FIELD },     { "", ERR_INVALID_FIELD },
        { "10.5.0.0/024", ERR_INVALID_FIELD }, { "10.5.0.0/24 ", ERR_INVALID_FIELD }, { "fd00::/64", ERR_INVALID_FIELD },
        { "10.9.3.0/24", ERR_CIDR_TAKEN },     { "10.9.0.0/16", ERR_CIDR_TAKEN },     { "10.9.3.64/28", ERR_CIDR_TAKEN },
    };
    struct cidr taken[] = { cidr("10.9.3.0/24") };
    struct subnet_rules rules = { .pools = "10.77.0.0/16", .prefix = 24, .taken = taken, .taken_count = 1 };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct cidr c = { 0 };

        err_clear(&e);
        ck_assert_msg(subnet_check(&rules, table[i].text, &c, &e) == (table[i].code == ERR_NONE ? 0 : -1), "%s", table[i].text);
        ck_assert_msg(e.code == table[i].code, "%s: %s", table[i].text, e.msg);
        ck_assert_str_eq(e.field, e.code == ERR_NONE ? "" : "cidr");
    }
}
END_TEST

UNIT_MAIN("core_subnet", the_first_free_one_is_chosen, a_large_neighbour_is_leapt_over, the_end_of_the_addresses_is_no_way_round,
          a_full_pool_says_so, what_is_asked_for_is_checked)
