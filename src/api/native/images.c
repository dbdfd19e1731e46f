/* Images: registered, imported, changed, deleted. Their bytes are image_bytes.c's. */
#include "../reply.h"
#include "image_body.h"
#include "image_json.h"
#include "native.h"
#include "operation_json.h"
#include "page.h"

static int answer_created(struct once *o, const void *record, struct err *e)
{
    const struct image *image = record;

    return verb_answer(o, 201, (struct place){ "/v1/images", image->id }, image_json(image), e);
}

int images_create(struct request *r, struct err *e)
{
    AUTO_IMAGE_BODY body = { 0 };
    AUTO_VERB verb = { 0 };

    if (verb_init(&verb, r, answer_created, e) < 0 || image_body_create(r, &body, e) < 0)
        return -1;
    if (image_create(request_user(r), request_actor(r), &body.want.spec, &verb.once, e) < 0)
        return -1;
    return verb_reply(&verb, r, e);
}

int images_import(struct request *r, struct err *e)
{
    AUTO_IMAGE_BODY body = { 0 };
    AUTO_VERB verb = { 0 };

    if (verb_init(&verb, r, image_accepted, e) < 0 || image_body_import(r, &body, e) < 0)
        return -1;
    if (image_import(request_user(r), request_actor(r), &body.want, &verb.once, e) < 0)
        return -1;
    return verb_reply(&verb, r, e);
}

int images_list(struct request *r, struct err *e)
{
    AUTO_LIST(image) list = { 0 };
    AUTO_LISTING page = { 0 };

    if (listing_begin(&page, r, "images", page_parameters, e) < 0 ||
        image_list(request_user(r), request_actor(r), page.marker, page.limit, &list, &page.has_more, e) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++)
        listing_add(&page, image_json(list.items[i]));
    return listing_reply(&page, r, e);
}

int images_show(struct request *r, struct err *e)
{
    AUTO(image) image = NULL;

    if (query_none(r, e) < 0 || image_get(request_user(r), request_actor(r), request_param(r, "ref"), &image, e) < 0)
        return -1;
    return reply_json(r, 200, image_json(image), e);
}

int images_change(struct request *r, struct err *e)
{
    AUTO_IMAGE_BODY body = { 0 };
    AUTO(image) image = NULL;
    const struct image_spec *spec = &body.want.spec;

    if (query_none(r, e) < 0 || image_body_change(r, &body, e) < 0)
        return -1;
    const struct image_change change = {
        .name = spec->name,
        .properties = spec->properties,
        .min_disk_gib = body.has_min_disk_gib ? &spec->min_disk_gib : NULL,
        .min_memory_mib = body.has_min_memory_mib ? &spec->min_memory_mib : NULL,
    };
    if (image_change(request_user(r), request_actor(r), request_param(r, "ref"), &change, &image, e) < 0)
        return -1;
    return reply_json(r, 200, image_json(image), e);
}

int images_delete(struct request *r, struct err *e)
{
    AUTO(job) job = NULL;

    if (query_none(r, e) < 0 || image_delete(request_user(r), request_actor(r), request_param(r, "ref"), &job, e) < 0)
        return -1;
    return operation_accepted(r, job, e);
}
