/* model/flavor: named sizes. */
#ifndef MODEL_FLAVOR_H
#define MODEL_FLAVOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "model/list.h"

struct flavor {
    uuid_text id;
    char *name;
    uint32_t vcpus;
    uint64_t memory_mib;
    uint64_t disk_gib;
    char *description; /* never NULL */
    int64_t created_at_ms;
};
void flavor_free(struct flavor *f);
DEFINE_AUTO(flavor, flavor_free)
DEFINE_LIST(flavor)

#endif
