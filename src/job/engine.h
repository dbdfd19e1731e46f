/* job, private: the engine as job.c (queue and workers), saga.c (the walk of one job; saga.h is its own) and overdue.c (steps
 * that do not come back) share it. */
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

struct worker {
    struct jobs *js;
    uint32_t slot; /* in js->workers */
    pthread_t thread;
    bool is_replaced GUARDED_BY(js->lock); /* it leaves when it can, unjoined, and frees itself */
};

/* A step or an undo under way, as the watch sees it. */
struct stint {
    struct stint *next GUARDED_BY(js->lock);
    const char *job; /* its id */
    struct worker *worker;
    int64_t until_boot_ms GUARDED_BY(js->lock); /* late_ms after that nobody waits for it any more */
    bool heeds_cancel GUARDED_BY(js->lock);     /* a cancel, not seen yet, makes it sooner */
    atomic_bool is_left;                        /* nobody does */
};

struct jobs {
    struct store *store;
    struct timer *timer;
    struct jobs_config config;
    const struct job_kind *const *kinds;
    void *user;
    struct waits waits;
    struct outcomes *outcomes;
    int64_t started_boot_ms;             /* when this life began: written before the workers run */
    atomic_bool is_stopping;             /* set under the lock, read anywhere */
    atomic_uint cancels;                 /* counts committed cancels: a run that sees a new number reads its row */
    struct worker *workers[WORKERS_MAX]; /* the watch's while it runs, else start's and stop's */
    uint32_t worker_count;
    pthread_t watch_thread;
    bool has_watch;

    struct lock lock;     /* RANK_JOB; not held across a transaction, a step or a callback */
    struct cond due;      /* may_be_due or is_stopping has become true */
    struct cond stopping; /* is_stopping has become true */
    struct cond left;     /* a worker has left, or an alarm is over */
    struct cond watch;    /* for the watch: a stint has begun, a cancel was committed, or is_watch_over */
    struct stint *stints GUARDED_BY(lock);
    uint32_t left_count GUARDED_BY(lock); /* workers that were replaced and have not left */
    bool is_watch_over GUARDED_BY(lock);
    bool may_be_due GUARDED_BY(lock);   /* a claim may find something */
    uint32_t active GUARDED_BY(lock);   /* workers that have not left */
    uint64_t alarm_id GUARDED_BY(lock); /* the timer that sets may_be_due; 0: none */
    int64_t alarm_boot_ms GUARDED_BY(lock);
    uint32_t alarms_out GUARDED_BY(lock); /* alarm callbacks that may still come */
};

/* NULL: unknown. */
const struct job_kind *jobs_kind(const struct jobs *js, const char *name);
bool jobs_is_stopping(struct jobs *js);
/* There may be a job to claim. */
void jobs_wake(struct jobs *js);
/* How long to wait after the n-th failure, n from 1. */
int64_t jobs_backoff_ms(const struct jobs *js, uint32_t n);
/* Waits that long; false, at once, when the engine stops. */
bool jobs_pause(struct jobs *js, int64_t ms);
/* "operation.updated", with the job as it is in *j. */
int jobs_write_event(struct txn *t, const struct job *j, struct err *e);

int worker_start(struct jobs *js, uint32_t slot, struct err *e);

/* Walks a claimed job as far as it goes now: to its end, back to pending, until the engine stops or its step is left behind.
 * is_first_claim: no step of it has ever begun. The caller keeps j. */
void saga_run(struct worker *w, struct job *j, bool is_first_claim);
/* The running step of this job was left behind: goes on as if it had failed for lack of time. */
void saga_go_on_without(struct jobs *js, const char *job);

/* overdue.c. The caller fills *st and keeps it until stint_end. */
void stint_begin(struct jobs *js, struct stint *st);
bool stint_end(struct jobs *js, struct stint *st); /* false: it was left behind, the job is not this thread's any more */
int watch_start(struct jobs *js, struct err *e);
void watch_stop(struct jobs *js); /* before the workers are joined; may be called again */

#endif
