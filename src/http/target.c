/* The request target: split first, decoded afterwards, so that an encoded '/' or '&' never separates anything. Which route it
 * names is route.c's. */
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static const char bad_path[] = "the path is not a valid request path";
static const char bad_query[] = "the query string is not valid";

int target_init(struct target *t, const char *raw)
{
    size_t len = strnlen(raw, TARGET_MAX + 1);

    *t = (struct target){ .is_cut = len > TARGET_MAX };
    t->path = strndup(raw, TARGET_MAX);
    if (!t->path)
        return -1;
    t->query = strchr(t->path, '?');
    if (t->query)
        *t->query++ = '\0';
    return 0;
}

void target_done(struct target *t)
{
    free(t->path);
    free(t->decoded);
    *t = (struct target){ 0 };
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes `len` bytes to *to as a string of their own and moves *to behind it. NULL when they are not printable UTF-8. */
static const char *decode(const char *from, size_t len, bool plus_is_space, char **to)
{
    const char *start = *to;
    char *out = *to;

    for (size_t i = 0; i < len; i++) {
        int high, low;
        char c = plus_is_space && from[i] == '+' ? ' ' : from[i];
        if (c == '%') {
            if (i + 2 >= len || (high = hex_digit(from[i + 1])) < 0 || (low = hex_digit(from[i + 2])) < 0)
                return NULL;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return NULL;
        *out++ = c;
    }
    *out++ = '\0';
    *to = out;
    return str_is_printable(start) ? start : NULL;
}

/* Dot segments are refused, not resolved: a client resolves them before it asks, so one that is left has a purpose. */
static bool is_clean_segment(const char *s)
{
    return s && !strchr(s, '/') && !str_equal(s, ".") && !str_equal(s, "..");
}

static int decode_path(struct target *t, char **to, struct err *e)
{
    for (const char *at = t->path; *at == '/';) {
        size_t len = strcspn(++at, "/");
        if (t->segment_count == SEGMENTS_MAX)
            return err_set(e, ERR_NOT_FOUND, "no such resource");
        const char *segment = decode(at, len, false, to);
        if (!is_clean_segment(segment))
            return err_set_field(e, ERR_INVALID, "path", bad_path);
        t->segments[t->segment_count++] = segment;
        at += len;
    }
    return 0;
}

static int decode_pair(struct target *t, const char *at, size_t len, char **to)
{
    const char *equals = memchr(at, '=', len);
    size_t name_len = equals ? (size_t)(equals - at) : len;
    size_t value_len = equals ? len - name_len - 1 : 0;

    if (t->pair_count == QUERY_MAX)
        return -1;
    const char *name = decode(at, name_len, true, to);
    const char *value = name ? decode(equals ? equals + 1 : at, value_len, true, to) : NULL;
    if (!value || *name == '\0')
        return -1;
    t->pairs[t->pair_count++] = (struct query_pair){ name, value };
    return 0;
}

static int decode_query(struct target *t, char **to, struct err *e)
{
    const char *at = t->query;

    while (at && *at) {
        size_t len = strcspn(at, "&");
        if (len > 0 && decode_pair(t, at, len, to) < 0)
            return err_set_field(e, ERR_INVALID, "query", bad_query);
        at += len;
        at += *at == '&';
    }
    return 0;
}

/* RFC 3986 knows no other bytes; everything else comes percent-encoded. */
static bool is_plain(const char *s)
{
    for (; *s; s++)
        if (*s <= ' ' || *s >= 0x7f || strchr("\"#<>\\^`{|}", *s))
            return false;
    return true;
}

int target_decode(struct target *t, struct err *e)
{
    /* Decoding never lengthens; what comes on top is a terminator for each segment, name and value. */
    size_t room = strlen(t->path) + (t->query ? strlen(t->query) : 0) + SEGMENTS_MAX + 2 * QUERY_MAX + 2;

    if (t->is_cut)
        return err_set_field(e, ERR_INVALID, "path", "the request target is longer than %d bytes", TARGET_MAX);
    if (t->path[0] != '/' || !is_plain(t->path))
        return err_set_field(e, ERR_INVALID, "path", bad_path);
    if (t->query && !is_plain(t->query))
        return err_set_field(e, ERR_INVALID, "query", bad_query);
    t->decoded = malloc(room);
    if (!t->decoded)
        return err_set(e, ERR_NO_MEMORY, "out of memory");

    char *to = t->decoded;
    return decode_path(t, &to, e) < 0 ? -1 : decode_query(t, &to, e);
}

const char *target_query(const struct target *t, const char *name)
{
    for (size_t i = 0; i < t->pair_count; i++)
        if (strcmp(t->pairs[i].name, name) == 0)
            return t->pairs[i].value;
    return NULL;
}
