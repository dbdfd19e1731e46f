/* From bodies to records: tables of members, and the rules that hold between members. Whether names are free or things exist is
 * core's; interfaces of networks are vm_body_nics.c's. */
#include "vm_body.h"

#include <string.h>

#include "../labels.h"
#include "../reply.h"

#include "base/cleanup.h"
#include "model/keypair.h"
#include "model/network.h"

/* Labels before they are texts. */
struct labels {
    json_t *metadata;
    json_t *tags;
};
static void labels_done(struct labels *l)
{
    json_decref(l->metadata);
    json_decref(l->tags);
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int check_tags(const json_t *tags, struct err *e)
{
    for (size_t i = 0; i < json_array_size(tags); i++)
        for (size_t j = 0; j < i; j++)
            if (json_equal(json_array_get(tags, i), json_array_get(tags, j)))
                return err_set_field(e, ERR_INVALID_FIELD, "tags", "tags must differ from each other");
    return 0;
}

/* The text of a value; NULL stays NULL. */
static int text_of(const json_t *value, char **out, struct err *e)
{
    if (!value)
        return 0;
    *out = json_text(value);
    return *out ? 0 : no_memory(e);
}

static int labels_texts(const struct labels *l, char **metadata, char **tags, struct err *e)
{
    if (check_tags(l->tags, e) < 0 || labels_text(l->metadata, "metadata", metadata, e) < 0)
        return -1;
    return text_of(l->tags, tags, e);
}

/* ---- create ---- */
struct create_body {
    struct vm_spec spec;
    struct labels labels;
    json_t *ssh_keys;
    json_t *networks;
    char *user_data;
};
static void cleanup_create_body(struct create_body *b)
{
    vm_spec_done(&b->spec);
    labels_done(&b->labels);
    json_decref(b->ssh_keys);
    json_decref(b->networks);
    free(b->user_data);
}
#define AUTO_CREATE_BODY __attribute__((cleanup(cleanup_create_body))) struct create_body

#define AT(member) offsetof(struct create_body, member)
static const struct json_field create_fields[] = {
    { "name", JSON_FIELD_STRING, AT(spec.name), .is_required = true, .max = NAME_UNICODE_MAX },
    { "image", JSON_FIELD_STRING, AT(spec.image), .is_required = true, .is_text = true, .max = REFERENCE_MAX },
    { "flavor", JSON_FIELD_STRING, AT(spec.flavor), .is_text = true, .max = REFERENCE_MAX },
    { "vcpus", JSON_FIELD_U64, AT(spec.vcpus), .min = 1, .max = VM_VCPUS_MAX },
    { "memory_mib", JSON_FIELD_U64, AT(spec.memory_mib), .min = VM_MEMORY_MIB_MIN, .max = VM_MEMORY_MIB_MAX },
    { "disk_gib", JSON_FIELD_U64, AT(spec.disk_gib), .min = 1, .max = VM_DISK_GIB_MAX },
    { "start", JSON_FIELD_BOOL, .offset = AT(spec.start) },
    { "autostart", JSON_FIELD_BOOL, .offset = AT(spec.autostart) },
    { "ttl_seconds", JSON_FIELD_U64, AT(spec.ttl_seconds), .max = VM_TTL_MAX_S },
    { "keypair", JSON_FIELD_STRING, AT(spec.keypair), .is_text = true, .max = REFERENCE_MAX },
    { "ssh_keys", JSON_FIELD_ARRAY, AT(ssh_keys), .max = SSH_KEYS_MAX },
    { "user_data", JSON_FIELD_STRING, AT(user_data), .is_text = true, .max = VM_USER_DATA_MAX },
    { "config_drive", JSON_FIELD_BOOL, .offset = AT(spec.is_config_drive) },
    { "networks", JSON_FIELD_ARRAY, AT(networks), .max = VM_NETWORKS_MAX },
    { "metadata", JSON_FIELD_OBJECT, AT(labels.metadata), .max = VM_METADATA_MAX },
    { "tags", JSON_FIELD_STRINGS, AT(labels.tags), .max = VM_TAGS_MAX },
};
#undef AT

/* Members of the API that this version cannot honour: refused, never silently ignored. */
static const char *const later_fields[] = { "security_groups", "volumes" };

static int refuse_later_fields(json_t *body, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(later_fields); i++) {
        const char *name = later_fields[i];
        const json_t *value = json_object_get(body, name);

        if (value && !json_is_null(value))
            return err_set_field(e, ERR_INVALID_FIELD, name, "%s is not supported yet", name);
        (void)json_object_del(body, name); /* it says nothing: the table need not know it */
    }
    return 0;
}

/* A flavor, or all three sizes. */
static int check_sizes(const struct vm_spec *s, struct err *e)
{
    const struct {
        const char *field;
        uint64_t value;
    } sizes[] = { { "vcpus", s->vcpus }, { "memory_mib", s->memory_mib }, { "disk_gib", s->disk_gib } };

    if (!s->flavor && s->vcpus == 0 && s->memory_mib == 0 && s->disk_gib == 0)
        return err_set_field(e, ERR_INVALID_FIELD, "flavor",
                             "flavor is required, or vcpus, memory_mib and disk_gib in its place");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        if (s->flavor && sizes[i].value != 0)
            return err_set_field(e, ERR_INVALID_FIELD, sizes[i].field, "%s cannot be given beside a flavor", sizes[i].field);
        if (!s->flavor && sizes[i].value == 0)
            return err_set_field(e, ERR_INVALID_FIELD, sizes[i].field, "%s is required without a flavor", sizes[i].field);
    }
    return 0;
}

/* Whether a key is one is core's to tell. */
static int take_ssh_keys(struct create_body *b, struct err *e)
{
    for (size_t i = 0; i < json_array_size(b->ssh_keys); i++) {
        const json_t *key = json_array_get(b->ssh_keys, i);

        if (!json_is_string(key) || json_string_length(key) > SSH_KEY_MAX)
            return err_set_field(e, ERR_INVALID_FIELD, "ssh_keys", "ssh_keys must be strings of at most %d bytes", SSH_KEY_MAX);
    }
    return text_of(b->ssh_keys, &b->spec.ssh_keys, e);
}

static int take_user_data(struct create_body *b, struct err *e)
{
    size_t len = b->user_data ? strlen(b->user_data) : 0;

    if (len > VM_USER_DATA_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, "user_data", "user_data must have at most %d bytes", VM_USER_DATA_MAX);
    b->spec.user_data_len = len;
    b->spec.user_data = TAKE(b->user_data);
    return 0;
}

int vm_body_spec(struct request *r, struct vm_spec *out, struct err *e)
{
    AUTO_JSON json = NULL;
    AUTO_CREATE_BODY body = { .spec = { .name_rule = NAME_RULE_STRICT, .is_name_unique = true, .start = true } };

    if (body_parse(r, false, &json, e) < 0 || refuse_later_fields(json, e) < 0)
        return -1;
    if (json_decode(json, create_fields, ARRAY_LEN(create_fields), &body, e) < 0 || check_sizes(&body.spec, e) < 0)
        return -1;
    if (labels_texts(&body.labels, &body.spec.metadata, &body.spec.tags, e) < 0)
        return -1;
    if (take_ssh_keys(&body, e) < 0 || take_user_data(&body, e) < 0 || vm_body_nics(body.networks, &body.spec, e) < 0)
        return -1;
    *out = body.spec;
    body.spec = (struct vm_spec){ 0 };
    return 0;
}

/* ---- change ---- */
struct patch_body {
    struct vm_patch patch;
    struct labels labels;
};
static void cleanup_patch_body(struct patch_body *b)
{
    vm_patch_done(&b->patch);
    labels_done(&b->labels);
}
#define AUTO_PATCH_BODY __attribute__((cleanup(cleanup_patch_body))) struct patch_body

#define AT(member) offsetof(struct patch_body, member)
static const struct json_field patch_fields[] = {
    { "name", JSON_FIELD_STRING, AT(patch.name), .max = NAME_UNICODE_MAX },
    { "autostart", JSON_FIELD_BOOL, .offset = AT(patch.autostart), .seen_offset = AT(patch.has_autostart) },
    { "ttl_seconds", JSON_FIELD_U64, AT(patch.ttl_seconds), .max = VM_TTL_MAX_S, .seen_offset = AT(patch.has_ttl) },
    { "metadata", JSON_FIELD_OBJECT, AT(labels.metadata), .max = VM_METADATA_MAX },
    { "tags", JSON_FIELD_STRINGS, AT(labels.tags), .max = VM_TAGS_MAX },
};
#undef AT

int vm_body_patch(struct request *r, struct vm_patch *out, struct err *e)
{
    AUTO_JSON json = NULL;
    AUTO_PATCH_BODY body = { 0 };
    struct vm_patch *p = &body.patch;

    if (body_parse(r, false, &json, e) < 0 || json_decode(json, patch_fields, ARRAY_LEN(patch_fields), &body, e) < 0)
        return -1;
    if (labels_texts(&body.labels, &p->metadata, &p->tags, e) < 0)
        return -1;
    if (!p->name && !p->metadata && !p->tags && !p->has_autostart && !p->has_ttl)
        return err_set(e, ERR_INVALID, "nothing to change: name, autostart, ttl_seconds, metadata or tags are expected");
    *out = *p;
    *p = (struct vm_patch){ 0 };
    return 0;
}

void vm_patch_done(struct vm_patch *p)
{
    free(p->name);
    free(p->metadata);
    free(p->tags);
}

/* ---- verbs ---- */
int vm_body_nothing(struct request *r, struct err *e)
{
    AUTO_JSON json = NULL;

    return body_parse(r, true, &json, e) < 0 ? -1 : json_decode(json, NULL, 0, NULL, e);
}

int vm_body_force(struct request *r, bool is_forcible, bool *out, struct err *e)
{
    static const struct json_field force_field = { "force", JSON_FIELD_BOOL, .offset = 0 };
    AUTO_JSON json = NULL;
    bool is_forced = false;

    if (body_parse(r, true, &json, e) < 0 || json_decode(json, &force_field, is_forcible ? 1 : 0, &is_forced, e) < 0)
        return -1;
    *out = is_forced;
    return 0;
}
