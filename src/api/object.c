/* Objects from tables of members, and the one object that several records share. */
#include "object.h"

#include <string.h>

#include "model/vm.h"

json_t *object_of(const struct member *members, size_t count)
{
    json_t *object = json_object();

    for (size_t i = 0; i < count; i++)
        object_add(&object, members[i].name, members[i].value);
    return object;
}

void object_add(json_t **object, const char *name, json_t *value)
{
    if (json_object_set_new_nocheck(*object, name, value) == 0) /* takes the value in any case */
        return;
    json_decref(*object);
    *object = NULL;
}

json_t *text_or_null(const char *s)
{
    return json_string_or_null(s[0] != '\0' ? s : NULL);
}

json_t *object_stored(const char *text)
{
    struct err e = ERR_INIT;
    json_t *stored = NULL;

    if (strcmp(text, "{}") == 0)
        return json_object();
    if (strcmp(text, "[]") == 0)
        return json_array();
    return json_parse(text, strlen(text), &stored, &e) == 0 ? stored : NULL;
}

json_t *object_fault(const struct fault *f, bool is_admin)
{
    if (!f->code)
        return json_null();
    json_t *object = OBJECT({ "code", json_string(f->code) }, { "message", json_string(f->message ? f->message : "") });
    if (is_admin && f->detail)
        object_add(&object, "detail", json_string(f->detail));
    return object;
}
