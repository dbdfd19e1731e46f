/* The clocks and RFC 3339 text. Waiting is thread.c's and timer.c's. */
#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "file.h"

#include "base/str.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

static pthread_once_t boot_id_once = PTHREAD_ONCE_INIT;
static uuid_text boot_id;

static int64_t read_clock_ms(clockid_t which)
{
    struct timespec ts;

    (void)clock_gettime(which, &ts); /* fails only for a clock that the kernel does not have */
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A test build's wall clock is off by as many milliseconds as the file that COMPUTED_CLOCK_FILE names says: tests set the clock
 * of a daemon, not of the machine. */
static int64_t offset_ms(void)
{
#ifdef COMPUTED_FAILPOINTS
    const char *path = getenv("COMPUTED_CLOCK_FILE");
    AUTO_BUF text = { 0 };

    if (path && file_read(path, 32, &text) == 0 && text.data)
        return strtoll(text.data, NULL, 10);
#endif
    return 0;
}

int64_t clock_wall_ms(void)
{
    return read_clock_ms(CLOCK_REALTIME) + offset_ms();
}

int64_t clock_boot_ms(void)
{
    return read_clock_ms(CLOCK_BOOTTIME);
}

int64_t clock_tick_us(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Without /proc a random id stands in: every start then counts as a new boot, which makes deadlines pass early, never late. */
static void read_boot_id(void)
{
    AUTO_BUF text = { 0 };

    if (file_read(BOOT_ID_FILE, 64, &text) == 0 && text.len > UUID_LEN) {
        text.data[UUID_LEN] = '\0';
        if (id_is_uuid(text.data)) {
            memcpy(boot_id, text.data, sizeof(boot_id));
            return;
        }
    }
    id_uuid(boot_id);
}

const char *clock_boot_id(void)
{
    (void)pthread_once(&boot_id_once, read_boot_id);
    return boot_id;
}

static void put_digits(char *at, int width, int value)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
}

void clock_rfc3339(int64_t wall_ms, rfc3339_text out)
{
    static const int64_t first_ms = -62167219200000; /* 0000-01-01T00:00:00.000Z */
    static const int64_t last_ms = 253402300799999;  /* 9999-12-31T23:59:59.999Z */
    int64_t t = wall_ms < first_ms ? first_ms : wall_ms > last_ms ? last_ms : wall_ms;
    int64_t ms = (t % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((t - ms) / 1000);
    struct tm tm;

    (void)gmtime_r(&seconds, &tm);
    memcpy(out, "0000-00-00T00:00:00.000Z", RFC3339_LEN + 1);
    put_digits(out, 4, tm.tm_year + 1900);
    put_digits(out + 5, 2, tm.tm_mon + 1);
    put_digits(out + 8, 2, tm.tm_mday);
    put_digits(out + 11, 2, tm.tm_hour);
    put_digits(out + 14, 2, tm.tm_min);
    put_digits(out + 17, 2, tm.tm_sec);
    put_digits(out + 20, 3, (int)ms);
}

/* ---- reading ---- */

/* Exactly `width` digits and, unless it is NUL, the character behind them; *at moves on. */
static int take_number(const char **at, int width, char behind, int max, int *out)
{
    int value = 0;

    for (int i = 0; i < width; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return -1;
        value = value * 10 + (**at - '0');
    }
    if (value > max || (behind && *(*at)++ != behind))
        return -1;
    *out = value;
    return 0;
}

/* What is finer than a millisecond is cut off. */
static int take_fraction(const char **at, int *ms)
{
    int digits = 0;

    *ms = 0;
    if (**at != '.')
        return 0;
    for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, digits++)
        if (digits < 3)
            *ms = *ms * 10 + (**at - '0');
    for (int i = digits; i < 3; i++)
        *ms *= 10;
    return digits > 0 ? 0 : -1;
}

static int take_zone(const char **at, int *minutes)
{
    int sign = **at == '-' ? -1 : 1, hour, minute;

    *minutes = 0;
    if (**at == 'Z') {
        (*at)++;
        return 0;
    }
    if (*(*at)++ != '+' && sign > 0)
        return -1;
    if (take_number(at, 2, ':', 23, &hour) < 0 || take_number(at, 2, '\0', 59, &minute) < 0)
        return -1;
    *minutes = sign * (hour * 60 + minute);
    return 0;
}

int clock_from_rfc3339(const char *text, int64_t *wall_ms)
{
    struct tm tm = { 0 }, real;
    int ms, zone_minutes;
    time_t seconds;

    if (take_number(&text, 4, '-', 9999, &tm.tm_year) < 0 || take_number(&text, 2, '-', 12, &tm.tm_mon) < 0 ||
        take_number(&text, 2, 'T', 31, &tm.tm_mday) < 0 || take_number(&text, 2, ':', 23, &tm.tm_hour) < 0 ||
        take_number(&text, 2, ':', 59, &tm.tm_min) < 0 || take_number(&text, 2, '\0', 60, &tm.tm_sec) < 0 ||
        take_fraction(&text, &ms) < 0 || take_zone(&text, &zone_minutes) < 0 || *text)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    real = tm;
    seconds = timegm(&real); /* which turns the 30th of February into a day of March */
    if (tm.tm_mon < 0 || real.tm_mon != tm.tm_mon)
        return -1;
    *wall_ms = ((int64_t)seconds - zone_minutes * 60) * 1000 + ms;
    return 0;
}
