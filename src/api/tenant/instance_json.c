/* The instance as JSON: times in Unix seconds, states in this door's words. */
#include "instance_json.h"

#include "../object.h"
#include "state.h"

#include "model/network.h"

static json_t *seconds(int64_t ms)
{
    return json_integer((json_int_t)(ms / 1000));
}

/* What somebody attached: the project's default network comes by itself. */
static json_t *networks_json(const struct port_list *l)
{
    json_t *ids = json_array();

    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i]->is_default || json_array_append_new(ids, json_string(l->items[i]->network)) == 0)
            continue;
        json_decref(ids);
        return NULL;
    }
    return ids;
}

json_t *instance_json(const struct vm *vm, const char *tenant)
{
    const char *status = tenant_state_to_string(tenant_state_of(vm->status));

    return OBJECT({ "id", json_string(vm->id) }, { "name", json_string(vm->name) }, { "tenantId", json_string(tenant) },
                  { "type", json_string("vm") }, { "flavor", json_string(vm->flavor ? vm->flavor : "") },
                  { "status", json_string(status) }, { "imageId", json_string(vm->image_ref ? vm->image_ref : vm->image) },
                  { "networkIds", networks_json(&vm->ports) }, { "volumeIds", json_array() },
                  { "createdAt", seconds(vm->created_at_ms) }, { "updatedAt", seconds(vm->updated_at_ms) },
                  { "metadata", object_stored(vm->metadata) });
}

json_t *instance_state_json(const char *id, const char *status, int64_t updated_at_ms)
{
    return OBJECT({ "id", json_string(id) }, { "status", json_string(status) }, { "updatedAt", seconds(updated_at_ms) });
}
