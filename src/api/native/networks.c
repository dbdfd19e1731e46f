/* Networks of a project: a bridge each, made and removed by operations. */
#include "../object.h"
#include "../reply.h"
#include "native.h"
#include "operation_json.h"
#include "page.h"

#include "core/network.h"

enum { WORD_MAX = 32 };

static json_t *gateway_json(const struct network *n)
{
    struct network_range range;
    ipv4_text text;

    if (network_range(n, &range) < 0)
        return json_null();
    ipv4_format(range.gateway, text);
    return json_string(text);
}

static json_t *network_json(const struct network *n)
{
    return OBJECT({ "id", json_string(n->id) }, { "name", json_string(n->name) }, { "project", json_string(n->project) },
                  { "kind", json_string(network_kind_to_string(n->kind)) }, { "cidr", text_or_null(n->cidr) },
                  { "gateway", gateway_json(n) }, { "bridge", text_or_null(n->bridge) },
                  { "is_default", json_boolean(n->is_default) }, { "status", json_string(network_status_to_string(n->status)) },
                  { "status_reason", json_string_or_null(n->status_reason) }, { "created_at", json_time(n->created_at_ms) },
                  { "updated_at", json_time(n->updated_at_ms) });
}

/* ---- create ---- */
struct create_body {
    struct network_spec spec;
    char *kind;
};
static void cleanup_create_body(struct create_body *b)
{
    free(b->spec.name);
    free(b->spec.cidr);
    free(b->kind);
}
#define AUTO_CREATE_BODY __attribute__((cleanup(cleanup_create_body))) struct create_body

#define AT(member) offsetof(struct create_body, member)
static const struct json_field create_fields[] = {
    { "name", JSON_FIELD_STRING, AT(spec.name), .is_required = true, .max = NAME_UNICODE_MAX },
    { "cidr", JSON_FIELD_STRING, AT(spec.cidr), .max = CIDR_LEN },
    { "kind", JSON_FIELD_STRING, AT(kind), .max = WORD_MAX },
};
#undef AT

static int decode_body(struct request *r, struct create_body *body, struct err *e)
{
    AUTO_JSON json = NULL;
    enum network_kind *kind = &body->spec.kind;

    if (body_parse(r, false, &json, e) < 0 || json_decode(json, create_fields, ARRAY_LEN(create_fields), body, e) < 0)
        return -1;
    *kind = NETWORK_NAT;
    if (body->kind && (network_kind_from_string(body->kind, kind) < 0 || *kind == NETWORK_USER))
        return err_set_field(e, ERR_INVALID_FIELD, "kind", "kind must be nat or isolated");
    return 0;
}

static int answer_accepted(struct once *o, const void *record, struct err *e)
{
    const struct network_answer *a = record;
    json_t *network = network_json(a->network);

    object_add(&network, "operation", json_string(a->job->id));
    return verb_answer(o, 202, (struct place){ OPERATIONS_PATH, a->job->id }, network, e);
}

int networks_create(struct request *r, struct err *e)
{
    AUTO_CREATE_BODY body = { 0 };
    AUTO_VERB verb = { 0 };

    if (verb_init(&verb, r, answer_accepted, e) < 0 || decode_body(r, &body, e) < 0)
        return -1;
    if (network_create(request_user(r), request_actor(r), &body.spec, &verb.once, e) < 0)
        return -1;
    return verb_reply(&verb, r, e);
}

/* ---- read, delete ---- */
int networks_list(struct request *r, struct err *e)
{
    AUTO_LIST(network) list = { 0 };
    AUTO_LISTING page = { 0 };

    if (listing_begin(&page, r, "networks", page_parameters, e) < 0 ||
        network_list(request_user(r), request_actor(r), page.marker, page.limit, &list, &page.has_more, e) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++)
        listing_add(&page, network_json(list.items[i]));
    return listing_reply(&page, r, e);
}

int networks_show(struct request *r, struct err *e)
{
    AUTO(network) network = NULL;

    if (query_none(r, e) < 0 || network_get(request_user(r), request_actor(r), request_param(r, "ref"), &network, e) < 0)
        return -1;
    return reply_json(r, 200, network_json(network), e);
}

int networks_delete(struct request *r, struct err *e)
{
    AUTO(job) job = NULL;

    if (query_none(r, e) < 0 || network_delete(request_user(r), request_actor(r), request_param(r, "ref"), &job, e) < 0)
        return -1;
    return operation_accepted(r, job, e);
}
