/* core/flavor: named sizes; made and deleted by administrators. */
#ifndef CORE_FLAVOR_H
#define CORE_FLAVOR_H

#include "core/core.h"
#include "core/once.h"
#include "model/flavor.h"
#include "model/identity.h"

struct flavor_spec {
    char *name;        /* owned by the caller */
    char *description; /* NULL: empty */
    uint64_t vcpus, memory_mib, disk_gib;
};
/* Answers with a struct flavor as record. */
int flavor_create(struct core *c, const struct actor *who, const struct flavor_spec *spec, struct once *once, struct err *e);
int flavor_get(struct core *c, const struct actor *who, const char *ref, struct flavor **out, struct err *e);
int flavor_list(struct core *c, const struct actor *who, struct flavor_list *out, struct err *e);
/* VMs made from it keep their sizes. */
int flavor_delete(struct core *c, const struct actor *who, const char *ref, struct err *e);

#endif
