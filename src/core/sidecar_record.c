/* core/sidecar_record: the members of each noun's sidecar, as tables. Version 1; a member that is added later gets a new number,
 * and the old one stays readable. */
#include "sidecar_record.h"

#include <stdlib.h>
#include <string.h>

#include "sidecar_fields.h"

#include "base/base64.h"
#include "base/str.h"

enum { SIDECAR_VERSION = 1 };

DEFINE_WORDS(disk_format);
DEFINE_WORDS(image_status);
DEFINE_WORDS(network_kind);
DEFINE_WORDS(network_status);

static const struct record_field vm_fields[] = {
    FIELD(FIELD_UUID, vm, id, "id"),
    FIELD(FIELD_STRING, vm, name, "name"),
    FIELD(FIELD_BOOL, vm, is_name_unique, "is_name_unique"),
    FIELD(FIELD_CHARS, vm, hostname, "hostname"),
    FIELD(FIELD_HEX32, vm, project, "project"),
    FIELD_OR_NULL(FIELD_STRING, vm, flavor, "flavor"),
    FIELD(FIELD_U32, vm, vcpus, "vcpus"),
    FIELD(FIELD_U64, vm, memory_mib, "memory_mib"),
    FIELD(FIELD_U64, vm, disk_gib, "disk_gib"),
    FIELD(FIELD_UUID, vm, image, "image"),
    FIELD(FIELD_STRING, vm, image_name, "image_name"),
    FIELD(FIELD_JSON, vm, metadata, "metadata"),
    FIELD(FIELD_JSON, vm, tags, "tags"),
    FIELD_OR_NULL(FIELD_STRING, vm, keypair, "keypair"),
    FIELD(FIELD_BOOL, vm, autostart, "autostart"),
    FIELD(FIELD_BOOL, vm, is_locked, "is_locked"),
    FIELD(FIELD_U64, vm, expires_at_ms, "expires_at_ms"),
    FIELD(FIELD_U64, vm, ready_at_ms, "ready_at_ms"),
    FIELD(FIELD_U64, vm, created_at_ms, "created_at_ms"),
    FIELD(FIELD_U64, vm, updated_at_ms, "updated_at_ms"),
};
static const struct record_field port_fields[] = {
    FIELD(FIELD_UUID, port, id, "id"),          FIELD(FIELD_UUID, port, network, "network"),
    FIELD(FIELD_U32, port, ordinal, "ordinal"), FIELD(FIELD_CHARS, port, mac, "mac"),
    FIELD(FIELD_IPV4, port, ipv4, "ipv4"),      FIELD(FIELD_U64, port, created_at_ms, "created_at_ms"),
};
static const struct record_field seed_fields[] = {
    FIELD(FIELD_BOOL, vm_seed, is_config_drive, "is_config_drive"),
    FIELD(FIELD_JSON, vm_seed, ssh_keys, "ssh_keys"),
    FIELD_OR_NULL(FIELD_HEX32, vm_seed, token, "token"),
};
static const struct record_field image_fields[] = {
    FIELD(FIELD_UUID, image, id, "id"),
    FIELD(FIELD_STRING, image, name, "name"),
    FIELD(FIELD_HEX32, image, project, "project"),
    FIELD(FIELD_BOOL, image, is_public, "is_public"),
    FIELD_OF_WORDS(disk_format_words, image, disk_format, "disk_format"),
    FIELD_OF_WORDS(image_status_words, image, status, "status"),
    FIELD_OR_NULL(FIELD_STRING, image, status_reason, "status_reason"),
    FIELD(FIELD_U64, image, size_bytes, "size_bytes"),
    FIELD(FIELD_U64, image, virtual_size_bytes, "virtual_size_bytes"),
    FIELD_OR_NULL(FIELD_CHARS, image, sha256, "sha256"),
    FIELD(FIELD_U64, image, min_disk_gib, "min_disk_gib"),
    FIELD(FIELD_U64, image, min_memory_mib, "min_memory_mib"),
    FIELD(FIELD_JSON, image, properties, "properties"),
    FIELD(FIELD_U64, image, created_at_ms, "created_at_ms"),
    FIELD(FIELD_U64, image, updated_at_ms, "updated_at_ms"),
};
static const struct record_field network_fields[] = {
    FIELD(FIELD_UUID, network, id, "id"),
    FIELD(FIELD_STRING, network, name, "name"),
    FIELD(FIELD_HEX32, network, project, "project"),
    FIELD_OF_WORDS(network_kind_words, network, kind, "kind"),
    FIELD_OR_NULL(FIELD_CHARS, network, cidr, "cidr"),
    FIELD_OR_NULL(FIELD_CHARS, network, bridge, "bridge"),
    FIELD(FIELD_BOOL, network, is_default, "is_default"),
    FIELD_OF_WORDS(network_status_words, network, status, "status"),
    FIELD_OR_NULL(FIELD_STRING, network, status_reason, "status_reason"),
    FIELD(FIELD_U64, network, created_at_ms, "created_at_ms"),
    FIELD(FIELD_U64, network, updated_at_ms, "updated_at_ms"),
};
static const struct record_field keypair_fields[] = {
    FIELD(FIELD_UUID, keypair, id, "id"),
    FIELD(FIELD_STRING, keypair, name, "name"),
    FIELD(FIELD_HEX32, keypair, project, "project"),
    FIELD(FIELD_STRING, keypair, type, "type"),
    FIELD(FIELD_STRING, keypair, public_key, "public_key"),
    FIELD(FIELD_STRING, keypair, fingerprint_sha256, "fingerprint_sha256"),
    FIELD(FIELD_STRING, keypair, fingerprint_md5, "fingerprint_md5"),
    FIELD(FIELD_U64, keypair, created_at_ms, "created_at_ms"),
};
static const struct record_field sidecar_fields[] = { FIELD(FIELD_STRING, sidecar, project_name, "project_name") };

#define SHAPE(fields)                                                                                                            \
    {                                                                                                                            \
        fields, ARRAY_LEN(fields)                                                                                                \
    }
static const struct record_shape port_shape = SHAPE(port_fields), seed_shape = SHAPE(seed_fields),
                                 sidecar_shape = SHAPE(sidecar_fields);

/* Each noun's record: its members, its size, and where a sidecar points to it. */
static const struct noun {
    struct record_shape shape;
    size_t size, member;
    size_t id, project; /* within the record */
} nouns[SIDECAR_NOUN_COUNT] = {
    [SIDECAR_VM] = { SHAPE(vm_fields), sizeof(struct vm), offsetof(struct sidecar, vm), offsetof(struct vm, id),
                     offsetof(struct vm, project) },
    [SIDECAR_IMAGE] = { SHAPE(image_fields), sizeof(struct image), offsetof(struct sidecar, image), offsetof(struct image, id),
                        offsetof(struct image, project) },
    [SIDECAR_NETWORK] = { SHAPE(network_fields), sizeof(struct network), offsetof(struct sidecar, network),
                          offsetof(struct network, id), offsetof(struct network, project) },
    [SIDECAR_KEYPAIR] = { SHAPE(keypair_fields), sizeof(struct keypair), offsetof(struct sidecar, keypair),
                          offsetof(struct keypair, id), offsetof(struct keypair, project) },
};

void sidecar_done(struct sidecar *s)
{
    vm_free(s->vm);
    vm_seed_free(s->seed);
    image_free(s->image);
    network_free(s->network);
    keypair_free(s->keypair);
    free(s->project_name);
}

static void **record_at(const struct sidecar *s)
{
    return (void **)(uintptr_t)((const char *)s + nouns[s->noun].member);
}

const char *sidecar_project(const struct sidecar *s)
{
    return (const char *)*record_at(s) + nouns[s->noun].project;
}

static int out_of_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* ---- writing ---- */

static int add_ports(const struct vm *vm, json_t *object, struct err *e)
{
    json_t *ports = json_array();

    if (json_object_set_new(object, "ports", ports) < 0)
        return out_of_memory(e);
    for (size_t i = 0; i < vm->ports.count; i++) {
        json_t *port = json_object();

        if (json_array_append_new(ports, port) < 0)
            return out_of_memory(e);
        if (record_to_json(&port_shape, vm->ports.items[i], port, e) < 0)
            return -1;
    }
    return 0;
}

static int add_seed(const struct vm_seed *seed, json_t *object, struct err *e)
{
    AUTO_FREE char *data = seed && seed->user_data ? base64_encode(seed->user_data, seed->user_data_len) : NULL;
    json_t *j;

    if (seed && seed->user_data && !data)
        return out_of_memory(e);
    j = seed ? json_object() : json_null();
    if (json_object_set_new(object, "seed", j) < 0)
        return out_of_memory(e);
    if (!seed)
        return 0;
    if (json_object_set_new(j, "user_data", json_string_or_null(data)) < 0)
        return out_of_memory(e);
    return record_to_json(&seed_shape, seed, j, e);
}

int sidecar_write(const struct sidecar *s, char **out, struct err *e)
{
    AUTO_JSON j = json_pack("{s:i, s:s}", "version", SIDECAR_VERSION, "noun", sidecar_noun_to_string(s->noun));
    char *text;

    if (!j)
        return out_of_memory(e);
    if (record_to_json(&sidecar_shape, s, j, e) < 0 || record_to_json(&nouns[s->noun].shape, *record_at(s), j, e) < 0)
        return -1;
    if (s->noun == SIDECAR_VM && (add_ports(s->vm, j, e) < 0 || add_seed(s->seed, j, e) < 0))
        return -1;
    text = json_text(j);
    if (!text)
        return out_of_memory(e);
    *out = text;
    return 0;
}

/* ---- reading ---- */

static int check_head(json_t *j, const struct sidecar *s, struct err *e)
{
    json_int_t version = json_integer_value(json_object_get(j, "version"));

    if (version > SIDECAR_VERSION)
        return err_set(e, ERR_CONFIG, "it was written by a newer version of this program");
    if (version < 1 || !str_equal(json_string_value(json_object_get(j, "noun")), sidecar_noun_to_string(s->noun)))
        return err_set(e, ERR_INVALID_JSON, "it is no sidecar of this program");
    return 0;
}

static int read_port(struct vm *vm, json_t *j, struct err *e)
{
    struct port *p = calloc(1, sizeof *p);

    if (!p)
        return out_of_memory(e);
    vm->ports.items[vm->ports.count++] = p;
    (void)str_copy(p->vm, sizeof p->vm, vm->id);
    return record_from_json(&port_shape, j, p, e);
}

static int read_ports(json_t *j, struct vm *vm, struct err *e)
{
    json_t *ports = json_object_get(j, "ports"), *port;
    size_t i;

    if (!json_is_array(ports) || json_array_size(ports) > VM_NETWORKS_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, "ports", "'ports' is not what this program writes");
    vm->ports.items = calloc(json_array_size(ports) + 1, sizeof(struct port *));
    if (!vm->ports.items)
        return out_of_memory(e);
    json_array_foreach(ports, i, port)
    {
        if (read_port(vm, port, e) < 0)
            return -1;
    }
    return 0;
}

static int read_user_data(json_t *j, struct vm_seed *seed, struct err *e)
{
    json_t *data = json_object_get(j, "user_data");
    uint8_t *bytes = NULL;

    if (json_is_null(data))
        return 0;
    if (!json_is_string(data) ||
        base64_decode(json_string_value(data), json_string_length(data), &bytes, &seed->user_data_len) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "user_data", "'user_data' is not what this program writes");
    seed->user_data = bytes;
    return 0;
}

static int read_seed(json_t *j, struct sidecar *s, struct err *e)
{
    json_t *seed = json_object_get(j, "seed");

    if (json_is_null(seed))
        return 0;
    s->seed = calloc(1, sizeof *s->seed);
    if (!s->seed)
        return out_of_memory(e);
    (void)str_copy(s->seed->vm, sizeof s->seed->vm, s->vm->id);
    return record_from_json(&seed_shape, seed, s->seed, e) < 0 ? -1 : read_user_data(seed, s->seed, e);
}

static int read_record(json_t *j, const char *id, struct sidecar *s, struct err *e)
{
    const struct noun *n = &nouns[s->noun];
    char *record = calloc(1, n->size);

    if (!record)
        return out_of_memory(e);
    *record_at(s) = record;
    if (record_from_json(&n->shape, j, record, e) < 0)
        return -1;
    if (!str_equal(record + n->id, id))
        return err_set_field(e, ERR_INVALID_FIELD, "id", "its id is not the one in its name");
    return 0;
}

int sidecar_parse(enum sidecar_noun noun, const char *id, const char *text, struct sidecar *out, struct err *e)
{
    AUTO_JSON j = NULL;
    AUTO_SIDECAR s = { .noun = noun };

    if (json_parse(text, strlen(text), &j, e) < 0 || check_head(j, &s, e) < 0 || record_from_json(&sidecar_shape, j, &s, e) < 0 ||
        read_record(j, id, &s, e) < 0)
        return -1;
    if (noun == SIDECAR_VM && (read_ports(j, s.vm, e) < 0 || read_seed(j, &s, e) < 0))
        return -1;
    *out = s;
    s = (struct sidecar){ .noun = noun };
    return 0;
}
