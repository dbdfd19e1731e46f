/* job: the queue and its workers: submitting, claiming, waking up, starting and stopping. How one job walks its steps is
 * saga.c's, who waits for an end is wait.c's. Nothing polls: a worker looks for work when a commit, a job's end or the timer says
 * that there may be some. */
#include "job/job.h"

#include <assert.h>
#include <string.h>

#include "engine.h"
#include "outcomes.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "store/event.h"
#include "store/job.h"

enum {
    ALARM_MAX_MS =
        60 * 1000, /* not_before is wall time, which may jump: look again at least so often while something is deferred */
    FREE_GRACE_MS = 10 * 1000, /* for an engine that is freed without having been stopped */
};

const struct job_kind *jobs_kind(const struct jobs *js, const char *name)
{
    for (const struct job_kind *const *k = js->kinds; *k; k++)
        if (str_equal((*k)->name, name))
            return *k;
    return NULL;
}

bool jobs_is_stopping(struct jobs *js)
{
    return atomic_load(&js->is_stopping);
}

int64_t jobs_backoff_ms(const struct jobs *js, uint32_t n)
{
    int64_t ms = js->config.retry_min_ms;

    while (--n > 0 && ms < js->config.retry_max_ms)
        ms *= 2;
    return ms < js->config.retry_max_ms ? ms : js->config.retry_max_ms;
}

bool jobs_pause(struct jobs *js, int64_t ms)
{
    int64_t until_ms = clock_boot_ms() + ms;
    HOLD(&js->lock);

    for (int64_t left_ms = ms; left_ms > 0 && !jobs_is_stopping(js); left_ms = until_ms - clock_boot_ms())
        (void)cond_wait_ms(&js->stopping, &js->lock, left_ms);
    return !jobs_is_stopping(js);
}

/* Waking the queue */

/* Also what txn_after_commit calls. */
static void wake(void *arg)
{
    struct jobs *js = arg;
    HOLD(&js->lock);

    js->may_be_due = true;
    cond_signal(&js->due);
}

void jobs_wake(struct jobs *js)
{
    wake(js);
}

static void alarm_over_locked(struct jobs *js)
{
    if (--js->alarms_out == 0)
        cond_broadcast(&js->left);
}

static void alarm_rings(void *arg)
{
    struct jobs *js = arg;
    HOLD(&js->lock);

    js->alarm_id = 0;
    js->may_be_due = true;
    cond_signal(&js->due);
    alarm_over_locked(js);
}

/* True when no alarm is set any more, its callback included. */
static bool disarm_locked(struct jobs *js)
{
    if (js->alarm_id == 0)
        return true;
    if (!timer_cancel(js->timer, js->alarm_id))
        return false;
    js->alarm_id = 0;
    alarm_over_locked(js);
    return true;
}

/* The earliest alarm wins: one that rings too early costs a look and is set anew, one that rings too late would hold a job up. */
static void set_alarm(struct jobs *js, int64_t delay_ms)
{
    struct err e = ERR_INIT;
    int64_t capped_ms = delay_ms < ALARM_MAX_MS ? delay_ms : ALARM_MAX_MS;
    int64_t at_ms = clock_boot_ms() + (capped_ms > 0 ? capped_ms : 0);
    HOLD(&js->lock);

    if (js->alarm_id != 0 && js->alarm_boot_ms <= at_ms)
        return;
    if (!disarm_locked(js))
        return; /* it rings now */
    if (timer_add(js->timer, capped_ms, alarm_rings, js, &js->alarm_id, &e) < 0) {
        log_err(LOG_ERROR, "deferred jobs wait for the next wake-up", &e, NULL);
        return;
    }
    js->alarm_boot_ms = at_ms;
    js->alarms_out++;
}

/* Workers */

/* The allowance counts from the first claim in this boot: boot time means nothing in another one. */
static void set_deadline(struct job *j)
{
    if (str_equal(j->deadline_boot_id, clock_boot_id()))
        return;
    j->deadline_boot_ms = clock_boot_ms() + j->timeout_ms;
    (void)str_copy(j->deadline_boot_id, sizeof(j->deadline_boot_id), clock_boot_id());
}

/* *out is NULL when nothing is due; that look has written nothing. */
static int claim(struct jobs *js, struct job **out, bool *is_first, int64_t *next_ms, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(job) j = NULL;

    FAILPOINT(e, "job.claim.before");
    if (txn_write(js->store, &t, e) < 0 || store_job_claim(t, &j, next_ms, e) < 0)
        return -1;
    if (j) {
        *is_first = j->deadline_boot_ms == 0;
        set_deadline(j);
        if (store_job_progress(t, j, e) < 0 || jobs_write_event(t, j, e) < 0 || txn_commit(t, e) < 0)
            return -1;
        (void)FAILPOINT_EVAL(e, "job.claim.after"); /* committed: only a death matters here */
    }
    *out = TAKE(j);
    return 0;
}

static void work_once(struct worker *w)
{
    struct jobs *js = w->js;
    struct err e = ERR_INIT;
    AUTO(job) j = NULL;
    int64_t next_ms = 0;
    bool is_first = false;

    if (claim(js, &j, &is_first, &next_ms, &e) < 0) {
        log_err(LOG_ERROR, "cannot look for jobs", &e, NULL);
        set_alarm(js, js->config.retry_min_ms);
        return;
    }
    if (!j) {
        if (next_ms != 0)
            set_alarm(js, next_ms - clock_wall_ms());
        return;
    }
    wake(js); /* there may be one more, for another worker */
    saga_run(w, j, is_first);
    wake(js); /* one that was to come after this one, or this one deferred */
}

/* Takes the hint before the look: a commit during the look sets it again. */
static bool await_due(struct worker *w)
{
    struct jobs *js = w->js;
    HOLD(&js->lock);

    while (!js->may_be_due && !jobs_is_stopping(js) && !w->is_replaced)
        cond_wait(&js->due, &js->lock);
    if (w->is_replaced || jobs_is_stopping(js))
        return false;
    js->may_be_due = false;
    return true;
}

/* One that was replaced is not joined. */
static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct jobs *js = w->js;

    while (await_due(w))
        work_once(w);
    lock_take(&js->lock);
    if (w->is_replaced) {
        js->left_count--;
        (void)pthread_detach(pthread_self());
        free(w);
    }
    js->active--;
    cond_broadcast(&js->left);
    lock_drop(&js->lock);
    return NULL;
}

/* Life of the engine */

static int check_config(const struct jobs_config *c, struct err *e)
{
    if (c->workers < 1 || c->workers > WORKERS_MAX)
        return err_set(e, ERR_CONFIG, "workers: must be 1 to %d", WORKERS_MAX);
    if (c->retry_min_ms < 1 || c->retry_max_ms < c->retry_min_ms)
        return err_set(e, ERR_CONFIG, "job retries: the first delay must be at least 1 ms and at most the longest delay");
    if (c->undo_ms < 0 || c->late_ms < 0 || c->cancel_patience_ms < 0)
        return err_set(e, ERR_CONFIG, "jobs: no time can be negative");
    return 0;
}

int jobs_new(struct store *store, struct timer *timer, const struct jobs_config *config, const struct job_kind *const *kinds,
             void *user, struct jobs **out, struct err *e)
{
    struct jobs *js;

    for (const struct job_kind *const *k = kinds; *k; k++)
        assert((*k)->name && (*k)->step_count > 0 && "a kind has a name and steps");
    if (check_config(config, e) < 0)
        return -1;
    js = calloc(1, sizeof(*js));
    if (!js)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (outcomes_new(kinds, &js->outcomes, e) < 0) {
        free(js);
        return -1;
    }
    js->store = store;
    js->timer = timer;
    js->config = *config;
    js->kinds = kinds;
    js->user = user;
    waits_init(&js->waits, timer);
    lock_init(&js->lock, RANK_JOB);
    cond_init(&js->due);
    cond_init(&js->stopping);
    cond_init(&js->left);
    cond_init(&js->watch);
    *out = js;
    return 0;
}

static int requeue(struct jobs *js, struct err *e)
{
    AUTO(txn) t = NULL;
    uint64_t count = 0;

    if (txn_write(js->store, &t, e) < 0 || store_job_requeue_running(t, &count, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    if (count > 0)
        log_info("operations of the last life are taken up again", NULL);
    return 0;
}

int worker_start(struct jobs *js, uint32_t slot, struct err *e)
{
    AUTO_FREE struct worker *w = calloc(1, sizeof(*w));

    if (!w)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *w = (struct worker){ .js = js, .slot = slot };
    lock_take(&js->lock);
    js->active++;
    lock_drop(&js->lock);
    if (thread_start(&w->thread, "job", worker_main, w, e) == 0) {
        js->workers[slot] = TAKE(w);
        return 0;
    }
    lock_take(&js->lock);
    js->active--;
    lock_drop(&js->lock);
    return -1;
}

int jobs_start(struct jobs *js, struct err *e)
{
    if (requeue(js, e) < 0)
        return -1;
    js->started_boot_ms = clock_boot_ms();
    wake(js);
    for (; js->worker_count < js->config.workers; js->worker_count++)
        if (worker_start(js, js->worker_count, e) < 0) {
            (void)jobs_stop(js, FREE_GRACE_MS);
            return -1;
        }
    return watch_start(js, e);
}

static void announce_stop(struct jobs *js)
{
    HOLD(&js->lock);

    atomic_store(&js->is_stopping, true);
    cond_broadcast(&js->due);
    cond_broadcast(&js->stopping);
}

static bool await_workers(struct jobs *js, int64_t deadline_ms)
{
    int64_t until_ms = clock_boot_ms() + deadline_ms;
    HOLD(&js->lock);

    for (int64_t left_ms = deadline_ms; js->active > 0 && left_ms > 0; left_ms = until_ms - clock_boot_ms())
        (void)cond_wait_ms(&js->left, &js->lock, left_ms);
    return js->active == 0;
}

bool jobs_stop(struct jobs *js, int64_t deadline_ms)
{
    announce_stop(js);
    waits_close(&js->waits);
    watch_stop(js);
    if (!await_workers(js, deadline_ms))
        return false;
    while (js->worker_count > 0) {
        AUTO_FREE struct worker *w = js->workers[--js->worker_count];

        (void)pthread_join(w->thread, NULL);
    }
    return true;
}

static void await_alarm(struct jobs *js)
{
    HOLD(&js->lock);

    (void)disarm_locked(js);
    while (js->alarms_out > 0)
        cond_wait(&js->left, &js->lock);
}

void jobs_free(struct jobs *js)
{
    if (!js)
        return;
    if (!jobs_stop(js, jobs_is_stopping(js) ? 0 : FREE_GRACE_MS))
        return; /* a step that does not return still uses it */
    await_alarm(js);
    waits_done(&js->waits);
    outcomes_free(js->outcomes);
    cond_done(&js->due);
    cond_done(&js->stopping);
    cond_done(&js->left);
    cond_done(&js->watch);
    lock_done(&js->lock);
    free(js);
}

/* What core asks for */

int jobs_write_event(struct txn *t, const struct job *j, struct err *e)
{
    AUTO_JSON payload = json_pack("{s:s, s:s, s:s, s:s}", "id", j->id, "kind", j->kind, "status", job_status_to_string(j->status),
                                  "target", j->target);
    AUTO_FREE char *text = payload ? json_text(payload) : NULL;
    struct event ev = { .type = "operation.updated",
                        .project = j->actor.project,
                        .resource = j->id,
                        .payload = text,
                        .resource_created_at_ms = j->created_at_ms };

    if (!text)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return store_event_add(t, &ev, e);
}

static void fill_new(struct job *j)
{
    id_uuid(j->id);
    j->status = JOB_PENDING;
    j->direction = JOB_FORWARD;
    j->step = j->progress = j->attempts = 0;
    j->is_cancel_requested = false;
    j->deadline_boot_ms = 0;
    j->deadline_boot_id[0] = '\0';
    j->not_before_ms = 0;
    j->created_at_ms = j->updated_at_ms = clock_wall_ms();
    j->started_at_ms = j->ended_at_ms = 0;
}

int jobs_submit(struct jobs *js, struct txn *t, struct job *j, struct err *e)
{
    if (!jobs_kind(js, j->kind))
        return err_set(e, ERR_INTERNAL, "unknown kind of operation");
    fill_new(j);
    if (store_job_insert(t, j, e) < 0 || jobs_write_event(t, j, e) < 0)
        return -1;
    return txn_after_commit(t, wake, js, e);
}

static void cancel_committed(void *arg)
{
    struct jobs *js = arg;

    {
        HOLD(&js->lock);
        atomic_fetch_add(&js->cancels, 1);
        cond_signal(&js->watch);
    }
    wake(js);
}

int jobs_cancel(struct jobs *js, struct txn *t, const char *id, struct err *e)
{
    AUTO(job) j = NULL;
    const struct job_kind *kind;

    if (store_job_get(t, NULL, id, &j, e) < 0)
        return -1;
    kind = jobs_kind(js, j->kind);
    if (kind && kind->policy == JOB_RETRY)
        return err_set(e, ERR_CONFLICT, "an operation of kind '%s' is always finished; it cannot be cancelled", j->kind);
    if (store_job_request_cancel(t, id, e) < 0)
        return -1;
    return txn_after_commit(t, cancel_committed, js, e);
}

bool jobs_is_cancellable(const struct jobs *js, const char *kind)
{
    const struct job_kind *k = jobs_kind(js, kind);

    return k && k->is_cancellable;
}

static int job_has_ended(struct jobs *js, const char *id, bool *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(job) j = NULL;

    if (txn_read(js->store, &t, e) < 0 || store_job_get(t, NULL, id, &j, e) < 0)
        return -1;
    *out = j->status == JOB_SUCCEEDED || j->status == JOB_FAILED;
    return 0;
}

/* Registers first and looks at the row then: an end between the two finds the wait. */
static int await(struct jobs *js, const struct wait_ask *ask, struct err *e)
{
    struct wait *w = NULL;
    bool has_ended = false;
    int rc;

    if (waits_add(&js->waits, ask, &w, e) < 0)
        return -1;
    if (!w)
        return 0;
    rc = job_has_ended(js, ask->id, &has_ended, e);
    if (rc < 0 || has_ended) {
        bool is_mine = waits_take(&js->waits, w);

        if (is_mine && rc == 0)
            ask->fn(ask->arg);
        if (!is_mine)
            rc = 0; /* told meanwhile: to fail as well would answer twice */
    }
    waits_release(&js->waits, w);
    return rc;
}

int jobs_wait(struct jobs *js, const char *id, int64_t wait_ms, job_done_fn *fn, void *arg, struct err *e)
{
    return await(js, &(struct wait_ask){ .id = id, .wait_ms = wait_ms, .fn = fn, .arg = arg }, e);
}

int jobs_poll(struct jobs *js, const char *id, int64_t wait_ms, job_done_fn *fn, void *arg, struct err *e)
{
    return await(js, &(struct wait_ask){ .id = id, .wait_ms = wait_ms, .is_poll = true, .fn = fn, .arg = arg }, e);
}

void jobs_end_polls(struct jobs *js)
{
    waits_end_polls(&js->waits);
}
