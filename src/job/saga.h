/* job/saga, private: one claimed job under way, as its walk (saga.c), its ways out (ending.c) and what steps may ask (step.c)
 * share it. */
#ifndef JOB_SAGA_H
#define JOB_SAGA_H

#include "engine.h"

#include "base/clock.h"

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
    char noun[16];          /* what its target is: "vm" */
    const char *context[9]; /* of its thread's log lines */
};

static inline bool saga_is_past_deadline(const struct saga *s)
{
    return clock_boot_ms() >= s->job->deadline_boot_ms;
}

/* ending.c: how a job leaves its worker's hands. Each is a transaction that is repeated until the database takes it, or the
 * engine stops: then the row still says running, and the next life takes it up there. */

/* NULL: it has succeeded. */
void saga_end(struct saga *s, const struct err *outcome);
/* Back to pending at its step and in its direction: the engine stops. */
void saga_park(struct saga *s);
void saga_retry_later(struct saga *s, const struct err *why);
void saga_undo_later(struct saga *s, const struct err *undo);
/* From here on the job has failed: reason and direction are committed before the first undo, and the next claim walks back. */
void saga_turn_back(struct saga *s, const struct err *why);
/* Reads into s->first why it turned back, as its row keeps it. */
void saga_recall(struct saga *s);

/* saga_log.c. From enter to leave each line of this thread says whose work it is. */

void saga_log_enter(struct saga *s);
void saga_log_leave(void);
void saga_log_claim(const struct saga *s, bool is_first);
/* A step, or its undo, has ended; why: NULL when it went well. */
void saga_log_step(const struct saga *s, const struct job_step *step, int64_t us, const struct err *why);
void saga_log_turn(const struct err *why);
void saga_log_again(const struct saga *s, const char *what, int64_t in_ms, const struct err *why);
void saga_log_end(const struct saga *s, const struct err *outcome);

#endif
