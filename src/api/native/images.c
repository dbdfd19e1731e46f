/* Images: registered, filled by one upload, read-only from then on. */
#include <string.h>

#include "await.h"
#include "native.h"
#include "object.h"
#include "operation_json.h"
#include "page.h"
#include "reply.h"

#include "core/image.h"

static json_t *size_or_null(uint64_t bytes)
{
    return bytes > 0 ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *image_json(const struct image *i)
{
    return OBJECT({ "id", json_string(i->id) }, { "name", json_string(i->name) }, { "project", json_string(i->project) },
                  { "visibility", json_string(i->is_public ? "public" : "project") },
                  { "disk_format", json_string(disk_format_to_string(i->disk_format)) },
                  { "size_bytes", size_or_null(i->size_bytes) }, { "virtual_size_bytes", size_or_null(i->virtual_size_bytes) },
                  { "sha256", json_string_or_null(i->sha256[0] != '\0' ? i->sha256 : NULL) },
                  { "status", json_string(image_status_to_string(i->status)) },
                  { "status_reason", json_string_or_null(i->status_reason) }, { "properties", json_object() },
                  { "created_at", json_time(i->created_at_ms) }, { "updated_at", json_time(i->updated_at_ms) });
}

/* ---- create ---- */
struct create_body {
    char *name;
    char *disk_format;
    char *visibility;
};
static void cleanup_create_body(struct create_body *b)
{
    free(b->name);
    free(b->disk_format);
    free(b->visibility);
}
#define AUTO_CREATE_BODY __attribute__((cleanup(cleanup_create_body))) struct create_body

enum { WORD_MAX = 32 };
#define AT(member) offsetof(struct create_body, member)
static const struct json_field create_fields[] = {
    { "name", JSON_FIELD_STRING, AT(name), .is_required = true, .max = NAME_UNICODE_MAX },
    { "disk_format", JSON_FIELD_STRING, AT(disk_format), .is_required = true, .max = WORD_MAX },
    { "visibility", JSON_FIELD_STRING, AT(visibility), .max = WORD_MAX },
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

static int decode_spec(struct request *r, struct create_body *body, struct image_spec *spec, struct err *e)
{
    AUTO_JSON json = NULL;

    if (body_parse(r, false, &json, e) < 0 || json_decode(json, create_fields, ARRAY_LEN(create_fields), body, e) < 0)
        return -1;
    if (disk_format_from_string(body->disk_format, &spec->disk_format) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "disk_format", "disk_format must be qcow2 or raw");
    spec->name = body->name;
    return decode_visibility(body->visibility, &spec->is_public, e);
}

static int answer_created(struct once *o, const void *record, struct err *e)
{
    const struct image *image = record;

    return verb_answer(o, 201, (struct place){ "/v1/images", image->id }, image_json(image), e);
}

int images_create(struct request *r, struct err *e)
{
    AUTO_CREATE_BODY body = { 0 };
    AUTO_VERB verb = { 0 };
    struct image_spec spec = { 0 };

    if (verb_init(&verb, r, answer_created, e) < 0 || decode_spec(r, &body, &spec, e) < 0)
        return -1;
    if (image_create(request_user(r), request_actor(r), &spec, &verb.once, e) < 0)
        return -1;
    return verb_reply(&verb, r, e);
}

/* ---- read, delete ---- */
int images_list(struct request *r, struct err *e)
{
    static const char *const parameters[] = { "limit", "marker", NULL };
    AUTO_IMAGE_LIST list = { 0 };
    AUTO_BUF b = { 0 };
    struct page page;
    bool has_more;

    if (page_decode(r, parameters, &page, e) < 0)
        return -1;
    if (image_list(request_user(r), request_actor(r), page.marker, (uint32_t)page.limit, &list, &has_more, e) < 0)
        return -1;
    json_list_begin(&b, "images");
    for (size_t i = 0; i < list.count; i++) {
        AUTO_JSON item = image_json(list.items[i]);
        json_list_item(&b, item);
    }
    const char *marker = has_more && list.count > 0 ? list.items[list.count - 1]->id : NULL;
    return reply_list(r, &b, page_further(r, &page, marker), e);
}

int images_show(struct request *r, struct err *e)
{
    AUTO(image) image = NULL;

    if (query_none(r, e) < 0 || image_get(request_user(r), request_actor(r), request_param(r, "ref"), &image, e) < 0)
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

/* ---- upload ---- */
struct sending {
    struct await await;
    struct image_upload *upload;
};

static void sending_free(void *arg)
{
    struct sending *sending = arg;

    image_upload_free(sending->upload);
    free(sending);
}

int images_upload_begin(struct request *r, struct err *e)
{
    struct sending *sending;

    if (query_none(r, e) < 0)
        return -1;
    sending = calloc(1, sizeof(*sending));
    if (!sending)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    request_set_data(r, sending, sending_free);
    return image_upload_begin(request_user(r), request_actor(r), request_param(r, "ref"), &sending->upload, e);
}

int images_upload_chunk(struct request *r, const void *data, size_t len, struct err *e)
{
    struct sending *sending = request_data(r);

    return image_upload_write(sending->upload, data, len, e);
}

static int seal(struct request *r, struct err *e)
{
    struct sending *sending = request_data(r);

    return image_upload_seal(sending->upload, await_done, &sending->await, e);
}

static int reply_uploaded(struct request *r, struct err *e)
{
    struct sending *sending = request_data(r);

    if (await_result(&sending->await, e) < 0 || image_upload_result(sending->upload, e) < 0)
        return -1;
    return request_reply_empty(r, 204, e);
}

int images_upload_end(struct request *r, struct err *e)
{
    struct sending *sending = request_data(r);

    return await_start(&sending->await, r, seal, reply_uploaded, e);
}
