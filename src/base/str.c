/* Strings, strict numbers, whole-string UTF-8 checks and growing buffers. Code points are utf8.c's. */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

enum { BUF_FIRST = 256 }; /* the first allocation of a buffer; it doubles from there */

/* Room for `more` bytes and a terminator. */
static bool buf_reserve(struct buf *b, size_t more)
{
    size_t cap = b->cap > 0 ? b->cap : BUF_FIRST;

    if (b->failed || more > SIZE_MAX / 2 - b->len - 1) {
        b->failed = true;
        return false;
    }
    while (cap < b->len + more + 1)
        cap *= 2;
    if (cap == b->cap)
        return true;

    char *data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    if (!buf_reserve(b, len))
        return;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

static void __attribute__((format(printf, 2, 0))) buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;

    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0)
        b->failed = true;
    if (len < 0 || !buf_reserve(b, (size_t)len))
        return;
    (void)vsnprintf(b->data + b->len, (size_t)len + 1, fmt, ap);
    b->len += (size_t)len;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(b, fmt, ap);
    va_end(ap);
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ 0 };
}

char *buf_take(struct buf *b)
{
    char *taken = NULL;

    buf_add(b, "", 0); /* an empty buffer is the string "" */
    if (!b->failed) {
        taken = b->data;
        b->data = NULL;
    }
    buf_done(b);
    return taken;
}

char *str_printf(const char *fmt, ...)
{
    AUTO_BUF b = { 0 };
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    return buf_take(&b);
}

char *str_dup(const char *s)
{
    return s ? strdup(s) : NULL;
}

bool str_copy(char *dst, size_t size, const char *src)
{
    size_t len = strnlen(src, size);
    bool fits = len < size;

    if (size == 0)
        return false;
    if (!fits)
        len = utf8_cut(src, size - 1);
    memmove(dst, src, len);
    dst[len] = '\0';
    return fits;
}

void str_wipe(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

bool str_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool str_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

int str_to_u64(const char *s, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (*s == '\0')
        return -1;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return -1;
        uint64_t digit = (uint64_t)(*s - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    if (value > max)
        return -1;
    *out = value;
    return 0;
}

int str_to_i64(const char *s, int64_t *out)
{
    bool is_negative = *s == '-';
    uint64_t limit = is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t magnitude;

    if (str_to_u64(is_negative ? s + 1 : s, limit, &magnitude) < 0)
        return -1;
    *out = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

bool str_is_utf8(const char *s, size_t len, size_t *chars)
{
    size_t count = 0;
    uint32_t c;

    for (size_t i = 0; i < len; count++) {
        size_t step = utf8_next(s + i, len - i, &c);
        if (step == 0 || c == 0)
            return false;
        i += step;
    }
    if (chars)
        *chars = count;
    return true;
}

bool str_is_printable(const char *s)
{
    size_t len = strlen(s);
    uint32_t c;

    for (size_t i = 0; i < len;) {
        size_t step = utf8_next(s + i, len - i, &c);
        if (step == 0 || !utf8_is_printable(c))
            return false;
        i += step;
    }
    return true;
}

bool str_is_hex(const char *s, size_t len)
{
    return strspn(s, "0123456789abcdef") == len && s[len] == '\0';
}
