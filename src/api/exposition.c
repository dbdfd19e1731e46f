/* Lines of the exposition format. What is measured is the caller's. */
#include "exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define US_PER_S 1e6

static const char *const type_words[] = {
    [FAMILY_GAUGE] = "gauge",
    [FAMILY_COUNTER] = "counter",
    [FAMILY_HISTOGRAM] = "histogram",
};

void exposition_family(struct buf *b, const struct family *f)
{
    buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, type_words[f->type]);
}

/* A backslash, a quote and a line feed would end the value, or the line. */
static void add_escaped(struct buf *b, const char *value)
{
    for (;;) {
        size_t plain = strcspn(value, "\\\"\n");

        buf_add(b, value, plain);
        value += plain;
        if (!*value)
            return;
        buf_adds(b, *value == '\n' ? "\\n" : *value == '"' ? "\\\"" : "\\\\");
        value++;
    }
}

static void add_label(struct buf *b, const struct label *l, bool is_first)
{
    buf_adds(b, is_first ? "{" : ",");
    buf_adds(b, l->name);
    buf_adds(b, "=\"");
    add_escaped(b, l->value);
    buf_adds(b, "\"");
}

/* Numbers below 2^53 are exact. */
static void add_line(struct buf *b, const char *name, const char *suffix, struct label_set labels, double value)
{
    buf_adds(b, name);
    buf_adds(b, suffix);
    for (size_t i = 0; i < labels.count; i++)
        add_label(b, &labels.labels[i], i == 0);
    buf_addf(b, "%s %.16g\n", labels.count > 0 ? "}" : "", value);
}

void exposition_sample(struct buf *b, const struct family *f, struct label_set labels, double value)
{
    add_line(b, f->name, "", labels, value);
}

enum { LABELS_MAX = 8 };

/* The caller's labels and, behind them, the bucket's bound. */
static void add_bucket(struct buf *b, const struct family *f, struct label_set labels, const char *bound, uint64_t count)
{
    struct label all[LABELS_MAX];
    size_t n = labels.count < LABELS_MAX ? labels.count : LABELS_MAX - 1;

    for (size_t i = 0; i < n; i++)
        all[i] = labels.labels[i];
    all[n] = (struct label){ "le", bound };
    add_line(b, f->name, "_bucket", (struct label_set){ all, n + 1 }, (double)count);
}

void exposition_histogram(struct buf *b, const struct family *f, struct label_set labels, const struct histogram_reading *h)
{
    char bound[32];

    for (size_t i = 0; i < h->scale->count; i++) {
        (void)snprintf(bound, sizeof bound, "%.15g", (double)h->scale->bounds_us[i] / US_PER_S);
        add_bucket(b, f, labels, bound, h->up_to[i]);
    }
    add_bucket(b, f, labels, "+Inf", h->count);
    add_line(b, f->name, "_sum", labels, (double)h->sum_us / US_PER_S);
    add_line(b, f->name, "_count", labels, (double)h->count);
}
