/* Errors of the native door: application/problem+json (RFC 9457). Which status an error has is errors.c's. */
#include <stdio.h>
#include <string.h>

#include "../errors.h"
#include "native.h"
#include "object.h"

#include "api/api.h"
#include "base/cleanup.h"
#include "base/log.h"

static const char generic[] = "The daemon failed; its log tells why under this request id.";

/* The text of a failure of ours may tell what a stranger should not know. */
static bool is_hidden(const struct err *e)
{
    return api_error(e->code)->status == 500;
}

static json_t *problem_object(const struct err *e, const char *request_id)
{
    const struct api_error *a = api_error(e->code);

    return OBJECT({ "type", json_sprintf("urn:computed:error:%s", err_code_word(e->code)) }, { "title", json_string(a->title) },
                  { "status", json_integer(a->status) }, { "detail", json_string(is_hidden(e) ? generic : e->msg) },
                  { "request_id", json_string(request_id) }, { "code", json_string(err_code_word(e->code)) });
}

char *api_error_problem(const struct err *e, const char *request_id, bool is_admin)
{
    AUTO_JSON problem = problem_object(e, request_id);
    const char *inside = e->detail[0] == '\0' && is_hidden(e) ? e->msg : e->detail;

    if (e->field[0] != '\0')
        object_add(&problem, "field", json_string(e->field));
    if (is_admin && inside[0] != '\0')
        object_add(&problem, "admin_detail", json_string(inside));
    return problem ? json_text(problem) : NULL;
}

static void log_failure(struct request *r, const struct err *e)
{
    int status = api_error_status(e->code);

    if (status >= 500)
        log_err(status == 500 ? LOG_ERROR : LOG_WARN, "request failed", e, "request", request_id(r), "route", request_route(r),
                NULL);
}

static int add_headers(struct request *r, const struct err *cause, struct err *e)
{
    const struct api_error *a = api_error(cause->code);
    int retry_after_s = cause->retry_after_s > 0 ? cause->retry_after_s : a->retry_after_s;
    char seconds[16];

    (void)snprintf(seconds, sizeof(seconds), "%d", retry_after_s);
    if (retry_after_s > 0 && request_add_header(r, "Retry-After", seconds, e) < 0)
        return -1;
    /* RFC 9110, 15.5.2 */
    return a->status == 401 ? request_add_header(r, "WWW-Authenticate", "Bearer realm=\"computed\"", e) : 0;
}

static int reply(struct request *r, const struct err *cause, struct err *e)
{
    int status = api_error_status(cause->code);
    const struct actor *who = request_actor(r);
    AUTO_FREE char *text = api_error_problem(cause, request_id(r), who && who->is_admin);
    size_t len = text ? strlen(text) : 0;

    if (add_headers(r, cause, e) < 0)
        return -1;
    return text ? request_reply(r, status, "application/problem+json", TAKE(text), len, e) : request_reply_empty(r, status, e);
}

void problem_reply(struct request *r, const struct err *cause)
{
    struct err e = ERR_INIT;

    log_failure(r, cause);
    if (reply(r, cause, &e) < 0)
        log_err(LOG_WARN, "no answer could be given", &e, "request", request_id(r), NULL);
}
