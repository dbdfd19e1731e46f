/* Errors of the workspace door. Which status an error has is errors.c's. */
#include "../failure.h"
#include "../object.h"
#include "workspace.h"

#include "api/api.h"

static char *error_text(const struct request *r, const struct err *e)
{
    AUTO_JSON error =
        OBJECT({ "error", OBJECT({ "code", json_string(err_code_word(e->code)) }, { "message", json_string(failure_message(e)) },
                                 { "field", text_or_null(e->field) }) });

    (void)r;
    return error ? json_text(error) : NULL;
}

void workspace_error(struct request *r, const struct err *cause)
{
    static const struct failure_shape shape = { "application/json", NULL, error_text };

    failure_reply(r, cause, &shape);
}
