/* The server: listening addresses, libmicrohttpd's daemons and their threads, start and stop. Requests are dispatch.c's. */
#include "server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

enum {
    CONNECTION_MEMORY = 32 * 1024, /* read buffer and header together: a header of about 28 KiB is answered 431 */
    CONNECTIONS_SPARE = 64,        /* the cap is ours: libmicrohttpd, which counts those that it cleans up, must not be first */
    GRACE_MS = 10000,
    LINGER_MS = 1000, /* for another request of a client that is known by its last one */
    WAKE_MS = 5000,   /* for requests that had to be woken then */
    WAKE_STEP_MS = 20
};

static void apply_defaults(struct http_config *c)
{
    c->threads = c->threads ? c->threads : 2;
    c->body_max_bytes = c->body_max_bytes ? c->body_max_bytes : 1024 * 1024;
    c->connections_max = c->connections_max ? c->connections_max : 1024;
    c->connections_per_address_max = c->connections_per_address_max ? c->connections_per_address_max : 256;
    c->header_deadline_ms = c->header_deadline_ms ? c->header_deadline_ms : 10000;
    c->idle_timeout_ms = c->idle_timeout_ms ? c->idle_timeout_ms : 60000;
    c->stream_ping_ms = c->stream_ping_ms ? c->stream_ping_ms : 30000;
    c->stream_stall_ms = c->stream_stall_ms ? c->stream_stall_ms : 30000;
}

static size_t count_strings(const char *const *list)
{
    size_t count = 0;

    while (list && list[count])
        count++;
    return count;
}

static int copy_hosts(struct http *h, const char *const *hosts, struct err *e)
{
    size_t count = count_strings(hosts);
    char **copy = calloc(count + 1, sizeof(*copy));

    h->config.hosts = (const char *const *)copy;
    for (size_t i = 0; copy && i < count; i++)
        if (!(copy[i] = str_dup(hosts[i])))
            return err_set(e, ERR_NO_MEMORY, "out of memory");
    return copy ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

static void free_hosts(const char *const *hosts)
{
    for (size_t i = 0; hosts && hosts[i]; i++)
        free((char *)hosts[i]);
    free((void *)hosts);
}

static int open_tls(struct http *h, const struct http_config *c, struct err *e)
{
    if (!c->tls_cert && !c->tls_key)
        return 0;
    if (!c->tls_cert || !c->tls_key)
        return err_set(e, ERR_CONFIG, "%s is missing: TLS needs a certificate and its key", c->tls_cert ? "tls_key" : "tls_cert");
    return tls_new(c->tls_cert, c->tls_key, &h->tls, e);
}

/* The descriptor that was passed for this address, which is then no longer in the list; -1: none. */
static int take_passed(int *passed, size_t count, const char *address)
{
    for (size_t i = 0; i < count; i++)
        if (passed[i] >= 0 && listener_is_at(passed[i], address))
            return TAKE_FD(passed[i]);
    return -1;
}

static int open_listener(struct http *h, const char *address, int passed, struct err *e)
{
    const struct listen_options options = { .is_free_bound = h->config.is_free_bound,
                                            .is_tls = h->tls != NULL,
                                            .group = h->config.peer_group };
    struct listener *l = &h->listeners[h->listener_count++];

    return passed >= 0 ? listener_adopt(l, passed, &options, e) : listener_open(l, address, &options, e);
}

/* What `listen` names comes first, in its order. */
static int open_listeners(struct http *h, const struct http_config *c, int *passed, struct err *e)
{
    size_t count = count_strings(c->listen);

    if (count + c->passed_count == 0)
        return err_set(e, ERR_CONFIG, "no address to listen on");
    h->listeners = calloc(count + c->passed_count, sizeof(*h->listeners));
    if (!h->listeners)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (open_listener(h, c->listen[i], take_passed(passed, c->passed_count, c->listen[i]), e) < 0)
            return -1;
    for (size_t i = 0; i < c->passed_count; i++)
        if (passed[i] >= 0 && open_listener(h, NULL, TAKE_FD(passed[i]), e) < 0)
            return -1;
    return 0;
}

static int make(const struct http_config *config, const struct door *const *doors, struct timer *timer, struct http **out,
                struct err *e)
{
    AUTO(http) h = calloc(1, sizeof(*h));

    if (!h)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    h->config = *config;
    h->config.listen = NULL;
    h->config.passed = NULL;
    h->config.hosts = NULL;
    h->config.tls_cert = h->config.tls_key = NULL;
    h->doors = doors;
    h->grace_ms = GRACE_MS;
    apply_defaults(&h->config);
    lock_init(&h->lock, RANK_HTTP);
    cond_init(&h->changed);
    pulses_init(&h->pulses);
    acceptor_init(&h->acceptor);
    client_set_init(&h->conns, timer, h->config.connections_max, h->config.header_deadline_ms);
    h->conns.peer_group = h->config.peer_group;
    if (copy_hosts(h, config->hosts, e) < 0 || route_table_init(&h->routes, doors, e) < 0 ||
        tally_new(&h->routes, &h->tally, e) < 0 || open_tls(h, config, e) < 0 ||
        open_listeners(h, config, config->passed, e) < 0 || stream_room_new(&h->config, &h->streams, e) < 0)
        return -1;
    *out = TAKE(h);
    return 0;
}

int http_new(const struct http_config *config, const struct door *const *doors, struct timer *timer, struct http **out,
             struct err *e)
{
    int rc = make(config, doors, timer, out, e);

    for (size_t i = 0; i < config->passed_count; i++)
        if (config->passed[i] >= 0) /* not used, because something failed before */
            (void)close(TAKE_FD(config->passed[i]));
    return rc;
}

static struct client *accept_client(struct http *h, struct MHD_Connection *connection)
{
    struct client *c = client_open(&h->conns, connection);
    struct tls_pair *pair = tls_attach(c ? h->tls : NULL, connection);

    if (c)
        c->tls_pair = pair;
    return c;
}

static void on_connection(void *http, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
    struct http *h = http;

    switch (code) {
    case MHD_CONNECTION_NOTIFY_STARTED:
        *context = accept_client(h, connection);
        break;
    case MHD_CONNECTION_NOTIFY_CLOSED:
        client_close(*context);
        *context = NULL;
        break;
    }
}

static int start_daemon(struct http *h, struct listener *l, struct err *e)
{
    static struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
    const struct http_config *c = &h->config;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_ALLOW_UPGRADE |
                     MHD_ALLOW_SUSPEND_RESUME | (l->is_tls ? MHD_USE_TLS : 0);
    unsigned idle_s = (unsigned)((c->idle_timeout_ms + 999) / 1000);

    /* A thread's share of the limit is the whole: which thread gets a connection is chance, and the cap is client_open()'s. */
    l->daemon = MHD_start_daemon(flags, 0, NULL, NULL, dispatch_access, h, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)c->threads,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)((c->connections_max + CONNECTIONS_SPARE) * c->threads),
                                 MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)c->connections_per_address_max,
                                 MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_URI_LOG_CALLBACK, dispatch_line, h,
                                 MHD_OPTION_NOTIFY_COMPLETED, dispatch_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
                                 h, MHD_OPTION_ARRAY, l->is_tls ? tls_options() : none, MHD_OPTION_END);
    if (l->daemon)
        return 0;
    return err_set(e, ERR_INTERNAL, "cannot start the HTTP server on %s", l->url);
}

/* Threads inherit the mask: signals belong to the main thread. */
int http_start(struct http *h, struct err *e)
{
    sigset_t all, before;
    int rc = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; rc == 0 && i < h->listener_count; i++)
        rc = start_daemon(h, &h->listeners[i], e);
    if (rc == 0)
        rc = acceptor_start(&h->acceptor, h->listeners, h->listener_count, e);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

const char *http_url(const struct http *h, size_t i)
{
    return i < h->listener_count ? h->listeners[i].url : NULL;
}

int http_reload_tls(struct http *h, struct err *e)
{
    return h->tls ? tls_reload(h->tls, e) : 0;
}

void http_quiesce(struct http *h)
{
    if (atomic_exchange(&h->is_quiescing, true))
        return;
    acceptor_stop(&h->acceptor);
    for (size_t i = 0; i < h->listener_count; i++)
        listener_stop(&h->listeners[i]);
    stream_room_end(h->streams);
}

bool http_drain(struct http *h, int64_t timeout_ms)
{
    http_quiesce(h);
    h->grace_ms = 0; /* this was their time */
    return client_set_drain(&h->conns, LINGER_MS, timeout_ms);
}

uint32_t http_connections(struct http *h)
{
    return client_set_count_waited_for(&h->conns);
}

int64_t http_busy_ms(struct http *h)
{
    return pulses_longest_ms(&h->pulses);
}

static void wait_for_active(struct http *h, int64_t timeout_ms)
{
    int64_t until_ms = clock_boot_ms() + timeout_ms, left_ms;
    HOLD(&h->lock);

    while (atomic_load(&h->active) > 0 && (left_ms = until_ms - clock_boot_ms()) > 0)
        (void)cond_wait_ms(&h->changed, &h->lock, left_ms);
}

static bool is_anything_waiting(struct http *h)
{
    bool is_running = atomic_load(&h->running) > 0; /* before the list: a handler that leaves may have put itself there */
    HOLD(&h->lock);

    if (h->waiting || is_running)
        (void)cond_wait_ms(&h->changed, &h->lock, WAKE_STEP_MS);
    return h->waiting || is_running;
}

/* libmicrohttpd aborts the process when it is stopped with a connection suspended. Once is_stopping is set no handler is called
 * any more; those being called do not wait, so they leave soon, suspended or not. */
static void end_waiting(struct http *h)
{
    int64_t until_ms = clock_boot_ms() + WAKE_MS;
    bool has_woken = false;

    atomic_store(&h->is_stopping, true);
    do
        has_woken |= suspend_wake_all(h);
    while (is_anything_waiting(h) && clock_boot_ms() < until_ms);
    if (has_woken)
        wait_for_active(h, until_ms - clock_boot_ms()); /* their answers are on the way */
}

void http_free(struct http *h)
{
    if (!h)
        return;
    http_quiesce(h);
    wait_for_active(h, h->grace_ms);
    end_waiting(h);
    stream_room_stop(h->streams);
    for (size_t i = 0; i < h->listener_count; i++)
        listener_close(&h->listeners[i]);
    free(h->listeners);
    pulses_done(&h->pulses);
    stream_room_free(h->streams);
    tls_free(h->tls);
    client_set_done(&h->conns);
    tally_free(h->tally);
    route_table_done(&h->routes);
    free_hosts(h->config.hosts);
    cond_done(&h->changed);
    lock_done(&h->lock);
    free(h);
}
