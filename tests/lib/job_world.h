/* job_world: an engine on a real store with kinds of three steps, a b c, that write down what happens to them and fail or wait
 * when told to. The trace of a job that fails in c and is undone: "+a+b+c-c-b-a=hypervisor". One world a process. */
#ifndef TESTS_JOB_WORLD_H
#define TESTS_JOB_WORLD_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/timer.h"
#include "job/job.h"
#include "store/job.h"
#include "store/setting.h"

enum { WORLD_PATIENCE_MS = 20000, WORLD_TRACE_MAX = 1024, WORLD_ALWAYS = 1000000 };

/* An act ("+a", "-a", "=" for settle, "prepare") that fails so many times with this code. */
struct world_fault {
    const char *act;
    int times;
    enum err_code code;
};

static struct world {
    struct store *store;
    struct timer *timer;
    struct jobs *jobs;
    struct jobs_config config; /* of the next engine */
    int64_t timeout_ms;        /* of the next job */
    struct lock lock;          /* RANK_LEAF: all below */
    struct cond changed;
    char trace[WORLD_TRACE_MAX];
    struct world_fault fault; /* set before the engine starts, or while an act is held */
    struct world_fault undo_fault;
    const char *hold; /* the act that waits for world_release */
    bool is_held, is_released, waits_for_deadline;
    bool saw_cancel;           /* job_is_cancelled, asked after the hold */
    int64_t undo_remaining_ms; /* what the last undo had */
    int prepared, released, deferred;
} world = { .config = { .workers = 2,
                        .retry_min_ms = 1,
                        .retry_max_ms = 4,
                        .undo_ms = 60 * 1000,
                        .late_ms = WORLD_PATIENCE_MS,
                        .cancel_patience_ms = WORLD_PATIENCE_MS },
            .timeout_ms = 600 * 1000 };

static inline void world_note_locked(const char *act)
{
    size_t len = strlen(world.trace);

    (void)snprintf(world.trace + len, sizeof(world.trace) - len, "%s", act);
    cond_broadcast(&world.changed);
}

static inline void world_await_release_locked(void)
{
    world.is_held = true;
    cond_broadcast(&world.changed);
    while (!world.is_released && cond_wait_ms(&world.changed, &world.lock, WORLD_PATIENCE_MS))
        continue;
    world.is_held = world.is_released = false;
    world.hold = NULL;
}

static inline int world_fail(struct world_fault *f, const char *act, struct err *e)
{
    if (!f->act || !str_equal(f->act, act) || f->times == 0)
        return 0;
    f->times--;
    (void)err_set(e, f->code, "%s was told to fail", act);
    return err_detail(e, "detail of %s", act);
}

/* Notes the act, waits and fails as told. */
static inline int world_act(struct job_run *r, const char *act, struct err *e)
{
    bool was_held = false;

    (void)job_is_cancelled(r); /* the answer before the hold must not stick */
    lock_take(&world.lock);
    world_note_locked(act);
    if (world.hold && str_equal(world.hold, act)) {
        was_held = true;
        world_await_release_locked();
    }
    while (world.waits_for_deadline && act[0] == '+' && job_remaining_ms(r) > 0)
        (void)cond_wait_ms(&world.changed, &world.lock, job_remaining_ms(r));
    if (act[0] == '-')
        world.undo_remaining_ms = job_remaining_ms(r);
    lock_drop(&world.lock);
    if (was_held)
        world.saw_cancel = job_is_cancelled(r);
    HOLD(&world.lock);
    if (world_fail(&world.fault, act, e) < 0 || world_fail(&world.undo_fault, act, e) < 0)
        return -1;
    return 0;
}

#define WORLD_STEP(name)                                                                                                         \
    static inline int world_run_##name(struct job_run *r, struct err *e)                                                         \
    {                                                                                                                            \
        return world_act(r, "+" #name, e);                                                                                       \
    }                                                                                                                            \
    static inline int world_undo_##name(struct job_run *r, struct err *e)                                                        \
    {                                                                                                                            \
        return world_act(r, "-" #name, e);                                                                                       \
    }
WORLD_STEP(a)
WORLD_STEP(b)
WORLD_STEP(c)

static inline int world_prepare(struct job_run *r, struct err *e)
{
    HOLD(&world.lock);

    if (world_fail(&world.fault, "prepare", e) < 0)
        return -1;
    r->scratch = malloc(1);
    ck_assert_ptr_nonnull(r->scratch);
    world.prepared++;
    return 0;
}

static inline void world_release_scratch(struct job_run *r)
{
    HOLD(&world.lock);

    world.released++;
    free(r->scratch);
}

/* Counts in the job's own transaction: what is rolled back was not settled. */
static inline int world_count(struct txn *t, const char *what, const char *id, struct err *e)
{
    AUTO_FREE char *key = str_printf("test.%s.%s", what, id);
    AUTO_FREE char *old = NULL;
    AUTO_FREE char *now = NULL;
    uint64_t n = 0;

    if (store_setting_find(t, key, &old, e) < 0)
        return -1;
    if (old)
        ck_assert_int_eq(str_to_u64(old, UINT32_MAX, &n), 0);
    now = str_printf("%llu", (unsigned long long)n + 1);
    return store_setting_set(t, key, now, e);
}

static inline int world_note_outcome(const struct err *outcome, struct err *e)
{
    HOLD(&world.lock);

    if (world_fail(&world.fault, "=", e) < 0)
        return -1;
    world_note_locked("=");
    world_note_locked(outcome ? err_code_word(outcome->code) : "ok");
    return 0;
}

static inline int world_settle(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    return world_note_outcome(outcome, e) < 0 ? -1 : world_count(t, "settled", r->job->id, e);
}

static inline int world_deferred(struct job_run *r, struct txn *t, const struct err *why, struct err *e)
{
    (void)why;
    lock_take(&world.lock);
    world_note_locked("~");
    world.deferred++;
    lock_drop(&world.lock);
    return world_count(t, "deferred", r->job->id, e);
}

static const struct job_step world_steps[] = {
    { "a", world_run_a, world_undo_a, 30 },
    { "b", world_run_b, world_undo_b, 60 },
    { "c", world_run_c, world_undo_c, 90 },
};
#define WORLD_KIND(kind_name, kind_policy)                                                                                       \
    {                                                                                                                            \
        .name = kind_name, .steps = world_steps, .step_count = ARRAY_LEN(world_steps), .policy = kind_policy,                    \
        .is_cancellable = (kind_policy) == JOB_UNWIND, .prepare = world_prepare, .release = world_release_scratch,               \
        .settle = world_settle, .deferred = world_deferred                                                                       \
    }
static const struct job_kind world_make = WORLD_KIND("test.make", JOB_UNWIND);
static const struct job_kind world_drop = WORLD_KIND("test.drop", JOB_RETRY);
static const struct job_kind *const world_kinds[] = { &world_make, &world_drop, NULL };

/* An engine on the world's store; jobs run after world_start. */
static inline void world_engine(void)
{
    struct err e = ERR_INIT;

    unit_ok(jobs_new(world.store, world.timer, &world.config, world_kinds, &world, &world.jobs, &e));
}

static inline void world_open(const char *path)
{
    struct err e = ERR_INIT;

    lock_init(&world.lock, RANK_LEAF);
    cond_init(&world.changed);
    unit_ok(store_open(path, &world.store, &e));
    unit_ok(timer_new(&world.timer, &e));
    world_engine();
}

static inline void world_start(void)
{
    struct err e = ERR_INIT;

    unit_ok(jobs_start(world.jobs, &e));
}

static inline void world_close(void)
{
    ck_assert(jobs_stop(world.jobs, WORLD_PATIENCE_MS));
    ck_assert_int_eq(world.prepared, world.released);
    jobs_free(world.jobs);
    timer_free(world.timer);
    store_close(world.store);
}

/* The engine's life ends and the next begins, as after a restart of the daemon that had time to stop. */
static inline void world_restart(void)
{
    ck_assert(jobs_stop(world.jobs, WORLD_PATIENCE_MS));
    jobs_free(world.jobs);
    world.trace[0] = '\0';
    world_engine();
    world_start();
}

static inline void world_submit_in(struct txn *t, const char *kind, const char *after, char *id)
{
    struct err e = ERR_INIT;
    struct job j = { .kind = (char *)(uintptr_t)kind,
                     .actor = { .user = "test" },
                     .params = (char *)(uintptr_t) "{}",
                     .details = (char *)(uintptr_t) "{}",
                     .timeout_ms = world.timeout_ms };

    id_hex32(j.actor.project);
    id_uuid(j.target);
    (void)str_copy(j.after, sizeof(j.after), after);
    unit_ok(jobs_submit(world.jobs, t, &j, &e));
    memcpy(id, j.id, sizeof(j.id));
}

static inline void world_submit(const char *kind, const char *after, char *id)
{
    struct err e = ERR_INIT;
    AUTO(txn) t = NULL;

    unit_ok(txn_write(world.store, &t, &e));
    world_submit_in(t, kind, after, id);
    unit_ok(txn_commit(t, &e));
}

static inline int world_cancel(const char *id, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_write(world.store, &t, e) < 0 || jobs_cancel(world.jobs, t, id, e) < 0)
        return -1;
    return txn_commit(t, e);
}

/* The caller frees. */
static inline struct job *world_job(const char *id)
{
    struct err e = ERR_INIT;
    AUTO(txn) t = NULL;
    struct job *j = NULL;

    unit_ok(txn_read(world.store, &t, &e));
    unit_ok(store_job_get(t, NULL, id, &j, &e));
    return j;
}

static inline uint64_t world_counted(const char *what, const char *id)
{
    struct err e = ERR_INIT;
    AUTO_FREE char *key = str_printf("test.%s.%s", what, id);
    AUTO_FREE char *value = NULL;
    AUTO(txn) t = NULL;
    uint64_t n = 0;

    unit_ok(txn_read(world.store, &t, &e));
    unit_ok(store_setting_find(t, key, &value, &e));
    if (value)
        ck_assert_int_eq(str_to_u64(value, UINT32_MAX, &n), 0);
    return n;
}

static inline void world_await_hold(void)
{
    HOLD(&world.lock);

    while (!world.is_held)
        ck_assert(cond_wait_ms(&world.changed, &world.lock, WORLD_PATIENCE_MS));
}

static inline void world_release(void)
{
    HOLD(&world.lock);

    world.is_released = true;
    cond_broadcast(&world.changed);
}

static inline void world_assert_trace(const char *expected)
{
    HOLD(&world.lock);

    ck_assert_str_eq(world.trace, expected);
}

/* Someone who waits, and how often he was called. */
struct waiter {
    int calls;
};

static inline void waiter_called(void *arg)
{
    struct waiter *w = arg;
    HOLD(&world.lock);

    w->calls++;
    cond_broadcast(&world.changed);
}

static inline void waiter_await(const struct waiter *w)
{
    HOLD(&world.lock);

    while (w->calls == 0)
        ck_assert(cond_wait_ms(&world.changed, &world.lock, WORLD_PATIENCE_MS));
}

/* Waits for the end, which must come before the patience is over; the caller frees the row. */
static inline struct job *world_await_end(const char *id)
{
    struct err e = ERR_INIT;
    struct waiter w = { 0 };
    struct job *j;

    unit_ok(jobs_wait(world.jobs, id, WORLD_PATIENCE_MS, waiter_called, &w, &e));
    waiter_await(&w);
    j = world_job(id);
    ck_assert(j->status == JOB_SUCCEEDED || j->status == JOB_FAILED);
    return j;
}

static inline void world_await_success(const char *id)
{
    AUTO(job) j = world_await_end(id);

    ck_assert_str_eq(job_status_to_string(j->status), "succeeded");
}

static inline void world_assert_failed(const struct job *j, enum err_code code)
{
    ck_assert_str_eq(job_status_to_string(j->status), "failed");
    ck_assert_ptr_nonnull(j->error.code);
    ck_assert_str_eq(j->error.code, err_code_word(code));
    ck_assert_int_gt(j->ended_at_ms, 0);
}

#endif
