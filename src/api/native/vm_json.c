/* The VM record as JSON. Every member is always there; what later versions fill is empty. */
#include "vm_json.h"

#include <string.h>

#include "object.h"

/* Metadata and tags are stored as JSON texts, and nearly always empty: a page of a thousand VMs is not worth two thousand runs of
 * the parser. */
static json_t *stored(const char *text)
{
    if (strcmp(text, "{}") == 0)
        return json_object();
    if (strcmp(text, "[]") == 0)
        return json_array();
    return json_loads(text, 0, NULL);
}

static json_t *count_or_null(bool is_known, uint64_t n)
{
    return is_known ? json_integer((json_int_t)n) : json_null();
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
                  { "keypair", json_null() }, { "networks", json_array() }, { "security_groups", json_array() },
                  { "volumes", json_array() }, { "metadata", stored(vm->metadata) }, { "tags", stored(vm->tags) },
                  { "fault", object_fault(&vm->fault, s->is_admin) },
                  { "cpu_time_ns", count_or_null(s->usage.is_known, s->usage.cpu_time_ns) },
                  { "memory_used_mib", count_or_null(s->usage.is_known, s->usage.memory_used_mib) },
                  { "observed_at", json_time(s->observed_ms) }, { "created_at", json_time(vm->created_at_ms) },
                  { "updated_at", json_time(vm->updated_at_ms) });
}
