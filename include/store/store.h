/* store: SQLite behind transactions. WAL, synchronous=FULL, foreign keys, STRICT tables; every statement is prepared when the
 * store opens.
 *
 * One writer connection and a few readers. Each function of this room takes the transaction it belongs to, so that a row, its
 * job, its audit line and its event commit together. Any thread; a transaction belongs to one thread and is short: no libvirt
 * call and no wait inside. A database that is locked by someone else for more than 5 s is ERR_UNAVAILABLE; a full disk
 * ERR_DISK_FULL. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct store;
struct txn;

/* Opens or creates the database and migrates it (a copy of the file, "<path>.before-<version>", is made first). ":memory:" is for
 * tests. A corrupt database or one from a newer program is ERR_CONFIG with what to do in the message. */
int store_open(const char *path, struct store **out, struct err *e);
void store_close(struct store *s);
static inline void store_free(struct store *s)
{
    store_close(s);
}
DEFINE_AUTO(store, store_free)
/* Answers whether a read and the writer work now: for /health. */
int store_check(struct store *s, struct err *e);

/* For how long the write transaction under way has had the writer; 0: there is none. From memory: it tells of one that hangs. */
int64_t store_writing_ms(struct store *s);

int txn_read(struct store *s, struct txn **out, struct err *e);  /* a snapshot */
int txn_write(struct store *s, struct txn **out, struct err *e); /* BEGIN IMMEDIATE; one at a time, at most 5 s of waiting */
/* The same with a patience of its own: for who has something better to do than to wait. */
int txn_write_within(struct store *s, int64_t wait_ms, struct txn **out, struct err *e);
/* The calling thread answers requests: from now on it waits a second at most for a write, and hardly at all while the database
 * stays locked. */
void store_hurry(void);
int txn_commit(struct txn *t, struct err *e); /* after a failure nothing of it has happened */
void txn_free(struct txn *t);                 /* rolls back what was not committed */
DEFINE_AUTO(txn, txn_free)
/* Calls fn(arg) after a successful commit, outside the store's locks; when it is rolled back, never. Asked for
 * twice, the same call is made once: a transaction may submit many jobs. At most 16 different ones. */
typedef void txn_fn(void *arg);
int txn_after_commit(struct txn *t, txn_fn *fn, void *arg, struct err *e);

/* Calls fn(arg), likewise, after each commit that added events, once for all of them. One listener, named before the store has a
 * second thread; NULL takes it back, when there is none left. */
void store_on_events(struct store *s, txn_fn *fn, void *arg);

/* The number that the last change of any VM's row took (row_version): what is read from libvirt after this call is newer than
 * every change up to it, whether that is committed yet or not. From memory. */
int64_t store_vm_version(struct store *s);
/* How many commits have changed users, projects, roles or tokens since the store was opened: who read it before it read the rows
 * knows by it that they are still so. From memory. */
uint64_t store_identity_version(struct store *s);

#endif
