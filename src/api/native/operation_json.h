/* api/native/operation_json: a job as clients of /v1 see it. */
#ifndef API_NATIVE_OPERATION_JSON_H
#define API_NATIVE_OPERATION_JSON_H

#include "base/json.h"
#include "http/http.h"
#include "model/job.h"

#define OPERATIONS_PATH "/v1/operations"

/* NULL: no memory. is_admin: with the detail of its error. */
json_t *operation_json(const struct job *job, bool is_admin);
/* 202 with the operation and its Location. */
int operation_accepted(struct request *r, const struct job *job, struct err *e);

#endif
