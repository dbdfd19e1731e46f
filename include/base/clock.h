/* base/clock: wall time for people and TTLs, boot time for deadlines, in milliseconds; and one for how long something took. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/id.h"

enum { RFC3339_LEN = 24 }; /* 2026-01-31T12:34:56.789Z */
typedef char rfc3339_text[RFC3339_LEN + 1];

int64_t clock_wall_ms(void);     /* since 1970, UTC; may jump */
int64_t clock_boot_ms(void);     /* CLOCK_BOOTTIME: never jumps, counts suspend, restarts at boot */
int64_t clock_tick_us(void);     /* CLOCK_MONOTONIC, in microseconds: stands still while the host is suspended */
const char *clock_boot_id(void); /* this boot's id; for the process' life */
void clock_rfc3339(int64_t wall_ms, rfc3339_text out);
/* "2026-01-31T12:34:56Z", with a fraction or without, also "…+02:00". -1: it is no such text, or no such day. */
int clock_from_rfc3339(const char *text, int64_t *wall_ms);

#endif
