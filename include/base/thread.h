/* base/thread: ranked locks that the scope releases, conditions on the monotonic clock, named threads.
 *
 * Ranks, lowest taken first; the debug build asserts that a thread only takes upwards from what it holds. No lock is held across
 * a libvirt call. 10 job queue   20 core host   30 virt state   35 core sidecars   37 core events   40 store connections   50
 * http   60 timer   70 waits and small leaves */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum lock_rank {
    RANK_JOB = 10,
    RANK_HOST = 20,
    RANK_VIRT = 30,
    RANK_SIDECAR = 35,
    RANK_EVENTS = 37,
    RANK_STORE = 40,
    RANK_HTTP = 50,
    RANK_TIMER = 60,
    RANK_LEAF = 70
};

#define GUARDED_BY(lock) /* documentation: which lock protects a member */

struct lock {
    pthread_mutex_t mutex;
    int rank;
};
struct cond {
    pthread_cond_t cond; /* CLOCK_MONOTONIC */
};

void lock_init(struct lock *l, enum lock_rank rank);
void lock_done(struct lock *l);
void lock_take(struct lock *l);
void lock_drop(struct lock *l);
void cond_init(struct cond *c);
void cond_done(struct cond *c);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);
void cond_wait(struct cond *c, struct lock *l);
/* Waits until signalled or until timeout_ms from now; false when the time is over. Loops belong to the caller. */
bool cond_wait_ms(struct cond *c, struct lock *l, int64_t timeout_ms);

static inline struct lock *lock_hold(struct lock *l)
{
    lock_take(l);
    return l;
}
static inline void lock_release(struct lock **l)
{
    lock_drop(*l);
}
#define HOLD_NAME2(line) hold_##line
#define HOLD_NAME(line)  HOLD_NAME2(line)
/* Held until the end of the scope. */
#define HOLD(l) __attribute__((cleanup(lock_release), unused)) struct lock *HOLD_NAME(__LINE__) = lock_hold(l)

/* Starts a joinable thread with a small stack (256 KiB) and all signals blocked; `name` at most 15 bytes. */
int thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg, struct err *e);

#endif
