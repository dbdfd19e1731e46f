/* model/job: names of states, and the ends of records. */
#include "model/job.h"

#include "table.h"

static const char *const status_names[JOB_STATUS_COUNT] = {
    [JOB_PENDING] = "pending",
    [JOB_RUNNING] = "running",
    [JOB_SUCCEEDED] = "succeeded",
    [JOB_FAILED] = "failed",
};
DEFINE_NAMES(job_status, status_names)

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
