/* core/created: how many VMs were made in this life of the daemon, by flavor. */
#ifndef CORE_CREATED_H
#define CORE_CREATED_H

#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

struct created;
int created_new(struct created **out, struct err *e);
void created_free(struct created *c);

/* Counts one more when t is committed. flavor: a name, NULL for none. */
int created_count_after(struct created *c, struct txn *t, const char *flavor, struct err *e);
/* From now on it is among those that are read, were it with 0. ERR_NO_MEMORY. */
int created_expect(struct created *c, const char *flavor, struct err *e);
/* Calls fn for each flavor, "" for none among them. It must not block. */
typedef void created_fn(void *arg, const char *flavor, uint64_t count);
void created_each(struct created *c, created_fn *fn, void *arg);

#endif
