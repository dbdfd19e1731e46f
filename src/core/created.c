/* Counters of creates that succeeded. A flavor's counter stays when the flavor goes, for a counter must not; so there is an end
 * to the names that are remembered. */
#include "created.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/thread.h"

enum { FLAVORS_MAX = 1000 };
#define BEYOND "other" /* the flavors that came when so many were known */

struct counter {
    struct counter *next;
    _Atomic uint64_t count;
    char flavor[];
};

struct created {
    struct lock lock; /* RANK_LEAF */
    struct counter *first GUARDED_BY(lock);
    struct counter **end GUARDED_BY(lock); /* where the next is linked in */
    unsigned size GUARDED_BY(lock);
};

int created_new(struct created **out, struct err *e)
{
    struct created *c = calloc(1, sizeof *c);

    if (!c)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    lock_init(&c->lock, RANK_LEAF);
    c->end = &c->first;
    *out = c;
    return 0;
}

void created_free(struct created *c)
{
    if (!c)
        return;
    for (struct counter *n; (n = c->first);) {
        c->first = n->next;
        free(n);
    }
    lock_done(&c->lock);
    free(c);
}

static struct counter *find_locked(const struct created *c, const char *flavor)
{
    for (struct counter *n = c->first; n; n = n->next)
        if (str_equal(n->flavor, flavor))
            return n;
    return NULL;
}

static struct counter *add_locked(struct created *c, const char *flavor)
{
    size_t size = strlen(flavor) + 1;
    struct counter *n = calloc(1, sizeof *n + size);

    if (!n)
        return NULL;
    (void)str_copy(n->flavor, size, flavor);
    *c->end = n;
    c->end = &n->next;
    c->size++;
    return n;
}

/* It stays where it is until the end. NULL: no memory. */
static struct counter *counter_of(struct created *c, const char *flavor)
{
    HOLD(&c->lock);
    struct counter *n = find_locked(c, flavor);

    if (!n && c->size >= FLAVORS_MAX) {
        flavor = BEYOND;
        n = find_locked(c, flavor);
    }
    return n ? n : add_locked(c, flavor);
}

static void count(void *arg)
{
    struct counter *n = arg;

    (void)atomic_fetch_add(&n->count, 1);
}

int created_count_after(struct created *c, struct txn *t, const char *flavor, struct err *e)
{
    struct counter *n = counter_of(c, flavor ? flavor : "");

    return n ? txn_after_commit(t, count, n, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int created_expect(struct created *c, const char *flavor, struct err *e)
{
    return counter_of(c, flavor) ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

void created_each(struct created *c, created_fn *fn, void *arg)
{
    HOLD(&c->lock);

    for (const struct counter *n = c->first; n; n = n->next)
        fn(arg, n->flavor, atomic_load(&n->count));
}
