/* The job record as JSON: what clients may know of it. Steps, deadlines and parameters are the engine's own. */
#include "operation_json.h"

#include <string.h>

#include "../link.h"
#include "../object.h"
#include "../reply.h"

json_t *operation_json(const struct job *job, bool is_admin)
{
    json_t *operation = OBJECT({ "id", json_string(job->id) }, { "kind", json_string(job->kind) },
                               { "status", json_string(job_status_to_string(job->status)) },
                               { "progress", json_integer(job->progress) }, { "target", json_string(job->target) },
                               { "project", json_string(job->actor.project) }, { "error", object_fault(&job->error, is_admin) },
                               { "created_at", json_time(job->created_at_ms) }, { "started_at", json_time(job->started_at_ms) },
                               { "updated_at", json_time(job->updated_at_ms) }, { "ended_at", json_time(job->ended_at_ms) });

    if (strcmp(job->details, "{}") != 0)
        object_add(&operation, "details", object_stored(job->details));
    return operation;
}

int operation_accepted(struct request *r, const struct job *job, struct err *e)
{
    AUTO_FREE char *location = str_printf(OPERATIONS_PATH "/%s", job->id);

    if (!location)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (link_location(r, location, e) < 0)
        return -1;
    return reply_json(r, 202, operation_json(job, request_actor(r)->is_admin), e);
}
