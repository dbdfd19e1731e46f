/* The rules of labels. How many there may be is in the field tables of who takes them. */
#include "labels.h"

#include <string.h>

static bool has_chars(const char *s, size_t min, size_t max)
{
    size_t chars;

    return s && str_is_utf8(s, strlen(s), &chars) && chars >= min && chars <= max;
}

static int check(json_t *object, const char *field, struct err *e)
{
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
        const char *key = json_object_iter_key(i);
        if (!has_chars(key, 1, LABEL_MAX) || !str_is_printable(key))
            return err_set_field(e, ERR_INVALID_FIELD, field, "keys of %s must have 1 to %d printable characters", field,
                                 LABEL_MAX);
        if (!has_chars(json_string_value(json_object_iter_value(i)), 0, LABEL_MAX))
            return err_set_field(e, ERR_INVALID_FIELD, field, "values of %s must be strings of at most %d characters", field,
                                 LABEL_MAX);
    }
    return 0;
}

int labels_text(json_t *object, const char *field, char **out, struct err *e)
{
    if (!object)
        return 0;
    if (check(object, field, e) < 0)
        return -1;
    *out = json_text(object);
    return *out ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}
