/* Instances: listed, shown, created. What changes their power is power.c's. */
#include <stdlib.h>

#include "../labels.h"
#include "../reply.h"
#include "find.h"
#include "instance_json.h"
#include "tenant.h"

#include "base/str.h"
#include "core/project.h"

/* ---- one ---- */
static void finding_free(void *arg)
{
    struct finding *f = arg;

    vm_view_free(f->view);
    free(f);
}

static int reply_one(struct request *r, struct err *e)
{
    const struct vm *vm = NULL;
    AUTO_FREE char *tenant = NULL;

    if (find_result(r, &vm, e) < 0 || find_tenant(r, &tenant, e) < 0)
        return -1;
    return reply_json(r, 200, instance_json(vm, tenant), e);
}

int instances_show(struct request *r, struct err *e)
{
    struct finding *f;

    if (query_none(r, e) < 0 || find_check_id(r, e) < 0)
        return -1;
    f = calloc(1, sizeof(*f));
    if (!f)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    request_set_data(r, f, finding_free);
    return await_start(&f->await, r, find_begin, reply_one, e);
}

/* ---- all: the contract knows no pages, the core does ---- */
enum { LIST_STEP = 1000 };

struct listing {
    struct await await;
    struct vm_view *view;
    struct buf text;
    char *tenant;
    uuid_text marker; /* the last of the page before; "" */
};

static void listing_free(void *arg)
{
    struct listing *l = arg;

    vm_view_free(l->view);
    buf_done(&l->text);
    free(l->tenant);
    free(l);
}

static int list_begin(struct request *r, struct err *e)
{
    struct listing *l = request_data(r);
    const struct vm_query query = { .marker = l->marker[0] ? l->marker : NULL, .limit = LIST_STEP };

    vm_view_free(l->view);
    l->view = NULL;
    return vm_view_begin(request_user(r), request_actor(r), &query, await_done, &l->await, &l->view, e);
}

static int list_next(struct request *r, struct err *e)
{
    struct listing *l = request_data(r);

    if (await_result(&l->await, e) < 0 || vm_view_finish(l->view, e) < 0)
        return -1;
    const struct vm_list *page = vm_view_list(l->view);
    for (size_t i = 0; i < page->count; i++) {
        AUTO_JSON item = instance_json(page->items[i], l->tenant);
        json_list_item(&l->text, item);
    }
    if (!vm_view_has_more(l->view) || page->count == 0)
        return reply_list(r, &l->text, json_object(), e);
    (void)str_copy(l->marker, sizeof(l->marker), page->items[page->count - 1]->id);
    return await_start(&l->await, r, list_begin, list_next, e);
}

int instances_list(struct request *r, struct err *e)
{
    struct listing *l;

    if (query_none(r, e) < 0)
        return -1;
    l = calloc(1, sizeof(*l));
    if (!l)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    request_set_data(r, l, listing_free);
    if (find_tenant(r, &l->tenant, e) < 0)
        return -1;
    json_list_begin(&l->text, "instances");
    return await_start(&l->await, r, list_begin, list_next, e);
}

/* ---- create ---- */
enum { TYPE_MAX = 64, REFERENCE_MAX = 1024 };

struct create_body {
    struct vm_spec spec;
    char *type;
    json_t *metadata;
};
static void cleanup_create_body(struct create_body *b)
{
    vm_spec_done(&b->spec);
    free(b->type);
    json_decref(b->metadata);
}
#define AUTO_CREATE_BODY __attribute__((cleanup(cleanup_create_body))) struct create_body

#define AT(member) offsetof(struct create_body, member)
static const struct json_field create_fields[] = {
    { "name", JSON_FIELD_STRING, AT(spec.name), .is_required = true, .max = NAME_UNICODE_MAX },
    { "type", JSON_FIELD_STRING, AT(type), .max = TYPE_MAX },
    { "flavor", JSON_FIELD_STRING, AT(spec.flavor), .is_text = true, .max = REFERENCE_MAX },
    { "imageId", JSON_FIELD_STRING, AT(spec.image), .is_required = true, .is_text = true, .max = REFERENCE_MAX },
    { "metadata", JSON_FIELD_OBJECT, AT(metadata), .max = VM_METADATA_MAX },
};
#undef AT

static int check_type(const char *type, struct err *e)
{
    if (!type || str_equal(type, "vm"))
        return 0;
    if (str_equal(type, "container"))
        return err_set_field(e, ERR_INVALID_FIELD, "type",
                             "type container is not supported: this host has no container driver, only virtual machines (vm)");
    return err_set_field(e, ERR_INVALID_FIELD, "type", "type must be vm or container");
}

static int decode_create(struct request *r, struct create_body *body, struct err *e)
{
    AUTO_JSON json = NULL;

    if (body_parse(r, false, &json, e) < 0 || json_decode(json, create_fields, ARRAY_LEN(create_fields), body, e) < 0 ||
        check_type(body->type, e) < 0)
        return -1;
    if (!body->spec.flavor)
        return err_set(e, ERR_FLAVOR_NOT_FOUND, "Invalid flavor");
    return labels_text(body->metadata, "metadata", &body->spec.metadata, e);
}

/* What the answer needs beside the VM. */
struct creating {
    struct verb verb; /* first: an answer is given its once */
    struct actor who;
    char *tenant;
};
static void cleanup_creating(struct creating *c)
{
    verb_done(&c->verb);
    free(c->tenant);
}
#define AUTO_CREATING __attribute__((cleanup(cleanup_creating))) struct creating

static int answer_created(struct once *o, const void *record, struct err *e)
{
    const struct creating *c = (const struct creating *)o;
    const struct vm_answer *a = record;

    return verb_answer(o, 201, (struct place){ INSTANCES_PATH, a->vm->id }, instance_json(a->vm, c->tenant), e);
}

/* A tenant that nobody knew becomes a project by this. */
static int enter_tenant(struct request *r, struct creating *c, struct err *e)
{
    c->who = *request_actor(r);
    c->verb.once.actor = &c->who;
    if (c->who.project[0])
        return find_tenant(r, &c->tenant, e);
    c->tenant = str_dup(request_header(r, TENANT_HEADER));
    return c->tenant ? project_open(request_user(r), &c->who, c->tenant, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int instances_create(struct request *r, struct err *e)
{
    AUTO_CREATE_BODY body = { .spec = { .name_rule = NAME_RULE_UNICODE, .start = true } };
    AUTO_CREATING c = { .tenant = NULL };

    if (verb_init(&c.verb, r, answer_created, e) < 0 || decode_create(r, &body, e) < 0 ||
        name_check(body.spec.name, body.spec.name_rule, "name", e) < 0 || enter_tenant(r, &c, e) < 0)
        return -1;
    if (vm_create(request_user(r), &c.who, &body.spec, &c.verb.once, e) < 0)
        return -1;
    return verb_reply(&c.verb, r, e);
}
