/* model/name: what a name may be. */
#include "model/name.h"

#include <string.h>

#include "base/id.h"
#include "base/str.h"

static const char alnum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
static const char strict_tail[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

static int check_strict(const char *name, const char *field, struct err *e)
{
    size_t len = strlen(name);

    if (len == 0 || len > NAME_STRICT_MAX || !strchr(alnum, name[0]) || strspn(name, strict_tail) != len)
        return err_set_field(e, ERR_INVALID_FIELD, field,
                             "%s must be 1 to %d letters, digits, dots, underscores or hyphens, beginning with a letter or digit",
                             field, NAME_STRICT_MAX);
    if (id_looks_like_uuid(name))
        return err_set_field(e, ERR_INVALID_FIELD, field, "%s must not look like a UUID", field);
    return 0;
}

static int check_unicode(const char *name, const char *field, struct err *e)
{
    size_t chars = 0;

    if (!str_is_utf8(name, strlen(name), &chars) || chars == 0 || chars > NAME_UNICODE_MAX || !str_is_printable(name))
        return err_set_field(e, ERR_INVALID_FIELD, field, "%s must be 1 to %d printable characters", field, NAME_UNICODE_MAX);
    return 0;
}

int name_check(const char *name, enum name_rule rule, const char *field, struct err *e)
{
    switch (rule) {
    case NAME_RULE_STRICT:
        return check_strict(name, field, e);
    case NAME_RULE_UNICODE:
        return check_unicode(name, field, e);
    }
    return err_set(e, ERR_INTERNAL, "unknown rule for names");
}
