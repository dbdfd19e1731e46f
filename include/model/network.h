/* model/network: networks of projects, and ports: what joins a VM to a network, with its MAC and its address. */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/ipv4.h"
#include "model/list.h"
#include "model/vm.h"

enum network_kind {
    NETWORK_NAT,      /* a bridge of its own, out to the world by address translation */
    NETWORK_ISOLATED, /* a bridge of its own, nowhere else */
    NETWORK_USER,     /* QEMU's user networking, where libvirt may make no bridges: no address is known, nothing gets in */
    NETWORK_KIND_COUNT
};
const char *network_kind_to_string(enum network_kind k);
int network_kind_from_string(const char *s, enum network_kind *out);

enum network_status { NETWORK_PENDING, NETWORK_ACTIVE, NETWORK_ERROR, NETWORK_DELETING, NETWORK_STATUS_COUNT };
const char *network_status_to_string(enum network_status s);
int network_status_from_string(const char *s, enum network_status *out);

enum { BRIDGE_LEN = 15, NETWORK_PREFIX_MIN = 16, NETWORK_PREFIX_MAX = 29, VM_NETWORKS_MAX = 8 };

struct network {
    uuid_text id;
    char *name; /* unique in the project */
    hex32_text project;
    enum network_kind kind;
    cidr_text cidr;              /* "" for NETWORK_USER; overlaps no other network's; the first host address is the gateway */
    char bridge[BRIDGE_LEN + 1]; /* the host's interface; "" for NETWORK_USER */
    bool is_default;             /* the project's, made at first use; one at most */
    enum network_status status;
    char *status_reason; /* NULL */
    uuid_text job;       /* the operation that makes or deletes it; "" */
    int64_t created_at_ms;
    int64_t updated_at_ms;
};
void network_free(struct network *n);
DEFINE_AUTO(network, network_free)
DEFINE_LIST(network)

/* How many of a network's addresses have their DHCP entry from the beginning: all of a /22, the first ones of a larger network.
 */
enum { NETWORK_PREWRITTEN_MAX = 1021 };
/* The addresses of a network with a cidr: base + 1 is the gateway's (and DNS, DHCP), base + 2 … broadcast - 1 are for guests. */
struct network_range {
    struct cidr cidr;
    uint32_t gateway, first, last;
    uint32_t last_prewritten;
};
int network_range(const struct network *n, struct network_range *out); /* -1: it has none */
int network_range_of_cidr(struct cidr c, struct network_range *out);   /* likewise */

struct port {
    uuid_text id;
    uuid_text vm;
    uuid_text network;
    char *network_name;     /* read with the row, not stored in it */
    enum network_kind kind; /* the network's; read, not stored */
    bool is_default;        /* the network is its project's default one; read, not stored */
    uint32_t ordinal;       /* 0 is the guest's first interface */
    mac_text mac;           /* unique on this host; with an address: port_mac's */
    uint32_t ipv4;          /* host order; 0: none is known (NETWORK_USER) */
    int64_t created_at_ms;
};
DEFINE_AUTO(port, port_free)

/* The MAC that goes with an address for the network's life: "02:", three bytes of the network's id, two of the address. */
void port_mac(const char *network_id, uint32_t ipv4, mac_text out);
/* Whether ports of the two networks could get the same MAC. */
bool port_macs_collide(const char *network_id, const char *other_id);

#endif
