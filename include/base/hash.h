/* base/hash: SHA-256 (FIPS 180-4), by nettle. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_LEN = 32, SHA256_HEX_LEN = 64 };
typedef char sha256_text[SHA256_HEX_LEN + 1];

struct sha256;                   /* opaque, heap */
struct sha256 *sha256_new(void); /* NULL: out of memory */
void sha256_add(struct sha256 *h, const void *data, size_t len);
void sha256_end(struct sha256 *h, sha256_text out); /* lower-case hex; h is reset */
void sha256_free(struct sha256 *h);
void sha256_of(const void *data, size_t len, sha256_text out);

#endif
