/* api/exposition: the text in which Prometheus reads numbers (exposition format 0.0.4). Names and labels of one family stand
 * together, behind its HELP and TYPE. A failed buffer stays failed: who sends it finds out. */
#ifndef API_EXPOSITION_H
#define API_EXPOSITION_H

#include "base/histogram.h"
#include "base/str.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum family_type { FAMILY_GAUGE, FAMILY_COUNTER, FAMILY_HISTOGRAM };
struct family {
    const char *name;
    enum family_type type;
    const char *help; /* a line without backslashes */
};
void exposition_family(struct buf *b, const struct family *f);

struct label {
    const char *name;
    const char *value; /* any UTF-8 text */
};
struct label_set {
    const struct label *labels;
    size_t count;
};
#define LABELS(...)                                                                                                              \
    ((struct label_set){ (const struct label[]){ __VA_ARGS__ }, ARRAY_LEN(((const struct label[]){ __VA_ARGS__ })) })
#define NO_LABELS ((struct label_set){ NULL, 0 })

void exposition_sample(struct buf *b, const struct family *f, struct label_set labels, double value);
/* The buckets, in seconds, their sum and count. */
void exposition_histogram(struct buf *b, const struct family *f, struct label_set labels, const struct histogram_reading *h);

#endif
