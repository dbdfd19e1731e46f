/* core/sidecar_fields: one writer and one reader for each kind of member. Which members there are is sidecar_record's. */
#include "sidecar_fields.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/ipv4.h"
#include "base/str.h"

enum { CHARS_MAX = 1 << 20 };

/* ---- writing ---- */

static json_t *ipv4_json(uint32_t address)
{
    ipv4_text text;

    ipv4_format(address, text);
    return address ? json_string(text) : json_null();
}

static json_t *parsed(const char *text)
{
    struct err ignored = ERR_INIT;
    json_t *j = NULL;

    return json_parse(text, strlen(text), &j, &ignored) < 0 ? NULL : j;
}

/* A new reference; NULL: no memory. */
static json_t *value_of(const struct record_field *f, const void *at)
{
    const char *chars = at;

    switch (f->kind) {
    case FIELD_STRING:
        return json_string_or_null(*(char *const *)at);
    case FIELD_CHARS:
    case FIELD_UUID:
    case FIELD_HEX32:
        return json_string_or_null(chars[0] ? chars : NULL);
    case FIELD_BOOL:
        return json_boolean(*(const bool *)at);
    case FIELD_U32:
        return json_integer(*(const uint32_t *)at);
    case FIELD_U64:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case FIELD_IPV4:
        return ipv4_json(*(const uint32_t *)at);
    case FIELD_JSON:
        return parsed(*(char *const *)at);
    case FIELD_WORD:
        return json_string(f->words->to_string(*(const int *)at));
    }
    return NULL;
}

int record_to_json(const struct record_shape *shape, const void *record, json_t *object, struct err *e)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct record_field *f = &shape->fields[i];

        if (json_object_set_new(object, f->name, value_of(f, (const char *)record + f->offset)) < 0)
            return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    return 0;
}

/* ---- reading ---- */

static int refuse(const struct record_field *f, struct err *e)
{
    return err_set_field(e, ERR_INVALID_FIELD, f->name, "'%s' is not what this program writes", f->name);
}

static int read_string(const struct record_field *f, json_t *value, char **at, struct err *e)
{
    const char *text = json_string_value(value);

    if (!text || json_string_length(value) > CHARS_MAX)
        return refuse(f, e);
    *at = str_dup(text);
    return *at ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

static bool is_of_kind(enum field_kind kind, const char *text)
{
    return kind == FIELD_UUID ? id_is_uuid(text) : kind == FIELD_HEX32 ? str_is_hex(text, HEX32_LEN) : text[0] != '\0';
}

static int read_chars(const struct record_field *f, json_t *value, char *at, struct err *e)
{
    const char *text = json_string_value(value);

    return text && is_of_kind(f->kind, text) && str_copy(at, f->size, text) ? 0 : refuse(f, e);
}

static int read_number(const struct record_field *f, json_t *value, uint64_t max, uint64_t *out, struct err *e)
{
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0 || (uint64_t)n > max)
        return refuse(f, e);
    *out = (uint64_t)n;
    return 0;
}

static int read_u32(const struct record_field *f, json_t *value, uint32_t *at, struct err *e)
{
    uint64_t n = 0;

    if (read_number(f, value, UINT32_MAX, &n, e) < 0)
        return -1;
    *at = (uint32_t)n;
    return 0;
}

static int read_bool(const struct record_field *f, json_t *value, bool *at, struct err *e)
{
    if (!json_is_boolean(value))
        return refuse(f, e);
    *at = json_is_true(value);
    return 0;
}

static int read_ipv4(const struct record_field *f, json_t *value, uint32_t *at, struct err *e)
{
    if (json_is_null(value))
        return 0;
    return json_is_string(value) && ipv4_parse(json_string_value(value), at) == 0 ? 0 : refuse(f, e);
}

static int read_json(const struct record_field *f, json_t *value, char **at, struct err *e)
{
    if (!json_is_object(value) && !json_is_array(value))
        return refuse(f, e);
    *at = json_text(value);
    return *at ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int read_word(const struct record_field *f, json_t *value, int *at, struct err *e)
{
    return json_is_string(value) && f->words->from_string(json_string_value(value), at) == 0 ? 0 : refuse(f, e);
}

static int read_field(const struct record_field *f, json_t *value, void *at, struct err *e)
{
    switch (f->kind) {
    case FIELD_STRING:
        return read_string(f, value, at, e);
    case FIELD_CHARS:
    case FIELD_UUID:
    case FIELD_HEX32:
        return read_chars(f, value, at, e);
    case FIELD_BOOL:
        return read_bool(f, value, at, e);
    case FIELD_U32:
        return read_u32(f, value, at, e);
    case FIELD_U64:
        return read_number(f, value, INT64_MAX, at, e);
    case FIELD_IPV4:
        return read_ipv4(f, value, at, e);
    case FIELD_JSON:
        return read_json(f, value, at, e);
    case FIELD_WORD:
        return read_word(f, value, at, e);
    }
    return refuse(f, e);
}

int record_from_json(const struct record_shape *shape, json_t *object, void *record, struct err *e)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct record_field *f = &shape->fields[i];
        json_t *value = json_object_get(object, f->name);

        if (!value)
            return err_set_field(e, ERR_INVALID_FIELD, f->name, "'%s' is missing", f->name);
        if (f->may_be_null && json_is_null(value))
            continue;
        if (read_field(f, value, (char *)record + f->offset, e) < 0)
            return -1;
    }
    return 0;
}
