/* store/row: the one loop that copies between rows and records, and pages of them. Knows no table and no record. */
#include "row.h"

#include <assert.h>
#include <string.h>

#include "base/str.h"

static struct value member_value(const struct column *c, const void *record)
{
    const char *p = (const char *)record + c->offset;

    switch (c->kind) {
    case COLUMN_STRING:
        return value_text(*(char *const *)p);
    case COLUMN_CHARS:
        return value_id(p);
    case COLUMN_BOOL:
        return value_int(*(const bool *)p);
    case COLUMN_U32:
        return value_int(*(const uint32_t *)p);
    case COLUMN_I64:
        return value_int(*(const int64_t *)p);
    case COLUMN_WORD:
        return value_text(c->words->to_string(*(const int *)p));
    }
    return value_text(NULL);
}

void row_bind(sqlite3_stmt *st, const struct row_type *type, const void *record)
{
    assert(!st || type->count == sqlite3_bind_parameter_count(st));
    for (int i = 0; i < type->count; i++)
        stmt_bind_at(st, i + 1, member_value(&type->columns[i], record));
}

static int read_string(sqlite3_stmt *st, int i, char **out, struct err *e)
{
    const char *text = (const char *)sqlite3_column_text(st, i);

    if (!text && sqlite3_column_type(st, i) == SQLITE_NULL)
        return 0;
    *out = str_dup(text);
    return *out ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int read_word(sqlite3_stmt *st, int i, const struct words *words, int *out, struct err *e)
{
    const char *text = (const char *)sqlite3_column_text(st, i);

    if (words->from_string(text, out) == 0)
        return 0;
    err_set(e, ERR_INTERNAL, "the database holds a word that this program does not know");
    return err_detail(e, "column %s: %s", sqlite3_column_name(st, i), text ? text : "NULL");
}

static int read_member(sqlite3_stmt *st, int i, const struct column *c, void *record, struct err *e)
{
    char *p = (char *)record + c->offset;
    const char *text;

    switch (c->kind) {
    case COLUMN_STRING:
        return read_string(st, i, (char **)p, e);
    case COLUMN_CHARS:
        text = (const char *)sqlite3_column_text(st, i);
        (void)str_copy(p, c->size, text ? text : "");
        return 0;
    case COLUMN_BOOL:
        *(bool *)p = sqlite3_column_int(st, i) != 0;
        return 0;
    case COLUMN_U32:
        *(uint32_t *)p = (uint32_t)sqlite3_column_int64(st, i);
        return 0;
    case COLUMN_I64:
        *(int64_t *)p = sqlite3_column_int64(st, i);
        return 0;
    case COLUMN_WORD:
        return read_word(st, i, c->words, (int *)p, e);
    }
    return 0;
}

int row_read(sqlite3_stmt *st, const struct row_type *type, void *record, struct err *e)
{
    assert(sqlite3_column_count(st) == type->count);
    for (int i = 0; i < type->count; i++)
        if (read_member(st, i, &type->columns[i], record, e) < 0)
            return -1;
    return 0;
}

void *row_new(sqlite3_stmt *st, const struct row_type *type, struct err *e)
{
    void *record = calloc(1, type->size);

    if (!record) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (row_read(st, type, record, e) < 0) {
        type->free(record);
        return NULL;
    }
    return record;
}

void *row_array_grow(void *items, size_t used, size_t item_size, struct err *e)
{
    bool is_full = (used & (used - 1)) == 0; /* room doubles: 1, 2, 4 … */
    void *more = is_full ? reallocarray(items, used ? used * 2 : 1, item_size) : items;

    if (!more)
        err_set(e, ERR_NO_MEMORY, "out of memory");
    return more;
}

int page_check_limit(uint32_t limit, struct err *e)
{
    if (limit < 1 || limit > PAGE_MAX)
        return err_set_field(e, ERR_INVALID_FIELD, "limit", "limit must be 1 to %d", PAGE_MAX);
    return 0;
}

static void page_done(const struct row_type *type, struct page *p)
{
    for (size_t i = 0; i < p->count; i++)
        type->free(p->items[i]);
    free(p->items);
}

static int page_add(sqlite3_stmt *st, const struct row_type *type, struct page *p, struct err *e)
{
    void **more = row_array_grow(p->items, p->count, sizeof(*more), e);

    if (!more)
        return -1;
    p->items = more;
    p->items[p->count] = row_new(st, type, e);
    if (!p->items[p->count])
        return -1;
    p->count++;
    return 0;
}

int page_read(sqlite3_stmt *st, const struct row_type *type, uint32_t limit, struct page *out, struct err *e)
{
    struct page p = { 0 };
    int rc;

    while ((rc = stmt_row(st, e)) > 0) {
        if (limit != PAGE_ALL && p.count == limit) {
            p.has_more = true;
            break;
        }
        if ((rc = page_add(st, type, &p, e)) < 0)
            break;
    }
    if (rc < 0) {
        page_done(type, &p);
        return -1;
    }
    *out = p;
    return 0;
}
