/* core/audit: reading the audit log, and the thread that writes what changes nothing. The lines of changes are their own
 * transactions' (store_audit_add). */
#include "core/audit.h"

#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/runner.h"
#include "base/str.h"
#include "model/name.h"
#include "store/audit.h"

/* A flood of refusals must fill neither memory nor the disk: what is beyond the queue is counted, and the queue empties at 160
 * lines a second. */
enum { QUEUE_MAX = 1024, BATCH_MAX = 32, PERIOD_MS = 200, RETRY_MS = 1000 };
enum { ACTION_MAX = 64, RESOURCE_MAX = 64 };

struct line {
    struct actor who;
    char action[ACTION_MAX], noun[ACTION_MAX], resource[RESOURCE_MAX];
    enum err_code code;
    int64_t at_ms;
    struct line *next;
};

struct audit_writer {
    struct store *store;
    const char *project;  /* whose the lines about lines are */
    struct runner runner; /* RANK_LEAF */
    struct line *first GUARDED_BY(runner.lock);
    struct line **end GUARDED_BY(runner.lock); /* where the next is linked in */
    unsigned count GUARDED_BY(runner.lock);
    uint64_t left_out GUARDED_BY(runner.lock);
    uint64_t refusals GUARDED_BY(runner.lock), all_left_out GUARDED_BY(runner.lock); /* since the start */
};

/* ---- what waits ---- */

struct batch {
    struct line *first;
    unsigned count;
    uint64_t left_out;
};

static struct batch take_locked(struct audit_writer *w, unsigned max)
{
    struct batch b = { .first = w->first, .left_out = w->left_out };
    struct line **at = &b.first;

    for (; *at && b.count < max; b.count++)
        at = &(*at)->next;
    w->first = *at;
    *at = NULL;
    if (!w->first)
        w->end = &w->first;
    w->count -= b.count;
    w->left_out = 0;
    return b;
}

static void batch_done(struct batch *b)
{
    for (struct line *l; (l = b->first);) {
        b->first = l->next;
        free(l);
    }
}

/* ---- writing ---- */

static int write_overflow(const struct audit_writer *w, struct txn *t, uint64_t count, struct err *e)
{
    struct actor nobody = { .user = "" };
    AUTO_FREE char *outcome = str_printf("left out:%llu", (unsigned long long)count);

    if (!outcome)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    (void)str_copy(nobody.project, sizeof nobody.project, w->project);
    return store_audit_add(t, &(struct audit){ &nobody, "audit:overflow", "audit", "", outcome }, e);
}

static int write_refusal(struct txn *t, const struct line *l, struct err *e)
{
    AUTO_FREE char *outcome = str_printf("refused:%s", err_code_word(l->code));

    if (!outcome)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return store_audit_add_at(t, &(struct audit){ &l->who, l->action, l->noun, l->resource, outcome }, l->at_ms, e);
}

static int write_lines(const struct audit_writer *w, const struct batch *b, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_write(w->store, &t, e) < 0)
        return -1;
    for (const struct line *l = b->first; l; l = l->next)
        if (write_refusal(t, l, e) < 0)
            return -1;
    if (b->left_out > 0 && write_overflow(w, t, b->left_out, e) < 0)
        return -1;
    return txn_commit(t, e);
}

/* Sleeps unless it is time to end; true then. */
static bool rest(struct audit_writer *w, int64_t ms)
{
    int64_t until_ms = clock_boot_ms() + ms, left_ms;
    HOLD(&w->runner.lock);

    while (!w->runner.is_stopping && (left_ms = until_ms - clock_boot_ms()) > 0)
        (void)cond_wait_ms(&w->runner.changed, &w->runner.lock, left_ms);
    return w->runner.is_stopping;
}

/* What cannot be written now waits here, until the end; what then cannot be written is lost, and said. */
static void write_batch(struct audit_writer *w, struct batch *b)
{
    bool is_told = false, is_last = false;

    for (;;) {
        struct err e = ERR_INIT;

        if (write_lines(w, b, &e) == 0)
            break;
        if (!is_told || is_last)
            log_err(LOG_WARN, is_last ? "audit lines are lost" : "audit lines wait until the database takes them", &e, NULL);
        if (is_last)
            break;
        is_told = true;
        is_last = rest(w, RETRY_MS);
    }
    batch_done(b);
}

/* False: it is time to end. */
static bool wait_for_lines(struct audit_writer *w, struct batch *out)
{
    HOLD(&w->runner.lock);

    while (!w->runner.is_stopping && !w->first && w->left_out == 0)
        cond_wait(&w->runner.changed, &w->runner.lock);
    if (w->runner.is_stopping)
        return false;
    *out = take_locked(w, BATCH_MAX);
    return true;
}

static void *writer_main(void *arg)
{
    struct audit_writer *w = arg;
    struct batch b;

    while (wait_for_lines(w, &b)) {
        write_batch(w, &b);
        (void)rest(w, PERIOD_MS);
    }
    return NULL;
}

/* ---- its life ---- */

int audit_writer_new(struct store *store, const char *project, struct audit_writer **out, struct err *e)
{
    struct audit_writer *w = calloc(1, sizeof *w);

    if (!w)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    w->store = store;
    w->project = project;
    runner_init(&w->runner, RANK_LEAF);
    w->end = &w->first;
    *out = w;
    return 0;
}

int audit_writer_start(struct audit_writer *w, struct err *e)
{
    return runner_start(&w->runner, "audit", writer_main, w, e);
}

static struct batch take_all(struct audit_writer *w)
{
    HOLD(&w->runner.lock);
    return take_locked(w, QUEUE_MAX);
}

void audit_writer_stop(struct audit_writer *w)
{
    struct batch last;

    runner_stop(&w->runner);
    last = take_all(w);
    if (last.first || last.left_out > 0)
        write_batch(w, &last);
}

void audit_writer_free(struct audit_writer *w)
{
    if (!w)
        return;
    audit_writer_stop(w);
    runner_done(&w->runner);
    free(w);
}

void audit_writer_counts(struct audit_writer *w, uint64_t *refusals, uint64_t *left_out)
{
    HOLD(&w->runner.lock);

    *refusals = w->refusals;
    *left_out = w->all_left_out;
}

/* ---- refusals ---- */

/* What the client named may be anything, a secret too: an id, or what could be a name. A token has no name in a path. */
static bool may_be_shown(const char *noun, const char *resource)
{
    struct err ignored = ERR_INIT;

    if (id_is_uuid(resource) || str_is_hex(resource, HEX32_LEN))
        return true;
    return !str_equal(noun, "token") && name_check(resource, NAME_RULE_STRICT, "resource", &ignored) == 0;
}

/* Whoever could not prove to be somebody has only claimed a name, and one that nobody bears may be a password in the wrong
 * field: it is shown when the resource says that there is such a user. */
static bool is_known(const struct actor *who, const char *resource)
{
    return who->user_id[0] || who->is_admin || (resource && resource[0]);
}

static struct line *line_new(const struct actor *who, const char *action, const char *resource, const struct err *why)
{
    struct line *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    l->who = *who;
    if (!is_known(who, resource))
        l->who.user[0] = '\0';
    l->at_ms = clock_wall_ms();
    (void)str_copy(l->action, sizeof l->action, action);
    (void)str_copy(l->noun, sizeof l->noun, action);
    l->noun[strcspn(l->noun, ":")] = '\0';
    if (resource && may_be_shown(l->noun, resource))
        (void)str_copy(l->resource, sizeof l->resource, resource);
    l->code = why->code;
    return l;
}

/* Takes l over; NULL is one that there was no memory for. */
static void enqueue(struct audit_writer *w, struct line *l)
{
    HOLD(&w->runner.lock);

    w->refusals++;
    if (w->count == 0 && w->left_out == 0) /* else the thread knows already */
        cond_signal(&w->runner.changed);
    if (!l || w->count == QUEUE_MAX) {
        free(l);
        w->left_out++;
        w->all_left_out++;
    } else {
        *w->end = l;
        w->end = &l->next;
        w->count++;
    }
}

void audit_refusal(struct core *c, const struct actor *who, const char *action, const char *resource, const struct err *why)
{
    enqueue(c->audit, line_new(who, action, resource, why));
}

/* ---- reading ---- */

int audit_list(struct core *c, const struct actor *who, const struct audit_query *q, struct audit_line_list *out, bool *has_more,
               struct err *e)
{
    struct audit_query scoped = *q;
    AUTO(txn) t = NULL;

    scoped.project = actor_scope(who);
    return txn_read(c->store, &t, e) < 0 ? -1 : store_audit_list(t, &scoped, out, has_more, e);
}
