/* The error record and the words of its codes. What a code means to HTTP is not known here. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

#include "base/str.h"

static const char *const err_words[ERR_CODE_COUNT] = {
    [ERR_NONE] = "none",
    [ERR_INVALID] = "invalid",
    [ERR_INVALID_FIELD] = "invalid_field",
    [ERR_INVALID_JSON] = "invalid_json",
    [ERR_UNAUTHORIZED] = "unauthorized",
    [ERR_FORBIDDEN] = "forbidden",
    [ERR_HOST_REFUSED] = "host_refused",
    [ERR_ORIGIN_REFUSED] = "origin_refused",
    [ERR_NOT_FOUND] = "not_found",
    [ERR_VM_NOT_FOUND] = "vm_not_found",
    [ERR_IMAGE_NOT_FOUND] = "image_not_found",
    [ERR_FLAVOR_NOT_FOUND] = "flavor_not_found",
    [ERR_OPERATION_NOT_FOUND] = "operation_not_found",
    [ERR_KEYPAIR_NOT_FOUND] = "keypair_not_found",
    [ERR_NETWORK_NOT_FOUND] = "network_not_found",
    [ERR_USER_NOT_FOUND] = "user_not_found",
    [ERR_PROJECT_NOT_FOUND] = "project_not_found",
    [ERR_ROLE_NOT_FOUND] = "role_not_found",
    [ERR_TOKEN_NOT_FOUND] = "token_not_found",
    [ERR_METHOD_NOT_ALLOWED] = "method_not_allowed",
    [ERR_NOT_ACCEPTABLE] = "not_acceptable",
    [ERR_CONFLICT] = "conflict",
    [ERR_INVALID_STATE] = "invalid_state",
    [ERR_VM_BUSY] = "vm_busy",
    [ERR_NAME_TAKEN] = "name_taken",
    [ERR_NAME_AMBIGUOUS] = "name_ambiguous",
    [ERR_IN_USE] = "in_use",
    [ERR_VM_LOCKED] = "vm_locked",
    [ERR_ADDRESS_TAKEN] = "address_taken",
    [ERR_CIDR_TAKEN] = "cidr_taken",
    [ERR_NOT_SUPPORTED] = "not_supported",
    [ERR_DOWNLOAD] = "download_failed",
    [ERR_NO_CAPACITY] = "no_capacity",
    [ERR_QUOTA_EXCEEDED] = "quota_exceeded",
    [ERR_TOO_LARGE] = "too_large",
    [ERR_UNSUPPORTED_MEDIA] = "unsupported_media",
    [ERR_IDEMPOTENCY_KEY_REUSED] = "idempotency_key_reused",
    [ERR_TOO_MANY_REQUESTS] = "too_many_requests",
    [ERR_UNAVAILABLE] = "unavailable",
    [ERR_MAINTENANCE] = "maintenance",
    [ERR_TIMEOUT] = "timeout",
    [ERR_CANCELLED] = "cancelled",
    [ERR_DISK_FULL] = "disk_full",
    [ERR_IMAGE_REFUSED] = "image_refused",
    [ERR_TEMPLATE_INVALID] = "template_invalid",
    [ERR_HYPERVISOR] = "hypervisor",
    [ERR_FOREIGN_DOMAIN] = "foreign_domain",
    [ERR_DOMAIN_MISSING] = "domain_missing",
    [ERR_DISK_MISSING] = "disk_missing",
    [ERR_CONFIG] = "config",
    [ERR_NO_MEMORY] = "no_memory",
    [ERR_INTERNAL] = "internal",
};

/* Arguments may point into the error that is being set (an old msg in a new one), so text is made aside and then copied. */
static void __attribute__((format(printf, 3, 0))) format_text(char *dst, size_t size, const char *fmt, va_list ap)
{
    int len = vsnprintf(dst, size, fmt, ap);

    if (len < 0)
        dst[0] = '\0';
    else if ((size_t)len >= size)
        dst[utf8_cut(dst, size - 1)] = '\0';
}

static int fill(struct err *e, enum err_code code, const char *field, const char *msg)
{
    char field_copy[sizeof(e->field)];

    (void)str_copy(field_copy, sizeof(field_copy), field);
    e->code = code;
    memcpy(e->field, field_copy, sizeof(e->field));
    (void)str_copy(e->msg, sizeof(e->msg), msg);
    e->detail[0] = '\0';
    e->retry_after_s = 0;
    return -1;
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    char msg[sizeof(e->msg)];
    va_list ap;

    va_start(ap, fmt);
    format_text(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    return fill(e, code, "", msg);
}

int err_set_field(struct err *e, enum err_code code, const char *field, const char *fmt, ...)
{
    char msg[sizeof(e->msg)];
    va_list ap;

    va_start(ap, fmt);
    format_text(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    return fill(e, code, field, msg);
}

static enum err_code code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return ERR_DISK_FULL;
    case ENOMEM:
        return ERR_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return ERR_UNAVAILABLE;
    default:
        return ERR_INTERNAL;
    }
}

int err_errno(struct err *e, int errnum, const char *fmt, ...)
{
    char msg[sizeof(e->msg)];
    char reason[128];
    va_list ap;

    va_start(ap, fmt);
    format_text(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    if (strerror_r(errnum, reason, sizeof(reason)) != 0)
        (void)snprintf(reason, sizeof(reason), "errno %d", errnum);
    (void)fill(e, code_of_errno(errnum), "", msg);
    return err_detail(e, "%s: %s", msg, reason);
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char prefix[sizeof(e->msg)];
    char whole[2 * sizeof(e->msg) + 2];
    va_list ap;

    va_start(ap, fmt);
    format_text(prefix, sizeof(prefix), fmt, ap);
    va_end(ap);
    (void)snprintf(whole, sizeof(whole), "%s: %s", prefix, e->msg);
    (void)str_copy(e->msg, sizeof(e->msg), whole);
    return -1;
}

int err_detail(struct err *e, const char *fmt, ...)
{
    char detail[sizeof(e->detail)];
    va_list ap;

    va_start(ap, fmt);
    format_text(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    (void)str_copy(e->detail, sizeof(e->detail), detail);
    return -1;
}

void err_clear(struct err *e)
{
    *e = (struct err)ERR_INIT;
}

void err_print(const struct err *e, const char *who)
{
    (void)fprintf(stderr, "%s: %s\n", who, e->msg);
    if (e->detail[0] != '\0')
        (void)fprintf(stderr, "%s: %s\n", who, e->detail);
}

const char *err_code_word(enum err_code code)
{
    if ((unsigned)code >= ERR_CODE_COUNT)
        code = ERR_INTERNAL;
    return err_words[code];
}

enum err_code err_code_from_word(const char *word)
{
    for (unsigned code = 0; code < ERR_CODE_COUNT; code++)
        if (strcmp(err_words[code], word) == 0)
            return (enum err_code)code;
    return ERR_INTERNAL;
}
