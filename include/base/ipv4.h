/* base/ipv4: IPv4 addresses and networks as numbers in host order, and as text. Only canonical text is read: four decimal numbers
 * without leading zeros. */
#ifndef BASE_IPV4_H
#define BASE_IPV4_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { IPV4_LEN = 15, CIDR_LEN = 18, MAC_LEN = 17 };
typedef char ipv4_text[IPV4_LEN + 1];
typedef char cidr_text[CIDR_LEN + 1];
typedef char mac_text[MAC_LEN + 1];

struct cidr {
    uint32_t base;   /* host order; host bits are zero */
    uint32_t prefix; /* 0..32 */
};

int ipv4_parse(const char *text, uint32_t *out); /* -1: not an address */
void ipv4_format(uint32_t address, ipv4_text out);
/* "10.77.3.0/24"; -1 also when host bits are set. */
int cidr_parse(const char *text, struct cidr *out);
void cidr_format(struct cidr c, cidr_text out);
bool cidr_overlaps(struct cidr a, struct cidr b);
bool cidr_contains(struct cidr c, uint32_t address);
bool cidr_is_private(struct cidr c); /* wholly in 10/8, 172.16/12, 192.168/16 or 100.64/10 */
uint32_t cidr_last(struct cidr c);   /* the broadcast address */
/* An address that no stranger's server has: not loopback, private, link-local, shared, multicast, reserved or unspecified. */
bool ipv4_is_global(uint32_t address);
/* Six lower-case hexadecimal bytes by colons, unicast, not all zero; -1: not so. */
int mac_check(const char *text);

#endif
