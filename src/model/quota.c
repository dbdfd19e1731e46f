/* model/quota: resources and their words. */
#include "model/quota.h"

#include "table.h"

static const char *const words[QUOTA_RESOURCE_COUNT] = {
    [QUOTA_VMS] = "vms",           [QUOTA_VCPUS] = "vcpus",       [QUOTA_MEMORY_MIB] = "memory_mib",
    [QUOTA_DISK_GIB] = "disk_gib", [QUOTA_IMAGES] = "images",     [QUOTA_NETWORKS] = "networks",
    [QUOTA_PORTS] = "ports",       [QUOTA_KEYPAIRS] = "keypairs", [QUOTA_TOKENS] = "tokens",
};

const char *quota_resource_to_string(enum quota_resource r)
{
    return (unsigned)r < QUOTA_RESOURCE_COUNT ? words[r] : NULL;
}

int quota_resource_from_string(const char *s, enum quota_resource *out)
{
    int i = s ? table_find(words, QUOTA_RESOURCE_COUNT, s) : -1;

    if (i < 0)
        return -1;
    *out = (enum quota_resource)i;
    return 0;
}
