/* job/saga: one claimed job walks its steps: forward, backward when it fails, and on from where an earlier life left it. Every
 * number is committed before its step runs. Which job is next, who waits for it and for how long is not known here. */
#include "saga.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "store/job.h"

/* LEFT: this thread is late, and the job somebody else's. */
enum walk { WALK_DONE, WALK_FAILED, WALK_STOPPED, WALK_LEFT };

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
    if (saga_is_past_deadline(s))
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

    log_warn("a step that nobody waited for any more has returned", "step", step->name, NULL);
    if (s->job->direction == JOB_BACKWARD || s->kind->policy == JOB_RETRY || !step->undo)
        return;
    s->job->direction = JOB_BACKWARD;
    if (call_undo(s, step, &e) < 0)
        log_err(LOG_ERROR, "a late step may have left something behind", &e, "step", step->name, NULL);
}

typedef int call_fn(struct saga *s, const struct job_step *step, struct err *e);

/* Calls it under the eyes of the watch. */
static int call_watched(struct saga *s, call_fn *call, const struct job_step *step, int64_t until_boot_ms, struct err *e)
{
    bool heeds_cancel = s->job->direction == JOB_FORWARD && s->kind->policy == JOB_UNWIND;
    int64_t began_us = clock_tick_us();
    int rc;

    s->until_boot_ms = until_boot_ms;
    s->stint =
        (struct stint){ .job = s->job->id, .worker = s->worker, .until_boot_ms = until_boot_ms, .heeds_cancel = heeds_cancel };
    stint_begin(s->js, &s->stint);
    rc = call(s, step, e);
    if (stint_end(s->js, &s->stint)) {
        saga_log_step(s, step, clock_tick_us() - began_us, rc < 0 ? e : NULL);
        return rc;
    }
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
        saga_end(s, &s->first);
        break;
    case WALK_FAILED:
        saga_undo_later(s, &undo);
        break;
    case WALK_STOPPED:
        saga_park(s);
        break;
    case WALK_LEFT:
        break;
    }
}

static void go_forward(struct saga *s)
{
    struct err why = ERR_INIT;

    switch (walk_forward(s, &why)) {
    case WALK_DONE:
        saga_end(s, NULL);
        break;
    case WALK_FAILED:
        if (s->kind->policy == JOB_RETRY)
            saga_retry_later(s, &why);
        else
            saga_turn_back(s, &why);
        break;
    case WALK_STOPPED:
        saga_park(s);
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
    saga_end(s, &why);
}

static void release(struct saga *s)
{
    if (s->is_prepared && s->kind->release)
        s->kind->release(&s->run);
}

static void walk(struct saga *s)
{
    if (!s->kind || s->job->step >= s->kind->step_count) {
        end_unknown(s);
        return;
    }
    if (s->job->direction == JOB_FORWARD) {
        go_forward(s);
    } else {
        saga_recall(s);
        go_back(s);
    }
    release(s);
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

    saga_log_enter(&s);
    saga_log_claim(&s, is_first_claim);
    walk(&s);
    saga_log_leave();
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
        saga_recall(s);
        saga_undo_later(s, &why);
    } else if (s->kind->policy == JOB_RETRY) {
        saga_retry_later(s, &why);
    } else {
        saga_turn_back(s, &why);
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
        log_err(LOG_ERROR, "a job whose step hangs cannot be read", &e, "operation", job, NULL);
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

    saga_log_enter(&s);
    log_warn("a step is left behind; its operation goes on without it", "step", s.kind->steps[j->step].name, NULL);
    go_on(&s);
    saga_log_leave();
}
