/* The service manager's protocol, by libsystemd. What there is to say, and when, is not known here. */
#include "base/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum { STATUS_MAX = 512 };

bool notify_is_heard(void)
{
    const char *socket = getenv("NOTIFY_SOCKET");

    return socket && socket[0];
}

void notify_ready(void)
{
    (void)sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_tick_us());
}

void notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

void notify_alive(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

void notify_status(const char *format, ...)
{
    char text[STATUS_MAX];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    text[strcspn(text, "\n")] = '\0'; /* a second line would be another message */
    (void)sd_notifyf(0, "STATUS=%s", text);
}

int64_t notify_watchdog_ms(void)
{
    uint64_t interval_us = 0;

    return sd_watchdog_enabled(1, &interval_us) > 0 ? (int64_t)(interval_us / 1000) : 0;
}

/* ---- sockets ---- */

void notify_sockets_done(struct notify_sockets *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->list[i].fd >= 0)
            (void)close(s->list[i].fd);
        free(s->list[i].name);
    }
    free(s->list);
    *s = (struct notify_sockets){ 0 };
}

int notify_take_sockets(struct notify_sockets *out, struct err *e)
{
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names);

    if (count < 0)
        return err_set(e, ERR_CONFIG, "LISTEN_FDS: what the service manager says of its sockets makes no sense: %s",
                       strerror(-count));
    *out = (struct notify_sockets){ .list = calloc((size_t)count + 1, sizeof(*out->list)) };
    for (int i = 0; i < count; i++) {
        if (out->list)
            out->list[out->count++] = (struct notify_socket){ SD_LISTEN_FDS_START + i, names[i] };
        else
            free(names[i]);
    }
    free(names);
    return out->list ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}
