/* The catalogue of flavors, for everybody. */
#include "../object.h"
#include "../reply.h"
#include "tenant.h"

#include "core/flavor.h"

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
    AUTO_LIST(flavor) list = { 0 };
    AUTO_BUF b = { 0 };

    if (query_none(r, e) < 0 || flavor_list(request_user(r), request_actor(r), &list, e) < 0)
        return -1;
    json_list_begin(&b, "flavors");
    for (size_t i = 0; i < list.count; i++) {
        AUTO_JSON item = flavor_json(list.items[i]);
        json_list_item(&b, item);
    }
    return reply_list(r, &b, json_object(), e);
}
