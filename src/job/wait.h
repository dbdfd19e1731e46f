/* job/wait, private: who waits for the end of a job. Each is told exactly once: by the end, by its own time, or by the engine's
 * stop. */
#ifndef JOB_WAIT_H
#define JOB_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/thread.h"
#include "base/timer.h"
#include "job/job.h"

enum { WAITS_MAX = 4096 };

struct wait;

struct waits {
    struct timer *timer;
    struct lock lock;    /* RANK_JOB, never with another of that rank; not held across a callback */
    struct cond drained; /* timers_out has become 0 */
    struct wait *head GUARDED_BY(lock);
    uint32_t count GUARDED_BY(lock);
    uint32_t timers_out GUARDED_BY(lock); /* timer callbacks that may still come */
    bool is_closed GUARDED_BY(lock);
    bool is_impatient GUARDED_BY(lock); /* polls are told at once */
};

void waits_init(struct waits *ws, struct timer *timer);
/* Waits for callbacks of the timer that are under way. Call waits_close first. */
void waits_done(struct waits *ws);

struct wait_ask {
    const char *id; /* the job's */
    int64_t wait_ms;
    bool is_poll; /* the end is not what is needed, only sooner news of it */
    job_done_fn *fn;
    void *arg;
};
/* *out is the caller's hold on the wait, ended by waits_release; NULL when the engine has stopped and fn has been called. More
 * than WAITS_MAX waits are ERR_UNAVAILABLE. */
int waits_add(struct waits *ws, const struct wait_ask *ask, struct wait **out, struct err *e);
/* True when the wait is the caller's to tell or to forget; false when it has been told. */
bool waits_take(struct waits *ws, struct wait *w);
void waits_release(struct waits *ws, struct wait *w);
/* Tells all that wait for this job. */
void waits_tell(struct waits *ws, const char *id);
/* Tells all polls, and from now on whichever comes. */
void waits_end_polls(struct waits *ws);
/* Tells all, and from now on whoever comes. */
void waits_close(struct waits *ws);

#endif
