/* core/sidecar_fields: records as JSON objects and back, by one table for both ways. A record that was written is read as it
 * was; what a file holds besides is ignored, what it lacks is refused. Pure. */
#ifndef CORE_SIDECAR_FIELDS_H
#define CORE_SIDECAR_FIELDS_H

#include "base/json.h"
#include "model/words.h"

enum field_kind {
    FIELD_STRING, /* char *, owned by the record; NULL is null when it may be */
    FIELD_CHARS,  /* char[size]; "" is null when it may be */
    FIELD_UUID,   /* uuid_text */
    FIELD_HEX32,  /* hex32_text; "" is null when it may be */
    FIELD_BOOL,
    FIELD_U32,
    FIELD_U64,  /* and int64_t that is not negative */
    FIELD_IPV4, /* uint32_t; 0 is null */
    FIELD_JSON, /* char *, the text of an object or array, which stands in the file as itself */
    FIELD_WORD  /* an enum, as its word */
};

struct record_field {
    const char *name;
    enum field_kind kind;
    size_t offset, size;
    bool may_be_null;
    const struct words *words;
};
#define FIELD(kind, record, member, name)                                                                                        \
    {                                                                                                                            \
        name, kind, offsetof(struct record, member), sizeof(((struct record *)0)->member), false, NULL                           \
    }
#define FIELD_OR_NULL(kind, record, member, name)                                                                                \
    {                                                                                                                            \
        name, kind, offsetof(struct record, member), sizeof(((struct record *)0)->member), true, NULL                            \
    }
#define FIELD_OF_WORDS(words, record, member, name)                                                                              \
    {                                                                                                                            \
        name, FIELD_WORD, offsetof(struct record, member), sizeof(((struct record *)0)->member), false, &(words)                 \
    }
struct record_shape {
    const struct record_field *fields;
    size_t count;
};

/* Adds the record's members to the object. */
int record_to_json(const struct record_shape *shape, const void *record, json_t *object, struct err *e);
/* Fills a zeroed record; half full after a failure: to be freed. ERR_INVALID_FIELD names the member. */
int record_from_json(const struct record_shape *shape, json_t *object, void *record, struct err *e);

#endif
