/* api/native/roles: roles as their words. */
#ifndef API_NATIVE_ROLES_H
#define API_NATIVE_ROLES_H

#include "base/json.h"
#include "model/identity.h"

/* ["reader", …] of a mask; NULL: no memory. */
json_t *roles_json(unsigned roles);
/* The mask of an array of strings, which must not be empty; field is what an error names. */
int roles_decode(const json_t *words, const char *field, unsigned *out, struct err *e);

#endif
