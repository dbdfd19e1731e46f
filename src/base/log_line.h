/* Private to base: what one event says, and the text of it in a fixed buffer, so that logging works when memory does not. */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"

enum { LINE_MAX_BYTES = 8192, PAIRS_MAX = 32 };

struct log_event {
    enum log_level level;
    const char *msg;
    struct log_pair {
        const char *key, *value; /* value NULL: "-" */
    } pairs[PAIRS_MAX];
    size_t count;
    bool is_cut; /* there were more */
};

struct line {
    char *text; /* the caller's */
    size_t size, len;
    bool is_full; /* something did not fit: nothing more is added */
};

enum quoting { QUOTE_NEVER, QUOTE_WHEN_NEEDED, QUOTE_ALWAYS };

void line_adds(struct line *l, const char *s);
/* Escaped, so that a value can neither begin a line nor colour a terminal, and cut where it is too long. */
void line_add_value(struct line *l, const char *value, enum quoting quoting);
/* " key=value" of all pairs, each whole or not at all; " truncated=yes" when not all of them are there. */
void line_add_pairs(struct line *l, const struct log_event *ev);

/* Takes the events from now on; false when it could not. */
typedef bool log_sink_fn(const struct log_event *ev);
void log_set_sink(log_sink_fn *fn);

#endif
