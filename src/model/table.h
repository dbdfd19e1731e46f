/* model/table: enum and string live in one table; this is the look-up. */
#ifndef MODEL_TABLE_H
#define MODEL_TABLE_H

#include <stddef.h>
#include <string.h>

/* The index of s, or -1. NULL entries never match. */
static inline int table_find(const char *const *names, int count, const char *s)
{
    for (int i = 0; i < count; i++)
        if (names[i] && strcmp(names[i], s) == 0)
            return i;
    return -1;
}

#endif
