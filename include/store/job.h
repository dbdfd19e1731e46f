/* store/job: rows of jobs, and how a worker comes by one. */
#ifndef STORE_JOB_H
#define STORE_JOB_H

#include "model/job.h"
#include "store/store.h"

int store_job_insert(struct txn *t, const struct job *j, struct err *e);
int store_job_get(struct txn *t, const char *project, const char *id, struct job **out,
                  struct err *e); /* ERR_OPERATION_NOT_FOUND */

struct job_filter {
    const char *project;           /* NULL: all */
    const char *kind;              /* NULL: any */
    const char *target;            /* NULL: any */
    const enum job_status *status; /* NULL: any */
    const char *marker;            /* NULL, or the id of the last one seen */
    uint32_t limit;
};
/* Newest first. */
int store_job_list(struct txn *t, const struct job_filter *f, struct job_list *out, bool *has_more, struct err *e);

/* The pending job that was submitted first of those that may start now (its `after` has ended, not_before has passed) becomes
 * running: compare-and-set. *out is NULL when there is none; *next_ms is then the wall time at which one may become due, or 0. */
int store_job_claim(struct txn *t, struct job **out, int64_t *next_ms, struct err *e);
/* Writes step, direction, progress, deadline and attempts of a running job. */
int store_job_progress(struct txn *t, const struct job *j, struct err *e);
/* Progress and details of a running job, from inside a step. */
int store_job_report(struct txn *t, const char *id, uint32_t progress, const char *details, struct err *e);
/* Back to pending, to be tried again at not_before_ms, with error and attempts as they are in *j. */
int store_job_defer(struct txn *t, const struct job *j, struct err *e);
/* succeeded or failed, with error; ERR_CONFLICT unless it is running. */
int store_job_end(struct txn *t, const struct job *j, struct err *e);
/* Asks a job to stop. A running or pending job keeps its status: the engine sees the flag. ERR_CONFLICT when it has ended. */
int store_job_request_cancel(struct txn *t, const char *id, struct err *e);
int store_job_is_cancel_requested(struct txn *t, const char *id, bool *out, struct err *e);
/* At start: what was running when the last life ended is pending again, at its step and in its direction. */
int store_job_requeue_running(struct txn *t, uint64_t *count, struct err *e);
/* Deletes ended jobs older than before_ms, and the oldest beyond `keep`. */
int store_job_prune(struct txn *t, int64_t before_ms, uint64_t keep, struct err *e);
int store_job_count_open(struct txn *t, uint64_t *out, struct err *e);
/* The same by kind and status: only what there is, in no order. */
struct job_depth {
    char *kind;
    enum job_status status;
    uint64_t count;
};
void job_depth_free(struct job_depth *d);
DEFINE_LIST(job_depth)
int store_job_depths(struct txn *t, struct job_depth_list *out, struct err *e);

#endif
