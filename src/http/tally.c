/* Counters of requests: a row for each route, made at the start, so that counting is three additions and nothing to wait for. A
 * route knows few statuses: each takes a slot when it comes first. */
#include "tally.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "server.h"

enum { MS = 1000, S = 1000 * MS };

/* A read of a row takes half a millisecond, a list of a thousand VMs a hundred; a password hash and a libvirt that hangs are in
 * between, and what a tenant waits for is seconds. */
static const struct histogram_scale scale = {
    { MS / 2, MS, 5 * MS / 2, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, S, 5 * S / 2, 5 * S, 10 * S },
    14,
};

enum { FREE_SLOT = -1 };
struct slot {
    _Atomic int status;
    _Atomic uint64_t count;
};
struct row {
    struct slot slots[TALLY_STATUSES_MAX];
    struct histogram durations;
};

struct tally {
    const struct route_table *routes;
    struct row *rows; /* routes->count of them, and the one of no route */
};

int tally_new(const struct route_table *routes, struct tally **out, struct err *e)
{
    struct tally *t = calloc(1, sizeof(*t));

    if (t)
        t->rows = calloc(routes->count + 1, sizeof(*t->rows));
    if (!t || !t->rows) {
        free(t);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    t->routes = routes;
    for (size_t i = 0; i <= routes->count; i++)
        for (size_t k = 0; k < TALLY_STATUSES_MAX; k++)
            atomic_init(&t->rows[i].slots[k].status, FREE_SLOT);
    *out = t;
    return 0;
}

void tally_free(struct tally *t)
{
    if (!t)
        return;
    free(t->rows);
    free(t);
}

/* A slot that is taken keeps its status: who loses the race for a free one looks at what the winner made of it. */
static struct slot *slot_of(struct row *row, int status)
{
    struct slot *s = row->slots;

    for (; s < row->slots + TALLY_STATUSES_MAX - 1; s++) {
        int seen = atomic_load_explicit(&s->status, memory_order_relaxed);
        if (seen == FREE_SLOT && atomic_compare_exchange_strong(&s->status, &seen, status))
            return s;
        if (seen == status)
            return s;
    }
    atomic_store(&s->status, status);
    return s;
}

void tally_add(struct tally *t, const struct route_entry *entry, int status, int64_t duration_us)
{
    struct row *row = &t->rows[entry ? (size_t)(entry - t->routes->entries) : t->routes->count];

    (void)atomic_fetch_add_explicit(&slot_of(row, status)->count, 1, memory_order_release); /* whoever sees it sees the status */
    if (duration_us >= 0)
        histogram_add(&row->durations, &scale, duration_us);
}

static void read_row(const struct row *row, struct tally_reading *out)
{
    for (const struct slot *s = row->slots; s < row->slots + TALLY_STATUSES_MAX; s++) {
        uint64_t count = atomic_load_explicit(&s->count, memory_order_acquire);
        if (count == 0)
            continue;
        out->statuses[out->status_count].status = atomic_load_explicit(&s->status, memory_order_relaxed);
        out->statuses[out->status_count++].count = count;
    }
    histogram_read(&row->durations, &scale, &out->durations);
}

void tally_each(const struct tally *t, tally_fn *fn, void *arg)
{
    for (size_t i = 0; i <= t->routes->count; i++) {
        const struct route *route = i < t->routes->count ? t->routes->entries[i].route : NULL;
        struct tally_reading reading = { .method = route ? route->method : NULL, .path = route ? route->path : NULL };

        read_row(&t->rows[i], &reading);
        if (reading.status_count > 0)
            fn(arg, &reading);
    }
}

/* ---- for handlers ---- */

void request_each_tally(const struct request *r, tally_fn *fn, void *arg)
{
    tally_each(r->http->tally, fn, arg);
}

void request_load(const struct request *r, struct http_load *out)
{
    struct http *h = r->http;

    out->connections = client_set_count(&h->conns);
    out->requests = atomic_load(&h->active);
    out->streams = h->streams ? atomic_load(&h->streams->count) : 0;
}

void request_leave_untimed(struct request *r)
{
    r->is_untimed = true;
}
