/* model/flavor: named sizes. */
#ifndef MODEL_FLAVOR_H
#define MODEL_FLAVOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/id.h"

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

struct flavor_list {
    struct flavor **items;
    size_t count;
};
void flavor_list_done(struct flavor_list *l);
static inline void cleanup_flavor_list(struct flavor_list *l)
{
    flavor_list_done(l);
}
#define AUTO_FLAVOR_LIST __attribute__((cleanup(cleanup_flavor_list))) struct flavor_list

#endif
