/* SHA-256 by nettle, as hex text. Constant-time comparison and keyed hashes are not here. */
#include "base/hash.h"

#include <nettle/sha2.h>
#include <stdlib.h>

_Static_assert((int)SHA256_LEN == SHA256_DIGEST_SIZE, "a SHA-256 is 32 bytes");

struct sha256 {
    struct sha256_ctx ctx;
};

static void end_hex(struct sha256_ctx *ctx, sha256_text out)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_LEN];

    sha256_digest(ctx, sizeof(digest), digest); /* resets ctx */
    for (size_t i = 0; i < SHA256_LEN; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 0xF];
    }
    out[SHA256_HEX_LEN] = '\0';
}

struct sha256 *sha256_new(void)
{
    struct sha256 *h = malloc(sizeof(*h));

    if (h)
        sha256_init(&h->ctx);
    return h;
}

void sha256_add(struct sha256 *h, const void *data, size_t len)
{
    sha256_update(&h->ctx, len, data);
}

void sha256_end(struct sha256 *h, sha256_text out)
{
    end_hex(&h->ctx, out);
}

void sha256_free(struct sha256 *h)
{
    free(h);
}

void sha256_of(const void *data, size_t len, sha256_text out)
{
    struct sha256_ctx ctx;

    sha256_init(&ctx);
    sha256_update(&ctx, len, data);
    end_hex(&ctx, out);
}
