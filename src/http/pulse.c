/* The records of the threads' calls: a list that only grows until the server is freed. */
#include "pulse.h"

#include <stdlib.h>

#include "base/clock.h"

/* A thread may serve several servers, one after the other: who stops a server runs its last callbacks. */
static _Thread_local struct {
    uint64_t server;
    struct pulse *pulse;
} mine;

void pulses_init(struct pulses *ps)
{
    static _Atomic uint64_t last_id;

    *ps = (struct pulses){ .id = atomic_fetch_add(&last_id, 1) + 1 };
}

void pulses_done(struct pulses *ps)
{
    struct pulse *next;

    for (struct pulse *p = atomic_load(&ps->head); p; p = next) {
        next = p->next;
        free(p);
    }
    atomic_store(&ps->head, NULL);
}

static struct pulse *enrol(struct pulses *ps)
{
    struct pulse *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->next = atomic_load(&ps->head);
    while (!atomic_compare_exchange_weak(&ps->head, &p->next, p))
        ;
    mine.server = ps->id;
    mine.pulse = p;
    return p;
}

struct pulse *pulse_begin(struct pulses *ps)
{
    struct pulse *p = mine.server == ps->id ? mine.pulse : enrol(ps);

    if (p)
        atomic_store(&p->since_us, clock_tick_us());
    return p;
}

void pulse_end(struct pulse *const *p)
{
    if (*p)
        atomic_store(&(*p)->since_us, 0);
}

int64_t pulses_longest_ms(struct pulses *ps)
{
    int64_t now_us = clock_tick_us(), longest_us = 0;

    for (struct pulse *p = atomic_load(&ps->head); p; p = p->next) {
        int64_t since_us = atomic_load(&p->since_us);
        if (since_us > 0 && now_us - since_us > longest_us)
            longest_us = now_us - since_us;
    }
    return longest_us / 1000;
}
