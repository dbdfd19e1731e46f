/* api/object: JSON objects written as a table of members. */
#ifndef API_OBJECT_H
#define API_OBJECT_H

#include "base/cleanup.h"
#include "base/json.h"

struct member {
    const char *name; /* a literal */
    json_t *value;    /* taken over; NULL: it could not be made */
};
/* The object with these members in this order; NULL when it or a value could not be made: no memory. */
json_t *object_of(const struct member *members, size_t count);
#define OBJECT(...) object_of((const struct member[]){ __VA_ARGS__ }, ARRAY_LEN(((const struct member[]){ __VA_ARGS__ })))

/* Adds a member to an object that may be NULL already; a failure makes it NULL. */
void object_add(json_t **object, const char *name, json_t *value);

/* null for "". */
json_t *text_or_null(const char *s);

/* A JSON text of our own, parsed; NULL: no memory. "{}" and "[]", nearly all of what is stored, cost nothing: a page of a
 * thousand VMs is not worth two thousand runs of the parser. */
json_t *object_stored(const char *text);

/* {code, message[, detail]}: why something failed; null when code is NULL. */
struct fault;
json_t *object_fault(const struct fault *f, bool is_admin);

#endif
