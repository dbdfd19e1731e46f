/* Counters of jobs that ended in this life of the daemon: a row for each kind, made at the start. */
#include "outcomes.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "engine.h"

#include "base/str.h"

enum { MS = 1000, S = 1000 * MS, MINUTE = 60 * S };

/* From a record's sidecar to an image that takes its whole hour: half of the kinds are quicker than a second. */
static const struct histogram_scale scale = {
    { 10 * (int64_t)MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, S, 5 * S / 2, 5 * S, 10 * S, 30 * S, MINUTE, 2 * MINUTE,
      5 * MINUTE, 15 * MINUTE, 30 * MINUTE },
    16,
};

struct row {
    _Atomic uint64_t counts[JOB_OUTCOME_COUNT];
    struct histogram durations;
};

struct outcomes {
    const struct job_kind *const *kinds;
    struct row *rows;
    size_t count;
};

int outcomes_new(const struct job_kind *const *kinds, struct outcomes **out, struct err *e)
{
    struct outcomes *o = calloc(1, sizeof(*o));

    if (!o)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    o->kinds = kinds;
    while (kinds[o->count])
        o->count++;
    o->rows = calloc(o->count + 1, sizeof(*o->rows));
    if (!o->rows) {
        free(o);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    *out = o;
    return 0;
}

void outcomes_free(struct outcomes *o)
{
    if (!o)
        return;
    free(o->rows);
    free(o);
}

static enum job_outcome outcome_of(const struct err *outcome)
{
    if (!outcome)
        return JOB_OUTCOME_SUCCEEDED;
    return outcome->code == ERR_CANCELLED ? JOB_OUTCOME_CANCELLED : JOB_OUTCOME_FAILED;
}

static struct row *row_of(struct outcomes *o, const char *kind)
{
    for (size_t i = 0; i < o->count; i++)
        if (str_equal(o->kinds[i]->name, kind))
            return &o->rows[i];
    return NULL;
}

void outcomes_add(struct outcomes *o, const struct job *j, const struct err *outcome)
{
    struct row *row = row_of(o, j->kind);

    if (!row)
        return;
    (void)atomic_fetch_add_explicit(&row->counts[outcome_of(outcome)], 1, memory_order_relaxed);
    histogram_add(&row->durations, &scale, (j->ended_at_ms - j->created_at_ms) * MS);
}

void jobs_each_outcomes(const struct jobs *js, job_outcomes_fn *fn, void *arg)
{
    const struct outcomes *o = js->outcomes;

    for (size_t i = 0; i < o->count; i++) {
        struct job_outcomes reading = { .kind = o->kinds[i]->name };

        for (int k = 0; k < JOB_OUTCOME_COUNT; k++)
            reading.counts[k] = atomic_load_explicit(&o->rows[i].counts[k], memory_order_relaxed);
        histogram_read(&o->rows[i].durations, &scale, &reading.durations);
        fn(arg, &reading);
    }
}
