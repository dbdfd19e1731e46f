/* model/table: enum and string live in one table; here are the look-up, and the two conversions over it. */
#ifndef MODEL_TABLE_H
#define MODEL_TABLE_H

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

/* The index of s, or -1, also for NULL. NULL entries never match. */
static inline int table_find(const char *const *names, int count, const char *s)
{
    for (int i = 0; s && i < count; i++)
        if (names[i] && strcmp(names[i], s) == 0)
            return i;
    return -1;
}

/* <type>_to_string() and <type>_from_string(), which a header declares, over the names of all values of the enum. */
#define DEFINE_NAMES(type, names)                                                                                                \
    const char *type##_to_string(enum type value)                                                                                \
    {                                                                                                                            \
        return (names)[value];                                                                                                   \
    }                                                                                                                            \
    int type##_from_string(const char *s, enum type *out)                                                                        \
    {                                                                                                                            \
        int i = table_find(names, (int)ARRAY_LEN(names), s);                                                                     \
                                                                                                                                 \
        if (i < 0)                                                                                                               \
            return -1;                                                                                                           \
        *out = (enum type)i;                                                                                                     \
        return 0;                                                                                                                \
    }

#endif
