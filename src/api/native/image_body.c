/* From bodies to image specs: a table of members for each request. What a URL or a hash must be is core's. */
#include "image_body.h"

#include <string.h>

#include "../labels.h"
#include "../reply.h"

#include "base/cleanup.h"

enum { WORD_MAX = 32, URL_MAX = 2000 };

#define AT(member) offsetof(struct image_body, member)
#define NAME                                                                                                                     \
    {                                                                                                                            \
        "name", JSON_FIELD_STRING, AT(want.spec.name), .is_required = true, .max = NAME_UNICODE_MAX                              \
    }
#define VISIBILITY                                                                                                               \
    {                                                                                                                            \
        "visibility", JSON_FIELD_STRING, AT(visibility), .max = WORD_MAX                                                         \
    }
#define WHAT_A_VM_NEEDS                                                                                                          \
    { "properties", JSON_FIELD_OBJECT, AT(properties), .max = IMAGE_PROPERTIES_MAX },                                            \
        { "min_disk_gib", JSON_FIELD_U64, AT(want.spec.min_disk_gib), .max = VM_DISK_GIB_MAX,                                    \
          .seen_offset = AT(has_min_disk_gib) },                                                                                 \
    {                                                                                                                            \
        "min_memory_mib", JSON_FIELD_U64, AT(want.spec.min_memory_mib), .max = VM_MEMORY_MIB_MAX,                                \
                                                                        .seen_offset = AT(has_min_memory_mib)                    \
    }

static const struct json_field create_fields[] = {
    NAME,
    VISIBILITY,
    { "disk_format", JSON_FIELD_STRING, AT(disk_format), .is_required = true, .max = WORD_MAX },
    WHAT_A_VM_NEEDS,
};
static const struct json_field import_fields[] = {
    NAME,
    VISIBILITY,
    { "url", JSON_FIELD_STRING, AT(want.url), .is_required = true, .max = URL_MAX },
    { "sha256", JSON_FIELD_STRING, AT(want.sha256), .max = SHA256_HEX_LEN },
    WHAT_A_VM_NEEDS,
};
static const struct json_field capture_fields[] = { NAME, VISIBILITY, WHAT_A_VM_NEEDS };
static const struct json_field change_fields[] = {
    { "name", JSON_FIELD_STRING, AT(want.spec.name), .max = NAME_UNICODE_MAX },
    WHAT_A_VM_NEEDS,
};
#undef AT

static const bool is_public = true, is_not_public = false;

static int decode_visibility(const char *word, const bool **out, struct err *e)
{
    if (word && strcmp(word, "public") != 0 && strcmp(word, "project") != 0)
        return err_set_field(e, ERR_INVALID_FIELD, "visibility", "visibility must be public or project");
    *out = !word ? NULL : strcmp(word, "public") == 0 ? &is_public : &is_not_public;
    return 0;
}

static int decode(struct request *r, const struct json_field *fields, size_t count, struct image_body *out, struct err *e)
{
    AUTO_JSON json = NULL;
    struct image_spec *spec = &out->want.spec;

    if (body_parse(r, false, &json, e) < 0 || json_decode(json, fields, count, out, e) < 0)
        return -1;
    if (decode_visibility(out->visibility, &spec->is_public, e) < 0)
        return -1;
    return labels_text(out->properties, "properties", &spec->properties, e);
}

int image_body_create(struct request *r, struct image_body *out, struct err *e)
{
    if (decode(r, create_fields, ARRAY_LEN(create_fields), out, e) < 0)
        return -1;
    if (disk_format_from_string(out->disk_format, &out->want.spec.disk_format) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "disk_format", "disk_format must be qcow2 or raw");
    return 0;
}

int image_body_import(struct request *r, struct image_body *out, struct err *e)
{
    return decode(r, import_fields, ARRAY_LEN(import_fields), out, e);
}

int image_body_capture(struct request *r, struct image_body *out, struct err *e)
{
    return decode(r, capture_fields, ARRAY_LEN(capture_fields), out, e);
}

int image_body_change(struct request *r, struct image_body *out, struct err *e)
{
    if (decode(r, change_fields, ARRAY_LEN(change_fields), out, e) < 0)
        return -1;
    if (!out->want.spec.name && !out->properties && !out->has_min_disk_gib && !out->has_min_memory_mib)
        return err_set(e, ERR_INVALID, "nothing to change: name, properties, min_disk_gib or min_memory_mib are expected");
    return 0;
}

void image_body_done(struct image_body *b)
{
    free(b->want.spec.name);
    free(b->want.spec.properties);
    free(b->want.url);
    free(b->want.sha256);
    free(b->disk_format);
    free(b->visibility);
    json_decref(b->properties);
}
