/* Keypairs: ssh keys by name, imported or made. The private half of one that is made is in that one answer. */
#include "../await.h"
#include "../object.h"
#include "../reply.h"
#include "native.h"
#include "page.h"

#include "core/keypair.h"
#include "model/name.h"

enum { TYPE_MAX = 32 };

/* A keypair that is being made. */
struct making {
    struct await await;
    struct keypair_spec spec;
    struct keypair_draft *draft;
};

static void making_free(void *arg)
{
    struct making *making = arg;

    keypair_draft_free(making->draft);
    free(making->spec.name);
    free(making->spec.public_key);
    free(making->spec.type);
    free(making);
}

#define AT(member) offsetof(struct keypair_spec, member)
static const struct json_field create_fields[] = {
    { "name", JSON_FIELD_STRING, AT(name), .is_required = true, .max = NAME_UNICODE_MAX },
    { "public_key", JSON_FIELD_STRING, AT(public_key), .is_text = true, .max = SSH_KEY_MAX },
    { "type", JSON_FIELD_STRING, AT(type), .max = TYPE_MAX },
};
#undef AT

static json_t *keypair_json(const struct keypair *k)
{
    return OBJECT({ "id", json_string(k->id) }, { "name", json_string(k->name) }, { "project", json_string(k->project) },
                  { "type", json_string(k->type) }, { "public_key", json_string(k->public_key) },
                  { "fingerprint_sha256", json_string(k->fingerprint_sha256) },
                  { "fingerprint_md5", json_string(k->fingerprint_md5) }, { "created_at", json_time(k->created_at_ms) });
}

static int answer_created(struct once *o, const void *record, struct err *e)
{
    const struct keypair_answer *a = record;
    json_t *keypair = keypair_json(a->keypair);

    if (a->private_key)
        object_add(&keypair, "private_key", json_string(a->private_key));
    return verb_answer(o, 201, (struct place){ "/v1/keypairs", a->keypair->id }, keypair, e);
}

static int decode_spec(struct request *r, struct keypair_spec *spec, struct err *e)
{
    AUTO_JSON body = NULL;

    return body_parse(r, false, &body, e) < 0 ? -1 : json_decode(body, create_fields, ARRAY_LEN(create_fields), spec, e);
}

static int begin(struct request *r, struct err *e)
{
    struct making *making = request_data(r);

    return keypair_create_begin(request_user(r), &making->spec, await_done, &making->await, &making->draft, e);
}

static int finish(struct request *r, struct err *e)
{
    struct making *making = request_data(r);
    AUTO_VERB verb = { 0 };

    if (await_result(&making->await, e) < 0 || verb_init(&verb, r, answer_created, e) < 0)
        return -1;
    if (keypair_create_finish(making->draft, request_actor(r), &verb.once, e) < 0)
        return -1;
    return verb_reply(&verb, r, e);
}

int keypairs_create(struct request *r, struct err *e)
{
    struct making *making;

    if (query_none(r, e) < 0)
        return -1;
    making = calloc(1, sizeof(*making));
    if (!making)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    request_set_data(r, making, making_free);
    if (decode_spec(r, &making->spec, e) < 0)
        return -1;
    return await_start(&making->await, r, begin, finish, e);
}

int keypairs_list(struct request *r, struct err *e)
{
    AUTO_LIST(keypair) list = { 0 };
    AUTO_LISTING page = { 0 };

    if (listing_begin(&page, r, "keypairs", page_parameters, e) < 0 ||
        keypair_list(request_user(r), request_actor(r), page.marker, page.limit, &list, &page.has_more, e) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++)
        listing_add(&page, keypair_json(list.items[i]));
    return listing_reply(&page, r, e);
}

int keypairs_show(struct request *r, struct err *e)
{
    AUTO(keypair) keypair = NULL;

    if (query_none(r, e) < 0 || keypair_get(request_user(r), request_actor(r), request_param(r, "ref"), &keypair, e) < 0)
        return -1;
    return reply_json(r, 200, keypair_json(keypair), e);
}

int keypairs_delete(struct request *r, struct err *e)
{
    if (query_none(r, e) < 0 || keypair_delete(request_user(r), request_actor(r), request_param(r, "ref"), e) < 0)
        return -1;
    return request_reply_empty(r, 204, e);
}
