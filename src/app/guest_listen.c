/* The servers for guests, a list that only grows: an address whose network is gone costs a thread that sleeps, and a new network
 * may get it again. What guests may say is api/guest's. */
#include "guest_listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/ipv4.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"
#include "http/http.h"

/* A guest has one thing to say, and guests are strangers. */
enum {
    BODY_MAX_BYTES = 4096,
    CONNECTIONS_MAX = 64,
    CONNECTIONS_PER_ADDRESS_MAX = 8,
    HEADER_DEADLINE_MS = 5000,
    IDLE_TIMEOUT_MS = 5000
};

struct guest_server {
    struct guest_server *next;
    ipv4_text gateway;
    struct http *http;
};

struct guest_servers {
    struct core *core;
    struct timer *timer;
    uint32_t port;
    struct lock lock; /* held while a server starts, which takes http's */
    struct guest_server *head GUARDED_BY(lock);
    bool is_over GUARDED_BY(lock);
};

static void server_free(struct guest_server *s)
{
    if (!s)
        return;
    http_free(s->http);
    free(s);
}
DEFINE_AUTO(guest_server, server_free)

/* The route, not the path: there is a token in it. */
static void log_request(void *arg, struct request *r, int status, int64_t duration_us, uint64_t bytes)
{
    char status_text[12];
    log_ms_text ms;

    (void)arg, (void)bytes;
    (void)snprintf(status_text, sizeof status_text, "%d", status);
    log_debug("guest request", "route", request_route(r), "status", status_text, "ms", log_ms(duration_us, ms), "address",
              request_actor(r)->address, "request_id", request_id(r), NULL);
}

static int start(const struct guest_servers *g, const char *address, struct http **out, struct err *e)
{
    const char *const listen[] = { address, NULL };
    const struct http_config config = {
        .listen = listen,
        .is_free_bound = true,
        .threads = 1,
        .body_max_bytes = BODY_MAX_BYTES,
        .connections_max = CONNECTIONS_MAX,
        .connections_per_address_max = CONNECTIONS_PER_ADDRESS_MAX,
        .header_deadline_ms = HEADER_DEADLINE_MS,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .logged = log_request,
        .arg = g->core,
    };
    AUTO(http) http = NULL;

    if (http_new(&config, guest_doors, g->timer, &http, e) < 0 || http_start(http, e) < 0)
        return -1;
    *out = TAKE(http);
    return 0;
}

static int add(struct guest_servers *g, const char *gateway, struct err *e)
{
    AUTO(guest_server) s = calloc(1, sizeof *s);
    AUTO_FREE char *address = str_printf("%s:%u", gateway, g->port);

    if (!s || !address)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (start(g, address, &s->http, e) < 0)
        return -1;
    (void)str_copy(s->gateway, sizeof s->gateway, gateway);
    s->next = g->head;
    g->head = TAKE(s);
    return 0;
}

static bool has_server(const struct guest_servers *g, const char *gateway)
{
    for (const struct guest_server *s = g->head; s; s = s->next)
        if (strcmp(s->gateway, gateway) == 0)
            return true;
    return false;
}

int guest_listen(struct guest_servers *g, const char *gateway, struct err *e)
{
    uint32_t address;
    HOLD(&g->lock);

    if (ipv4_parse(gateway, &address) < 0)
        return err_set(e, ERR_INTERNAL, "the gateway is no IPv4 address");
    if (g->is_over)
        return err_set(e, ERR_UNAVAILABLE, "the daemon is stopping");
    return has_server(g, gateway) ? 0 : add(g, gateway, e);
}

int guest_servers_new(struct core *core, struct timer *timer, uint32_t port, struct guest_servers **out, struct err *e)
{
    struct guest_servers *g = calloc(1, sizeof *g);

    if (!g)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *g = (struct guest_servers){ .core = core, .timer = timer, .port = port };
    lock_init(&g->lock, RANK_HOST);
    *out = g;
    return 0;
}

void guest_servers_quiesce(struct guest_servers *g)
{
    if (!g)
        return;
    HOLD(&g->lock);
    g->is_over = true;
    for (struct guest_server *s = g->head; s; s = s->next)
        http_quiesce(s->http);
}

void guest_servers_free(struct guest_servers *g)
{
    if (!g)
        return;
    while (g->head) {
        struct guest_server *s = g->head;

        g->head = s->next;
        server_free(s);
    }
    lock_done(&g->lock);
    free(g);
}
