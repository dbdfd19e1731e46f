/* base/base64: RFC 4648's alphabet with padding, by nettle. Bytes that are freed here are wiped first: they may be secret. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* The whole text, which holds nothing else. Caller frees *out. -1: it is not base64, or there is no memory. */
int base64_decode(const char *text, size_t text_len, uint8_t **out, size_t *len);
/* One line; caller frees; NULL: no memory. */
char *base64_encode(const void *data, size_t len);

#endif
