/* JSON in and out: strict parsing, texts, and lists that are encoded item by item. Objects into structs: json_decode.c. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

enum { DEPTH_MAX = 32 };

/* jansson's own words quote the input, which may be a password: ours never do. */
static const char *const reasons[] = {
    [json_error_premature_end_of_input] = "the text ends too early",
    [json_error_end_of_input_expected] = "there is text after the end of the value",
    [json_error_invalid_utf8] = "it is not valid UTF-8",
    [json_error_duplicate_key] = "an object has the same key twice",
    [json_error_numeric_overflow] = "a number is too large",
    [json_error_null_character] = "a string holds a NUL character",
    [json_error_null_byte_in_key] = "a key holds a NUL character",
};

static const char *reason_of(const json_error_t *error)
{
    size_t code = (size_t)json_error_code(error);

    return code < ARRAY_LEN(reasons) && reasons[code] ? reasons[code] : "syntax error";
}

static int refuse(struct err *e, int line, int column, const char *reason)
{
    return err_set(e, ERR_INVALID_JSON, "invalid JSON at line %d, column %d: %s", line, column, reason);
}

/* jansson recurses down to a fixed depth of 2048, so depth is counted beforehand. On malformed text the count may be wrong;
 * jansson then refuses the text for what it is. */
static int check_depth(const char *text, size_t len, struct err *e)
{
    int depth = 0, line = 1, column = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        column += (c & 0xC0) != 0x80; /* columns are code points, as in jansson's positions */
        if (c == '\n') {
            line++;
            column = 0;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (in_string) {
            if (c == '\\' && i + 1 < len) {
                i++;
                column++;
            }
        } else if (c == '{' || c == '[') {
            if (++depth > DEPTH_MAX)
                return refuse(e, line, column, "it is nested too deeply");
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return 0;
}

/* jansson 2.14 goes on without memory: it loses a byte of the text that it reads, and then blames the text, or even takes it; or
 * a key of the text that it writes. So its allocations are watched. */
static _Thread_local bool is_out_of_memory;

static void *allocate(size_t size)
{
    void *at = malloc(size);

    is_out_of_memory |= !at;
    return at;
}

__attribute__((constructor)) static void watch_jansson(void)
{
    json_set_alloc_funcs(allocate, free);
}

int json_parse(const char *text, size_t len, json_t **out, struct err *e)
{
    json_error_t error;

    if (check_depth(text, len, e) < 0)
        return -1;
    is_out_of_memory = false;
    json_t *parsed = json_loadb(len > 0 ? text : "", len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (is_out_of_memory) {
        json_decref(parsed);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    if (!parsed)
        return refuse(e, error.line, error.column, reason_of(&error));
    *out = parsed;
    return 0;
}

static char *whole_text(const json_t *j, size_t flags)
{
    is_out_of_memory = false;
    AUTO_FREE char *text = json_dumps(j, JSON_ENCODE_ANY | flags);
    return is_out_of_memory ? NULL : TAKE(text);
}

char *json_text(const json_t *j)
{
    return whole_text(j, JSON_COMPACT);
}

char *json_text_sorted(const json_t *j)
{
    return whole_text(j, JSON_COMPACT | JSON_SORT_KEYS);
}

char *json_text_indented(const json_t *j)
{
    return whole_text(j, JSON_INDENT(1));
}

static int add_to_buf(const char *text, size_t len, void *arg)
{
    struct buf *b = arg;

    buf_add(b, text, len);
    return b->failed ? -1 : 0;
}

static void add_json(struct buf *b, const json_t *j)
{
    is_out_of_memory = false;
    if (json_dump_callback(j, add_to_buf, b, JSON_COMPACT | JSON_ENCODE_ANY) < 0 || is_out_of_memory)
        b->failed = true;
}

void json_list_begin(struct buf *b, const char *key)
{
    buf_adds(b, "{\"");
    buf_adds(b, key);
    buf_adds(b, "\":[");
}

void json_list_item(struct buf *b, const json_t *item)
{
    if (b->failed)
        return;
    if (b->data[b->len - 1] != '[') /* no JSON text ends so: this is the first item */
        buf_adds(b, ",");
    add_json(b, item);
}

void json_list_end(struct buf *b, const json_t *further)
{
    buf_adds(b, "]");
    if (json_object_size(further) == 0) {
        buf_adds(b, "}");
        return;
    }
    size_t start = b->len;
    add_json(b, further);
    if (!b->failed)
        b->data[start] = ','; /* the further members go on in the object that is open */
}

json_t *json_time(int64_t wall_ms)
{
    rfc3339_text text;

    if (wall_ms == 0)
        return json_null();
    clock_rfc3339(wall_ms, text);
    return json_string(text);
}

json_t *json_string_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}
