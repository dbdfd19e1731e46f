/* Locks with ranks, conditions on the monotonic clock, threads with a name. Deadlines that call back are timer.c's. */
#define _GNU_SOURCE /* pthread_setname_np */
#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif

/* Sanitizers make frames several times larger. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_FEATURE(address_sanitizer) ||                           \
    HAS_FEATURE(thread_sanitizer)
enum { STACK_BYTES = 512 * 1024 };
#else
enum { STACK_BYTES = 256 * 1024 };
#endif

enum { HELD_MAX = 8 };
static const int64_t wait_max_ms = INT64_C(1000) * 86400 * 365; /* keeps the sum with "now" from overflowing */

/* A mutex or condition that reports an error is a bug of ours (unlocked twice, freed, never initialised): going on would be a
 * race. */
static void must(int rc)
{
    if (rc != 0)
        abort();
}

#ifndef NDEBUG
/* What this thread holds, in the order of taking, which is the order of ranks. */
static _Thread_local struct lock *held[HELD_MAX];
static _Thread_local size_t held_count;

static void held_check(const struct lock *l)
{
    assert((held_count == 0 || held[held_count - 1]->rank < l->rank) && "locks are taken from lower to higher ranks");
}

static void held_add(struct lock *l)
{
    assert(held_count < HELD_MAX);
    held[held_count++] = l;
}

static void held_remove(const struct lock *l)
{
    size_t i = 0;

    while (i < held_count && held[i] != l)
        i++;
    assert(i < held_count && "this thread does not hold the lock");
    held_count--;
    for (; i < held_count; i++)
        held[i] = held[i + 1];
}
#else
static void held_check(const struct lock *l)
{
    (void)l;
}
static void held_add(struct lock *l)
{
    (void)l;
}
static void held_remove(const struct lock *l)
{
    (void)l;
}
#endif

void lock_init(struct lock *l, enum lock_rank rank)
{
    must(pthread_mutex_init(&l->mutex, NULL));
    l->rank = rank;
}

void lock_done(struct lock *l)
{
    must(pthread_mutex_destroy(&l->mutex));
}

void lock_take(struct lock *l)
{
    held_check(l); /* before it could block: a wrong order fails here every time, not once in a while as a deadlock */
    must(pthread_mutex_lock(&l->mutex));
    held_add(l);
}

void lock_drop(struct lock *l)
{
    held_remove(l);
    must(pthread_mutex_unlock(&l->mutex));
}

void cond_init(struct cond *c)
{
    pthread_condattr_t attr;

    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(&c->cond, &attr));
    must(pthread_condattr_destroy(&attr));
}

void cond_done(struct cond *c)
{
    must(pthread_cond_destroy(&c->cond));
}

void cond_signal(struct cond *c)
{
    must(pthread_cond_signal(&c->cond));
}

void cond_broadcast(struct cond *c)
{
    must(pthread_cond_broadcast(&c->cond));
}

void cond_wait(struct cond *c, struct lock *l)
{
    held_remove(l);
    held_check(l); /* waking up takes it again, so nothing of a higher rank may be held meanwhile */
    must(pthread_cond_wait(&c->cond, &l->mutex));
    held_add(l);
}

static struct timespec monotonic_in_ms(int64_t ms)
{
    struct timespec ts;

    if (ms > wait_max_ms)
        ms = wait_max_ms;
    else if (ms < 0)
        ms = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += (time_t)(ms / 1000);
    ts.tv_nsec += (long)(ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

bool cond_wait_ms(struct cond *c, struct lock *l, int64_t timeout_ms)
{
    struct timespec until = monotonic_in_ms(timeout_ms);

    held_remove(l);
    held_check(l);
    int rc = pthread_cond_timedwait(&c->cond, &l->mutex, &until);
    held_add(l);
    if (rc != ETIMEDOUT)
        must(rc);
    return rc == 0;
}

/* Signals belong to the main thread; a new thread inherits the mask, so they are blocked from its first instruction. */
static int create_masked(pthread_t *out, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &before));
    int rc = pthread_create(out, attr, fn, arg);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    return rc;
}

int thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg, struct err *e)
{
    pthread_attr_t attr;
    pthread_t thread;

    must(pthread_attr_init(&attr));
    must(pthread_attr_setstacksize(&attr, STACK_BYTES));
    int rc = create_masked(&thread, &attr, fn, arg);
    must(pthread_attr_destroy(&attr));
    if (rc != 0)
        return err_errno(e, rc, "cannot start thread %s", name);
    (void)pthread_setname_np(thread, name); /* for top and gdb; a thread without a name works too */
    *out = thread;
    return 0;
}
