/* What errors of every door have in common: the log's line, the headers, and what is not for strangers. */
#include "failure.h"

#include <stdio.h>
#include <string.h>

#include "errors.h"

#include "api/api.h"
#include "base/cleanup.h"
#include "base/log.h"

static const char generic[] = "The daemon failed; its log tells why under this request id.";

bool failure_is_hidden(const struct err *e)
{
    return api_error(e->code)->status == 500;
}

const char *failure_message(const struct err *e)
{
    return failure_is_hidden(e) ? generic : e->msg;
}

static void log_failure(const struct request *r, const struct err *e)
{
    int status = api_error_status(e->code);

    if (status >= 500)
        log_err(status == 500 ? LOG_ERROR : LOG_WARN, "request failed", e, "request_id", request_id(r), "route", request_route(r),
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

static int reply(struct request *r, const struct err *cause, const struct failure_shape *shape, struct err *e)
{
    int status = shape->status ? shape->status(cause) : api_error_status(cause->code);
    AUTO_FREE char *text = shape->text(r, cause);
    size_t len = text ? strlen(text) : 0;

    if (add_headers(r, cause, e) < 0)
        return -1;
    return text ? request_reply(r, status, shape->content_type, TAKE(text), len, e) : request_reply_empty(r, status, e);
}

void failure_reply(struct request *r, const struct err *cause, const struct failure_shape *shape)
{
    struct err e = ERR_INIT;

    log_failure(r, cause);
    if (reply(r, cause, shape, &e) < 0)
        log_err(LOG_WARN, "no answer could be given", &e, "request_id", request_id(r), NULL);
}
