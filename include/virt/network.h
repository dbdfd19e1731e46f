/* virt/network: networks in libvirt: a bridge with DHCP and DNS of its own, and the filter that keeps a guest to its address.
 * Named "computed-<id>", tagged in their metadata as domains are; autostarted, so that libvirt brings them back before the
 * domains.
 *
 * There is no dynamic range: a guest gets the address that was written for its MAC, or none. What is written are the pairs of
 * port_mac, from the beginning (model/network.h, last_prewritten): an update of DHCP makes libvirt take the network's firewall
 * rules away for a moment, and takes it long; an update of DNS does neither. Errors as in virt/virt.h;
 * ERR_FOREIGN_DOMAIN also stands for a network of our name without our tag: it is not touched. */
#ifndef VIRT_NETWORK_H
#define VIRT_NETWORK_H

#include "base/ipv4.h"
#include "virt/virt.h"

enum { VIRT_LEASE_S = 600 }; /* how long a guest keeps an address without asking again */

struct virt_network {
    const char *id;
    const char *name; /* the user's; the DNS domain is made from it */
    const char *project;
    const char *bridge;
    bool is_isolated;
    struct cidr cidr;
    uint32_t gateway;
};
/* A guest's entry: DHCP for its MAC, DNS for its name (bare and with the network's domain), which DHCP tells the guest, too. */
struct virt_lease {
    const char *mac;
    const char *ipv4;
    const char *hostname;
};

/* False in session mode, where libvirt may make no bridges; true while libvirt is not connected. */
bool virt_has_bridges(struct virt *v);
/* Defines the network, with the DHCP entries of its pairs, and the filter when missing, sets autostart, starts it when it is off;
 * what is there stays as its administrator left it. From templates/network.xml and templates/nwfilter.xml. ERR_CIDR_TAKEN when it
 * collides with a network or route that the host has got meanwhile; ERR_TEMPLATE_INVALID. */
int virt_network_ensure(struct virt *v, const struct virt_network *n, struct err *e);
/* In the running network and in its definition. Fine when it is there: its DHCP half is, for a pair that was written from the
 * beginning, and is not touched. Else it is added, which is slow; DHCP entries of the same MAC or address, and DNS entries of the
 * same address or name, are replaced. ERR_NETWORK_NOT_FOUND: libvirt does not have the network. */
int virt_network_add_host(struct virt *v, const char *network_id, const struct virt_lease *h, struct err *e);
/* Fine when it, or the network, is not there. A DHCP entry that was written from the beginning stays. */
int virt_network_remove_host(struct virt *v, const char *network_id, const struct virt_lease *h, struct err *e);
/* Stops and undefines. Fine when gone. */
int virt_network_remove(struct virt *v, const char *network_id, struct err *e);
/* What new networks must keep clear of: the host's routes and addresses (read now, without libvirt; the default route is none),
 * and the ranges of libvirt's networks, running or not, ours too: another daemon's look the same and are in the way (from memory,
 * refreshed when libvirt connects, by its events and by the verbs here). Does not block: for HTTP threads too. ERR_UNAVAILABLE
 * while libvirt has not been asked yet. Caller frees *out with free(). */
int virt_network_cidrs(struct virt *v, struct cidr **out, size_t *count, struct err *e);

#endif
