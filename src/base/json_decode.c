/* JSON objects into structs, by table: one checker and one setter per kind of member. Parsing is json.c's. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

enum { STRINGS_ITEM_MAX = 255 };

static int refuse(struct err *e, const struct json_field *f, const char *what)
{
    return err_set_field(e, ERR_INVALID_FIELD, f->name, "%s %s", f->name, what);
}

static int decode_string(const struct json_field *f, json_t *value, void *at, struct err *e)
{
    const char *text = json_string_value(value);
    size_t chars;

    if (!text)
        return refuse(e, f, "must be a string");
    if (!str_is_utf8(text, json_string_length(value), &chars))
        return refuse(e, f, "must be UTF-8 without NUL");
    if (!f->is_text && !str_is_printable(text))
        return refuse(e, f, "must not hold control characters");
    if (chars < f->min || chars > f->max)
        return err_set_field(e, ERR_INVALID_FIELD, f->name, "%s must have %" PRIu64 " to %" PRIu64 " characters", f->name, f->min,
                             f->max);
    char *copy = strdup(text);
    if (!copy)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    free(*(char **)at);
    *(char **)at = copy;
    return 0;
}

static int decode_u64(const struct json_field *f, json_t *value, void *at, struct err *e)
{
    if (!json_is_integer(value))
        return refuse(e, f, "must be an integer");
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number < f->min || (uint64_t)number > f->max)
        return err_set_field(e, ERR_INVALID_FIELD, f->name, "%s must be %" PRIu64 " to %" PRIu64, f->name, f->min, f->max);
    *(uint64_t *)at = (uint64_t)number;
    return 0;
}

static int decode_bool(const struct json_field *f, json_t *value, void *at, struct err *e)
{
    if (!json_is_boolean(value))
        return refuse(e, f, "must be true or false");
    *(bool *)at = json_is_true(value);
    return 0;
}

static void set_reference(void *at, json_t *value)
{
    json_decref(*(json_t **)at);
    *(json_t **)at = json_incref(value);
}

static bool is_list_string(const struct json_field *f, const json_t *item)
{
    const char *text = json_string_value(item);
    size_t chars;

    return text && str_is_utf8(text, json_string_length(item), &chars) && chars >= 1 && chars <= STRINGS_ITEM_MAX &&
           (f->is_text || str_is_printable(text));
}

static int check_array(const struct json_field *f, const json_t *value, struct err *e)
{
    if (!json_is_array(value))
        return refuse(e, f, "must be an array");
    if (json_array_size(value) > f->max)
        return err_set_field(e, ERR_INVALID_FIELD, f->name, "%s must have at most %" PRIu64 " entries", f->name, f->max);
    return 0;
}

static int decode_array(const struct json_field *f, json_t *value, void *at, struct err *e)
{
    if (check_array(f, value, e) < 0)
        return -1;
    set_reference(at, value);
    return 0;
}

static int decode_strings(const struct json_field *f, json_t *value, void *at, struct err *e)
{
    size_t i;
    json_t *item;

    if (check_array(f, value, e) < 0)
        return -1;
    json_array_foreach(value, i, item) if (!is_list_string(f, item)) return refuse(
        e, f, "must hold strings of 1 to 255 characters without control characters");
    set_reference(at, value);
    return 0;
}

static int decode_object(const struct json_field *f, json_t *value, void *at, struct err *e)
{
    if (!json_is_object(value))
        return refuse(e, f, "must be an object");
    if (json_object_size(value) > f->max)
        return err_set_field(e, ERR_INVALID_FIELD, f->name, "%s must have at most %" PRIu64 " members", f->name, f->max);
    set_reference(at, value);
    return 0;
}

typedef int decode_fn(const struct json_field *f, json_t *value, void *at, struct err *e);
static decode_fn *const decoders[] = {
    [JSON_FIELD_STRING] = decode_string,   [JSON_FIELD_U64] = decode_u64,     [JSON_FIELD_BOOL] = decode_bool,
    [JSON_FIELD_STRINGS] = decode_strings, [JSON_FIELD_ARRAY] = decode_array, [JSON_FIELD_OBJECT] = decode_object,
};

static int decode_member(const struct json_field *f, json_t *value, void *out, struct err *e)
{
    char *base = out;

    if (!value || json_is_null(value))
        return f->is_required ? refuse(e, f, "is required") : 0;
    if (decoders[f->kind](f, value, base + f->offset, e) < 0)
        return -1;
    if (f->seen_offset != 0)
        *(bool *)(base + f->seen_offset) = true;
    return 0;
}

static bool is_known(const char *name, const struct json_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0)
            return true;
    return false;
}

int json_decode(json_t *object, const struct json_field *fields, size_t count, void *out, struct err *e)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return err_set(e, ERR_INVALID, "a JSON object is expected");
    json_object_foreach(object, name, value) if (!is_known(name, fields, count)) return err_set_field(
        e, ERR_INVALID_FIELD, name, "there is no such field here");
    for (size_t i = 0; i < count; i++)
        if (decode_member(&fields[i], json_object_get(object, fields[i].name), out, e) < 0)
            return -1;
    return 0;
}
