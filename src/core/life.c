/* core/life: the end of VMs whose time is over, and the first sign of life of those that run. The table of watched consoles is
 * the thread's alone; others only leave it notes, under the lock. What a guest says about itself is believed of itself only. */
#include "life.h"

#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "ready_sign.h"
#include "record.h"
#include "vm_job.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/runner.h"
#include "base/str.h"
#include "core/vm.h"
#include "store/vm.h"
#include "store/vm_seed.h"

enum { PERIOD_MS = 30000, RETRY_MS = 1000 };
/* A console is looked at twice a second at first, then each time when it is a sixtieth older. */
enum { LOOK_MIN_MS = 500, LOOK_MAX_MS = 30000, LOOK_GROWTH = 60, LOOK_BYTES = 32 * 1024, SIGN_MAX = 512 };
/* How long a prompt or an agent is not believed while cloud-init is at work: its last words may have been changed or sent
 * elsewhere. */
enum { CLOUD_INIT_PATIENCE_MS = 5 * 60 * 1000 };
enum { WATCH_MAX = 256, WATCH_AGE_MS = 24 * 3600 * 1000, AGENTS_MAX = 64 };

/* A running VM that has not said yet that it is up. */
struct watch {
    uuid_text id;
    uint64_t offset; /* the console's text up to here was read */
    struct ready_signs signs;
    const char *hint; /* what else says that it is up: "agent", "console"; NULL */
    int64_t hint_boot_ms;
    int64_t since_boot_ms, next_boot_ms;
    bool is_listed; /* it still is one */
};

/* What others left for the thread. */
struct notes {
    uuid_text agents[AGENTS_MAX]; /* VMs whose agent has spoken */
    size_t agent_count;
    bool asks_agents;
};

struct life {
    struct core *core;
    struct runner runner; /* RANK_LEAF */
    struct notes notes GUARDED_BY(runner.lock);
    /* The thread's own. */
    struct watch watches[WATCH_MAX];
    size_t watch_count;
};

static void lower(int64_t *pause_ms, int64_t to)
{
    if (to < *pause_ms)
        *pause_ms = to > 0 ? to : 0;
}

/* Who does what nobody asked for. */
static struct actor nobody_but_us(const struct vm *vm)
{
    struct actor who = { .is_admin = true };

    (void)str_copy(who.user, sizeof who.user, "computed");
    (void)str_copy(who.project, sizeof who.project, vm->project);
    return who;
}

/* ---- ready ---- */

static int is_ready_already(struct core *c, const char *id, bool *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;

    if (txn_read(c->store, &t, e) < 0 || store_vm_get(t, NULL, id, &vm, e) < 0)
        return -1;
    *out = vm->ready_at_ms != 0;
    return 0;
}

static int record_ready(const struct change *ch, const struct vm *vm, const char *by, struct err *e)
{
    return record_vm_ready(ch->txn, vm, by, e) < 0 ? -1 : vm_update_submit(ch, vm, false, e);
}

static int mark_ready(struct core *c, const char *id, const char *by, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;
    bool is_first = false;
    struct actor who;

    if (txn_write(c->store, &t, e) < 0 || store_vm_get(t, NULL, id, &vm, e) < 0 ||
        store_vm_set_ready(t, id, clock_wall_ms(), &is_first, e) < 0)
        return -1;
    if (!is_first)
        return 0;
    who = nobody_but_us(vm);
    if (record_ready(&(struct change){ c, &who, t }, vm, by, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    log_info("vm.ready", "vm", id, "by", by, NULL);
    return 0;
}

int life_ready(struct core *c, const char *vm, const char *by, struct err *e)
{
    bool is_ready = false;

    if (is_ready_already(c, vm, &is_ready, e) == 0 && (is_ready || mark_ready(c, vm, by, e) == 0))
        return 0;
    if (e->code != ERR_VM_NOT_FOUND)
        return -1;
    err_clear(e);
    return 0;
}

/* In a time that does not tell how much of it was right. */
static bool is_same_secret(const hex32_text secret, const char *shown)
{
    volatile unsigned char difference = 0;

    if (strlen(shown) != HEX32_LEN)
        return false;
    for (size_t i = 0; i < HEX32_LEN; i++)
        difference |= (unsigned char)(secret[i] ^ shown[i]);
    return difference == 0;
}

static int check_token(struct core *c, const char *id, const char *token, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm_seed) seed = NULL;

    if (txn_read(c->store, &t, e) < 0 || store_vm_seed_get(t, id, &seed, e) < 0)
        return -1;
    return is_same_secret(seed->token, token) ? 0 : err_set(e, ERR_VM_NOT_FOUND, "wrong token");
}

/* Whoever guesses learns nothing: neither which VMs there are, nor how near the guess was. */
int vm_phone_home(struct core *c, const char *id, const char *token, struct err *e)
{
    if (check_token(c, id, token, e) == 0)
        return life_ready(c, id, "phone-home", e);
    return e->code == ERR_VM_NOT_FOUND ? err_set(e, ERR_VM_NOT_FOUND, "no virtual machine has this id and token") : -1;
}

/* ---- the watched ---- */

static struct watch *watch_find(struct life *l, const char *id)
{
    for (size_t i = 0; i < l->watch_count; i++)
        if (strcmp(l->watches[i].id, id) == 0)
            return &l->watches[i];
    return NULL;
}

static void watch_add(struct life *l, const char *id)
{
    struct watch *w;

    if (l->watch_count == WATCH_MAX)
        return;
    w = &l->watches[l->watch_count++];
    *w = (struct watch){ .since_boot_ms = clock_boot_ms() };
    (void)str_copy(w->id, sizeof w->id, id);
}

static void drop_unlisted(struct life *l, const uuid_text *ids, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->watch_count; i++)
        l->watches[i].is_listed = false;
    for (size_t i = 0; i < count; i++) {
        struct watch *w = watch_find(l, ids[i]);

        if (w)
            w->is_listed = true;
    }
    for (size_t i = 0; i < l->watch_count; i++)
        if (l->watches[i].is_listed)
            l->watches[kept++] = l->watches[i];
    l->watch_count = kept;
}

/* The rows say who is watched; what is known of those that stay is kept. */
static int list_watched(struct life *l, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_FREE uuid_text *ids = NULL;
    size_t count = 0;

    if (txn_read(l->core->store, &t, e) < 0 ||
        store_vm_list_unready(t, clock_wall_ms() - WATCH_AGE_MS, WATCH_MAX, &ids, &count, e) < 0)
        return -1;
    drop_unlisted(l, (const uuid_text *)ids, count);
    for (size_t i = 0; i < count; i++)
        if (!watch_find(l, ids[i]))
            watch_add(l, ids[i]);
    return 0;
}

static void take_hint(struct watch *w, const char *by)
{
    if (w->hint)
        return;
    w->hint = by;
    w->hint_boot_ms = clock_boot_ms();
}

static void read_console(struct life *l, struct watch *w)
{
    struct err e = ERR_INIT;
    AUTO_FREE char *text = NULL;
    size_t len = 0, unread = 0;

    if (disk_console_follow(l->core->disk, w->id, &w->offset, LOOK_BYTES, &text, &len, &e) < 0) {
        log_err(LOG_DEBUG, "life: a console cannot be read", &e, "vm", w->id, NULL);
        return;
    }
    ready_sign_read(text, len, &w->signs, &unread);
    w->offset -= unread < SIGN_MAX ? unread : 0; /* a longer line is none of the signs */
    if (w->signs.has_prompt)
        take_hint(w, "console");
}

/* Who says that the guest is up; NULL: nobody whom to believe. */
static const char *judge(const struct watch *w)
{
    if (w->signs.is_done)
        return "console";
    if (w->hint && w->signs.has_cloud_init && clock_boot_ms() - w->hint_boot_ms < CLOUD_INIT_PATIENCE_MS)
        return NULL;
    return w->hint;
}

static void look(struct life *l, struct watch *w, int64_t now)
{
    struct err e = ERR_INIT;
    int64_t pause = (now - w->since_boot_ms) / LOOK_GROWTH;
    const char *by;

    read_console(l, w);
    by = judge(w);
    if (by && life_ready(l->core, w->id, by, &e) < 0)
        log_err(LOG_WARN, "life: a VM is ready, but it cannot be written", &e, "vm", w->id, NULL);
    w->next_boot_ms = now + (pause < LOOK_MIN_MS ? LOOK_MIN_MS : pause > LOOK_MAX_MS ? LOOK_MAX_MS : pause);
}

static void look_at_consoles(struct life *l, int64_t *pause_ms)
{
    int64_t now = clock_boot_ms();

    for (size_t i = 0; i < l->watch_count && !runner_is_stopping(&l->runner); i++) {
        if (l->watches[i].next_boot_ms <= now)
            look(l, &l->watches[i], now);
        lower(pause_ms, l->watches[i].next_boot_ms - now);
    }
}

/* ---- agents ---- */

/* The console is looked at before the agent is believed. */
static void hear_agent(struct watch *w)
{
    take_hint(w, "agent");
    w->next_boot_ms = 0;
}

/* One that is not watched does not run yet by its row: it is asked when it does. */
static void hear_agents(struct life *l, const struct notes *notes)
{
    for (size_t i = 0; i < notes->agent_count; i++) {
        struct watch *w = watch_find(l, notes->agents[i]);

        if (w)
            hear_agent(w);
        else
            life_ask_agents(l);
    }
}

static int ask_agent(struct life *l, struct watch *w, struct err *e)
{
    bool is_up = false;

    if (virt_agent_is_connected(l->core->virt, w->id, &is_up, e) < 0)
        return -1;
    if (is_up)
        hear_agent(w);
    return 0;
}

static void ask_agents(struct life *l)
{
    for (size_t i = 0; i < l->watch_count && !runner_is_stopping(&l->runner); i++) {
        struct err e = ERR_INIT;

        if (ask_agent(l, &l->watches[i], &e) == 0)
            continue;
        log_err(LOG_DEBUG, "life: an agent cannot be asked for", &e, "vm", l->watches[i].id, NULL);
        if (e.code == ERR_UNAVAILABLE)
            return; /* when libvirt is there again, all are asked again */
    }
}

/* ---- the end ---- */

/* Deletes the VM that expires first if its time is over; else lowers *pause_ms to what it has left, and *is_done is true. */
static int expire_one(struct core *c, int64_t *pause_ms, bool *is_done, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;
    AUTO(job) job = NULL;
    struct actor who;

    if (txn_write(c->store, &t, e) < 0 || store_vm_next_expiring(t, &vm, e) < 0)
        return -1;
    *is_done = !vm || vm->expires_at_ms > clock_wall_ms();
    if (vm && *is_done)
        lower(pause_ms, vm->expires_at_ms - clock_wall_ms());
    if (*is_done)
        return 0;
    who = nobody_but_us(vm);
    if (vm_delete_submit(&(struct change){ c, &who, t }, vm, "vm:expire", &job, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    log_info("vm.expired", "vm", vm->id, "operation", job->id, NULL);
    return 0;
}

static int next_expiry(struct core *c, int64_t *left_ms, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;

    if (txn_read(c->store, &t, e) < 0 || store_vm_next_expiring(t, &vm, e) < 0)
        return -1;
    *left_ms = vm ? vm->expires_at_ms - clock_wall_ms() : PERIOD_MS;
    return 0;
}

/* The writer is only asked for when there is something to write. */
static int expire_due(struct life *l, int64_t *pause_ms, struct err *e)
{
    int64_t left_ms = 0;
    bool is_done = false;

    if (next_expiry(l->core, &left_ms, e) < 0)
        return -1;
    if (left_ms > 0) {
        lower(pause_ms, left_ms);
        return 0;
    }
    while (!is_done && !runner_is_stopping(&l->runner))
        if (expire_one(l->core, pause_ms, &is_done, e) < 0)
            return -1;
    return 0;
}

/* ---- the thread ---- */

/* Wall time may jump, and nobody tells: so the pause is never longer than PERIOD_MS. */
static bool wait_for_round(struct life *l, int64_t pause_ms, struct notes *out)
{
    HOLD(&l->runner.lock);
    while (!l->runner.is_stopping && !l->runner.is_kicked)
        if (!cond_wait_ms(&l->runner.changed, &l->runner.lock, pause_ms))
            break;
    l->runner.is_kicked = false;
    *out = l->notes;
    l->notes = (struct notes){ 0 };
    return !l->runner.is_stopping;
}

static int do_round(struct life *l, const struct notes *notes, int64_t *pause_ms, struct err *e)
{
    if (expire_due(l, pause_ms, e) < 0 || list_watched(l, e) < 0)
        return -1;
    hear_agents(l, notes);
    if (notes->asks_agents)
        ask_agents(l);
    look_at_consoles(l, pause_ms);
    return 0;
}

static void *life_main(void *arg)
{
    struct life *l = arg;
    struct notes notes;
    int64_t pause_ms = 0;

    while (wait_for_round(l, pause_ms, &notes)) {
        struct err e = ERR_INIT;

        pause_ms = PERIOD_MS;
        if (do_round(l, &notes, &pause_ms, &e) < 0) {
            log_err(LOG_WARN, "life: the rows cannot be read or written now", &e, NULL);
            life_ask_agents(l); /* a note may not have been seen to */
            pause_ms = RETRY_MS;
        }
    }
    return NULL;
}

int life_new(struct core *c, struct life **out, struct err *e)
{
    struct life *l = calloc(1, sizeof *l);

    if (!l)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    l->core = c;
    runner_init(&l->runner, RANK_LEAF);
    *out = l;
    return 0;
}

int life_start(struct life *l, struct err *e)
{
    return runner_start(&l->runner, "life", life_main, l, e);
}

void life_end_soon(struct life *l)
{
    runner_end_soon(&l->runner);
}

void life_stop(struct life *l)
{
    runner_stop(&l->runner);
}

void life_free(struct life *l)
{
    if (!l)
        return;
    runner_done(&l->runner);
    free(l);
}

/* ---- notes ---- */

void life_kick(struct life *l)
{
    runner_kick(&l->runner);
}

static void kick(void *life)
{
    life_kick(life);
}

int life_kick_after(struct core *c, struct txn *t, struct err *e)
{
    return txn_after_commit(t, kick, c->life, e);
}

void life_agent_is_up(struct life *l, const char *vm)
{
    HOLD(&l->runner.lock);
    if (l->notes.agent_count < AGENTS_MAX)
        (void)str_copy(l->notes.agents[l->notes.agent_count++], sizeof l->notes.agents[0], vm);
    else
        l->notes.asks_agents = true;
    l->runner.is_kicked = true;
    cond_broadcast(&l->runner.changed);
}

void life_ask_agents(struct life *l)
{
    HOLD(&l->runner.lock);
    l->notes.asks_agents = true; /* at the next round: whoever is in a hurry kicks too */
}
