/* service: what the service manager hears of a daemon that runs: how it is, in a line for people, and, when it wants to know,
 * that it is alive. Private to app.
 *
 * Alive means that our own parts move: the timer's thread calls back, no HTTP thread has been in one call, and no write
 * transaction under way, for longer than the watchdog's interval; and the database can be read. Whatever libvirt, QEMU, a guest
 * or a client does, or does not do, is no reason to be restarted. */
#ifndef SERVICE_H
#define SERVICE_H

#include "base/err.h"
#include "base/timer.h"
#include "core/core.h"
#include "http/http.h"
#include "store/store.h"

struct service;
struct service_parts {
    struct timer *timer;
    struct store *store;
    struct core *core;
    struct http *http;
    const char *libvirt_uri; /* by the configuration; "" */
};

/* Says READY=1. With a service manager a thread then keeps it informed; without one, *out is NULL. watchdog_ms: what
 * notify_watchdog_ms said. Borrows the parts until service_stop, but for the timer, which ends before service_free. */
int service_start(const struct service_parts *parts, int64_t watchdog_ms, struct service **out, struct err *e);
void service_stop(struct service *s); /* says no more; NULL is fine */
void service_free(struct service *s); /* likewise */

#endif
