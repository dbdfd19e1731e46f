/* job/saga: one claimed job walks its steps: forward, backward when it fails, and on from where an earlier life left it. Every
 * number is committed before its step runs. Which job is next, who waits for it and for how long is not known here. */
#include <stdio.h>
#include <string.h>

#include "engine.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/str.h"
#include "store/job.h"

enum {
    UNDO_GRACE_MS = 60 * 1000, /* after the deadline a failed undo is tried again for so long */
    UNDO_ATTEMPTS_MAX = 8,
    REPORT_EVERY_MS = 1000,
    REPORT_EVENT_EVERY_MS = 5000,
    REPORT_PATIENCE_MS = 100, /* for the database: a step has something better to do */
};

struct saga {
    struct job_run run; /* first: what steps get is found back as the saga */
    struct jobs *js;
    struct job *job;
    const struct job_kind *kind; /* NULL: unknown */
    struct err first;            /* backward: why it failed; what the client is told, whatever the undo says */
    uint32_t begun;              /* steps that may have left something behind: the first so many */
    int64_t until_boot_ms;       /* what job_remaining_ms counts to */
    unsigned cancels_seen;       /* js->cancels when the row was last read; at first any other number */
    int64_t may_report_boot_ms;  /* before that a report is dropped */
    int64_t may_tell_boot_ms;    /* before that it makes no event */
    bool is_prepared;
    struct worker *worker; /* NULL: the watch, which runs no steps */
    struct stint stint;
};

/* LEFT: this thread is late, and the job somebody else's. */
enum walk { WALK_DONE, WALK_FAILED, WALK_STOPPED, WALK_LEFT };

static struct saga *saga_of(const struct job_run *r)
{
    return (struct saga *)(uintptr_t)r;
}

/* Errors as rows keep them */

static char *copy_or_null(const char *s)
{
    return s[0] == '\0' ? NULL : str_dup(s);
}

static int fault_from_err(struct fault *f, const struct err *why, struct err *e)
{
    struct fault made = { str_dup(err_code_word(why->code)), str_dup(why->msg), copy_or_null(why->detail) };

    if (!made.code || !made.message || (why->detail[0] != '\0' && !made.detail)) {
        fault_done(&made);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    fault_done(f);
    *f = made;
    return 0;
}

static void err_from_fault(struct err *e, const struct fault *f)
{
    (void)err_set(e, f->code ? err_code_from_word(f->code) : ERR_INTERNAL, "%s",
                  f->message ? f->message : "the operation failed");
    if (f->detail)
        (void)err_detail(e, "%s", f->detail);
}

/* The engine's own transactions: what they say has happened already, so they are repeated until the database takes them. When the
 * engine stops first, the row still says running, and the next life takes the job up there. */

typedef int saga_txn_fn(struct saga *s, struct txn *t, const struct err *why, struct err *e);

static int commit_once(struct saga *s, saga_txn_fn *fn, const struct err *why, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_write(s->js->store, &t, e) < 0 || fn(s, t, why, e) < 0)
        return -1;
    return txn_commit(t, e);
}

static int commit_surely(struct saga *s, saga_txn_fn *fn, const struct err *why)
{
    for (uint32_t n = 1;; n++) {
        struct err e = ERR_INIT;

        if (commit_once(s, fn, why, &e) == 0)
            return 0;
        log_err(LOG_ERROR, "the state of a job cannot be written", &e, "job", s->job->id, "kind", s->job->kind, NULL);
        if (!jobs_pause(s->js, jobs_backoff_ms(s->js, n)))
            return -1;
    }
}

/* A claimed row is ours alone: when it is not running any more, an earlier try was committed and only its answer was lost. */
static bool was_committed(const struct err *e)
{
    return e->code == ERR_CONFLICT;
}

static int requeue_txn(struct saga *s, struct txn *t, const struct err *why, struct err *e)
{
    (void)why;
    FAILPOINT(e, "job.defer.before");
    if (store_job_defer(t, s->job, e) < 0)
        return was_committed(e) ? 0 : -1;
    return jobs_write_event(t, s->job, e);
}

/* The row can take the reason only on its way back to the queue, so that is where a job turns. */
static int turn_txn(struct saga *s, struct txn *t, const struct err *why, struct err *e)
{
    FAILPOINT(e, "job.turn.before");
    if (fault_from_err(&s->job->error, why, e) < 0)
        return -1;
    if (store_job_progress(t, s->job, e) < 0)
        return was_committed(e) ? 0 : -1;
    return requeue_txn(s, t, why, e);
}

static int retry_txn(struct saga *s, struct txn *t, const struct err *why, struct err *e)
{
    if (fault_from_err(&s->job->error, why, e) < 0 || requeue_txn(s, t, why, e) < 0)
        return -1;
    return s->kind->deferred ? s->kind->deferred(&s->run, t, why, e) : 0;
}

static int end_txn(struct saga *s, struct txn *t, const struct err *outcome, struct err *e)
{
    FAILPOINT(e, "job.settle.before");
    if (outcome && fault_from_err(&s->job->error, outcome, e) < 0)
        return -1;
    if (store_job_end(t, s->job, e) < 0)
        return was_committed(e) ? 0 : -1;
    if (s->kind && s->kind->settle && s->kind->settle(&s->run, t, outcome, e) < 0)
        return -1;
    return jobs_write_event(t, s->job, e);
}

/* The ways out */

/* Where a committed transaction is followed by a death: nothing else can go wrong there. */
#define FAILPOINT_AFTER(point)                                                                                                   \
    do {                                                                                                                         \
        struct err ignored_ = ERR_INIT;                                                                                          \
        (void)FAILPOINT_EVAL(&ignored_, point);                                                                                  \
    } while (0)

static void end(struct saga *s, const struct err *outcome)
{
    struct job *j = s->job;

    j->status = outcome ? JOB_FAILED : JOB_SUCCEEDED;
    j->ended_at_ms = j->updated_at_ms = clock_wall_ms();
    if (!outcome) {
        j->progress = 100;
        fault_done(&j->error);
    }
    if (commit_surely(s, end_txn, outcome) < 0)
        return;
    FAILPOINT_AFTER("job.settle.after");
    if (outcome)
        log_err(LOG_WARN, "job failed", outcome, "job", j->id, "kind", j->kind, "target", j->target, NULL);
    waits_tell(&s->js->waits, j->id);
}

/* Back to pending at its step and in its direction. One try: when it fails, the next start requeues what is running. */
static void park(struct saga *s)
{
    struct err e = ERR_INIT;

    s->job->status = JOB_PENDING;
    s->job->not_before_ms = 0;
    if (commit_once(s, requeue_txn, NULL, &e) < 0)
        log_err(LOG_WARN, "a job is left running until the next start", &e, "job", s->job->id, NULL);
}

static bool is_past_deadline(const struct saga *s)
{
    return clock_boot_ms() >= s->job->deadline_boot_ms;
}

static void defer_until(struct saga *s, int64_t delay_ms)
{
    s->job->status = JOB_PENDING;
    s->job->attempts++;
    s->job->not_before_ms = clock_wall_ms() + delay_ms;
}

/* A retried kind never gives up; its deadline only says from when on it is tried no oftener than need be. */
static void retry_later(struct saga *s, const struct err *why)
{
    defer_until(s, is_past_deadline(s) ? s->js->config.retry_max_ms : jobs_backoff_ms(s->js, s->job->attempts + 1));
    if (s->job->attempts == 1)
        log_err(LOG_WARN, "job is tried again until it succeeds", why, "job", s->job->id, "kind", s->job->kind, "target",
                s->job->target, NULL);
    if (commit_surely(s, retry_txn, why) == 0)
        FAILPOINT_AFTER("job.defer.after");
}

static bool may_undo_again(const struct saga *s)
{
    int64_t from_ms = s->job->deadline_boot_ms > s->js->started_boot_ms ? s->job->deadline_boot_ms : s->js->started_boot_ms;

    return s->job->attempts + 1 < UNDO_ATTEMPTS_MAX && clock_boot_ms() < from_ms + UNDO_GRACE_MS;
}

/* Something is left behind: whoever reads the error's detail learns what. */
static void give_up(struct saga *s, const struct err *undo)
{
    struct err outcome = s->first;
    const char *gap = s->first.detail[0] == '\0' ? "" : "; ";

    (void)err_detail(&outcome, "%s%sundo of %s failed: %s%s%s", s->first.detail, gap, s->kind->steps[s->begun - 1].name,
                     undo->msg, undo->detail[0] == '\0' ? "" : ": ", undo->detail);
    end(s, &outcome);
}

static void undo_later(struct saga *s, const struct err *undo)
{
    if (!may_undo_again(s)) {
        give_up(s, undo);
        return;
    }
    defer_until(s, jobs_backoff_ms(s->js, s->job->attempts + 1));
    if (commit_surely(s, requeue_txn, NULL) == 0)
        FAILPOINT_AFTER("job.defer.after");
}

/* Steps */

/* Before anything else, also when no step will run: settle wants the scratch as well. */
static int prepare(struct saga *s, struct err *e)
{
    if (s->kind->prepare && s->kind->prepare(&s->run, e) < 0)
        return -1;
    s->is_prepared = true;
    return 0;
}

static int write_step(struct saga *s, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_write(s->js->store, &t, e) < 0 || store_job_is_cancel_requested(t, s->job->id, &s->job->is_cancel_requested, e) < 0 ||
        store_job_progress(t, s->job, e) < 0)
        return -1;
    return txn_commit(t, e);
}

/* Commits the number of the step that comes next; the claim or the turn may have done so already. */
static int reach_step(struct saga *s, uint32_t i, struct err *e)
{
    uint32_t before = s->job->step;

    if (i == before)
        return 0;
    s->job->step = i;
    if (write_step(s, e) == 0)
        return 0;
    s->job->step = before;
    return -1;
}

static int may_begin(const struct saga *s, struct err *e)
{
    if (s->kind->policy == JOB_RETRY)
        return 0;
    if (s->job->is_cancel_requested)
        return err_set(e, ERR_CANCELLED, "the operation was cancelled");
    if (is_past_deadline(s))
        return err_set(e, ERR_TIMEOUT, "the operation took longer than %lld s", (long long)(s->job->timeout_ms / 1000));
    return 0;
}

static int call_run(struct saga *s, const struct job_step *step, struct err *e)
{
    FAILPOINT(e, "job.step.before");
    if (step->run(&s->run, e) < 0)
        return -1;
    FAILPOINT(e, "job.step.after");
    return 0;
}

static int call_undo(struct saga *s, const struct job_step *step, struct err *e)
{
    s->until_boot_ms = clock_boot_ms() + s->js->config.undo_ms;
    FAILPOINT(e, "job.undo.before");
    if (step->undo(&s->run, e) < 0)
        return -1;
    FAILPOINT(e, "job.undo.after");
    return 0;
}

/* The job was undone while this step's run hung: so is what it did since. */
static void take_back(struct saga *s, const struct job_step *step)
{
    struct err e = ERR_INIT;

    log_warn("a step that nobody waited for any more has returned", "job", s->job->id, "kind", s->job->kind, "step", step->name,
             NULL);
    if (s->job->direction == JOB_BACKWARD || s->kind->policy == JOB_RETRY || !step->undo)
        return;
    s->job->direction = JOB_BACKWARD;
    if (call_undo(s, step, &e) < 0)
        log_err(LOG_ERROR, "a late step may have left something behind", &e, "job", s->job->id, "step", step->name, NULL);
}

typedef int call_fn(struct saga *s, const struct job_step *step, struct err *e);

/* Calls it under the eyes of the watch. */
static int call_watched(struct saga *s, call_fn *call, const struct job_step *step, int64_t until_boot_ms, struct err *e)
{
    bool heeds_cancel = s->job->direction == JOB_FORWARD && s->kind->policy == JOB_UNWIND;
    int rc;

    s->until_boot_ms = until_boot_ms;
    s->stint =
        (struct stint){ .job = s->job->id, .worker = s->worker, .until_boot_ms = until_boot_ms, .heeds_cancel = heeds_cancel };
    stint_begin(s->js, &s->stint);
    rc = call(s, step, e);
    if (stint_end(s->js, &s->stint))
        return rc;
    take_back(s, step);
    return err_set(e, ERR_TIMEOUT, "the step was left behind");
}

static int run_step(struct saga *s, uint32_t i, struct err *e)
{
    const struct job_step *step = &s->kind->steps[i];
    int64_t until_ms = s->job->deadline_boot_ms, retry_until_ms = clock_boot_ms() + s->js->config.undo_ms;

    if (reach_step(s, i, e) < 0 || may_begin(s, e) < 0)
        return -1;
    s->begun = i + 1;
    if (s->kind->policy == JOB_RETRY && until_ms < retry_until_ms)
        until_ms = retry_until_ms;
    if (call_watched(s, call_run, step, until_ms, e) < 0)
        return -1;
    s->job->progress = step->progress;
    return 0;
}

static int undo_step(struct saga *s, uint32_t i, struct err *e)
{
    const struct job_step *step = &s->kind->steps[i];

    if (!step->undo)
        return 0;
    if (reach_step(s, i, e) < 0)
        return -1;
    return call_watched(s, call_undo, step, clock_boot_ms() + s->js->config.undo_ms, e);
}

/* A step that gave up because the engine stops has not failed. */
static enum walk failed_or_stopped(const struct saga *s, const struct err *why)
{
    bool is_asked = s->job->direction == JOB_FORWARD && s->job->is_cancel_requested;

    if (atomic_load(&s->stint.is_left))
        return WALK_LEFT;
    return why->code == ERR_CANCELLED && !is_asked && jobs_is_stopping(s->js) ? WALK_STOPPED : WALK_FAILED;
}

static enum walk walk_forward(struct saga *s, struct err *why)
{
    if (prepare(s, why) < 0)
        return WALK_FAILED;
    for (uint32_t i = s->job->step; i < s->kind->step_count; i++) {
        if (jobs_is_stopping(s->js))
            return WALK_STOPPED;
        if (run_step(s, i, why) < 0)
            return failed_or_stopped(s, why);
    }
    return WALK_DONE;
}

static enum walk walk_backward(struct saga *s, struct err *why)
{
    if (prepare(s, why) < 0)
        return WALK_FAILED;
    for (; s->begun > 0; s->begun--) {
        if (jobs_is_stopping(s->js))
            return WALK_STOPPED;
        if (undo_step(s, s->begun - 1, why) < 0)
            return failed_or_stopped(s, why);
    }
    return WALK_DONE;
}

/* The whole walk */

static void go_back(struct saga *s)
{
    struct err undo = ERR_INIT;

    switch (walk_backward(s, &undo)) {
    case WALK_DONE:
        end(s, &s->first);
        break;
    case WALK_FAILED:
        undo_later(s, &undo);
        break;
    case WALK_STOPPED:
        park(s);
        break;
    case WALK_LEFT:
        break;
    }
}

/* From here on the job has failed: reason and direction are committed before the first undo, and the next claim walks back. */
static void turn_back(struct saga *s, const struct err *why)
{
    struct job *j = s->job;
    int64_t now_ms = clock_boot_ms();

    if (s->begun == 0) {
        end(s, why);
        return;
    }
    j->status = JOB_PENDING;
    j->direction = JOB_BACKWARD;
    j->step = s->begun - 1;
    j->attempts = 0;
    j->not_before_ms = 0;
    if (j->deadline_boot_ms < now_ms)
        j->deadline_boot_ms = now_ms; /* the grace of the undo begins now */
    if (commit_surely(s, turn_txn, why) == 0)
        FAILPOINT_AFTER("job.turn.after");
}

static void go_forward(struct saga *s)
{
    struct err why = ERR_INIT;

    switch (walk_forward(s, &why)) {
    case WALK_DONE:
        end(s, NULL);
        break;
    case WALK_FAILED:
        if (s->kind->policy == JOB_RETRY)
            retry_later(s, &why);
        else
            turn_back(s, &why);
        break;
    case WALK_STOPPED:
        park(s);
        break;
    case WALK_LEFT:
        break;
    }
}

/* A row that another version of the program has written. */
static void end_unknown(struct saga *s)
{
    struct err why = ERR_INIT;

    (void)err_set(&why, ERR_INTERNAL, "unknown kind of operation");
    end(s, &why);
}

static void release(struct saga *s)
{
    if (s->is_prepared && s->kind->release)
        s->kind->release(&s->run);
}

void saga_run(struct worker *w, struct job *j, bool is_first_claim)
{
    struct jobs *js = w->js;
    struct saga s = { .run = { .job = j, .user = js->user, .jobs = js },
                      .js = js,
                      .job = j,
                      .kind = jobs_kind(js, j->kind),
                      .first = ERR_INIT,
                      .begun = is_first_claim ? 0 : j->step + 1,
                      .until_boot_ms = j->deadline_boot_ms,
                      .cancels_seen = atomic_load(&js->cancels) - 1,
                      .worker = w };

    if (!s.kind || j->step >= s.kind->step_count) {
        end_unknown(&s);
        return;
    }
    if (j->direction == JOB_FORWARD) {
        go_forward(&s);
    } else {
        err_from_fault(&s.first, &j->error);
        go_back(&s);
    }
    release(&s);
}

/* Without the step that hangs */

static void go_on(struct saga *s)
{
    struct err why = ERR_INIT, ignored = ERR_INIT;
    bool is_forward = s->job->direction == JOB_FORWARD;

    if (is_forward && s->kind->policy == JOB_UNWIND && s->job->is_cancel_requested)
        (void)err_set(&why, ERR_CANCELLED, "the operation was cancelled");
    else
        (void)err_set(&why, ERR_TIMEOUT, "%s did not come to an end in time", s->kind->steps[s->job->step].name);
    (void)prepare(s, &ignored);
    if (!is_forward) {
        err_from_fault(&s->first, &s->job->error);
        undo_later(s, &why);
    } else if (s->kind->policy == JOB_RETRY) {
        retry_later(s, &why);
    } else {
        turn_back(s, &why);
    }
    release(s);
}

static int read_job(struct jobs *js, const char *id, struct job **out, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(js->store, &t, e) < 0 ? -1 : store_job_get(t, NULL, id, out, e);
}

/* The row is at the step that hangs: its number was committed before. */
void saga_go_on_without(struct jobs *js, const char *job)
{
    AUTO(job) j = NULL;
    struct err e = ERR_INIT;

    for (uint32_t n = 1; read_job(js, job, &j, &e) < 0; n++) {
        log_err(LOG_ERROR, "a job whose step hangs cannot be read", &e, "job", job, NULL);
        if (!jobs_pause(js, jobs_backoff_ms(js, n)))
            return;
    }
    struct saga s = { .run = { .job = j, .user = js->user, .jobs = js },
                      .js = js,
                      .job = j,
                      .kind = jobs_kind(js, j->kind),
                      .first = ERR_INIT,
                      .begun = j->step + 1,
                      .until_boot_ms = clock_boot_ms() };

    log_warn("a step is left behind; its operation goes on without it", "job", j->id, "kind", j->kind, "step",
             s.kind->steps[j->step].name, "target", j->target, NULL);
    go_on(&s);
}

/* For steps */

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
        log_err(LOG_WARN, "the progress of a job cannot be written", &e, "job", s->job->id, "kind", s->job->kind, NULL);
    else if (is_told)
        s->may_tell_boot_ms = now_ms + REPORT_EVENT_EVERY_MS;
}
