/* base/notify: what a service manager is told, and what it hands over: systemd's protocol (sd_notify(3), sd_listen_fds(3)).
 *
 * Without a service manager nobody is told, nothing is handed over, and nothing fails: these are hints, never a reason to stop.
 * Telling is for any thread. NOTIFY_SOCKET stays in the environment, which the library reads each time; what we start ourselves
 * gets an environment of its own. */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

bool notify_is_heard(void); /* whether there is anybody to tell */

void notify_ready(void); /* after the start, and after each notify_reloading */
void notify_reloading(void);
void notify_stopping(void);
void notify_alive(void); /* the watchdog's */
/* What the service is doing, for a person: one line. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often notify_alive is expected at least; 0: it is not. Asked once, at the start, before there is a second thread: it takes
 * the variables out of the environment. */
int64_t notify_watchdog_ms(void);

struct notify_socket {
    int fd;
    char *name; /* by the unit: FileDescriptorName=, else the socket unit's */
};
struct notify_sockets {
    struct notify_socket *list;
    size_t count;
};
/* The sockets that were passed to this process; close-on-exec, and whoever takes one sets fd to -1. Asked once, likewise.
 * ERR_CONFIG: LISTEN_FDS makes no sense. */
int notify_take_sockets(struct notify_sockets *out, struct err *e);
void notify_sockets_done(struct notify_sockets *s); /* closes those that were not taken */
static inline void cleanup_notify_sockets(struct notify_sockets *s)
{
    notify_sockets_done(s);
}
#define AUTO_NOTIFY_SOCKETS __attribute__((cleanup(cleanup_notify_sockets))) struct notify_sockets

#endif
