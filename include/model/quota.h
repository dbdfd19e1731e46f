/* model/quota: the resources that a project has a limit of. */
#ifndef MODEL_QUOTA_H
#define MODEL_QUOTA_H

#include <stdint.h>

enum quota_resource {
    QUOTA_VMS,
    QUOTA_VCPUS,
    QUOTA_MEMORY_MIB,
    QUOTA_DISK_GIB, /* of the disks of VMs, as large as their guests see them */
    QUOTA_IMAGES,
    QUOTA_NETWORKS,
    QUOTA_PORTS,
    QUOTA_KEYPAIRS,
    QUOTA_TOKENS, /* that have not expired */
    QUOTA_RESOURCE_COUNT
};
const char *quota_resource_to_string(enum quota_resource r); /* "vms" */
int quota_resource_from_string(const char *s, enum quota_resource *out);

enum { QUOTA_NO_LIMIT = -1, QUOTA_STAYS = -2, QUOTA_DEFAULT = -3 };
struct quota_state {
    uint64_t used;
    int64_t limit; /* QUOTA_NO_LIMIT */
};

#endif
