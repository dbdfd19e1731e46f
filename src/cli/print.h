/* print: answers for people: tables and lists of members, on stdout. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <stddef.h>

#include "base/json.h"

enum column_kind { COLUMN_PLAIN, COLUMN_BYTES };
struct column {
    const char *title;
    const char *key; /* of a row's member */
    enum column_kind kind;
};

void print_table(const json_t *rows, const struct column *columns, size_t count);
/* The cells of one column, a line each, without title. */
void print_column(const json_t *rows, const struct column *column);
/* "key: value" lines, members that are null or empty left out. */
void print_members(const json_t *object);
/* The JSON text itself, indented. */
void print_json(const json_t *json);

#endif
