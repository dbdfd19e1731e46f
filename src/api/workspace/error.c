/* Errors of the workspace door. Which status an error has is errors.c's. */
#include <string.h>

#include "../failure.h"
#include "../object.h"
#include "workspace.h"

#include "api/api.h"
#include "base/log.h"

static char *error_text(const struct err *e)
{
    AUTO_JSON error =
        OBJECT({ "error", OBJECT({ "code", json_string(err_code_word(e->code)) }, { "message", json_string(failure_message(e)) },
                                 { "field", text_or_null(e->field) }) });

    return error ? json_text(error) : NULL;
}

static int reply(struct request *r, const struct err *cause, struct err *e)
{
    int status = api_error_status(cause->code);
    AUTO_FREE char *text = error_text(cause);
    size_t len = text ? strlen(text) : 0;

    if (failure_add_headers(r, cause, e) < 0)
        return -1;
    return text ? request_reply(r, status, "application/json", TAKE(text), len, e) : request_reply_empty(r, status, e);
}

void workspace_error(struct request *r, const struct err *cause)
{
    struct err e = ERR_INIT;

    failure_log(r, cause);
    if (reply(r, cause, &e) < 0)
        log_err(LOG_WARN, "no answer could be given", &e, "request", request_id(r), NULL);
}
