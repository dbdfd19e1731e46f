/* IPv4 addresses, networks and MAC addresses: arithmetic and text. Sockets and routes are not known here. */
#include "base/ipv4.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

int ipv4_parse(const char *text, uint32_t *out)
{
    struct in_addr in;
    ipv4_text again;

    if (inet_pton(AF_INET, text, &in) != 1)
        return -1;
    ipv4_format(ntohl(in.s_addr), again);
    if (strcmp(text, again) != 0)
        return -1;
    *out = ntohl(in.s_addr);
    return 0;
}

void ipv4_format(uint32_t address, ipv4_text out)
{
    const struct in_addr in = { .s_addr = htonl(address) };

    (void)inet_ntop(AF_INET, &in, out, IPV4_LEN + 1);
}

static uint32_t mask_of(uint32_t prefix)
{
    return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

int cidr_parse(const char *text, struct cidr *out)
{
    const char *slash = strchr(text, '/');
    ipv4_text address;
    uint64_t prefix;
    uint32_t base;

    if (!slash || slash - text > IPV4_LEN || (slash[1] == '0' && slash[2]))
        return -1;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (ipv4_parse(address, &base) < 0 || str_to_u64(slash + 1, 32, &prefix) < 0 || (base & ~mask_of((uint32_t)prefix)) != 0)
        return -1;
    *out = (struct cidr){ base, (uint32_t)prefix };
    return 0;
}

void cidr_format(struct cidr c, cidr_text out)
{
    ipv4_text base;

    ipv4_format(c.base, base);
    (void)snprintf(out, CIDR_LEN + 1, "%s/%u", base, c.prefix & 63);
}

bool cidr_overlaps(struct cidr a, struct cidr b)
{
    uint32_t mask = mask_of(a.prefix < b.prefix ? a.prefix : b.prefix);

    return (a.base & mask) == (b.base & mask);
}

bool cidr_contains(struct cidr c, uint32_t address)
{
    return (address & mask_of(c.prefix)) == c.base;
}

uint32_t cidr_last(struct cidr c)
{
    return c.base | ~mask_of(c.prefix);
}

bool cidr_is_private(struct cidr c)
{
    static const struct cidr ranges[] = { { 0x0a000000, 8 }, { 0xac100000, 12 }, { 0xc0a80000, 16 }, { 0x64400000, 10 } };

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (c.prefix >= ranges[i].prefix && cidr_contains(ranges[i], c.base))
            return true;
    return false;
}

/* Source: IANA's IPv4 Special-Purpose Address Registry. */
bool ipv4_is_global(uint32_t address)
{
    static const struct cidr special[] = {
        { 0x00000000, 8 },  { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 },  { 0xa9fe0000, 16 },
        { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0000200, 24 }, { 0xc0586300, 24 }, { 0xc0a80000, 16 },
        { 0xc6120000, 15 }, { 0xc6336400, 24 }, { 0xcb007100, 24 }, { 0xe0000000, 3 },
    };

    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (cidr_contains(special[i], address))
            return false;
    return true;
}

static bool is_hex_pair(const char *s)
{
    static const char digits[] = "0123456789abcdef";

    return s[0] && s[1] && strchr(digits, s[0]) && strchr(digits, s[1]);
}

int mac_check(const char *text)
{
    if (strlen(text) != MAC_LEN)
        return -1;
    for (size_t i = 0; i < MAC_LEN; i += 3)
        if (!is_hex_pair(text + i) || (i + 2 < MAC_LEN && text[i + 2] != ':'))
            return -1;
    if (strspn(text, "0:") == MAC_LEN)
        return -1;
    return strchr("13579bdf", text[1]) ? -1 : 0; /* the lowest bit of the first byte: multicast */
}
