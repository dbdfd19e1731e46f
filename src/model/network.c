/* model/network: names of kinds and states, which addresses a network has, and the ends of records. */
#include "model/network.h"

#include <stdio.h>
#include <string.h>

#include "table.h"

enum { MAC_ID_DIGITS = 6 }; /* of a network's id, in its ports' MACs */

static const char *const kind_names[NETWORK_KIND_COUNT] = {
    [NETWORK_NAT] = "nat",
    [NETWORK_ISOLATED] = "isolated",
    [NETWORK_USER] = "user",
};
DEFINE_NAMES(network_kind, kind_names)

static const char *const status_names[NETWORK_STATUS_COUNT] = {
    [NETWORK_PENDING] = "pending",
    [NETWORK_ACTIVE] = "active",
    [NETWORK_ERROR] = "error",
    [NETWORK_DELETING] = "deleting",
};
DEFINE_NAMES(network_status, status_names)

int network_range_of_cidr(struct cidr c, struct network_range *out)
{
    /* A /30 is the smallest with a gateway and one guest. */
    if (c.prefix > 30)
        return -1;
    struct network_range r = { .cidr = c, .gateway = c.base + 1, .first = c.base + 2, .last = cidr_last(c) - 1 };
    r.last_prewritten = r.last - r.first < NETWORK_PREWRITTEN_MAX ? r.last : r.first + NETWORK_PREWRITTEN_MAX - 1;
    *out = r;
    return 0;
}

int network_range(const struct network *n, struct network_range *out)
{
    struct cidr c;

    return cidr_parse(n->cidr, &c) < 0 ? -1 : network_range_of_cidr(c, out);
}

void network_free(struct network *n)
{
    if (!n)
        return;
    free(n->name);
    free(n->status_reason);
    free(n);
}

/* Locally administered, unicast. No network is larger than the two bytes of its addresses tell apart: NETWORK_PREFIX_MIN. */
void port_mac(const char *network_id, uint32_t ipv4, mac_text out)
{
    (void)snprintf(out, MAC_LEN + 1, "02:%.2s:%.2s:%.2s:%02x:%02x", network_id, network_id + 2, network_id + 4,
                   (unsigned)(ipv4 >> 8) & 0xff, (unsigned)ipv4 & 0xff);
}

bool port_macs_collide(const char *network_id, const char *other_id)
{
    return strncmp(network_id, other_id, MAC_ID_DIGITS) == 0;
}

void port_free(struct port *p)
{
    if (!p)
        return;
    free(p->network_name);
    free(p);
}
