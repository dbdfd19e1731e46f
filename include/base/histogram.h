/* base/histogram: how long things took, counted in buckets. Adding takes no lock and is for any thread; a reading may miss what
 * is being added, and is consistent in itself: its count is its last bucket. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_BOUNDS_MAX = 16 };
/* The buckets' upper bounds, rising; what is above the last one counts, too. */
struct histogram_scale {
    int64_t bounds_us[HISTOGRAM_BOUNDS_MAX];
    size_t count;
};
/* Zero-initialised is empty. */
struct histogram {
    _Atomic uint64_t buckets[HISTOGRAM_BOUNDS_MAX + 1];
    _Atomic uint64_t sum_us;
};
/* us below 0 is 0: clocks are set back. */
void histogram_add(struct histogram *h, const struct histogram_scale *scale, int64_t us);

struct histogram_reading {
    const struct histogram_scale *scale;
    uint64_t up_to[HISTOGRAM_BOUNDS_MAX]; /* how many took at most so long, those of the buckets before included */
    uint64_t count;
    uint64_t sum_us;
};
void histogram_read(const struct histogram *h, const struct histogram_scale *scale, struct histogram_reading *out);

#endif
