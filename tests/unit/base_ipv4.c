/* Addresses, networks and MAC addresses: only canonical text is read, and arithmetic at the edges of the number range. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/ipv4.h"

static uint32_t address(const char *text)
{
    uint32_t value = 0;

    ck_assert_msg(ipv4_parse(text, &value) == 0, "'%s' is refused", text);
    return value;
}

static struct cidr network(const char *text)
{
    struct cidr c = { 0 };

    ck_assert_msg(cidr_parse(text, &c) == 0, "'%s' is refused", text);
    return c;
}

START_TEST(addresses_as_text)
{
    static const struct {
        const char *text;
        uint32_t value;
    } good[] = {
        { "0.0.0.0", 0 },
        { "10.77.3.1", 0x0a4d0301 },
        { "127.0.0.1", 0x7f000001 },
        { "255.255.255.255", UINT32_MAX },
    };
    static const char *const bad[] = {
        "",
        " 10.0.0.1",
        "10.0.0.1 ",
        "10.0.0",
        "10.0.0.0.1",
        "10.0.0.256",
        "010.0.0.1",
        "10.0.0.01",
        "0x0a.0.0.1",
        "167772161",
        "10.0.0.-1",
        "10..0.1",
        "10.0.0.",
        ".10.0.0.1",
        "::1",
        "localhost",
        "10.0.0.1/32",
        "10.0.0.+1",
        "10.0.0.1\n",
        "1000.0.0.1",
        "1.2.3.4x",
        "::1.2.3.4",
        "1.2.3.99999999999999999999",
    };
    ipv4_text text;
    uint32_t value = 7;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_uint_eq(address(good[i].text), good[i].value);
        ipv4_format(good[i].value, text);
        ck_assert_str_eq(text, good[i].text);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(ipv4_parse(bad[i], &value) == -1 && value == 7, "'%s' is taken", bad[i]);
}
END_TEST

START_TEST(networks_as_text)
{
    static const struct {
        const char *text;
        struct cidr value;
    } good[] = {
        { "0.0.0.0/0", { 0, 0 } },
        { "128.0.0.0/1", { 0x80000000, 1 } },
        { "10.77.3.0/24", { 0x0a4d0300, 24 } },
        { "10.77.3.252/30", { 0x0a4d03fc, 30 } },
        { "255.255.255.255/32", { UINT32_MAX, 32 } },
    };
    static const char *const bad[] = {
        "",
        "/",
        "/24",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/08",
        "0.0.0.0/00",
        "10.0.0.1/24",
        "10.77.3.0/23",
        "0.0.0.1/0",
        "10.0.0/24",
        "10.0.0.0/24/8",
        "10.0.0.0/ 8",
        "10.0.0.0 /8",
        "10.0.0.0/8x",
        "010.0.0.0/8",
        "10.0.0.0/+8",
        "fe80::/10",
        "10.0.0.0/4294967304",
        "000000000000010.0.0.0/8",
    };
    struct cidr value = { 7, 7 };
    cidr_text text;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct cidr c = network(good[i].text);

        ck_assert_uint_eq(c.base, good[i].value.base);
        ck_assert_uint_eq(c.prefix, good[i].value.prefix);
        cidr_format(c, text);
        ck_assert_str_eq(text, good[i].text);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(cidr_parse(bad[i], &value) == -1 && value.base == 7 && value.prefix == 7, "'%s' is taken", bad[i]);
}
END_TEST

START_TEST(overlaps)
{
    static const struct {
        const char *a, *b;
        bool overlap;
    } cases[] = {
        { "10.77.3.0/24", "10.77.3.0/24", true },    { "10.77.0.0/16", "10.77.3.0/24", true },
        { "10.77.2.0/24", "10.77.3.0/24", false },   { "10.77.2.0/23", "10.77.3.128/25", true },
        { "10.77.4.0/23", "10.77.3.128/25", false }, { "0.0.0.0/0", "255.255.255.255/32", true },
        { "10.0.0.1/32", "10.0.0.1/32", true },      { "10.0.0.1/32", "10.0.0.2/32", false },
        { "0.0.0.0/1", "128.0.0.0/1", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cidr a = network(cases[i].a), b = network(cases[i].b);

        ck_assert_msg(cidr_overlaps(a, b) == cases[i].overlap, "%s and %s", cases[i].a, cases[i].b);
        ck_assert_msg(cidr_overlaps(b, a) == cases[i].overlap, "%s and %s", cases[i].b, cases[i].a);
    }
}
END_TEST

START_TEST(insides)
{
    struct cidr c = network("10.77.4.0/23");

    ck_assert(cidr_contains(c, address("10.77.4.0")));
    ck_assert(cidr_contains(c, address("10.77.5.255")));
    ck_assert(!cidr_contains(c, address("10.77.3.255")));
    ck_assert(!cidr_contains(c, address("10.77.6.0")));
    ck_assert(cidr_contains(network("0.0.0.0/0"), UINT32_MAX));
    ck_assert(cidr_contains(network("10.0.0.1/32"), address("10.0.0.1")));
    ck_assert(!cidr_contains(network("10.0.0.1/32"), address("10.0.0.0")));
    ck_assert_uint_eq(cidr_last(c), address("10.77.5.255"));
    ck_assert_uint_eq(cidr_last(network("0.0.0.0/0")), UINT32_MAX);
    ck_assert_uint_eq(cidr_last(network("10.0.0.1/32")), address("10.0.0.1"));
}
END_TEST

START_TEST(private_networks)
{
    static const char *const private[] = { "10.0.0.0/8",     "10.255.255.0/24",    "172.16.0.0/12", "172.31.0.0/16",
                                           "192.168.0.0/16", "192.168.255.255/32", "100.64.0.0/10", "100.127.0.0/16" };
    static const char *const others[] = { "0.0.0.0/0",     "8.0.0.0/6",      "11.0.0.0/8",     "172.0.0.0/8", "172.32.0.0/16",
                                          "172.15.0.0/16", "192.168.0.0/15", "192.169.0.0/16", "100.0.0.0/8", "100.128.0.0/16",
                                          "127.0.0.0/8",   "169.254.0.0/16", "224.0.0.0/4" };

    for (size_t i = 0; i < ARRAY_LEN(private); i++)
        ck_assert_msg(cidr_is_private(network(private[i])), "%s is private", private[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        ck_assert_msg(!cidr_is_private(network(others[i])), "%s is not private", others[i]);
}
END_TEST

/* The first and the last address of each special range, and their neighbours outside. */
START_TEST(global_addresses)
{
    static const char *const special[] = {
        "0.0.0.0",        "0.255.255.255",   "10.0.0.0",    "10.255.255.255",  "100.64.0.0",      "100.127.255.255",
        "127.0.0.0",      "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0",
        "172.31.255.255", "192.0.0.0",       "192.0.0.255", "192.0.2.0",       "192.0.2.255",     "192.88.99.1",
        "192.168.0.0",    "192.168.255.255", "198.18.0.0",  "198.19.255.255",  "198.51.100.0",    "198.51.100.255",
        "203.0.113.0",    "203.0.113.255",   "224.0.0.0",   "239.255.255.255", "240.0.0.0",       "255.255.255.255",
    };
    static const char *const global[] = {
        "1.0.0.0",         "9.255.255.255",   "11.0.0.0",      "100.63.255.255", "100.128.0.0",     "126.255.255.255",
        "128.0.0.0",       "169.253.255.255", "169.255.0.0",   "172.15.255.255", "172.32.0.0",      "191.255.255.255",
        "192.0.1.0",       "192.0.3.0",       "192.88.98.255", "192.88.100.0",   "192.167.255.255", "192.169.0.0",
        "198.17.255.255",  "198.20.0.0",      "198.51.99.255", "198.51.101.0",   "203.0.112.255",   "203.0.114.0",
        "223.255.255.255", "8.8.8.8",
    };

    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        ck_assert_msg(!ipv4_is_global(address(special[i])), "%s is special", special[i]);
    for (size_t i = 0; i < ARRAY_LEN(global); i++)
        ck_assert_msg(ipv4_is_global(address(global[i])), "%s is global", global[i]);
}
END_TEST

START_TEST(mac_addresses)
{
    static const char *const good[] = { "52:54:00:12:34:56", "00:16:3e:ff:ff:ff", "fe:00:00:00:00:01" };
    static const char *const bad[] = { "",
                                       "52:54:00:12:34:5",
                                       "52:54:00:12:34:567",
                                       "52:54:00:12:34",
                                       "52:54:00:12:34:56:78",
                                       "52-54-00-12-34-56",
                                       "52:54:00:12:34-56",
                                       "52:54:00:12:34:5g",
                                       "52:54:00:AB:34:56",
                                       "525:4:00:12:34:56",
                                       "01:00:5e:00:00:01",
                                       "33:33:00:00:00:01",
                                       "ff:ff:ff:ff:ff:ff",
                                       "00:00:00:00:00:00" };

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        ck_assert_msg(mac_check(good[i]) == 0, "%s is refused", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(mac_check(bad[i]) == -1, "'%s' is taken", bad[i]);
}
END_TEST

UNIT_MAIN("base_ipv4", addresses_as_text, networks_as_text, overlaps, insides, private_networks, global_addresses, mac_addresses)
