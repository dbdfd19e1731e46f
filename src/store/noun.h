/* store/noun: what most modules of the room do alike: find a row by its id or name, read a page of rows, change a row that is
 * still as it was, delete one. A module says in a struct noun what its statements are; what it does in its own way stays in it.
 * Private to the room. */
#ifndef STORE_NOUN_H
#define STORE_NOUN_H

#include "row.h"

struct noun {
    const char *word; /* "there is no <word> 'x'" */
    enum err_code not_found;
    const struct row_type *type;
    enum stmt_module module;
    /* The module's statements, as far as the functions below need them. In the first four, ?2 is the scope: the project, member
     * or user whose rows are looked at; NULL: everybody's. */
    int get;        /* the row whose id is ?1 */
    int by_name;    /* rows whose name is ?1 */
    int marker;     /* created_at_ms of ?1, an id that may be deleted by now */
    int list;       /* at most ?4 rows, ordered by created_at_ms and id, that come behind (?1, ?3) */
    int exists;     /* a row when there is one with the id ?1 */
    int remove;     /* deletes the row with the id ?1 */
    int set_status; /* of ?1 from ?2 to ?3, with job ?4 and reason ?5, at the time ?6 */
    bool is_newest_first;
};

int noun_not_found(const struct noun *n, const char *ref, struct err *e);
/* The only row of a bound statement, as a new record. NULL: not found, ERR_NAME_AMBIGUOUS or a failure. */
void *noun_read(const struct noun *n, sqlite3_stmt *st, const char *ref, struct err *e);
/* The row with this id, or what noun_read says. */
void *noun_get(struct txn *t, const struct noun *n, const char *scope, const char *id, struct err *e);
/* By id when it looks like one, else by name. */
void *noun_resolve(struct txn *t, const struct noun *n, const char *scope, const char *id_or_name, struct err *e);
int noun_check_exists(struct txn *t, const struct noun *n, const char *id, struct err *e);
/* Runs a bound compare-and-set of the row. When it changed nothing: not found, or ERR_CONFLICT. */
int noun_update(struct txn *t, const struct noun *n, sqlite3_stmt *st, const char *id, struct err *e);
struct status_change {
    const char *id;
    const char *from, *to; /* words */
    const char *job;       /* "": none */
    const char *reason;    /* NULL: none */
};
int noun_set_status(struct txn *t, const struct noun *n, const struct status_change *c, struct err *e); /* as noun_update */
int noun_delete(struct txn *t, const struct noun *n, const char *id, struct err *e); /* not found: it was gone already */

struct page_query {
    const char *scope;  /* NULL: all */
    const char *marker; /* the id of the last row seen; NULL: none yet */
    uint32_t limit;     /* 1..PAGE_MAX */
};
struct page_key {
    int64_t created_at_ms;
    const char *id; /* borrowed from the query */
};
/* Checks the query, and says behind which key its page begins. ERR_INVALID_FIELD "limit" or "marker". */
int noun_page_key(struct txn *t, const struct noun *n, const struct page_query *q, struct page_key *out, struct err *e);
int noun_list(struct txn *t, const struct noun *n, const struct page_query *q, struct page *out, struct err *e);

#endif
