/* The VM as this door shows it. Every member is always there. */
#include "vm_json.h"

#include "../object.h"
#include "states.h"

json_t *workspace_vm_json(const struct vm *vm, const char *region)
{
    return OBJECT({ "id", json_string(vm->id) }, { "name", json_string(vm->name) }, { "workspace_id", json_string(vm->project) },
                  { "provider", json_string("libvirt") }, { "instance_id", json_string(vm->id) }, /* the domain's UUID */
                  { "status", json_string(workspace_state_to_string(workspace_state(vm->status))) },
                  { "type", json_string_or_null(vm->flavor) }, { "region", json_string(region) },
                  { "image_id", json_string(vm->image) }, { "cpus", json_integer(vm->vcpus) },
                  { "memory", json_integer((json_int_t)vm->memory_mib) }, { "storage", json_integer((json_int_t)vm->disk_gib) },
                  { "metadata", object_stored(vm->metadata) }, { "created_at", json_time(vm->created_at_ms) },
                  { "updated_at", json_time(vm->updated_at_ms) });
}
