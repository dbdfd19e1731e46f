/* Private to http: since when each of the server's threads is in a call of ours. Handlers never wait, so one that stays away for
 * long hangs; whoever watches over the process asks (http_busy_ms).
 *
 * A thread registers itself at its first call, and from then on writes to a record of its own: no lock is taken. */
#ifndef HTTP_PULSE_H
#define HTTP_PULSE_H

#include <stdatomic.h>
#include <stdint.h>

struct pulse {
    struct pulse *next;
    _Atomic int64_t since_us; /* clock_tick_us(); 0: it is in no call */
};

struct pulses {
    uint64_t id; /* no two servers of a process have the same */
    _Atomic(struct pulse *) head;
};

void pulses_init(struct pulses *ps);
void pulses_done(struct pulses *ps); /* after the server's threads have ended */

/* NULL without memory for a record: then the call is not seen. */
struct pulse *pulse_begin(struct pulses *ps);
void pulse_end(struct pulse *const *p); /* for cleanup; *p may be NULL */
/* How long the longest of the calls under way has taken; 0: there is none. */
int64_t pulses_longest_ms(struct pulses *ps);

/* Until the end of the scope. */
#define PULSE(ps) __attribute__((cleanup(pulse_end), unused)) struct pulse *const pulse_ = pulse_begin(ps)

#endif
