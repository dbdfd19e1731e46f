/* The text of log lines: escaping, quoting, limits. Where the lines go is log.c's and journal.c's. */
#include "log_line.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

#include "base/cleanup.h"

#define TAIL " truncated=yes"
enum {
    VALUE_MAX = 1024,             /* bytes of one value that are shown; "..." follows where it was longer */
    TAIL_MAX = sizeof(TAIL "\n"), /* always kept free */
    ESCAPE_MAX = sizeof("\\U0010ffff"),
};

static void line_add(struct line *l, const char *s, size_t len)
{
    if (l->is_full || len > l->size - TAIL_MAX - l->len) {
        l->is_full = true;
        return;
    }
    memcpy(l->text + l->len, s, len);
    l->len += len;
}

void line_adds(struct line *l, const char *s)
{
    line_add(l, s, strlen(s));
}

/* The escape of one code point, or "" when it can stand as it is. */
static void escape_of(uint32_t c, char out[ESCAPE_MAX])
{
    static const char named[][2] = { { '\n', 'n' }, { '\r', 'r' }, { '\t', 't' }, { '"', '"' }, { '\\', '\\' } };

    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(named); i++)
        if (c == (uint32_t)named[i][0]) {
            (void)snprintf(out, ESCAPE_MAX, "\\%c", named[i][1]);
            return;
        }
    if (!utf8_is_printable(c) || utf8_is_deceptive(c))
        (void)snprintf(out, ESCAPE_MAX, c > 0xFFFF ? "\\U%08x" : "\\u%04x", (unsigned)c);
}

static void add_escaped(struct line *l, const char *s, size_t len)
{
    char escape[ESCAPE_MAX];
    uint32_t c;

    for (size_t i = 0, step; i < len; i += step) {
        step = utf8_next(s + i, len - i, &c);
        if (step == 0) {
            (void)snprintf(escape, sizeof(escape), "\\x%02x", (unsigned char)s[i]);
            step = 1;
        } else {
            escape_of(c, escape);
        }
        if (escape[0] != '\0')
            line_adds(l, escape);
        else
            line_add(l, s + i, step);
    }
}

static bool is_bare(const char *s, size_t len)
{
    char escape[ESCAPE_MAX];
    uint32_t c;

    for (size_t i = 0, step; i < len; i += step) {
        step = utf8_next(s + i, len - i, &c);
        if (step == 0 || c == ' ' || c == '=')
            return false;
        escape_of(c, escape);
        if (escape[0] != '\0')
            return false;
    }
    return len > 0;
}

void line_add_value(struct line *l, const char *value, enum quoting quoting)
{
    size_t len = strnlen(value, VALUE_MAX + 1);
    bool is_cut = len > VALUE_MAX;

    if (is_cut)
        len = utf8_cut(value, VALUE_MAX);
    bool is_quoted = quoting == QUOTE_ALWAYS || (quoting == QUOTE_WHEN_NEEDED && !is_bare(value, len));
    if (is_quoted)
        line_adds(l, "\"");
    add_escaped(l, value, len);
    if (is_cut)
        line_adds(l, "...");
    if (is_quoted)
        line_adds(l, "\"");
}

/* Half a value could be taken for a whole one. */
static void add_pair(struct line *l, const struct log_pair *p)
{
    size_t start = l->len;

    line_adds(l, " ");
    line_adds(l, p->key);
    line_adds(l, "=");
    line_add_value(l, p->value ? p->value : "-", QUOTE_WHEN_NEEDED);
    if (l->is_full)
        l->len = start;
}

void line_add_pairs(struct line *l, const struct log_event *ev)
{
    for (size_t i = 0; i < ev->count && !l->is_full; i++)
        add_pair(l, &ev->pairs[i]);
    if (l->is_full || ev->is_cut) {
        memcpy(l->text + l->len, TAIL, strlen(TAIL));
        l->len += strlen(TAIL);
    }
}
