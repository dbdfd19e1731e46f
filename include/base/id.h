/* base/id: random identifiers, from getrandom(2). */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

enum { UUID_LEN = 36, HEX32_LEN = 32, UUID_BYTES = 16 };

typedef char uuid_text[UUID_LEN + 1];   /* lower case, hyphenated, NUL-terminated */
typedef char hex32_text[HEX32_LEN + 1]; /* 32 lower-case hex digits, NUL-terminated */

void id_uuid(uuid_text out); /* a random (version 4) UUID */
void id_uuid_text(const uint8_t bytes[UUID_BYTES], uuid_text out);
void id_hex32(hex32_text out);          /* 128 random bits */
bool id_is_uuid(const char *s);         /* exactly the lower-case canonical form */
bool id_looks_like_uuid(const char *s); /* either case: what a name may not look like */

#endif
