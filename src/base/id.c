/* Random identifiers and what they look like. Which names are allowed is the model's affair. */
#include "base/id.h"

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

enum { RANDOM_BYTES = UUID_BYTES };

/* The kernel's generator is ready long before any daemon, and fails for no other reason than a broken system:
 * ids that repeat would be worse than the end of the process. */
static void fill_random(uint8_t bytes[RANDOM_BYTES])
{
    if (getrandom(bytes, RANDOM_BYTES, 0) != RANDOM_BYTES)
        abort();
}

static char *put_hex(char *out, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";

    *out++ = digits[byte >> 4];
    *out++ = digits[byte & 0xF];
    return out;
}

static bool is_hyphen_place(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

void id_uuid_text(const uint8_t bytes[UUID_BYTES], uuid_text out)
{
    char *p = out;

    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (is_hyphen_place((size_t)(p - out)))
            *p++ = '-';
        p = put_hex(p, bytes[i]);
    }
    *p = '\0';
}

void id_uuid(uuid_text out)
{
    uint8_t bytes[RANDOM_BYTES];

    fill_random(bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80); /* the variant of RFC 9562 */
    id_uuid_text(bytes, out);
}

void id_hex32(hex32_text out)
{
    uint8_t bytes[RANDOM_BYTES];
    char *p = out;

    fill_random(bytes);
    for (size_t i = 0; i < RANDOM_BYTES; i++)
        p = put_hex(p, bytes[i]);
    *p = '\0';
}

bool id_looks_like_uuid(const char *s)
{
    for (size_t i = 0; i < UUID_LEN; i++)
        if (is_hyphen_place(i) ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
            return false;
    return s[UUID_LEN] == '\0';
}

bool id_is_uuid(const char *s)
{
    if (!id_looks_like_uuid(s))
        return false;
    for (; *s; s++)
        if (isupper((unsigned char)*s))
            return false;
    return true;
}
