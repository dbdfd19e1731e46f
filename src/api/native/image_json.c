/* The image record as JSON, alone and with the operation that fetches or copies its bytes. */
#include "image_json.h"

#include "../object.h"
#include "../reply.h"
#include "operation_json.h"

static json_t *size_or_null(uint64_t bytes)
{
    return bytes > 0 ? json_integer((json_int_t)bytes) : json_null();
}

json_t *image_json(const struct image *i)
{
    return OBJECT(
        { "id", json_string(i->id) }, { "name", json_string(i->name) }, { "project", json_string(i->project) },
        { "visibility", json_string(i->is_public ? "public" : "project") },
        { "disk_format", json_string(disk_format_to_string(i->disk_format)) }, { "size_bytes", size_or_null(i->size_bytes) },
        { "virtual_size_bytes", size_or_null(i->virtual_size_bytes) },
        { "sha256", json_string_or_null(i->sha256[0] != '\0' ? i->sha256 : NULL) },
        { "status", json_string(image_status_to_string(i->status)) }, { "status_reason", json_string_or_null(i->status_reason) },
        { "min_disk_gib", json_integer((json_int_t)i->min_disk_gib) },
        { "min_memory_mib", json_integer((json_int_t)i->min_memory_mib) }, { "properties", object_stored(i->properties) },
        { "created_at", json_time(i->created_at_ms) }, { "updated_at", json_time(i->updated_at_ms) });
}

int image_accepted(struct once *o, const void *record, struct err *e)
{
    const struct image_answer *a = record;
    json_t *image = image_json(a->image);

    object_add(&image, "operation", json_string(a->job->id));
    return verb_answer(o, 202, (struct place){ OPERATIONS_PATH, a->job->id }, image, e);
}
