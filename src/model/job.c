/* model/job: names of states, and the ends of records. */
#include "model/job.h"

#include "table.h"

static const char *const status_names[JOB_STATUS_COUNT] = {
    [JOB_PENDING] = "pending",
    [JOB_RUNNING] = "running",
    [JOB_SUCCEEDED] = "succeeded",
    [JOB_FAILED] = "failed",
};

const char *job_status_to_string(enum job_status s)
{
    return status_names[s];
}

int job_status_from_string(const char *s, enum job_status *out)
{
    int i = table_find(status_names, JOB_STATUS_COUNT, s);

    if (i < 0)
        return -1;
    *out = (enum job_status)i;
    return 0;
}

void job_free(struct job *j)
{
    if (!j)
        return;
    free(j->kind);
    free(j->params);
    free(j->details);
    fault_done(&j->error);
    free(j);
}

void job_list_done(struct job_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        job_free(l->items[i]);
    free(l->items);
    *l = (struct job_list){ 0 };
}
