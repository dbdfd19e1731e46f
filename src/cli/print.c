/* Tables whose columns are as wide as their longest cell. */
#include "print.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

static void add_json(struct buf *b, const json_t *value, enum column_kind kind);

static void add_bytes(struct buf *b, double bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    size_t i = 0;

    for (; bytes >= 1024 && i + 1 < ARRAY_LEN(units); i++)
        bytes /= 1024;
    buf_addf(b, i == 0 ? "%.0f %s" : "%.1f %s", bytes, units[i]);
}

static void add_array(struct buf *b, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            buf_adds(b, ", ");
        add_json(b, json_array_get(array, i), COLUMN_PLAIN);
    }
}

static void add_object(struct buf *b, const json_t *object)
{
    const char *separator = "";
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        buf_addf(b, "%s%s: ", separator, key);
        add_json(b, value, COLUMN_PLAIN);
        separator = "; ";
    }
}

static void add_json(struct buf *b, const json_t *value, enum column_kind kind)
{
    if (json_is_string(value))
        buf_adds(b, json_string_value(value));
    else if (json_is_integer(value) && kind == COLUMN_BYTES)
        add_bytes(b, (double)json_integer_value(value));
    else if (json_is_integer(value))
        buf_addf(b, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        buf_addf(b, "%g", json_real_value(value));
    else if (json_is_boolean(value))
        buf_adds(b, json_is_true(value) ? "yes" : "no");
    else if (json_is_array(value))
        add_array(b, value);
    else if (json_is_object(value))
        add_object(b, value);
    else
        buf_adds(b, "-");
}

static size_t width_of(const char *text)
{
    size_t chars = 0;

    return str_is_utf8(text, strlen(text), &chars) ? chars : strlen(text);
}

static size_t column_width(const json_t *rows, const struct column *column)
{
    size_t width = width_of(column->title);

    for (size_t i = 0; i < json_array_size(rows); i++) {
        AUTO_BUF cell = { 0 };

        add_json(&cell, json_object_get(json_array_get(rows, i), column->key), column->kind);
        if (cell.data && width_of(cell.data) > width)
            width = width_of(cell.data);
    }
    return width;
}

static void print_cell(const char *text, size_t width, bool is_last)
{
    if (is_last)
        printf("%s\n", text);
    else
        printf("%s%*s", text, (int)(width - width_of(text) + 2), "");
}

void print_table(const json_t *rows, const struct column *columns, size_t count)
{
    enum { COLUMNS_MAX = 16 };
    size_t widths[COLUMNS_MAX] = { 0 };

    for (size_t c = 0; c < count; c++) {
        widths[c] = column_width(rows, &columns[c]);
        print_cell(columns[c].title, widths[c], c + 1 == count);
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        for (size_t c = 0; c < count; c++) {
            AUTO_BUF cell = { 0 };

            add_json(&cell, json_object_get(json_array_get(rows, i), columns[c].key), columns[c].kind);
            print_cell(cell.data ? cell.data : "", widths[c], c + 1 == count);
        }
    }
}

void print_column(const json_t *rows, const struct column *column)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        AUTO_BUF cell = { 0 };

        add_json(&cell, json_object_get(json_array_get(rows, i), column->key), column->kind);
        print_cell(cell.data ? cell.data : "", 0, true);
    }
}

static bool is_telling(const json_t *value)
{
    return value && !json_is_null(value) && !(json_is_array(value) && json_array_size(value) == 0) &&
           !(json_is_object(value) && json_object_size(value) == 0);
}

void print_members(const json_t *object)
{
    size_t width = 0;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (is_telling(value) && strlen(key) > width)
            width = strlen(key);
    }
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        AUTO_BUF text = { 0 };

        if (!is_telling(value))
            continue;
        add_json(&text, value, COLUMN_PLAIN);
        printf("%s:%*s%s\n", key, (int)(width - strlen(key) + 1), "", text.data ? text.data : "");
    }
}

void print_json(const json_t *json)
{
    (void)json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
}
