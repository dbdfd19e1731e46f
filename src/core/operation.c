/* core/operation: jobs as their askers see them: their own project's only. */
#include "core/operation.h"

#include "internal.h"
#include "record.h"

#include "store/audit.h"
#include "store/job.h"

int operation_get(struct core *c, const struct actor *who, const char *id, struct job **out, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_job_get(t, actor_scope(who), id, out, e);
}

int operation_list(struct core *c, const struct actor *who, const struct operation_query *q, struct job_list *out, bool *has_more,
                   struct err *e)
{
    AUTO(txn) t = NULL;
    struct job_filter f = { .project = actor_scope(who),
                            .kind = q->kind,
                            .target = q->target,
                            .status = q->status,
                            .marker = q->marker,
                            .limit = q->limit };

    return txn_read(c->store, &t, e) < 0 ? -1 : store_job_list(t, &f, out, has_more, e);
}

int operation_cancel(struct core *c, const struct actor *who, const char *id, struct job **out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(job) j = NULL;

    if (txn_write(c->store, &t, e) < 0 || store_job_get(t, actor_scope(who), id, &j, e) < 0)
        return -1;
    if (j->status == JOB_SUCCEEDED || j->status == JOB_FAILED)
        return err_set(e, ERR_CONFLICT, "the operation has ended: %s", job_status_to_string(j->status));
    if (!jobs_is_cancellable(c->jobs, j->kind))
        return err_set(e, ERR_CONFLICT, "%s cannot be cancelled", j->kind);
    const struct actor at = actor_in(who, j->actor.project);
    if (jobs_cancel(c->jobs, t, id, e) < 0 ||
        store_audit_add(t, &(struct audit){ &at, "operation:cancel", "operation", id, "accepted" }, e) < 0 ||
        txn_commit(t, e) < 0)
        return -1;
    j->is_cancel_requested = true;
    *out = TAKE(j);
    return 0;
}

int operation_wait(struct core *c, const struct actor *who, const char *id, int64_t wait_ms, void (*done)(void *arg), void *arg,
                   struct err *e)
{
    AUTO(job) j = NULL;

    if (operation_get(c, who, id, &j, e) < 0)
        return -1;
    return jobs_wait(c->jobs, id, wait_ms, done, arg, e);
}

int operation_poll(struct core *c, const struct actor *who, const char *id, int64_t wait_ms, void (*done)(void *arg), void *arg,
                   struct err *e)
{
    AUTO(job) j = NULL;

    if (operation_get(c, who, id, &j, e) < 0)
        return -1;
    return jobs_poll(c->jobs, id, wait_ms, done, arg, e);
}
