/* The catalogue of flavors, for everybody. */
#include "../flavors.h"

#include "../object.h"
#include "tenant.h"

enum { MIB_PER_GB = 1024 };

/* A whole number wherever it is one. */
static json_t *gigabytes(uint64_t mib)
{
    return mib % MIB_PER_GB == 0 ? json_integer((json_int_t)(mib / MIB_PER_GB)) : json_real((double)mib / MIB_PER_GB);
}

static json_t *flavor_json(const struct flavor *f)
{
    return OBJECT({ "name", json_string(f->name) }, { "vcpus", json_integer(f->vcpus) }, { "ramGB", gigabytes(f->memory_mib) },
                  { "diskGB", json_integer((json_int_t)f->disk_gib) }, { "description", json_string(f->description) });
}

int tenant_flavors_list(struct request *r, struct err *e)
{
    return reply_flavors(r, flavor_json, e);
}
