/* The host's IPv4 routes, from /proc/net/route, and its addresses, from getifaddrs: an address counts also while its interface is
 * down and has no route. */
#include "host_routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum { ROUTE_UP = 0x1 };

/* Everything's, half of everything's (how a VPN covers the default route without replacing it), and what no network of guests
 * can have. */
static bool counts(struct cidr c)
{
    static const struct cidr others[] = { { 0xa9fe0000, 16 }, { 0xe0000000, 4 } };

    if (c.prefix <= 1)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (c.prefix >= others[i].prefix && cidr_contains(others[i], c.base))
            return false;
    return true;
}

static struct cidr cidr_of(uint32_t address, uint32_t mask)
{
    return (struct cidr){ address & mask, (uint32_t)__builtin_popcount(mask) };
}

/* The kernel prints addresses as numbers whose bytes in memory are in network order. */
bool host_routes_parse(const char *line, struct host_route *out)
{
    struct host_route route;
    unsigned destination, flags, mask;

    if (sscanf(line, "%15s %8x %*x %4x %*d %*d %*d %8x", route.interface, &destination, &flags, &mask) != 4)
        return false;
    route.cidr = cidr_of(ntohl(destination), ntohl(mask));
    if (!(flags & ROUTE_UP) || !counts(route.cidr))
        return false;
    *out = route;
    return true;
}

static void cleanup_file(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}

static int read_routes(const char *except, struct cidrs *to, struct err *e)
{
    __attribute__((cleanup(cleanup_file))) FILE *f = fopen("/proc/net/route", "re");
    AUTO_FREE char *line = NULL;
    size_t size = 0;
    struct host_route route;

    if (!f)
        return err_errno(e, errno, "the host's routes cannot be read");
    while (getline(&line, &size, f) >= 0)
        if (host_routes_parse(line, &route) && !str_equal(route.interface, except) && cidrs_add(to, route.cidr, e) < 0)
            return -1;
    return ferror(f) ? err_errno(e, errno, "the host's routes cannot be read") : 0;
}

static uint32_t ipv4_of(const struct sockaddr *address)
{
    struct sockaddr_in in;

    memcpy(&in, address, sizeof(in));
    return ntohl(in.sin_addr.s_addr);
}

static void cleanup_ifaddrs(struct ifaddrs **list)
{
    freeifaddrs(*list);
}

static int read_addresses(const char *except, struct cidrs *to, struct err *e)
{
    __attribute__((cleanup(cleanup_ifaddrs))) struct ifaddrs *list = NULL;

    if (getifaddrs(&list) < 0)
        return err_errno(e, errno, "the host's addresses cannot be read");
    for (const struct ifaddrs *a = list; a; a = a->ifa_next) {
        if (!a->ifa_addr || !a->ifa_netmask || a->ifa_addr->sa_family != AF_INET || str_equal(a->ifa_name, except))
            continue;
        struct cidr c = cidr_of(ipv4_of(a->ifa_addr), ipv4_of(a->ifa_netmask));
        if (counts(c) && cidrs_add(to, c, e) < 0)
            return -1;
    }
    return 0;
}

int host_routes_read(const char *except, struct cidrs *to, struct err *e)
{
    return read_routes(except, to, e) < 0 ? -1 : read_addresses(except, to, e);
}
