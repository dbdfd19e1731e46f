/* job/ending: how a claimed job leaves its worker's hands: ended, turned back, back in the queue. The engine's own transactions;
 * which of them it is, the walk knows. */
#include <string.h>

#include "outcomes.h"
#include "saga.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "base/str.h"
#include "store/job.h"

enum {
    UNDO_GRACE_MS = 60 * 1000, /* after the deadline a failed undo is tried again for so long */
    UNDO_ATTEMPTS_MAX = 8,
};

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

void saga_recall(struct saga *s)
{
    const struct fault *f = &s->job->error;

    (void)err_set(&s->first, f->code ? err_code_from_word(f->code) : ERR_INTERNAL, "%s",
                  f->message ? f->message : "the operation failed");
    if (f->detail)
        (void)err_detail(&s->first, "%s", f->detail);
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
        log_err(LOG_ERROR, "the state of a job cannot be written", &e, NULL);
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

void saga_end(struct saga *s, const struct err *outcome)
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
    outcomes_add(s->js->outcomes, j, outcome);
    FAILPOINT_AFTER("job.settle.after");
    saga_log_end(s, outcome);
    waits_tell(&s->js->waits, j->id);
}

/* One try: when it fails, the next start requeues what is running. */
void saga_park(struct saga *s)
{
    struct err e = ERR_INIT;

    s->job->status = JOB_PENDING;
    s->job->not_before_ms = 0;
    if (commit_once(s, requeue_txn, NULL, &e) < 0)
        log_err(LOG_WARN, "a job is left running until the next start", &e, NULL);
    else
        log_info("operation waits for the next start", NULL);
}

static void defer_until(struct saga *s, int64_t delay_ms)
{
    s->job->status = JOB_PENDING;
    s->job->attempts++;
    s->job->not_before_ms = clock_wall_ms() + delay_ms;
}

/* A retried kind never gives up; its deadline only says from when on it is tried no oftener than need be. */
void saga_retry_later(struct saga *s, const struct err *why)
{
    int64_t delay_ms = saga_is_past_deadline(s) ? s->js->config.retry_max_ms : jobs_backoff_ms(s->js, s->job->attempts + 1);

    defer_until(s, delay_ms);
    saga_log_again(s, "operation is tried again until it succeeds", delay_ms, why);
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

    log_err(LOG_ERROR, "an undo is given up; something may be left behind", undo, "step", s->kind->steps[s->begun - 1].name,
            NULL);
    (void)err_detail(&outcome, "%s%sundo of %s failed: %s%s%s", s->first.detail, gap, s->kind->steps[s->begun - 1].name,
                     undo->msg, undo->detail[0] == '\0' ? "" : ": ", undo->detail);
    saga_end(s, &outcome);
}

void saga_undo_later(struct saga *s, const struct err *undo)
{
    if (!may_undo_again(s)) {
        give_up(s, undo);
        return;
    }
    int64_t delay_ms = jobs_backoff_ms(s->js, s->job->attempts + 1);

    defer_until(s, delay_ms);
    saga_log_again(s, "undo is tried again", delay_ms, undo);
    if (commit_surely(s, requeue_txn, NULL) == 0)
        FAILPOINT_AFTER("job.defer.after");
}

void saga_turn_back(struct saga *s, const struct err *why)
{
    struct job *j = s->job;
    int64_t now_ms = clock_boot_ms();

    if (s->begun == 0) {
        saga_end(s, why);
        return;
    }
    j->status = JOB_PENDING;
    j->direction = JOB_BACKWARD;
    j->step = s->begun - 1;
    j->attempts = 0;
    j->not_before_ms = 0;
    if (j->deadline_boot_ms < now_ms)
        j->deadline_boot_ms = now_ms; /* the grace of the undo begins now */
    saga_log_turn(why);
    if (commit_surely(s, turn_txn, why) == 0)
        FAILPOINT_AFTER("job.turn.after");
}
