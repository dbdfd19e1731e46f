/* store/row: records and rows: a table of columns says where a record's members lie, and binds and reads them. Private to the
 * room. A module's column table has the order of the column list in its SQL. */
#ifndef STORE_ROW_H
#define STORE_ROW_H

#include "statement.h"

#include "model/words.h"

enum column_kind {
    COLUMN_STRING, /* char *; NULL is NULL; a read one is owned by the record */
    COLUMN_CHARS,  /* char[size]; "" is NULL */
    COLUMN_BOOL,
    COLUMN_U32,
    COLUMN_I64, /* int64_t, and uint64_t below 2^63 */
    COLUMN_WORD /* an enum, stored as its word */
};

struct column {
    enum column_kind kind;
    size_t offset, size;
    const struct words *words;
};
#define COLUMN(kind, record, member)                                                                                             \
    {                                                                                                                            \
        kind, offsetof(struct record, member), sizeof(((struct record *)0)->member), NULL                                        \
    }
#define COLUMN_OF_WORDS(words, record, member)                                                                                   \
    {                                                                                                                            \
        COLUMN_WORD, offsetof(struct record, member), sizeof(((struct record *)0)->member), &(words)                             \
    }

struct row_type {
    const struct column *columns;
    int count;
    size_t size; /* of the record */
    void (*free)(void *record);
};
/* <record>_type, from <record>_columns and <record>_free(). */
#define DEFINE_ROW_TYPE(record)                                                                                                  \
    static void record##_row_free(void *r)                                                                                       \
    {                                                                                                                            \
        record##_free(r);                                                                                                        \
    }                                                                                                                            \
    static const struct row_type record##_type = { record##_columns, (int)ARRAY_LEN(record##_columns), sizeof(struct record),    \
                                                   record##_row_free }

/* Binds ?1 … ?count from the record; strings are borrowed until the statement's scope ends. */
void row_bind(sqlite3_stmt *st, const struct row_type *type, const void *record);
/* Fills a zeroed record from the row the statement stands on. After a failure the record is half full: to be freed. */
int row_read(sqlite3_stmt *st, const struct row_type *type, void *record, struct err *e);
/* A new record from the row the statement stands on; NULL with the reason in *e. */
void *row_new(sqlite3_stmt *st, const struct row_type *type, struct err *e);
/* `items`, perhaps moved, with room for one more behind the `used` ones; NULL when there is no memory, and items stay as they
 * were. */
void *row_array_grow(void *items, size_t used, size_t item_size, struct err *e);

enum { PAGE_MAX = 1000, PAGE_ALL = 0 };
struct page {
    void **items; /* owned: items and array */
    size_t count;
    bool has_more;
};
/* Steps the statement to the end of the page. The statement's own LIMIT must be page_limit(limit). limit: 1..PAGE_MAX, or
 * PAGE_ALL. */
int page_read(sqlite3_stmt *st, const struct row_type *type, uint32_t limit, struct page *out, struct err *e);
/* <record>_read_all(): every row of a statement as a list (model/list.h), from DEFINE_ROW_TYPE's type. */
#define DEFINE_READ_ALL(record)                                                                                                  \
    static int record##_read_all(sqlite3_stmt *st, struct record##_list *out, struct err *e)                                     \
    {                                                                                                                            \
        struct page page;                                                                                                        \
        if (page_read(st, &record##_type, PAGE_ALL, &page, e) < 0)                                                               \
            return -1;                                                                                                           \
        *out = (struct record##_list){ (struct record **)page.items, page.count };                                               \
        return 0;                                                                                                                \
    }
/* One more than the page holds tells whether there is a next one. */
static inline struct value page_limit(uint32_t limit)
{
    return value_int((int64_t)limit + 1);
}
/* ERR_INVALID_FIELD unless it is 1..PAGE_MAX. */
int page_check_limit(uint32_t limit, struct err *e);

#endif
