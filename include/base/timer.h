/* base/timer: one thread that calls back at deadlines. Callbacks run on the timer's thread, without its lock, and must not block.
 */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct timer;
typedef void timer_fn(void *arg);

int timer_new(struct timer **out, struct err *e);
/* Stops the thread. Callbacks that are still due are called first, at once: whoever waits for a deadline is told. */
void timer_free(struct timer *t);
DEFINE_AUTO(timer, timer_free)

/* Calls fn(arg) once, delay_ms from now. *id, never 0, is for timer_cancel. */
int timer_add(struct timer *t, int64_t delay_ms, timer_fn *fn, void *arg, uint64_t *id, struct err *e);
/* True when the callback will never run; false when it ran, runs now, or the id is unknown. Does not wait for a running callback.
 */
bool timer_cancel(struct timer *t, uint64_t id);

#endif
