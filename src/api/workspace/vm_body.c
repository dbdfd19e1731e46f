/* From bodies to records: tables of members, and the two that can have one value only. */
#include "vm_body.h"

#include <stddef.h>
#include <stdlib.h>

#include "../labels.h"
#include "../reply.h"

#include "base/cleanup.h"
#include "base/str.h"

enum { REFERENCE_MAX = 255 };
static const char provider[] = "libvirt";

/* ---- create ---- */
struct create_fields {
    char *name, *workspace, *provider, *type, *region, *image;
    json_t *metadata;
};
static void cleanup_create_fields(struct create_fields *f)
{
    free(f->name);
    free(f->workspace);
    free(f->provider);
    free(f->type);
    free(f->region);
    free(f->image);
    json_decref(f->metadata);
}
#define AUTO_CREATE_FIELDS __attribute__((cleanup(cleanup_create_fields))) struct create_fields

#define REQUIRED(name, member, least, most)                                                                                      \
    {                                                                                                                            \
        name, JSON_FIELD_STRING, offsetof(struct create_fields, member), .is_required = true, .min = (least), .max = (most)      \
    }
static const struct json_field create_fields[] = {
    REQUIRED("name", name, WORKSPACE_NAME_MIN, WORKSPACE_NAME_MAX),
    REQUIRED("workspace_id", workspace, 1, REFERENCE_MAX),
    REQUIRED("provider", provider, 1, REFERENCE_MAX),
    REQUIRED("type", type, 1, REFERENCE_MAX),
    REQUIRED("region", region, 1, REFERENCE_MAX),
    REQUIRED("image_id", image, 1, REFERENCE_MAX),
    { "metadata", JSON_FIELD_OBJECT, offsetof(struct create_fields, metadata), .max = VM_METADATA_MAX },
};

static int check_place(const struct create_fields *f, const char *region, struct err *e)
{
    if (!str_equal(f->provider, provider))
        return err_set_field(e, ERR_INVALID_FIELD, "provider", "unsupported provider: %s", f->provider);
    if (!str_equal(f->region, region))
        return err_set_field(e, ERR_INVALID_FIELD, "region", "unknown region: %s", f->region);
    return 0;
}

int workspace_spec_decode(const struct request *r, const char *region, struct workspace_spec *out, struct err *e)
{
    AUTO_JSON json = NULL;
    AUTO_CREATE_FIELDS f = { 0 };
    AUTO_FREE char *metadata = NULL;

    if (body_parse(r, false, &json, e) < 0 || json_decode(json, create_fields, ARRAY_LEN(create_fields), &f, e) < 0 ||
        check_place(&f, region, e) < 0 || labels_text(f.metadata, "metadata", &metadata, e) < 0)
        return -1;
    *out = (struct workspace_spec){
        .spec = { .name = TAKE(f.name),
                  .name_rule = NAME_RULE_UNICODE,
                  .image = TAKE(f.image),
                  .flavor = TAKE(f.type),
                  .start = true,
                  .metadata = TAKE(metadata) },
        .workspace = TAKE(f.workspace),
    };
    return 0;
}

void workspace_spec_done(struct workspace_spec *b)
{
    vm_spec_done(&b->spec);
    free(b->workspace);
}

static const struct {
    const char *core, *ours;
} renamed[] = { { "flavor", "type" }, { "image", "image_id" } };

int workspace_spec_refused(struct err *e)
{
    if (e->code == ERR_FLAVOR_NOT_FOUND || e->code == ERR_IMAGE_NOT_FOUND)
        e->code = ERR_INVALID_FIELD;
    for (size_t i = 0; i < ARRAY_LEN(renamed); i++) {
        if (str_equal(e->field, renamed[i].core)) {
            (void)str_copy(e->field, sizeof(e->field), renamed[i].ours);
            break;
        }
    }
    return -1;
}

/* ---- change ---- */
struct patch_fields {
    char *name;
    json_t *metadata;
};
static void cleanup_patch_fields(struct patch_fields *f)
{
    free(f->name);
    json_decref(f->metadata);
}
#define AUTO_PATCH_FIELDS __attribute__((cleanup(cleanup_patch_fields))) struct patch_fields

static const struct json_field patch_fields[] = {
    { "name", JSON_FIELD_STRING, offsetof(struct patch_fields, name), .min = WORKSPACE_NAME_MIN, .max = WORKSPACE_NAME_MAX },
    { "metadata", JSON_FIELD_OBJECT, offsetof(struct patch_fields, metadata), .max = VM_METADATA_MAX },
};

int workspace_patch_decode(const struct request *r, struct workspace_patch *out, struct err *e)
{
    AUTO_JSON json = NULL;
    AUTO_PATCH_FIELDS f = { 0 };
    AUTO_FREE char *metadata = NULL;

    if (body_parse(r, false, &json, e) < 0 || json_decode(json, patch_fields, ARRAY_LEN(patch_fields), &f, e) < 0 ||
        labels_text(f.metadata, "metadata", &metadata, e) < 0)
        return -1;
    if (!f.name && !metadata)
        return err_set(e, ERR_INVALID, "nothing to change: name or metadata is expected");
    *out = (struct workspace_patch){ .name = TAKE(f.name), .metadata = TAKE(metadata) };
    return 0;
}

void workspace_patch_done(struct workspace_patch *b)
{
    free(b->name);
    free(b->metadata);
}

/* ---- verbs ---- */
int workspace_nothing_decode(const struct request *r, struct err *e)
{
    AUTO_JSON json = NULL;

    return body_parse(r, true, &json, e) < 0 ? -1 : json_decode(json, NULL, 0, NULL, e);
}
