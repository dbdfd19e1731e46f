/* Bodies in, answers out, idempotency keys. What is in a body is its noun's file's. */
#include "reply.h"

#include <string.h>

#include "link.h"

#include "base/str.h"

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

int query_none(const struct request *r, struct err *e)
{
    static const char *const none[] = { NULL };

    return request_query_allow(r, none, e);
}

int body_parse(const struct request *r, bool is_optional, json_t **out, struct err *e)
{
    size_t len;
    const char *text = request_body(r, &len);

    if (len > 0)
        return json_parse(text, len, out, e);
    if (!is_optional)
        return err_set(e, ERR_INVALID, "a JSON object is expected as the body");
    *out = json_object();
    return *out ? 0 : no_memory(e);
}

int reply_json(struct request *r, int status, json_t *body, struct err *e)
{
    char *text = body ? json_text(body) : NULL;

    json_decref(body);
    if (!text)
        return no_memory(e);
    return request_reply(r, status, "application/json", text, strlen(text), e);
}

int reply_created(struct request *r, struct place at, json_t *body, struct err *e)
{
    AUTO_FREE char *location = str_printf("%s/%s", at.collection, at.id);

    if (location && link_location(r, location, e) == 0)
        return reply_json(r, 201, body, e);
    json_decref(body);
    return location ? -1 : no_memory(e);
}

int reply_buf(struct request *r, int status, const char *content_type, struct buf *b, struct err *e)
{
    size_t len = b->len;
    char *text = buf_take(b);

    if (!text)
        return no_memory(e);
    return request_reply(r, status, content_type, text, len, e);
}

int reply_list(struct request *r, struct buf *b, json_t *further, struct err *e)
{
    bool is_whole = further != NULL;

    json_list_end(b, further);
    json_decref(further);
    return is_whole ? reply_buf(r, 200, "application/json", b, e) : no_memory(e);
}

static int check_key(const char *key, struct err *e)
{
    size_t len = strlen(key);
    bool is_visible = true;

    for (size_t i = 0; i < len; i++)
        is_visible = is_visible && key[i] > ' ' && key[i] <= '~';
    if (len == 0 || len > IDEMPOTENCY_KEY_MAX || !is_visible)
        return err_set_field(e, ERR_INVALID_FIELD, "Idempotency-Key",
                             "Idempotency-Key must have 1 to %d visible ASCII characters", IDEMPOTENCY_KEY_MAX);
    return 0;
}

int verb_init(struct verb *v, struct request *r, verb_answer_fn *answer, struct err *e)
{
    bool is_post = strcmp(request_method(r), "POST") == 0;
    const char *key = is_post ? request_header(r, "Idempotency-Key") : NULL;
    size_t len;
    const char *body = request_body(r, &len);

    if (query_none(r, e) < 0 || (key && check_key(key, e) < 0))
        return -1;
    v->request = str_printf("%s %s", request_method(r), request_path(r));
    if (!v->request)
        return no_memory(e);
    v->once = (struct once){ .key = key, .request = v->request, .answer = answer, .actor = request_actor(r) };
    sha256_of(body, len, v->once.body_sha256);
    return 0;
}

int verb_reply(struct verb *v, struct request *r, struct err *e)
{
    struct once *o = &v->once;

    if (o->location && link_location(r, o->location, e) < 0)
        return -1;
    size_t len = strlen(o->body);
    return request_reply(r, o->status, "application/json", TAKE(o->body), len, e);
}

void verb_done(struct verb *v)
{
    once_done(&v->once);
    free(v->request);
    v->request = NULL;
}

int verb_answer(struct once *o, int status, struct place at, json_t *body, struct err *e)
{
    o->status = status;
    o->body = body ? json_text(body) : NULL;
    json_decref(body);
    o->location = str_printf("%s/%s", at.collection, at.id);
    return o->body && o->location ? 0 : no_memory(e);
}
