/* Log lines: key=value text on stderr, one write(2) each, made in a fixed buffer so that logging works when memory does not.
 * What is worth a line is decided by whoever calls. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"

#include "base/cleanup.h"
#include "base/clock.h"

enum {
    VALUE_MAX = 1024, /* bytes of one value that are shown; "..." follows where it was longer */
    LINE_MAX_BYTES = 8192,
    TAIL_MAX = sizeof(" truncated=yes\n"), /* always kept free */
    ESCAPE_MAX = sizeof("\\U0010ffff"),
};

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool is_full; /* something did not fit: nothing more is added, the tail says so */
};

static const char *const level_words[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

static _Atomic int log_threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&log_threshold, (int)level, memory_order_relaxed);
}

int log_is_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

int log_level_from_string(const char *s, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_words); i++)
        if (strcmp(level_words[i], s) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    return -1;
}

const char *log_level_to_string(enum log_level level)
{
    return level_words[level];
}

static void line_add(struct line *l, const char *s, size_t len)
{
    if (l->is_full || len > sizeof(l->text) - TAIL_MAX - l->len) {
        l->is_full = true;
        return;
    }
    memcpy(l->text + l->len, s, len);
    l->len += len;
}

static void line_adds(struct line *l, const char *s)
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

static void add_value(struct line *l, const char *value, bool is_quoted)
{
    size_t len = strnlen(value, VALUE_MAX + 1);
    bool is_cut = len > VALUE_MAX;

    if (is_cut)
        len = utf8_cut(value, VALUE_MAX);
    is_quoted = is_quoted || !is_bare(value, len);
    if (is_quoted)
        line_adds(l, "\"");
    add_escaped(l, value, len);
    if (is_cut)
        line_adds(l, "...");
    if (is_quoted)
        line_adds(l, "\"");
}

/* All of the pair or nothing of it: half a value could be taken for a whole one. */
static void add_pair(struct line *l, const char *key, const char *value)
{
    size_t start = l->len;

    if (l->is_full)
        return;
    line_adds(l, " ");
    line_adds(l, key);
    line_adds(l, "=");
    add_value(l, value ? value : "-", false);
    if (l->is_full)
        l->len = start;
}

static void add_pairs(struct line *l, va_list ap)
{
    for (const char *key = va_arg(ap, const char *); key; key = va_arg(ap, const char *))
        add_pair(l, key, va_arg(ap, const char *));
}

static void line_begin(struct line *l, enum log_level level, const char *msg)
{
    rfc3339_text now;

    clock_rfc3339(clock_wall_ms(), now);
    l->len = 0;
    l->is_full = false;
    line_adds(l, now);
    line_adds(l, " level=");
    line_adds(l, level_words[level]);
    line_adds(l, " msg=");
    add_value(l, msg, true);
}

/* One write keeps lines of several threads and processes whole. What stderr does not take is lost: there is nowhere to say so. */
static void line_end(struct line *l)
{
    static const char cut[] = " truncated=yes";
    ssize_t rc;

    if (l->is_full) {
        memcpy(l->text + l->len, cut, sizeof(cut) - 1);
        l->len += sizeof(cut) - 1;
    }
    l->text[l->len++] = '\n';
    do
        rc = write(STDERR_FILENO, l->text, l->len);
    while (rc < 0 && errno == EINTR);
}

void log_write(enum log_level level, const char *msg, ...)
{
    int saved_errno = errno;
    struct line l;
    va_list ap;

    if (!log_is_enabled(level))
        return;
    line_begin(&l, level, msg);
    va_start(ap, msg);
    add_pairs(&l, ap);
    va_end(ap);
    line_end(&l);
    errno = saved_errno;
}

void log_err(enum log_level level, const char *msg, const struct err *e, ...)
{
    int saved_errno = errno;
    struct line l;
    va_list ap;

    if (!log_is_enabled(level))
        return;
    line_begin(&l, level, msg);
    va_start(ap, e);
    add_pairs(&l, ap);
    va_end(ap);
    add_pair(&l, "code", err_code_word(e->code));
    if (e->field[0] != '\0')
        add_pair(&l, "field", e->field);
    add_pair(&l, "err", e->msg);
    if (e->detail[0] != '\0')
        add_pair(&l, "detail", e->detail);
    line_end(&l);
    errno = saved_errno;
}
