/* Log lines: levels, what a line says, and one write(2) of it to stderr. What is worth a line is decided by whoever calls; the
 * journal is journal.c's. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log_line.h"

#include "base/cleanup.h"
#include "base/clock.h"

static const char *const level_words[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

static _Atomic int log_threshold = LOG_INFO;
static log_sink_fn *sink; /* before other threads run */
static _Thread_local const char *const *context;

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

void log_set_context(const char *const *pairs)
{
    context = pairs;
}

/* Into what is left of out->text; NULL when that is not enough: a key then ends the pairs, and a value is "-". */
static const char *keep(struct log_context *out, size_t *used, const char *s)
{
    size_t size = s ? strlen(s) + 1 : 0;
    char *to = out->text + *used;

    if (size == 0 || size > sizeof(out->text) - *used)
        return NULL;
    memcpy(to, s, size);
    *used += size;
    return to;
}

void log_copy_context(struct log_context *out)
{
    size_t n = 0, used = 0;

    for (const char *const *pair = context; pair && pair[0] && n + 2 < ARRAY_LEN(out->pairs); pair += 2) {
        out->pairs[n++] = keep(out, &used, pair[0]);
        out->pairs[n++] = keep(out, &used, pair[1]);
    }
    out->pairs[n] = NULL;
}

void log_set_sink(log_sink_fn *fn)
{
    sink = fn;
}

const char *log_ms(int64_t us, log_ms_text out)
{
    (void)snprintf(out, sizeof(log_ms_text), "%lld.%03d", (long long)(us / 1000), (int)(us % 1000));
    return out;
}

/* ---- what it says ---- */

static void add(struct log_event *ev, const char *key, const char *value)
{
    if (ev->count < ARRAY_LEN(ev->pairs))
        ev->pairs[ev->count++] = (struct log_pair){ key, value };
    else
        ev->is_cut = true;
}

static void add_all(struct log_event *ev, va_list ap)
{
    for (const char *key = va_arg(ap, const char *); key; key = va_arg(ap, const char *))
        add(ev, key, va_arg(ap, const char *));
}

static void add_context(struct log_event *ev)
{
    for (const char *const *pair = context; pair && pair[0]; pair += 2)
        add(ev, pair[0], pair[1]);
}

static void add_err(struct log_event *ev, const struct err *e)
{
    add(ev, "code", err_code_word(e->code));
    if (e->field[0] != '\0')
        add(ev, "field", e->field);
    add(ev, "err", e->msg);
    if (e->detail[0] != '\0')
        add(ev, "detail", e->detail);
}

/* ---- where it goes ---- */

/* One write keeps lines of several threads and processes whole. What stderr does not take is lost: there is nowhere to say so. */
static void write_line(const struct log_event *ev)
{
    char text[LINE_MAX_BYTES];
    struct line l = { .text = text, .size = sizeof(text) };
    rfc3339_text now;
    ssize_t rc;

    clock_rfc3339(clock_wall_ms(), now);
    line_adds(&l, now);
    line_adds(&l, " level=");
    line_adds(&l, level_words[ev->level]);
    line_adds(&l, " msg=");
    line_add_value(&l, ev->msg, QUOTE_ALWAYS);
    line_add_pairs(&l, ev);
    l.text[l.len++] = '\n';
    do
        rc = write(STDERR_FILENO, l.text, l.len);
    while (rc < 0 && errno == EINTR);
}

static void put(struct log_event *ev)
{
    add_context(ev);
    if (!sink || !sink(ev))
        write_line(ev);
}

void log_write(enum log_level level, const char *msg, ...)
{
    int saved_errno = errno;
    struct log_event ev;
    va_list ap;

    if (!log_is_enabled(level))
        return;
    ev.level = level, ev.msg = msg, ev.count = 0, ev.is_cut = false;
    va_start(ap, msg);
    add_all(&ev, ap);
    va_end(ap);
    put(&ev);
    errno = saved_errno;
}

void log_err(enum log_level level, const char *msg, const struct err *e, ...)
{
    int saved_errno = errno;
    struct log_event ev;
    va_list ap;

    if (!log_is_enabled(level))
        return;
    ev.level = level, ev.msg = msg, ev.count = 0, ev.is_cut = false;
    va_start(ap, e);
    add_all(&ev, ap);
    va_end(ap);
    add_err(&ev, e);
    put(&ev);
    errno = saved_errno;
}
