/* core/lane: one thread and a short queue before it, for arithmetic that would hold up requests: all who ask share one CPU and
 * the memory of one piece of work. */
#ifndef CORE_LANE_H
#define CORE_LANE_H

#include "base/err.h"

struct lane;
/* One piece of work, in the order it came. Once it is submitted it is not to be touched until done(arg), which is called once, on
 * the lane's thread or on the one that stops it. */
struct lane_task {
    void (*run)(void *work, struct err *e); /* *e is err below */
    void *work;
    void (*done)(void *arg);
    void *arg;
    struct err err; /* why nothing came of it */
    struct lane_task *next;
};

/* name: the thread's, at most 15 bytes; what: "keys are being made", for those who come when `max` of them wait. Both outlive the
 * lane. */
int lane_new(const char *name, const char *what, unsigned max, struct lane **out, struct err *e);
int lane_start(struct lane *l, struct err *e);
/* What waits is refused (ERR_UNAVAILABLE); what runs is finished. */
void lane_stop(struct lane *l);
void lane_free(struct lane *l);
/* ERR_UNAVAILABLE: too many wait, or the service is stopping. done is not called then. */
int lane_submit(struct lane *l, struct lane_task *task, struct err *e);

#endif
