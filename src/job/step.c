/* job/step: what a running step may ask of its job: how long it has, whether it is cancelled; and its progress. */
#include "saga.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "store/job.h"

enum {
    REPORT_EVERY_MS = 1000,
    REPORT_EVENT_EVERY_MS = 5000,
    REPORT_PATIENCE_MS = 100, /* for the database: a step has something better to do */
};

static struct saga *saga_of(const struct job_run *r)
{
    return (struct saga *)(uintptr_t)r;
}

int64_t job_remaining_ms(const struct job_run *r)
{
    int64_t left_ms = saga_of(r)->until_boot_ms - clock_boot_ms();

    return left_ms > 0 ? left_ms : 0;
}

/* A failure to read means "not yet": the number of the next step is committed with another look. */
static void look_for_cancel(struct saga *s, unsigned cancels)
{
    struct err e = ERR_INIT;
    AUTO(txn) t = NULL;

    if (txn_read(s->js->store, &t, &e) == 0 &&
        store_job_is_cancel_requested(t, s->job->id, &s->job->is_cancel_requested, &e) == 0)
        s->cancels_seen = cancels;
}

bool job_is_cancelled(const struct job_run *r)
{
    struct saga *s = saga_of(r);
    unsigned cancels = atomic_load(&s->js->cancels);

    if (jobs_is_stopping(s->js))
        return true;
    if (s->job->direction == JOB_BACKWARD)
        return false;
    if (atomic_load(&s->stint.is_left))
        return true;
    if (s->kind->policy == JOB_RETRY)
        return false;
    if (cancels != s->cancels_seen)
        look_for_cancel(s, cancels);
    return s->job->is_cancel_requested;
}

static int write_report(struct saga *s, const char *details, bool is_told, struct err *e)
{
    AUTO(txn) t = NULL;

    FAILPOINT(e, "job.report.before");
    if (txn_write_within(s->js->store, REPORT_PATIENCE_MS, &t, e) < 0 ||
        store_job_report(t, s->job->id, s->job->progress, details, e) < 0 || (is_told && jobs_write_event(t, s->job, e) < 0) ||
        txn_commit(t, e) < 0)
        return -1;
    FAILPOINT(e, "job.report.after");
    return 0;
}

void job_report(const struct job_run *r, uint32_t progress, const char *details)
{
    struct saga *s = saga_of(r);
    struct err e = ERR_INIT;
    int64_t now_ms = clock_boot_ms();
    bool is_told = now_ms >= s->may_tell_boot_ms;

    if (now_ms < s->may_report_boot_ms || atomic_load(&s->stint.is_left))
        return;
    s->may_report_boot_ms = now_ms + REPORT_EVERY_MS;
    s->job->progress = progress < 100 ? progress : 100;
    if (write_report(s, details, is_told, &e) < 0)
        log_err(LOG_WARN, "the progress of a job cannot be written", &e, NULL);
    else if (is_told)
        s->may_tell_boot_ms = now_ms + REPORT_EVENT_EVERY_MS;
}
