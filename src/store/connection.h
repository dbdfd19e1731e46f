/* store/connection: one SQLite connection with its settings and statements. Private to the room. */
#ifndef STORE_CONNECTION_H
#define STORE_CONNECTION_H

#include <stdatomic.h>

#include "statement.h"

#include "base/thread.h"

enum { CONN_POOL_MAX = 3, STORE_APPLICATION_ID = 0x436d7044 }; /* "CmpD" */
#define STORE_IN_MEMORY ":memory:"

struct conn {
    sqlite3 *db;
    _Atomic int64_t *vm_version; /* the store's; next_vm_version() in SQL counts it up */
    struct stmt_set statements;
    bool is_busy; /* guarded by the store's lock, as is the next */
    int64_t busy_since_us;
};

/* Connections of one kind. */
struct conn_pool {
    struct conn conns[CONN_POOL_MAX];
    int count;
    struct cond freed;
};

/* Opens the file, makes it a WAL database, checks and migrates it. ERR_CONFIG with what to do. */
int conn_open_writer(struct conn *c, const char *path, struct err *e);
/* A further connection, which cannot change anything. */
int conn_open_reader(struct conn *c, const char *path, struct err *e);
void conn_close(struct conn *c);

#endif
