/* Accepting: one thread for all addresses. It hands each connection to the daemon of its listener, and knows nothing of it. */
#define _GNU_SOURCE /* accept4 */
#include "acceptor.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/thread.h"

enum {
    TURN = 64,       /* connections of one address before the others have their turn */
    LAST_MAX = 4096, /* at the end, of each address: more than the kernel keeps waiting by default */
    PAUSE_MS = 100   /* without descriptors or memory: until somebody may have left */
};

enum accepted { ACCEPTED, NOBODY_WAITS, NOTHING_LEFT };

/* A client that has left again meanwhile is no reason to stop. */
static enum accepted accept_one(const struct listener *l)
{
    struct sockaddr_storage peer = { 0 };
    socklen_t len = sizeof(peer);
    int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        (void)MHD_add_connection(l->daemon, fd, (struct sockaddr *)&peer, len); /* it closes what it does not take */
        return ACCEPTED;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        return NOTHING_LEFT;
    return errno == EAGAIN || errno == EINVAL ? NOBODY_WAITS : ACCEPTED;
}

static enum accepted accept_some(const struct listener *l, unsigned max)
{
    enum accepted rc = ACCEPTED;

    for (unsigned i = 0; i < max && rc == ACCEPTED; i++)
        rc = accept_one(l);
    return rc;
}

static bool has_rung(const struct acceptor *a)
{
    return a->polled[0].revents != 0;
}

static void wait_until_told(struct acceptor *a, int timeout_ms)
{
    (void)poll(a->polled, 1, timeout_ms);
}

static void take_turns(struct acceptor *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->polled[i + 1].revents != 0 && accept_some(&a->listeners[i], TURN) == NOTHING_LEFT) {
            log_warn("http: a connection has to wait: no descriptor or no memory is left", "address", a->listeners[i].url, NULL);
            wait_until_told(a, PAUSE_MS);
        }
}

static void *accept_all(void *arg)
{
    struct acceptor *a = arg;

    while (!has_rung(a))
        if (poll(a->polled, a->count + 1, -1) > 0 && !has_rung(a))
            take_turns(a);
    for (size_t i = 0; i < a->count; i++)
        if (!a->listeners[i].is_passed)
            (void)accept_some(&a->listeners[i], LAST_MAX);
    return NULL;
}

int acceptor_start(struct acceptor *a, struct listener *listeners, size_t count, struct err *e)
{
    a->listeners = listeners;
    a->count = count;
    a->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    a->polled = calloc(count + 1, sizeof(*a->polled));
    if (!a->polled || a->bell < 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory or descriptors");
    a->polled[0] = (struct pollfd){ .fd = a->bell, .events = POLLIN };
    for (size_t i = 0; i < count; i++)
        a->polled[i + 1] = (struct pollfd){ .fd = listeners[i].fd, .events = POLLIN };
    if (thread_start(&a->thread, "accept", accept_all, a, e) < 0)
        return -1;
    a->is_running = true;
    return 0;
}

void acceptor_stop(struct acceptor *a)
{
    const uint64_t one = 1;

    if (a->is_running) {
        (void)!write(a->bell, &one, sizeof(one));
        (void)pthread_join(a->thread, NULL);
        a->is_running = false;
    }
    if (a->bell >= 0)
        (void)close(TAKE_FD(a->bell));
    free(TAKE(a->polled));
}
