/* Errors of the native door: application/problem+json (RFC 9457). Which status an error has is errors.c's. */
#include <string.h>

#include "../errors.h"
#include "../failure.h"
#include "../object.h"
#include "native.h"

#include "api/api.h"
#include "base/cleanup.h"
#include "base/log.h"

static json_t *problem_object(const struct err *e, const char *request_id)
{
    const struct api_error *a = api_error(e->code);

    return OBJECT({ "type", json_sprintf("urn:computed:error:%s", err_code_word(e->code)) }, { "title", json_string(a->title) },
                  { "status", json_integer(a->status) }, { "detail", json_string(failure_message(e)) },
                  { "request_id", json_string(request_id) }, { "code", json_string(err_code_word(e->code)) });
}

char *api_error_problem(const struct err *e, const char *request_id, bool is_admin)
{
    AUTO_JSON problem = problem_object(e, request_id);
    const char *inside = e->detail[0] == '\0' && failure_is_hidden(e) ? e->msg : e->detail;

    if (e->field[0] != '\0')
        object_add(&problem, "field", json_string(e->field));
    if (is_admin && inside[0] != '\0')
        object_add(&problem, "admin_detail", json_string(inside));
    return problem ? json_text(problem) : NULL;
}

static int reply(struct request *r, const struct err *cause, struct err *e)
{
    int status = api_error_status(cause->code);
    const struct actor *who = request_actor(r);
    AUTO_FREE char *text = api_error_problem(cause, request_id(r), who && who->is_admin);
    size_t len = text ? strlen(text) : 0;

    if (failure_add_headers(r, cause, e) < 0)
        return -1;
    return text ? request_reply(r, status, "application/problem+json", TAKE(text), len, e) : request_reply_empty(r, status, e);
}

void problem_reply(struct request *r, const struct err *cause)
{
    struct err e = ERR_INIT;

    failure_log(r, cause);
    if (reply(r, cause, &e) < 0)
        log_err(LOG_WARN, "no answer could be given", &e, "request", request_id(r), NULL);
}
