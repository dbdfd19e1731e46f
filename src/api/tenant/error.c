/* Errors of the tenant door: {"error": "<message>"}. Statuses are errors.c's, but for those that this door's contract names. */
#include <string.h>

#include "../errors.h"
#include "../failure.h"
#include "../object.h"
#include "tenant.h"

#include "base/log.h"

static const struct tenant_rule {
    enum err_code code;
    int status;
    const char *message; /* NULL: the error's own */
} rules[] = {
    { ERR_VM_NOT_FOUND, 404, "Instance not found" },
    { ERR_FLAVOR_NOT_FOUND, 400, "Invalid flavor" },
    { ERR_IMAGE_NOT_FOUND, 400, "Invalid image" },
    { ERR_INVALID_STATE, 400, NULL },
    { ERR_TIMEOUT, 500, NULL },
};

static struct tenant_rule rule_of(const struct err *e)
{
    struct tenant_rule rule = { e->code, api_error(e->code)->status, NULL };

    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (rules[i].code == e->code)
            rule = rules[i];
    if (!rule.message)
        rule.message = failure_message(e);
    return rule;
}

static int reply(struct request *r, const struct err *cause, struct err *e)
{
    const struct tenant_rule rule = rule_of(cause);
    AUTO_JSON body = OBJECT({ "error", json_string(rule.message) });
    char *text = body ? json_text(body) : NULL;

    if (failure_add_headers(r, cause, e) < 0) {
        free(text);
        return -1;
    }
    return text ? request_reply(r, rule.status, "application/json", text, strlen(text), e)
                : request_reply_empty(r, rule.status, e);
}

void tenant_error(struct request *r, const struct err *cause)
{
    struct err e = ERR_INIT;

    failure_log(r, cause);
    if (reply(r, cause, &e) < 0)
        log_err(LOG_WARN, "no answer could be given", &e, "request", request_id(r), NULL);
}
