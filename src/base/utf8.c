/* UTF-8: decoding by the table of well-formed sequences (Unicode, table 3-7), cutting, and classes of code points.
 * Whole strings are str.c's. */
#include "utf8.h"

/* The range of the second byte is what keeps out overlong forms, surrogates and everything above U+10FFFF. */
struct utf8_form {
    uint8_t first_min, first_max, second_min, second_max, len;
};
static const struct utf8_form utf8_forms[] = {
    { 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 }, { 0xED, 0xED, 0x80, 0x9F, 3 },
    { 0xEE, 0xEF, 0x80, 0xBF, 3 }, { 0xF0, 0xF0, 0x90, 0xBF, 4 }, { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
};

struct range {
    uint32_t first, last;
};

static const struct utf8_form *form_of(uint8_t first)
{
    for (size_t i = 0; i < sizeof(utf8_forms) / sizeof(utf8_forms[0]); i++)
        if (first >= utf8_forms[i].first_min && first <= utf8_forms[i].first_max)
            return &utf8_forms[i];
    return NULL;
}

size_t utf8_next(const char *s, size_t len, uint32_t *code_point)
{
    const uint8_t *b = (const uint8_t *)s;

    if (len == 0)
        return 0;
    if (b[0] < 0x80) {
        *code_point = b[0];
        return 1;
    }
    const struct utf8_form *form = form_of(b[0]);
    if (!form || form->len > len || b[1] < form->second_min || b[1] > form->second_max)
        return 0;

    uint32_t c = b[0] & (0x7Fu >> form->len);
    for (size_t i = 1; i < form->len; i++) {
        if ((b[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (b[i] & 0x3F);
    }
    *code_point = c;
    return form->len;
}

size_t utf8_cut(const char *s, size_t len)
{
    uint32_t code_point;
    size_t start = len;

    /* Back to the first byte of the last sequence: at most three continuation bytes. */
    while (start > 0 && len - start < 3 && ((uint8_t)s[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return len;
    start--;
    return utf8_next(s + start, len - start, &code_point) == 0 ? start : len;
}

static bool is_in(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

bool utf8_is_printable(uint32_t c)
{
    static const struct range unprintable[] = {
        { 0x00, 0x1F },     /* C0 */
        { 0x7F, 0x9F },     /* DEL, C1 */
        { 0x2028, 0x2029 }, /* line and paragraph separator */
        { 0xFDD0, 0xFDEF }, /* noncharacters */
    };

    return (c & 0xFFFE) != 0xFFFE && !is_in(c, unprintable, sizeof(unprintable) / sizeof(unprintable[0]));
}

bool utf8_is_deceptive(uint32_t c)
{
    static const struct range deceptive[] = {
        { 0x00AD, 0x00AD },   /* soft hyphen */
        { 0x061C, 0x061C },   /* Arabic letter mark */
        { 0x200B, 0x200F },   /* zero width, left-to-right and right-to-left marks */
        { 0x202A, 0x202E },   /* embeddings and overrides */
        { 0x2060, 0x206F },   /* word joiner, isolates */
        { 0xFEFF, 0xFEFF },   /* byte order mark */
        { 0xFFF9, 0xFFFB },   /* interlinear annotation */
        { 0xE0000, 0xE007F }, /* tags */
    };

    return is_in(c, deceptive, sizeof(deceptive) / sizeof(deceptive[0]));
}
