/* Errors of the native door: application/problem+json (RFC 9457). Which status an error has is errors.c's. */
#include "../errors.h"
#include "../failure.h"
#include "../object.h"
#include "native.h"

#include "api/api.h"

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

static char *problem_text(const struct request *r, const struct err *e)
{
    const struct actor *who = request_actor(r);

    return api_error_problem(e, request_id(r), who && who->is_admin);
}

void problem_reply(struct request *r, const struct err *cause)
{
    static const struct failure_shape shape = { "application/problem+json", NULL, problem_text };

    failure_reply(r, cause, &shape);
}
