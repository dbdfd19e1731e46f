/* model/quota: the resources that a project has a limit of, and limits as words. */
#ifndef MODEL_QUOTA_H
#define MODEL_QUOTA_H

#include <stdint.h>

#include "base/err.h"

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
#define QUOTA_LIMIT_MAX 1000000000000LL
/* "vms=10, vcpus=20, memory_mib=unlimited": resources by commas, each once; -1 is unlimited too, and so is what is not named.
 * ERR_INVALID saying what is wrong with the text. */
int quota_limits_parse(const char *text, int64_t out[QUOTA_RESOURCE_COUNT], struct err *e);

struct quota_state {
    uint64_t used;
    int64_t limit; /* QUOTA_NO_LIMIT */
};

#endif
