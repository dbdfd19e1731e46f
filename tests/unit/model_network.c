/* Networks as records: words both ways, which addresses a CIDR yields, and which MACs go with them. */
#include "unit.h"

#include "base/str.h"
#include "model/network.h"

START_TEST(words_come_back)
{
    enum network_kind kind = NETWORK_KIND_COUNT;
    enum network_status status = NETWORK_STATUS_COUNT;

    for (int i = 0; i < NETWORK_KIND_COUNT; i++) {
        ck_assert_int_eq(network_kind_from_string(network_kind_to_string((enum network_kind)i), &kind), 0);
        ck_assert_int_eq(kind, i);
    }
    for (int i = 0; i < NETWORK_STATUS_COUNT; i++) {
        ck_assert_int_eq(network_status_from_string(network_status_to_string((enum network_status)i), &status), 0);
        ck_assert_int_eq(status, i);
    }
    ck_assert_int_eq(network_kind_from_string("bridge", &kind), -1);
    ck_assert_int_eq(network_status_from_string("", &status), -1);
    ck_assert_int_eq(network_kind_from_string(NULL, &kind), -1);
}
END_TEST

static const struct {
    const char *cidr;
    const char *gateway, *first, *last, *last_prewritten; /* gateway NULL: it has none */
} ranges[] = {
    { "10.77.3.0/24", "10.77.3.1", "10.77.3.2", "10.77.3.254", "10.77.3.254" },
    { "10.77.0.0/16", "10.77.0.1", "10.77.0.2", "10.77.255.254", "10.77.3.254" },
    { "10.77.0.0/21", "10.77.0.1", "10.77.0.2", "10.77.7.254", "10.77.3.254" },
    { "10.77.4.0/22", "10.77.4.1", "10.77.4.2", "10.77.7.254", "10.77.7.254" },
    { "192.168.1.8/29", "192.168.1.9", "192.168.1.10", "192.168.1.14", "192.168.1.14" },
    { "192.168.1.8/30", "192.168.1.9", "192.168.1.10", "192.168.1.10", "192.168.1.10" },
    { "192.168.1.8/31", NULL, NULL, NULL, NULL },
    { "192.168.1.8/32", NULL, NULL, NULL, NULL },
    { "", NULL, NULL, NULL, NULL },
};

static void assert_address(uint32_t address, const char *expected)
{
    ipv4_text text;

    ipv4_format(address, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(a_range_has_a_gateway_and_guests)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        struct network n = { .kind = NETWORK_NAT };
        struct network_range r = { 0 };

        (void)str_copy(n.cidr, sizeof(n.cidr), ranges[i].cidr);
        ck_assert_msg(network_range(&n, &r) == (ranges[i].gateway ? 0 : -1), "%s", ranges[i].cidr);
        if (!ranges[i].gateway)
            continue;
        assert_address(r.gateway, ranges[i].gateway);
        assert_address(r.first, ranges[i].first);
        assert_address(r.last, ranges[i].last);
        assert_address(r.last_prewritten, ranges[i].last_prewritten);
    }
}
END_TEST

#define ID "f30c4a52-8a3e-4f0e-9d0b-6f3f1c2a7b10"

START_TEST(an_address_has_its_mac)
{
    static const struct {
        uint32_t ipv4;
        const char *mac;
    } cases[] = {
        { 0x0a4d0305, "02:f3:0c:4a:03:05" },
        { 0x0a4dfffe, "02:f3:0c:4a:ff:fe" },
        { 0xffff0002, "02:f3:0c:4a:00:02" },
    };
    mac_text mac;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        port_mac(ID, cases[i].ipv4, mac);
        ck_assert_str_eq(mac, cases[i].mac);
        ck_assert_int_eq(mac_check(mac), 0);
    }
}
END_TEST

START_TEST(networks_whose_ids_begin_alike_share_macs)
{
    static const char twin[] = "f30c4aff-0000-4000-8000-000000000000", other[] = "f30c4b52-8a3e-4f0e-9d0b-6f3f1c2a7b10";
    mac_text mac, twin_mac, other_mac;

    port_mac(ID, 0x0a4d0305, mac);
    port_mac(twin, 0x0a4e0305, twin_mac);
    port_mac(other, 0x0a4d0305, other_mac);
    ck_assert_str_eq(mac, twin_mac);
    ck_assert(port_macs_collide(ID, twin));
    ck_assert_str_ne(mac, other_mac);
    ck_assert(!port_macs_collide(ID, other));
}
END_TEST

UNIT_MAIN("model_network", words_come_back, a_range_has_a_gateway_and_guests, an_address_has_its_mac,
          networks_whose_ids_begin_alike_share_macs)
