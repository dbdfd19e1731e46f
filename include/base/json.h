/* base/json: jansson with the doors closed: strict parsing, decode tables, and a stream for long answers. Any thread, one object
 * per thread. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

static inline void cleanup_json(json_t **j)
{
    json_decref(*j);
}
#define AUTO_JSON __attribute__((cleanup(cleanup_json))) json_t *

/* Parses one JSON text: duplicate keys, NUL in strings, depth over 32, trailing text and invalid UTF-8 are ERR_INVALID_JSON with
 * line and column. */
int json_parse(const char *text, size_t len, json_t **out, struct err *e);
/* The compact text (caller frees), keys in insertion order; NULL when out of memory. json_text_sorted orders the keys: for
 * hashing and comparing; json_text_indented is on several lines: for people. */
char *json_text(const json_t *j);
char *json_text_sorted(const json_t *j);
char *json_text_indented(const json_t *j);

/* One table decodes one object into one struct. An unknown member, a missing required one, a wrong type or a value out of range
 * is ERR_INVALID_FIELD and names the member. A member that is absent or null leaves the struct as it is. Strings are copied (the
 * struct owns them). */
enum json_kind {
    JSON_FIELD_STRING,  /* char *; min..max counts code points; printable UTF-8 unless `is_text` */
    JSON_FIELD_U64,     /* uint64_t in min..max */
    JSON_FIELD_BOOL,    /* bool */
    JSON_FIELD_STRINGS, /* json_t * array of at most max strings of 1..255 code points (new reference) */
    JSON_FIELD_ARRAY,   /* json_t * array of at most max items of any kind: they are the caller's to check (new reference) */
    JSON_FIELD_OBJECT,  /* json_t * object with at most max members (new reference) */
};
struct json_field {
    const char *name;
    enum json_kind kind;
    size_t offset;
    bool is_required;
    bool is_text; /* JSON_FIELD_STRING: any UTF-8 without NUL is allowed (user data) */
    uint64_t min, max;
    size_t seen_offset; /* 0, or the offset of a bool that is set when the member is present and not null */
};
int json_decode(json_t *object, const struct json_field *fields, size_t count, void *out, struct err *e);

/* {"<key>":[item,item,…]<, further members>}: items are encoded one by one so that a long list never stands in memory twice.
 * `b` collects the text; an error shows as b->failed. */
void json_list_begin(struct buf *b, const char *key);
void json_list_item(struct buf *b, const json_t *item);
void json_list_end(struct buf *b, const json_t *further); /* further: an object or NULL */

/* An RFC 3339 string, or null for 0. */
json_t *json_time(int64_t wall_ms);
/* A string, or null for NULL. */
json_t *json_string_or_null(const char *s);

#endif
