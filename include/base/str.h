/* base/str: owned strings, growing buffers, strict numbers, UTF-8. Out of memory is ERR_NO_MEMORY or NULL, never abort. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* asprintf() that returns the string (caller frees) or NULL. */
char *str_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* strdup() that passes NULL through. */
char *str_dup(const char *s);
/* Copies at most size-1 bytes, cut at a UTF-8 boundary, always terminated. Returns false when something was cut. */
bool str_copy(char *dst, size_t size, const char *src);
void str_wipe(char *s);                       /* overwrites a secret, then frees it */
bool str_equal(const char *a, const char *b); /* NULL equals NULL only */
bool str_starts_with(const char *s, const char *prefix);

/* Whole-string decimal integers; no sign, space or leading '+' for u64. On failure *out is untouched. */
int str_to_u64(const char *s, uint64_t max, uint64_t *out);
int str_to_i64(const char *s, int64_t *out);

/* Valid UTF-8 (no surrogates, no overlong forms, no NUL) of `len` bytes; *chars, when not NULL, gets the number of code points.
 */
bool str_is_utf8(const char *s, size_t len, size_t *chars);
/* Valid UTF-8 without C0, DEL, C1 controls, line/paragraph separators or noncharacters. */
bool str_is_printable(const char *s);
bool str_is_hex(const char *s, size_t len); /* exactly len lower-case hex digits */

/* A growing byte buffer, always NUL-terminated behind len. Zero-initialised is empty. After a failed append it is `failed` and
 * stays so. */
struct buf {
    char *data;
    size_t len, cap;
    bool failed;
};
void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_done(struct buf *b);  /* frees; empty again */
char *buf_take(struct buf *b); /* the string (caller frees), NULL when failed */
static inline void cleanup_buf(struct buf *b)
{
    buf_done(b);
}
#define AUTO_BUF __attribute__((cleanup(cleanup_buf))) struct buf

#endif
