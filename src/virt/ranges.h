/* Private to virt: the IPv4 ranges of libvirt's networks, kept in memory for those who may not wait for libvirt. */
#ifndef VIRT_RANGES_H
#define VIRT_RANGES_H

#include <libvirt/libvirt.h>

#include "network_read.h"

static inline void cleanup_network(virNetworkPtr *n)
{
    if (*n)
        (void)virNetworkFree(*n);
}
#define AUTO_NETWORK __attribute__((cleanup(cleanup_network))) virNetworkPtr

/* Asks libvirt now: all networks, running or not, but the one of this id (may be NULL). */
int ranges_ask(virConnectPtr connect, const char *except, struct cidrs *to, struct err *e);

struct ranges;
int ranges_new(struct ranges **out, struct err *e);
void ranges_free(struct ranges *r);
/* Asks libvirt and remembers. Any thread; an answer never replaces one that was asked for later. */
int ranges_refresh(struct ranges *r, virConnectPtr connect, struct err *e);
/* Adds what is remembered; ERR_UNAVAILABLE while that is nothing. Does not block. */
int ranges_recall(struct ranges *r, struct cidrs *to, struct err *e);

#endif
