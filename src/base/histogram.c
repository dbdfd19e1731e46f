/* Buckets are counted one by one and summed when they are read: adding touches two numbers. */
#include "base/histogram.h"

void histogram_add(struct histogram *h, const struct histogram_scale *scale, int64_t us)
{
    size_t i = 0;

    if (us < 0)
        us = 0;
    while (i < scale->count && us > scale->bounds_us[i])
        i++;
    (void)atomic_fetch_add_explicit(&h->buckets[i], 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&h->sum_us, (uint64_t)us, memory_order_relaxed);
}

void histogram_read(const struct histogram *h, const struct histogram_scale *scale, struct histogram_reading *out)
{
    *out = (struct histogram_reading){ .scale = scale, .sum_us = atomic_load_explicit(&h->sum_us, memory_order_relaxed) };
    for (size_t i = 0; i < scale->count; i++) {
        out->count += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        out->up_to[i] = out->count;
    }
    out->count += atomic_load_explicit(&h->buckets[scale->count], memory_order_relaxed);
}
