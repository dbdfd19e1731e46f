/* store/txn: what a transaction is made of, for the files of this room. */
#ifndef STORE_TXN_H
#define STORE_TXN_H

#include "connection.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "store/store.h"

enum { TXN_HOOK_MAX = 16 };

struct txn_hook {
    txn_fn *fn;
    void *arg;
};

struct txn {
    struct store *store;
    struct conn_pool *pool;
    struct conn *conn; /* NULL: it has ended */
    bool changes_identity;
    bool has_events; /* the store's listener is told after the commit */
    int hook_count;
    struct txn_hook hooks[TXN_HOOK_MAX];
};

/* The next number of the counter that every change of a VM's row takes; next_vm_version() in SQL is the same. */
int64_t txn_next_vm_version(struct txn *t);

/* Counts store_identity_version up when this is committed. */
static inline void txn_touch_identity(struct txn *t)
{
    t->changes_identity = true;
}

/* How long a transaction waits for its connection and the database's lock. For tests: no other thread may use the store
 * meanwhile. */
void store_set_wait_ms(struct store *s, int64_t wait_ms);

#endif
