/* job: the engine. It knows rows and step functions, never VMs.
 *
 * A kind is a table of steps. The engine claims a job by compare-and-set, commits the step's number, runs the step, and goes on;
 * when a step fails, the job is cancelled or its deadline passes, it walks back and undoes. A step's run succeeds when its work
 * is already done, its undo when it was never done: after a crash the engine calls again what may have run. The last transaction
 * ends the job and calls the kind's `settle` in it, so that the row of whatever the job worked on and the job's end commit
 * together.
 *
 * A step that hangs holds nothing up but its thread, which is replaced: the job goes on without it, so an undo may run beside a
 * run that hangs, and runs once more when that one returns after all. */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/histogram.h"
#include "base/timer.h"
#include "model/job.h"
#include "store/store.h"

struct jobs;

/* What a step gets. `user` is the pointer given to jobs_new. */
struct job_run {
    const struct job *job;
    void *user;
    struct jobs *jobs;
    void *scratch; /* the kind's own, made by prepare; NULL without, and in settle and deferred when prepare has failed */
};

struct job_step {
    const char *name;
    int (*run)(struct job_run *r, struct err *e);
    int (*undo)(struct job_run *r, struct err *e); /* NULL: nothing to undo */
    uint32_t progress;                             /* percent when this step has run */
};

enum job_policy {
    JOB_UNWIND, /* a failed step undoes all before it; the job has failed */
    JOB_RETRY   /* a failed step is tried again with backoff until it works (delete) */
};

struct job_kind {
    const char *name; /* "vm.create" */
    const struct job_step *steps;
    uint32_t step_count;
    enum job_policy policy;
    bool is_cancellable; /* by a client */
    /* Makes r->scratch when the job is taken up, frees it when it is put away; both may be NULL. A failure is the step's. */
    int (*prepare)(struct job_run *r, struct err *e);
    void (*release)(struct job_run *r);
    /* Called in the job's last transaction. outcome NULL: succeeded; else why it failed. What is gone is no failure. */
    int (*settle)(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e);
    /* Called in the transaction that defers a retried job, so that its last error shows; may be NULL. */
    int (*deferred)(struct job_run *r, struct txn *t, const struct err *why, struct err *e);
};

struct jobs_config {
    uint32_t workers;                   /* 1..64 */
    int64_t retry_min_ms, retry_max_ms; /* backoff of JOB_RETRY: doubles from min to max */
    int64_t undo_ms;                    /* for one undo, or one try of a retried step, also when the job's deadline has passed */
    int64_t late_ms;                    /* a step that does not return so long after its time is left behind */
    int64_t cancel_patience_ms;         /* how long after a cancel its time is over */
};

/* kinds: a NULL-terminated array that outlives the engine. Nothing runs before jobs_start. */
int jobs_new(struct store *store, struct timer *timer, const struct jobs_config *config, const struct job_kind *const *kinds,
             void *user, struct jobs **out, struct err *e);
/* Requeues what the last life left running, then starts the workers. */
int jobs_start(struct jobs *js, struct err *e);
/* No new claims; waits until running steps return, at most deadline_ms; what is between steps is parked (pending again). All
 * waits are told. False: a step has not returned. It still uses the engine and the store, so neither may be freed: the process
 * ends. */
bool jobs_stop(struct jobs *js, int64_t deadline_ms);
void jobs_free(struct jobs *js);
DEFINE_AUTO(jobs, jobs_free)

/* Inserts a job of this kind in the caller's transaction; it starts after the commit. Fills id, status and times of *j (kind,
 * actor, target, params, timeout and after are the caller's) and writes the event "operation.updated". */
int jobs_submit(struct jobs *js, struct txn *t, struct job *j, struct err *e);
/* Asks for the end of a job in the caller's transaction; a running step is not interrupted, the next is not begun. */
int jobs_cancel(struct jobs *js, struct txn *t, const char *id, struct err *e);
bool jobs_is_cancellable(const struct jobs *js, const char *kind);

/* Calls fn(arg) exactly once: when the job has ended, when wait_ms are over, or when the engine stops; perhaps before it
 * returns. ERR_OPERATION_NOT_FOUND; ERR_UNAVAILABLE when 4096 wait already. fn must not block. */
typedef void job_done_fn(void *arg);
int jobs_wait(struct jobs *js, const char *id, int64_t wait_ms, job_done_fn *fn, void *arg, struct err *e);
/* The same for whoever can do with less than the end: jobs_end_polls comes first too. */
int jobs_poll(struct jobs *js, const char *id, int64_t wait_ms, job_done_fn *fn, void *arg, struct err *e);
/* Tells all polls, and from now on each that comes; everything else goes on. */
void jobs_end_polls(struct jobs *js);

/* What ended in this life of the engine, by kind. */
enum job_outcome { JOB_OUTCOME_SUCCEEDED, JOB_OUTCOME_FAILED, JOB_OUTCOME_CANCELLED, JOB_OUTCOME_COUNT };
struct job_outcomes {
    const char *kind;
    uint64_t counts[JOB_OUTCOME_COUNT];
    struct histogram_reading durations; /* from being asked for to the end, of all of them */
};
/* Calls fn for each kind, in the order in which the engine was given them. */
typedef void job_outcomes_fn(void *arg, const struct job_outcomes *reading);
void jobs_each_outcomes(const struct jobs *js, job_outcomes_fn *fn, void *arg);

/* For steps, on the thread that runs them. */
/* Until the job's deadline, 0 when it has passed. An undo has undo_ms of its own; so has a retried kind past its deadline. */
int64_t job_remaining_ms(const struct job_run *r);
/* A client or a delete asked the job to stop (never true of an undo or a retried kind), the step was left behind, or the engine
 * is stopping. A step that gives up for it returns ERR_CANCELLED: when it was the engine, the job is parked and the step runs
 * again. May read the store: not inside a transaction. */
bool job_is_cancelled(const struct job_run *r);

/* Tells clients how far the running step is: percent of the whole job, and a JSON object text of the kind's own. Written at most
 * once a second, and events at most every 5 s: more is dropped. Failures are not the step's. */
void job_report(const struct job_run *r, uint32_t progress, const char *details);

#endif
