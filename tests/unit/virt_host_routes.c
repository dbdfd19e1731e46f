/* The host's routes: the kernel's lines, and this host's own loopback. */
#include "../../src/virt/host_routes.h"
#include "unit.h"

START_TEST(reads_the_kernels_lines)
{
    static const struct {
        const char *line, *interface, *cidr; /* cidr NULL: none */
    } cases[] = {
        { "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n", "", NULL },
        { "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "", NULL },
        { "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", "eth0", "192.0.2.0/24" },
        { "cpt3f0c4a521234\t00034D0A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n", "cpt3f0c4a521234", "10.77.3.0/24" },
        { "tun0\t0501A8C0\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n", "tun0", "192.168.1.5/32" },
        { "*\t0000000A\t00000000\t0201\t0\t0\t0\t000000FF\t0\t0\t0\n", "*", "10.0.0.0/8" },
        { "tun0\t00000000\t0501A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n", "", NULL },
        { "tun0\t00000080\t0501A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n", "", NULL },
        { "eth0\t0000FEA9\t00000000\t0001\t0\t0\t1000\t0000FFFF\t0\t0\t0\n", "", NULL },
        { "eth0\tFEA9FEA9\t00000000\t0005\t0\t0\t1000\tFFFFFFFF\t0\t0\t0\n", "", NULL },
        { "eth0\t000000E0\t00000000\t0001\t0\t0\t0\t000000F0\t0\t0\t0\n", "", NULL },
        { "eth0\t000200C0\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", "", NULL },
        { "eth0\t000200C0\n", "", NULL },
        { "", "", NULL },
    };
    struct host_route route;
    cidr_text text;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool is_route = host_routes_parse(cases[i].line, &route);
        ck_assert_msg(is_route == (cases[i].cidr != NULL), "%s", cases[i].line);
        if (!is_route)
            continue;
        cidr_format(route.cidr, text);
        ck_assert_str_eq(text, cases[i].cidr);
        ck_assert_str_eq(route.interface, cases[i].interface);
    }
}
END_TEST

static bool has_loopback(const struct cidrs *in)
{
    for (size_t i = 0; i < in->count; i++)
        if (cidr_contains(in->items[i], 0x7f000001))
            return true;
    return false;
}

START_TEST(knows_this_host)
{
    struct err e = ERR_INIT;
    AUTO_CIDRS all = { 0 }, without = { 0 };

    unit_ok(host_routes_read(NULL, &all, &e));
    unit_ok(host_routes_read("lo", &without, &e));
    ck_assert(has_loopback(&all));
    ck_assert(!has_loopback(&without));
    ck_assert_uint_gt(all.count, without.count);
}
END_TEST

UNIT_MAIN("virt_host_routes", reads_the_kernels_lines, knows_this_host)
