/* Base64, by nettle's decoder, which also takes white space: that is refused here. */
#include "base/base64.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

static int decode(const char *text, size_t text_len, uint8_t *out, size_t *len)
{
    struct base64_decode_ctx ctx;

    base64_decode_init(&ctx);
    *len = BASE64_DECODE_LENGTH(text_len);
    return base64_decode_update(&ctx, len, out, text_len, text) && base64_decode_final(&ctx) ? 0 : -1;
}

int base64_decode(const char *text, size_t text_len, uint8_t **out, size_t *len)
{
    size_t size = BASE64_DECODE_LENGTH(text_len), got = 0;
    AUTO_FREE uint8_t *bytes = malloc(size + 1);

    if (!bytes)
        return -1;
    for (size_t i = 0; i < text_len; i++)
        if (!text[i] || !strchr(alphabet, text[i]))
            return -1;
    if (decode(text, text_len, bytes, &got) < 0) {
        explicit_bzero(bytes, size);
        return -1;
    }
    *len = got;
    *out = TAKE(bytes);
    return 0;
}

char *base64_encode(const void *data, size_t len)
{
    size_t size = BASE64_ENCODE_RAW_LENGTH(len);
    char *text = malloc(size + 1);

    if (!text)
        return NULL;
    base64_encode_raw(text, len, data);
    text[size] = '\0';
    return text;
}
