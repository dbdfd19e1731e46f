/* The VM record as JSON. Every member is always there; what later versions fill is empty. */
#include "vm_json.h"

#include "../object.h"

#include "model/network.h"

static json_t *count_or_null(bool is_known, uint64_t n)
{
    return is_known ? json_integer((json_int_t)n) : json_null();
}

static json_t *addresses_json(const struct port *p)
{
    json_t *addresses = json_array();
    ipv4_text text;

    if (p->ipv4 == 0)
        return addresses;
    ipv4_format(p->ipv4, text);
    if (json_array_append_new(addresses, json_string(text)) == 0)
        return addresses;
    json_decref(addresses);
    return NULL;
}

static json_t *port_json(const struct port *p)
{
    json_t *port = OBJECT({ "network", json_string(p->network_name) }, { "network_id", json_string(p->network) },
                          { "kind", json_string(network_kind_to_string(p->kind)) }, { "mac", json_string(p->mac) },
                          { "addresses", addresses_json(p) });

    if (p->kind == NETWORK_USER)
        object_add(&port, "note",
                   json_string("user networking: the guest reaches out, nothing reaches it, and no address is promised"));
    return port;
}

static json_t *ports_json(const struct port_list *l)
{
    json_t *ports = json_array();

    for (size_t i = 0; i < l->count; i++) {
        if (json_array_append_new(ports, port_json(l->items[i])) < 0) {
            json_decref(ports);
            return NULL;
        }
    }
    return ports;
}

json_t *vm_json(const struct vm_shape *s)
{
    const struct vm *vm = s->vm;

    return OBJECT({ "id", json_string(vm->id) }, { "name", json_string(vm->name) }, { "project", json_string(vm->project) },
                  { "status", json_string(vm_status_to_string(vm->status)) },
                  { "status_reason", json_string_or_null(vm->status_reason) },
                  { "task", json_string_or_null(vm_task_to_string(vm->task)) }, { "flavor", json_string_or_null(vm->flavor) },
                  { "vcpus", json_integer(vm->vcpus) }, { "memory_mib", json_integer((json_int_t)vm->memory_mib) },
                  { "disk_gib", json_integer((json_int_t)vm->disk_gib) }, { "image", json_string_or_null(vm->image_name) },
                  { "keypair", json_string_or_null(vm->keypair) }, { "hostname", json_string(vm->hostname) },
                  { "networks", ports_json(&vm->ports) }, { "security_groups", json_array() }, { "volumes", json_array() },
                  { "metadata", object_stored(vm->metadata) }, { "tags", object_stored(vm->tags) },
                  { "autostart", json_boolean(vm->autostart) }, { "locked", json_boolean(vm->is_locked) },
                  { "restores_to", json_string_or_null(vm_restore_to_string(vm->restores_to)) },
                  { "expires_at", json_time(vm->expires_at_ms) }, { "ready_at", json_time(vm->ready_at_ms) },
                  { "fault", object_fault(&vm->fault, s->is_admin) },
                  { "cpu_time_ns", count_or_null(s->usage.is_known, s->usage.cpu_time_ns) },
                  { "memory_used_mib", count_or_null(s->usage.is_known, s->usage.memory_used_mib) },
                  { "observed_at", json_time(s->observed_ms) }, { "created_at", json_time(vm->created_at_ms) },
                  { "updated_at", json_time(vm->updated_at_ms) });
}
