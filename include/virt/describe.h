/* virt/describe: what a domain of ours says about its VM, for a database that has to be made anew. */
#ifndef VIRT_DESCRIBE_H
#define VIRT_DESCRIBE_H

#include "model/network.h"
#include "virt/virt.h"

struct virt_described_nic {
    uuid_text network; /* "": user networking, or a network that is not ours */
    mac_text mac;
};
struct virt_description {
    char *name, *project; /* of the tag */
    uint32_t vcpus;
    uint64_t memory_mib;
    bool autostart;
    struct virt_described_nic nics[VM_NETWORKS_MAX]; /* in the order of the guest's interfaces */
    size_t nic_count;
};
/* ERR_DOMAIN_MISSING, ERR_FOREIGN_DOMAIN (also when the tag lacks name or project). */
int virt_describe(struct virt *v, const char *id, struct virt_description *out, struct err *e);
void virt_description_done(struct virt_description *d);
#define AUTO_VIRT_DESCRIPTION __attribute__((cleanup(virt_description_done))) struct virt_description

#endif
