/* store/port: rows of ports, and which address is whose. An address that a deleted VM had is remembered with the time of its
 * release (store_vm_delete writes it, in the same transaction), so that it is not given out while an old lease could live. */
#ifndef STORE_PORT_H
#define STORE_PORT_H

#include "model/network.h"
#include "store/store.h"

/* ERR_ADDRESS_TAKEN by the unique index on (network, ipv4); ERR_CONFLICT by that on the MAC, (vm, network) or (vm, ordinal). */
int store_port_insert(struct txn *t, const struct port *p, struct err *e);
/* The address counts as released no longer. For the doctor: an insert does it by itself. */
int store_port_unrelease(struct txn *t, const char *network, uint32_t ipv4, struct err *e);
/* In the order of the guest's interfaces. */
int store_port_list_by_vm(struct txn *t, const char *vm, struct port_list *out, struct err *e);
int store_port_list_by_network(struct txn *t, const char *network, struct port_list *out, struct err *e); /* by address */
int store_port_count_by_network(struct txn *t, const char *network, uint64_t *out, struct err *e);
/* Fills ports, empty until now, of every VM of the list: one statement, not one per VM. */
int store_port_attach(struct txn *t, const struct vm_list *vms, struct err *e);

/* Whether a port has this MAC. */
int store_port_has_mac(struct txn *t, const char *mac, bool *out, struct err *e);
struct address_wish {
    const char *network;
    uint32_t first, last;       /* both included */
    int64_t released_before_ms; /* what was released later is not free yet */
};
/* The address to give next: the lowest that no VM ever had, else the one released longest ago. ERR_NO_CAPACITY when none is free
 * (its text says how many are only waiting). In a write transaction; the range of a network is always the same one. */
int store_port_pick_address(struct txn *t, const struct address_wish *w, uint32_t *out, struct err *e);
/* ERR_ADDRESS_TAKEN when a port has the address or it was released too late; w->first == w->last is the address. */
int store_port_check_address(struct txn *t, const struct address_wish *w, struct err *e);

#endif
