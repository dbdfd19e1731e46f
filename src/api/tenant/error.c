/* Errors of the tenant door: {"error": "<message>"}. Statuses are errors.c's, but for those that this door's contract names. */
#include "../errors.h"
#include "../failure.h"
#include "../object.h"
#include "tenant.h"

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

static int status_of(const struct err *e)
{
    return rule_of(e).status;
}

static char *error_text(const struct request *r, const struct err *e)
{
    AUTO_JSON body = OBJECT({ "error", json_string(rule_of(e).message) });

    (void)r;
    return body ? json_text(body) : NULL;
}

void tenant_error(struct request *r, const struct err *cause)
{
    static const struct failure_shape shape = { "application/json", status_of, error_text };

    failure_reply(r, cause, &shape);
}
