/* base/log: one line per event on stderr: time, level, message, then key=value pairs. Any thread.
 *     log_warn("vm.start failed", "vm", id, "err", e.msg, NULL);
 * Keys are literals, of the few that docs/logging.md lists; values are strings (NULL prints "-"), quoted and escaped when they
 * need it. Never a token, password or user-data. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level level);
int log_level_from_string(const char *s, enum log_level *out); /* -1 when unknown */
const char *log_level_to_string(enum log_level level);
int log_is_enabled(enum log_level level);
/* When stderr is the journal, lines go there as entries with priorities and fields (COMPUTED_VM=…), and to stderr as ever when
 * it does not take one; false: it is not. Before there are other threads. */
bool log_use_journal(void);
void log_write(enum log_level level, const char *msg, ...) __attribute__((sentinel));
/* The failure of `msg` with the error's code, text and detail as fields, after the given pairs. */
void log_err(enum log_level level, const char *msg, const struct err *e, ...) __attribute__((sentinel));
/* What the calling thread works on: pairs that each of its lines ends with, key, value, …, NULL. Borrowed until they are
 * replaced; NULL: none. */
void log_set_context(const char *const *pairs);
/* The calling thread's context, for another one that works for it and may outlive it. */
struct log_context {
    const char *pairs[12]; /* as log_set_context takes them */
    char text[512];
};
void log_copy_context(struct log_context *out);

/* The value of a pair "ms": milliseconds, with decimals. */
typedef char log_ms_text[24];
const char *log_ms(int64_t us, log_ms_text out);

#define log_debug(...)                                                                                                           \
    do {                                                                                                                         \
        if (log_is_enabled(LOG_DEBUG))                                                                                           \
            log_write(LOG_DEBUG, __VA_ARGS__);                                                                                   \
    } while (0)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
