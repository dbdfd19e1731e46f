/* core/once: first answers, kept with the change that they tell about. The bytes are the front door's. */
#include "once.h"

#include <stdlib.h>

#include "internal.h"

#include "base/str.h"
#include "store/setting.h"

static struct idempotency row_of(const struct once *o)
{
    struct idempotency row = { .project = o->actor->project, .user_id = o->actor->user_id, .key = o->key, .request = o->request };

    (void)str_copy(row.body_sha256, sizeof row.body_sha256, o->body_sha256);
    return row;
}

/* Whether this key has had its answer; it is in *o then. */
static int replay(struct txn *t, struct once *o, bool *is_replay, struct err *e)
{
    struct idempotency row = row_of(o);

    *is_replay = false;
    if (!o->key)
        return 0;
    if (store_idempotency_find(t, &row, e) < 0)
        return -1;
    if (row.status == 0)
        return 0;
    o->status = row.status;
    o->body = row.answer;
    o->location = row.location;
    *is_replay = true;
    return 0;
}

int once_accept(struct once *o, const void *record, struct err *e)
{
    return o->accept ? o->accept(o, record, e) : 0;
}

int once_begin(struct core *c, struct once *o, struct txn **out, bool *is_replay, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_write(c->store, &t, e) < 0 || replay(t, o, is_replay, e) < 0)
        return -1;
    *out = TAKE(t);
    return 0;
}

int once_commit(struct txn *t, struct once *o, const void *record, struct err *e)
{
    if (o->answer(o, record, e) < 0)
        return -1;
    if (o->key) {
        struct idempotency row = row_of(o);

        row.status = o->status;
        row.answer = o->body;
        row.location = o->location;
        if (store_idempotency_insert(t, &row, e) < 0)
            return -1;
    }
    return txn_commit(t, e);
}

void once_done(struct once *o)
{
    free(o->body);
    free(o->location);
    o->body = NULL;
    o->location = NULL;
}
