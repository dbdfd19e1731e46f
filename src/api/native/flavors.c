/* Flavors: named sizes. */
#include "../flavors.h"

#include "../object.h"
#include "../reply.h"
#include "native.h"

#include "core/flavor.h"
#include "model/vm.h"

static void cleanup_spec(struct flavor_spec *s)
{
    free(s->name);
    free(s->description);
}
#define AUTO_SPEC __attribute__((cleanup(cleanup_spec))) struct flavor_spec

#define AT(member) offsetof(struct flavor_spec, member)
static const struct json_field create_fields[] = {
    { "name", JSON_FIELD_STRING, AT(name), .is_required = true, .max = NAME_UNICODE_MAX },
    { "vcpus", JSON_FIELD_U64, AT(vcpus), .is_required = true, .min = 1, .max = VM_VCPUS_MAX },
    { "memory_mib", JSON_FIELD_U64, AT(memory_mib), .is_required = true, .min = VM_MEMORY_MIB_MIN, .max = VM_MEMORY_MIB_MAX },
    { "disk_gib", JSON_FIELD_U64, AT(disk_gib), .is_required = true, .min = 1, .max = VM_DISK_GIB_MAX },
    { "description", JSON_FIELD_STRING, AT(description), .max = DESCRIPTION_MAX },
};
#undef AT

static json_t *flavor_json(const struct flavor *f)
{
    return OBJECT({ "id", json_string(f->id) }, { "name", json_string(f->name) }, { "vcpus", json_integer(f->vcpus) },
                  { "memory_mib", json_integer((json_int_t)f->memory_mib) },
                  { "disk_gib", json_integer((json_int_t)f->disk_gib) }, { "description", json_string(f->description) },
                  { "created_at", json_time(f->created_at_ms) });
}

static int answer_created(struct once *o, const void *record, struct err *e)
{
    const struct flavor *flavor = record;

    return verb_answer(o, 201, (struct place){ "/v1/flavors", flavor->id }, flavor_json(flavor), e);
}

static int decode_spec(struct request *r, struct flavor_spec *spec, struct err *e)
{
    AUTO_JSON body = NULL;

    return body_parse(r, false, &body, e) < 0 ? -1 : json_decode(body, create_fields, ARRAY_LEN(create_fields), spec, e);
}

int flavors_create(struct request *r, struct err *e)
{
    AUTO_SPEC spec = { 0 };
    AUTO_VERB verb = { 0 };

    if (verb_init(&verb, r, answer_created, e) < 0 || decode_spec(r, &spec, e) < 0)
        return -1;
    if (flavor_create(request_user(r), request_actor(r), &spec, &verb.once, e) < 0)
        return -1;
    return verb_reply(&verb, r, e);
}

int flavors_list(struct request *r, struct err *e)
{
    return reply_flavors(r, flavor_json, e);
}

int flavors_show(struct request *r, struct err *e)
{
    AUTO(flavor) flavor = NULL;

    if (query_none(r, e) < 0 || flavor_get(request_user(r), request_actor(r), request_param(r, "ref"), &flavor, e) < 0)
        return -1;
    return reply_json(r, 200, flavor_json(flavor), e);
}

int flavors_delete(struct request *r, struct err *e)
{
    if (query_none(r, e) < 0 || flavor_delete(request_user(r), request_actor(r), request_param(r, "ref"), e) < 0)
        return -1;
    return request_reply_empty(r, 204, e);
}
