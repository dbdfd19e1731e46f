/* Accepted connections: the cap on all of them, their addresses, and the sweep that ends the overdue. What a request is, is not
 * known here. */
#define _GNU_SOURCE /* struct ucred, SO_PEERGROUPS */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

enum { SWEEPS_PER_DEADLINE = 8, SWEEP_MIN_MS = 10, SWEEP_MAX_MS = 1000, DRAIN_STEP_MS = 20 };

static void sweep(void *arg);

/* Called with the set's lock held. Without memory for the timer the next accept tries again. */
static void arm(struct client_set *set)
{
    int64_t delay_ms = set->header_deadline_ms / SWEEPS_PER_DEADLINE;
    struct err e = ERR_INIT;

    if (set->is_armed || set->is_stopping)
        return;
    delay_ms = delay_ms < SWEEP_MIN_MS ? SWEEP_MIN_MS : delay_ms > SWEEP_MAX_MS ? SWEEP_MAX_MS : delay_ms;
    if (timer_add(set->timer, delay_ms, sweep, set, &set->sweep_id, &e) < 0)
        log_err(LOG_ERROR, "http.sweep not armed", &e, NULL);
    else
        set->is_armed = true;
}

/* libmicrohttpd takes a short read for the last one, and its edge-triggered epoll says nothing more: it misses an end of the
 * stream that came together with data, and would keep the connection until the idle timeout. */
bool client_has_left(const struct client *c)
{
    char next;

    return recv(c->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* A shutdown, also a needless one, is an event that wakes libmicrohttpd. Under the lock, because client_close() waits for it:
 * the number still is this connection's. */
static void sweep_one(const struct client *c, int64_t now_ms)
{
    if (atomic_load(&c->deadline_ms) <= now_ms)
        (void)shutdown(c->fd, SHUT_RDWR);
    else if (client_has_left(c))
        (void)shutdown(c->fd, SHUT_RD); /* an answer on its way may still leave */
}

static void sweep(void *arg)
{
    struct client_set *set = arg;
    int64_t now_ms = clock_boot_ms();
    HOLD(&set->lock);

    for (const struct client *c = set->head; c; c = c->next)
        sweep_one(c, now_ms);
    set->is_armed = false;
    if (set->head)
        arm(set);
    cond_broadcast(&set->changed);
}

/* Its next request may be on the way, or in the socket: what is there is still read and answered, for only the end of the stream
 * is brought forward. */
static void drain_one(const struct client *c, bool is_over)
{
    if (atomic_load(&c->is_asking) ? client_has_left(c) : is_over || client_has_left(c))
        (void)shutdown(c->fd, SHUT_RD);
}

static uint32_t count_waited_for(const struct client_set *set)
{
    uint32_t count = 0;

    for (const struct client *c = set->head; c; c = c->next)
        count += !atomic_load(&c->is_stream);
    return count;
}

bool client_set_drain(struct client_set *set, int64_t linger_ms, int64_t timeout_ms)
{
    int64_t now_ms = clock_boot_ms(), linger_until_ms = now_ms + linger_ms, until_ms = now_ms + timeout_ms;
    HOLD(&set->lock);

    for (; count_waited_for(set) > 0 && now_ms < until_ms; now_ms = clock_boot_ms()) {
        for (const struct client *c = set->head; c; c = c->next)
            if (!atomic_load(&c->is_stream))
                drain_one(c, now_ms >= linger_until_ms);
        (void)cond_wait_ms(&set->changed, &set->lock, DRAIN_STEP_MS);
    }
    return count_waited_for(set) == 0;
}

uint32_t client_set_count_waited_for(struct client_set *set)
{
    HOLD(&set->lock);
    return count_waited_for(set);
}

void client_set_init(struct client_set *set, struct timer *timer, uint32_t max, int64_t header_deadline_ms)
{
    *set = (struct client_set){ .timer = timer, .max = max, .header_deadline_ms = header_deadline_ms };
    lock_init(&set->lock, RANK_HTTP);
    cond_init(&set->changed);
}

static void disarm(struct client_set *set)
{
    HOLD(&set->lock);

    set->is_stopping = true;
    while (set->is_armed)
        if (timer_cancel(set->timer, set->sweep_id))
            set->is_armed = false;
        else
            cond_wait(&set->changed, &set->lock);
}

void client_set_done(struct client_set *set)
{
    disarm(set);
    cond_done(&set->changed);
    lock_done(&set->lock);
}

uint32_t client_set_count(struct client_set *set)
{
    HOLD(&set->lock);

    return set->count;
}

static struct in6_addr mapped(const struct in_addr *v4)
{
    struct in6_addr v6 = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

    memcpy(v6.s6_addr + 12, v4, sizeof(*v4));
    return v6;
}

static bool is_loopback(const struct in6_addr *a)
{
    return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

static struct in6_addr address_of(const struct sockaddr_storage *ss)
{
    if (ss->ss_family == AF_INET)
        return mapped(&((const struct sockaddr_in *)ss)->sin_addr);
    if (ss->ss_family == AF_INET6)
        return ((const struct sockaddr_in6 *)ss)->sin6_addr;
    return in6addr_any;
}

/* The process's own supplementary groups, as the kernel knows them: no user database is asked, so none can hang or lie. */
static bool has_supplementary_group(int fd, gid_t group)
{
    socklen_t len = 0;
    AUTO_FREE gid_t *groups = NULL;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
        return false; /* there are none; else the call fails and tells how much room they need */
    groups = malloc(len);
    if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
        return false;
    for (size_t i = 0; i < len / sizeof(*groups); i++)
        if (groups[i] == group)
            return true;
    return false;
}

/* Whoever connected, or made the socket pair: a process that was handed the socket later is not asked about. */
static void set_unix_peer(struct client *c)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    gid_t group = c->set->peer_group;

    c->is_unix = c->is_on_host = true;
    if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
        (void)str_copy(c->address, sizeof(c->address), "unix");
        return;
    }
    c->has_peer = true;
    c->peer_uid = peer.uid;
    c->is_peer_in_group = group != 0 && (peer.gid == group || has_supplementary_group(c->fd, group));
    (void)snprintf(c->address, sizeof(c->address), "unix:%u", (unsigned)peer.uid);
}

static void set_addresses(struct client *c)
{
    struct sockaddr_storage peer = { 0 }, local = { 0 };
    struct in6_addr from;
    socklen_t peer_len = sizeof(peer), local_len = sizeof(local);

    if (getsockname(c->fd, (struct sockaddr *)&local, &local_len) < 0)
        return;
    c->local = address_of(&local);
    if (local.ss_family == AF_UNIX) {
        set_unix_peer(c);
        return;
    }
    if (getpeername(c->fd, (struct sockaddr *)&peer, &peer_len) < 0)
        return;
    const void *raw = peer.ss_family == AF_INET ? (const void *)&((struct sockaddr_in *)&peer)->sin_addr
                                                : (const void *)&((struct sockaddr_in6 *)&peer)->sin6_addr;
    from = address_of(&peer);
    c->is_on_host = is_loopback(&from);
    (void)inet_ntop(peer.ss_family, raw, c->address, sizeof(c->address));
}

static bool link_in(struct client_set *set, struct client *c)
{
    HOLD(&set->lock);

    if (set->count >= set->max)
        return false;
    c->next = set->head;
    if (c->next)
        c->next->prev = c;
    set->head = c;
    set->count++;
    arm(set);
    return true;
}

struct client *client_open(struct client_set *set, struct MHD_Connection *connection)
{
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    AUTO_FREE struct client *c = calloc(1, sizeof(*c));

    if (c) {
        c->set = set;
        c->fd = fd;
        set_addresses(c);
        client_deadline_in(c, set->header_deadline_ms);
    }
    if (!c || !link_in(set, c)) {
        (void)shutdown(fd, SHUT_RDWR);
        return NULL;
    }
    return TAKE(c);
}

static void link_out(struct client *c)
{
    HOLD(&c->set->lock);

    if (c->prev)
        c->prev->next = c->next;
    else
        c->set->head = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->set->count--;
    cond_broadcast(&c->set->changed);
}

void client_close(struct client *c)
{
    if (!c)
        return;
    link_out(c);
    tls_pair_put(c->tls_pair);
    free(c);
}

void client_deadline_in(struct client *c, int64_t delay_ms)
{
    atomic_store(&c->deadline_ms, clock_boot_ms() + delay_ms);
}

void client_deadline_off(struct client *c)
{
    atomic_store(&c->deadline_ms, INT64_MAX);
}

void client_deadline_within(struct client *c, int64_t delay_ms)
{
    int64_t latest = clock_boot_ms() + delay_ms;

    if (atomic_load(&c->deadline_ms) > latest) /* only the connection's own thread changes it */
        atomic_store(&c->deadline_ms, latest);
}

bool client_is_local_address(const struct client *c, const char *literal)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, literal, &v4) == 1)
        v6 = mapped(&v4);
    else if (inet_pton(AF_INET6, literal, &v6) != 1)
        return false;
    return IN6_ARE_ADDR_EQUAL(&v6, &c->local) || (is_loopback(&v6) && is_loopback(&c->local));
}
