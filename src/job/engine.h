/* job, private: the engine as job.c (queue and workers) and saga.c (the walk of one job) share it. */
#ifndef JOB_ENGINE_H
#define JOB_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "wait.h"

#include "base/thread.h"
#include "job/job.h"

enum { WORKERS_MAX = 64 };

struct jobs {
    struct store *store;
    struct timer *timer;
    struct jobs_config config;
    const struct job_kind *const *kinds;
    void *user;
    struct waits waits;
    int64_t started_boot_ms; /* when this life began: written before the workers run */
    atomic_bool is_stopping; /* set under the lock, read anywhere */
    atomic_uint cancels;     /* counts committed cancels: a run that sees a new number reads its row */
    pthread_t threads[WORKERS_MAX];
    uint32_t thread_count;

    struct lock lock;                   /* RANK_JOB; not held across a transaction, a step or a callback */
    struct cond due;                    /* may_be_due or is_stopping has become true */
    struct cond stopping;               /* is_stopping has become true */
    struct cond left;                   /* a worker has left, or an alarm is over */
    bool may_be_due GUARDED_BY(lock);   /* a claim may find something */
    uint32_t active GUARDED_BY(lock);   /* workers that have not left */
    uint64_t alarm_id GUARDED_BY(lock); /* the timer that sets may_be_due; 0: none */
    int64_t alarm_boot_ms GUARDED_BY(lock);
    uint32_t alarms_out GUARDED_BY(lock); /* alarm callbacks that may still come */
};

/* NULL: unknown. */
const struct job_kind *jobs_kind(const struct jobs *js, const char *name);
bool jobs_is_stopping(struct jobs *js);
/* How long to wait after the n-th failure, n from 1. */
int64_t jobs_backoff_ms(const struct jobs *js, uint32_t n);
/* Waits that long; false, at once, when the engine stops. */
bool jobs_pause(struct jobs *js, int64_t ms);
/* "operation.updated", with the job as it is in *j. */
int jobs_write_event(struct txn *t, const struct job *j, struct err *e);

/* Walks a claimed job as far as it goes now: to its end, back to pending, or until the engine stops. is_first_claim: no step of
 * it has ever begun. The caller keeps j. */
void saga_run(struct jobs *js, struct job *j, bool is_first_claim);

#endif
