/* disk/address: which addresses a download may connect to. Names are not known here: what is judged is what is connected to. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "fetch.h"

static bool ipv4_is_allowed(uint32_t address, const struct cidr *allowed, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cidr_contains(allowed[i], address))
            return true;
    return ipv4_is_global(address);
}

/* The first 64 bits, which is as far as the ranges below look. */
static uint64_t prefix_of(const struct in6_addr *a)
{
    uint64_t prefix = 0;

    for (int i = 0; i < 8; i++)
        prefix = prefix << 8 | a->s6_addr[i];
    return prefix;
}

/* Global unicast, 2000::/3, less what tunnels IPv4, is for documentation or for protocols. What maps IPv4 lies outside. Source:
 * IANA's IPv6 Special-Purpose Address Registry. */
static bool ipv6_is_global(const struct in6_addr *a)
{
    static const struct {
        uint64_t prefix;
        unsigned bits;
    } special[] = {
        { UINT64_C(0x2001000000000000), 23 }, /* protocols; Teredo is in it */
        { UINT64_C(0x20010db800000000), 32 }, /* documentation */
        { UINT64_C(0x2002000000000000), 16 }, /* 6to4 */
        { UINT64_C(0x2620004f80000000), 48 }, /* AS112 */
        { UINT64_C(0x3fff000000000000), 20 }, /* documentation */
    };
    uint64_t prefix = prefix_of(a);

    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if ((prefix ^ special[i].prefix) >> (64 - special[i].bits) == 0)
            return false;
    return prefix >> 61 == 1;
}

bool address_is_allowed(const struct sockaddr *to, const struct cidr *allowed, size_t count)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (to->sa_family == AF_INET) {
        memcpy(&v4, to, sizeof v4);
        return ipv4_is_allowed(ntohl(v4.sin_addr.s_addr), allowed, count);
    }
    if (to->sa_family != AF_INET6)
        return false;
    memcpy(&v6, to, sizeof v6);
    return ipv6_is_global(&v6.sin6_addr);
}
