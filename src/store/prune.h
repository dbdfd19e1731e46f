/* store/prune: the statements that cut the old end of a numbered log off. What goes is always one end, so that a reader's cursor
 * meets no hole: all before the first that is young enough. Private to the room. */
#ifndef STORE_PRUNE_H
#define STORE_PRUNE_H

#include "statement.h"

#define PRUNE_OLD(table)                                                                                                         \
    "DELETE FROM " table " WHERE seq < coalesce((SELECT seq FROM " table " WHERE at_ms >= ?1 ORDER BY seq LIMIT 1),"             \
    " 9223372036854775807)"
/* All but the newest ?1. */
#define PRUNE_BEYOND(table) "DELETE FROM " table " WHERE seq <= (SELECT seq FROM " table " ORDER BY seq DESC LIMIT 1 OFFSET ?1)"

/* Runs one of them. */
static inline int prune(struct txn *t, enum stmt_module module, int index, int64_t limit, struct err *e)
{
    AUTO_STMT st = stmt_use(t, module, index);

    BIND(st, value_int(limit));
    return stmt_run(st, e);
}

#endif
