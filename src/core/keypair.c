/* core/keypair: importing, making, finding and deleting keypairs. What a key is, is in ssh_key; the thread that makes them in
 * lane. */
#include "core/keypair.h"

#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "once.h"
#include "quota.h"
#include "record.h"
#include "sidecar.h"
#include "ssh_key.h"

#include "base/clock.h"
#include "base/str.h"
#include "model/name.h"
#include "store/audit.h"
#include "store/keypair.h"

struct keypair_draft {
    struct core *core;
    struct keypair *keypair;
    /* Unless it is imported. */
    bool is_made;
    struct lane_task task;
    enum ssh_key_kind kind;
    char *private_key;
};

/* ---- creating ---- */

/* Files end in a newline, and so do keys that were read from one. */
static int import(const char *text, struct keypair *out, struct err *e)
{
    AUTO_FREE char *line = str_dup(text);
    size_t len;

    if (!line)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    for (len = strlen(line); len > 0 && strchr(" \t\r\n", line[len - 1]);)
        line[--len] = '\0';
    return ssh_key_read(line, "public_key", out, e);
}

static void make_pair(void *work, struct err *e)
{
    struct keypair_draft *d = work;

    (void)ssh_key_make(d->kind, d->keypair->name, d->keypair, &d->private_key, e); /* a failure is in *e */
}

static int order_pair(struct keypair_draft *d, const char *type, struct err *e)
{
    d->kind = SSH_KEY_ED25519;
    if (type && ssh_key_kind_from_string(type, &d->kind) < 0)
        return err_set_field(e, ERR_INVALID_FIELD, "type", "type must be ed25519 or rsa");
    d->is_made = true;
    d->task.run = make_pair;
    d->task.work = d;
    return lane_submit(d->core->keymaker, &d->task, e);
}

static int refuse_both(const struct keypair_spec *spec, struct err *e)
{
    if (!spec->public_key || !spec->type)
        return 0;
    return err_set_field(e, ERR_INVALID_FIELD, "type", "type is of a keypair that is made here: leave it out with public_key");
}

static int draft_new(struct core *c, const struct keypair_spec *spec, struct keypair_draft **out, struct err *e)
{
    AUTO(keypair_draft) d = calloc(1, sizeof *d);

    if (!d || !(d->keypair = calloc(1, sizeof *d->keypair)) || !(d->keypair->name = str_dup(spec->name)))
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    d->core = c;
    id_uuid(d->keypair->id);
    *out = TAKE(d);
    return 0;
}

int keypair_create_begin(struct core *c, const struct keypair_spec *spec, void (*done)(void *arg), void *arg,
                         struct keypair_draft **out, struct err *e)
{
    AUTO(keypair_draft) d = NULL;

    if (name_check(spec->name, NAME_RULE_STRICT, "name", e) < 0 || refuse_both(spec, e) < 0 || draft_new(c, spec, &d, e) < 0)
        return -1;
    if (spec->public_key) {
        if (import(spec->public_key, d->keypair, e) < 0)
            return -1;
        *out = TAKE(d);
        done(arg);
        return 0;
    }
    d->task.done = done;
    d->task.arg = arg;
    *out = d; /* before it is ordered: done may come at once */
    if (order_pair(d, spec->type, e) < 0) {
        *out = NULL;
        return -1;
    }
    (void)TAKE(d);
    return 0;
}

static int insert(const struct change *ch, const struct keypair *k, struct err *e)
{
    if (quota_reserve(ch, k->project, &(struct quota_delta){ .of = { [QUOTA_KEYPAIRS] = 1 } }, e) < 0 ||
        store_keypair_insert(ch->txn, k, e) < 0 || record_keypair(ch->txn, "keypair.created", k, e) < 0 ||
        sidecar_submit(ch, SIDECAR_KEYPAIR, k->id, e) < 0)
        return -1;
    return store_audit_add(ch->txn, &(struct audit){ ch->who, "keypair:create", "keypair", k->id, "accepted" }, e);
}

static int refuse_made(const struct keypair_draft *d, const struct once *once, struct err *e)
{
    if (!d->is_made)
        return 0;
    if (d->task.err.code != ERR_NONE) {
        *e = d->task.err;
        return -1;
    }
    if (once->key)
        return err_set_field(
            e, ERR_INVALID_FIELD, "Idempotency-Key",
            "a keypair that is made here has an answer that is given once and kept nowhere: leave the header out");
    return 0;
}

int keypair_create_finish(struct keypair_draft *d, const struct actor *who, struct once *once, struct err *e)
{
    AUTO(txn) t = NULL;
    struct keypair *k = d->keypair;
    struct keypair_answer answer = { k, d->private_key };
    bool is_replay = false;

    if (refuse_made(d, once, e) < 0 || once_begin(d->core, once, &t, &is_replay, e) < 0)
        return -1;
    if (is_replay)
        return 0;
    (void)str_copy(k->project, sizeof k->project, who->project);
    k->created_at_ms = clock_wall_ms();
    if (insert(&(struct change){ d->core, who, t }, k, e) < 0)
        return -1;
    return once_commit(t, once, &answer, e);
}

void keypair_draft_free(struct keypair_draft *d)
{
    if (!d)
        return;
    ssh_key_wipe(d->private_key);
    keypair_free(d->keypair);
    free(d);
}

/* ---- the rest ---- */

int keypair_get(struct core *c, const struct actor *who, const char *ref, struct keypair **out, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_keypair_resolve(t, actor_scope(who), ref, out, e);
}

int keypair_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct keypair_list *out,
                 bool *has_more, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_keypair_list(t, actor_scope(who), marker, limit, out, has_more, e);
}

int keypair_delete(struct core *c, const struct actor *who, const char *ref, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(keypair) k = NULL;

    if (txn_write(c->store, &t, e) < 0 || store_keypair_resolve(t, actor_scope(who), ref, &k, e) < 0)
        return -1;
    const struct actor at = actor_in(who, k->project);
    if (store_keypair_delete(t, k->id, e) < 0 || record_keypair(t, "keypair.deleted", k, e) < 0 ||
        sidecar_submit(&(struct change){ c, &at, t }, SIDECAR_KEYPAIR, k->id, e) < 0 ||
        store_audit_add(t, &(struct audit){ &at, "keypair:delete", "keypair", k->id, "accepted" }, e) < 0)
        return -1;
    return txn_commit(t, e);
}
