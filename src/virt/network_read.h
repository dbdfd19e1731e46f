/* Private to virt: what libvirt's XML of a network says, and what is to be changed in it. Pure: no libvirt call. */
#ifndef VIRT_NETWORK_READ_H
#define VIRT_NETWORK_READ_H

#include "base/xml.h"
#include "virt/network.h"

/* The id in our tag; caller frees. NULL: no tag, or no XML. */
char *network_read_tag(const char *xml);

/* A growing list of ranges: the caller's to free. */
struct cidrs {
    struct cidr *items;
    size_t count;
};
static inline void cleanup_cidrs(struct cidrs *c)
{
    free(c->items);
}
#define AUTO_CIDRS __attribute__((cleanup(cleanup_cidrs))) struct cidrs
int cidrs_add(struct cidrs *to, struct cidr c, struct err *e);
/* ERR_CIDR_TAKEN when one of them overlaps with `wanted`. */
int cidrs_check_free(const struct cidrs *in, struct cidr wanted, struct err *e);
/* Adds the IPv4 ranges of a network; what is no XML has none. */
int network_read_cidrs(const char *xml, struct cidrs *to, struct err *e);

/* Makes an empty element the DHCP entry of a pair; it has no name: libvirt's dnsmasq takes that from DNS. -1: no memory. */
int network_fill_dhcp_host(xmlNodePtr host, const char *mac, const char *ipv4);
/* Whether a DHCP entry is one that the network's definition had from the beginning. */
bool network_is_prewritten(const char *network_id, struct cidr c, const char *mac, const char *ipv4);
/* One virNetworkUpdate. Deletions come before additions, so that edits done in order never collide. */
enum network_section { NETWORK_DHCP_HOST, NETWORK_DNS_HOST };
struct network_edit {
    enum network_section section;
    bool is_deletion;
    char *xml; /* owned */
};
struct network_edits {
    struct network_edit *items;
    size_t count;
};
void network_edits_done(struct network_edits *l);
#define AUTO_NETWORK_EDITS __attribute__((cleanup(network_edits_done))) struct network_edits
/* What makes the network have this host's entries: in DHCP none other of its MAC or address, in DNS none other of its address or
 * name. Empty when it is so. */
int network_plan_add(const char *xml, const struct virt_lease *h, struct network_edits *out, struct err *e);
/* What takes the entries away, and leaves what was written from the beginning, and one that its address or name was given to
 * since. */
int network_plan_remove(const char *xml, const struct virt_lease *h, struct network_edits *out, struct err *e);

#endif
