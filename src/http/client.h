/* Private to http: what is kept about each accepted connection, and the deadlines that libmicrohttpd does not have.
 *
 * libmicrohttpd's timeout restarts with every byte, so a client that sends a header a minute lives for ever. Here each connection
 * has an absolute deadline; one sweep for all of them shuts down what is overdue, and libmicrohttpd then sees the end of the
 * stream. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tls.h"

#include "base/thread.h"
#include "base/timer.h"
#include "model/identity.h"

struct client {
    struct client_set *set;
    struct client *prev GUARDED_BY(set->lock), *next GUARDED_BY(set->lock);
    int fd;                      /* libmicrohttpd's; open as long as this record is in the set */
    _Atomic int64_t deadline_ms; /* on clock_boot_ms() */
    atomic_bool is_asking;       /* it has sent a request's header, and not had the whole answer */
    atomic_bool is_stream;       /* the answer is one that does not end */
    struct tls_pair *tls_pair;   /* what its handshake shows; NULL without TLS */
    bool is_unix;
    bool has_peer; /* the kernel has said who is at the other end of a unix socket */
    bool is_peer_in_group;
    bool is_on_host; /* a unix socket, or from a loopback address */
    uint32_t peer_uid;
    struct in6_addr local;         /* the address the client connected to; IPv4 as ::ffff:a.b.c.d */
    char address[ADDRESS_MAX + 1]; /* the peer's, as text */
};

struct client_set {
    struct lock lock; /* RANK_HTTP */
    struct cond changed;
    struct timer *timer;
    int64_t header_deadline_ms;
    uint32_t max;
    uint32_t peer_group; /* a gid; 0: none */
    struct client *head GUARDED_BY(lock);
    uint32_t count GUARDED_BY(lock);
    bool is_armed GUARDED_BY(lock); /* a sweep is due or running */
    bool is_stopping GUARDED_BY(lock);
    uint64_t sweep_id GUARDED_BY(lock);
};

void client_set_init(struct client_set *set, struct timer *timer, uint32_t max, int64_t header_deadline_ms);
void client_set_done(struct client_set *set); /* after every connection is closed */
uint32_t client_set_count(struct client_set *set);
/* Waits until none is left, at most timeout_ms; streams do not count. One that asks nothing within linger_ms is closed; answers
 * are expected to close the others. False: the time was over. */
bool client_set_drain(struct client_set *set, int64_t linger_ms, int64_t timeout_ms);
uint32_t client_set_count_waited_for(struct client_set *set); /* those that a drain waits for */

/* Called by libmicrohttpd's thread on accept; NULL when out of memory or over the cap, and then the socket is shut down. */
struct client *client_open(struct client_set *set, struct MHD_Connection *connection);
/* Called before the socket is closed: its number may be another connection's right afterwards. NULL is fine. */
void client_close(struct client *c);

/* Whether the peer has said all that it will ever say. The connection must be open meanwhile. */
bool client_has_left(const struct client *c);

void client_deadline_in(struct client *c, int64_t delay_ms);
void client_deadline_off(struct client *c);
/* Not later than that; an earlier deadline stays. */
void client_deadline_within(struct client *c, int64_t delay_ms);

/* Whether this IP literal (without port, IPv6 without brackets) names the address that the client connected to. */
bool client_is_local_address(const struct client *c, const char *literal);

#endif
