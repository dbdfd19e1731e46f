/* Private to http: the thread that accepts connections for libmicrohttpd's threads.
 *
 * libmicrohttpd could do so itself, but it cannot stop: MHD_quiesce_daemon() takes the socket out of the threads' epoll sets from
 * outside, and aborts the process when a thread does the same at that moment; and to close the socket takes it out of them only
 * when nobody else has it, as a service manager has. */
#ifndef HTTP_ACCEPTOR_H
#define HTTP_ACCEPTOR_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "listener.h"

#include "base/err.h"

struct acceptor {
    struct listener *listeners; /* the server's; their daemons run */
    size_t count;
    struct pollfd *polled; /* the bell, then one for each listener */
    int bell;              /* an eventfd */
    pthread_t thread;
    bool is_running;
};

static inline void acceptor_init(struct acceptor *a)
{
    *a = (struct acceptor){ .bell = -1 };
}
/* Whatever comes of it, acceptor_stop ends it. */
int acceptor_start(struct acceptor *a, struct listener *listeners, size_t count, struct err *e);
/* Who has connected to a socket of our own is still let in, for nobody else would; behind a socket that was passed they wait for
 * whoever listens next. Returns when nothing is accepted any more. Fine when it was never started, or has been stopped. */
void acceptor_stop(struct acceptor *a);

#endif
