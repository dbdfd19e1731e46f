/* A guest may write any bytes; readers get UTF-8 that does no harm to a parser. Terminal escapes stay: they are what was on the
 * screen. */
#include "console_text.h"

#include <string.h>

static const char replacement[] = "\xEF\xBF\xBD";

static bool is_plain(unsigned char c)
{
    return (c >= 0x20 && c < 0x7F) || c == '\n' || c == '\t' || c == '\r' || c == 0x1B;
}

/* How long the sequence is that this byte leads; 1 for what leads none. */
static size_t sequence_length(unsigned char lead)
{
    return lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
}

/* C1 controls are C2 80 to C2 9F. */
static bool is_c1(const char *s)
{
    return (unsigned char)s[0] == 0xC2 && (unsigned char)s[1] < 0xA0;
}

/* The bytes of the multi-byte character at s that may stay; 0: none. */
static size_t keep_length(const char *s, size_t len)
{
    size_t n = sequence_length((unsigned char)s[0]);

    return n > 1 && n <= len && str_is_utf8(s, n, NULL) && !is_c1(s) ? n : 0;
}

void console_text_add(struct buf *b, const char *raw, size_t len)
{
    size_t start = 0, i = 0; /* raw[start..i) is fine and not added yet */

    while (i < len) {
        size_t n = is_plain((unsigned char)raw[i]) ? 1 : keep_length(raw + i, len - i);
        if (n == 0) {
            buf_add(b, raw + start, i - start);
            buf_adds(b, replacement);
            start = ++i;
        }
        i += n;
    }
    buf_add(b, raw + start, len - start);
}
