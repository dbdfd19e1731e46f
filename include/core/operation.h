/* core/operation: what clients see of jobs. */
#ifndef CORE_OPERATION_H
#define CORE_OPERATION_H

#include "core/core.h"
#include "model/identity.h"
#include "model/job.h"

struct operation_query {
    const char *kind;
    const char *target;
    const enum job_status *status;
    const char *marker;
    uint32_t limit;
};
int operation_get(struct core *c, const struct actor *who, const char *id, struct job **out, struct err *e);
int operation_list(struct core *c, const struct actor *who, const struct operation_query *q, struct job_list *out, bool *has_more,
                   struct err *e);
/* ERR_CONFLICT when it has ended or its kind cannot be cancelled. */
int operation_cancel(struct core *c, const struct actor *who, const char *id, struct job **out, struct err *e);
/* done(arg) exactly once: it has ended, or wait_ms are over. */
int operation_wait(struct core *c, const struct actor *who, const char *id, int64_t wait_ms, void (*done)(void *arg), void *arg,
                   struct err *e);
/* The same for whoever is content with less than the end: when the daemon is about to stop, it is done at once. */
int operation_poll(struct core *c, const struct actor *who, const char *id, int64_t wait_ms, void (*done)(void *arg), void *arg,
                   struct err *e);

#endif
