/* core/vm_network: a VM's ports: chosen in the creating transaction, made true in libvirt by the VM's jobs. */
#ifndef CORE_VM_NETWORK_H
#define CORE_VM_NETWORK_H

#include "internal.h"

#include "job/job.h"
#include "model/network.h"
#include "virt/network.h"

/* Fills vm->hostname and vm->ports by the spec, making the project's default network's row when it is the first to need it.
 * Inserts no port. */
int vm_network_plan(const struct change *ch, const struct vm_spec *spec, struct vm *vm, struct err *e);
int vm_network_insert(struct txn *t, const struct vm *vm, struct err *e); /* the planned ports, behind the VM's own row */

/* The networks and ports of a job's VM, for its steps. */
struct vm_links {
    struct port_list ports;
    struct network_list networks; /* the i-th port's */
};
void vm_links_done(struct vm_links *l);
#define AUTO_VM_LINKS __attribute__((cleanup(vm_links_done))) struct vm_links
int vm_links_load(struct core *c, const char *vm, struct vm_links *out, struct err *e);
/* The interfaces of the domain; they point into the links and into *out itself. */
struct vm_nics {
    struct virt_nic items[VM_NETWORKS_MAX];
    ipv4_text addresses[VM_NETWORKS_MAX];
    size_t count;
};
void vm_links_nics(const struct vm_links *l, struct vm_nics *out);

/* Steps. run: each network is there and runs, each port's entry is in it. undo: the entries are gone, the networks stay. */
int vm_job_link(struct job_run *r, struct err *e);
int vm_job_unlink(struct job_run *r, struct err *e);

#endif
