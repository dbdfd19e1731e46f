/* core/host: finds out how guests run here. RUNNING proves nothing (a KVM may run firmware and die in the kernel), so each rung
 * of the ladder is a small guest that has to answer. The answer is remembered in the database until kernel, libvirt, QEMU or
 * /dev/kvm change. */
#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "internal.h"

#include "base/json.h"
#include "base/log.h"
#include "base/runner.h"
#include "base/str.h"
#include "store/setting.h"

#define SETTING_KEY  "host.accel"
#define SLOW_WARNING "KVM does not run guests here: they are emulated (TCG) and slow. Is /dev/kvm there, and may QEMU open it?"

enum { WAIT_SLICE_MS = 500, RETRY_MS = 60000, CONNECT_SLICE_MS = 1000 };

enum host_phase { HOST_UNKNOWN, HOST_KNOWN, HOST_HOPELESS };

struct host {
    struct core *core;
    struct runner runner; /* RANK_HOST */
    enum host_phase phase GUARDED_BY(runner.lock);
    struct virt_accel accel GUARDED_BY(runner.lock);
    char warning[256] GUARDED_BY(runner.lock);
    struct err why GUARDED_BY(runner.lock); /* HOST_HOPELESS */
};

/* The best CPU first; the named model is one that every x86-64 distribution runs on (x86-64-v2); "" is the hypervisor's own
 * default. */
static const struct virt_accel ladder[] = {
    { VIRT_TYPE_KVM, "host-passthrough" }, { VIRT_TYPE_KVM, "host-model" }, { VIRT_TYPE_KVM, "Nehalem" }, { VIRT_TYPE_KVM, "" },
    { VIRT_TYPE_QEMU, "Nehalem" },         { VIRT_TYPE_QEMU, "" },
};

static bool is_wanted(enum virt_choice choice, enum virt_type type)
{
    switch (choice) {
    case VIRT_CHOICE_AUTO:
        return true;
    case VIRT_CHOICE_KVM:
        return type == VIRT_TYPE_KVM;
    case VIRT_CHOICE_QEMU:
        return type == VIRT_TYPE_QEMU;
    }
    return false;
}

/* ---- remembering ---- */

static char *setting_text(struct core *c, const char *fingerprint, const struct virt_accel *a)
{
    AUTO_JSON j = json_pack("{s:s, s:i, s:s, s:s}", "fingerprint", fingerprint, "choice", (int)c->config.virt_type, "type",
                            virt_type_to_string(a->type), "cpu", a->cpu);

    return j ? json_text(j) : NULL;
}

static int remember(struct core *c, const char *fingerprint, const struct virt_accel *a, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_FREE char *text = setting_text(c, fingerprint, a);

    if (!text)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (txn_write(c->store, &t, e) < 0 || store_setting_set(t, SETTING_KEY, text, e) < 0)
        return -1;
    return txn_commit(t, e);
}

static bool recalls(json_t *j, struct core *c, const char *fingerprint, struct virt_accel *out)
{
    const char *seen = NULL, *type = NULL, *cpu = NULL;
    int choice = -1;

    if (json_unpack(j, "{s:s, s:i, s:s, s:s}", "fingerprint", &seen, "choice", &choice, "type", &type, "cpu", &cpu) < 0)
        return false;
    if (!str_equal(seen, fingerprint) || choice != (int)c->config.virt_type)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(ladder); i++) {
        if (str_equal(virt_type_to_string(ladder[i].type), type) && str_equal(ladder[i].cpu, cpu)) {
            *out = ladder[i];
            return true;
        }
    }
    return false;
}

/* 1: remembered; 0: not, or what is remembered no longer fits. */
static int recall(struct core *c, const char *fingerprint, struct virt_accel *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_FREE char *text = NULL;
    AUTO_JSON j = NULL;

    if (txn_read(c->store, &t, e) < 0 || store_setting_find(t, SETTING_KEY, &text, e) < 0)
        return -1;
    if (!text || json_parse(text, strlen(text), &j, e) < 0)
        return 0;
    return recalls(j, c, fingerprint, out) ? 1 : 0;
}

/* ---- finding out ---- */

/* 0 found; -1 none of the ladder runs (the last reason is in *e), or libvirt went away (ERR_UNAVAILABLE). */
static int walk_ladder(struct host *h, struct virt_accel *out, struct err *e)
{
    struct core *c = h->core;

    err_set(e, ERR_HYPERVISOR, "no kind of guest was tried");
    for (size_t i = 0; i < ARRAY_LEN(ladder); i++) {
        const struct virt_accel *a = &ladder[i];

        if (!is_wanted(c->config.virt_type, a->type))
            continue;
        if (runner_is_stopping(&h->runner))
            return err_set(e, ERR_CANCELLED, "the daemon is stopping");
        err_clear(e);
        if (virt_probe(c->virt, a, c->config.probe_deadline_ms, e) == 0) {
            *out = *a;
            return 0;
        }
        log_err(LOG_INFO, "host.probe: a guest does not run so", e, "type", virt_type_to_string(a->type), "cpu", a->cpu, NULL);
        if (e->code == ERR_UNAVAILABLE || e->code == ERR_CANCELLED)
            return -1;
    }
    return -1;
}

static int find_accel(struct host *h, struct virt_accel *out, struct err *e)
{
    AUTO_FREE char *fingerprint = NULL;
    struct err not_kept = ERR_INIT;
    int known;

    if (virt_host_fingerprint(h->core->virt, &fingerprint, e) < 0)
        return -1;
    known = recall(h->core, fingerprint, out, e);
    if (known != 0)
        return known > 0 ? 0 : -1;
    if (walk_ladder(h, out, e) < 0)
        return -1;
    if (remember(h->core, fingerprint, out, &not_kept) < 0)
        log_err(LOG_WARN, "host.probe: the answer could not be kept, the next start asks again", &not_kept, NULL);
    return 0;
}

static bool is_same(const struct host *h, const struct virt_accel *a)
{
    return h->phase == HOST_KNOWN && h->accel.type == a->type && str_equal(h->accel.cpu, a->cpu);
}

static void set_known(struct host *h, const struct virt_accel *a)
{
    bool is_slow = a->type == VIRT_TYPE_QEMU && h->core->config.virt_type == VIRT_CHOICE_AUTO;

    {
        HOLD(&h->runner.lock);
        if (is_same(h, a))
            return;
        h->phase = HOST_KNOWN;
        h->accel = *a;
        (void)str_copy(h->warning, sizeof h->warning, is_slow ? SLOW_WARNING : "");
        cond_broadcast(&h->runner.changed);
    }
    if (is_slow)
        log_warn(SLOW_WARNING, NULL);
    log_info("host.accel", "type", virt_type_to_string(a->type), "cpu", a->cpu[0] ? a->cpu : "default", NULL);
}

static void set_hopeless(struct host *h, const struct err *why)
{
    log_err(LOG_ERROR, "host.probe: no guest runs on this host", why, NULL);
    HOLD(&h->runner.lock);
    h->phase = HOST_HOPELESS;
    h->why = *why;
    (void)str_copy(h->warning, sizeof h->warning, "no guest runs on this host; the log says why");
    cond_broadcast(&h->runner.changed);
}

/* Until someone kicks, or, when nothing runs, for a minute: a person may have mended it. */
static bool wait_for_work(struct host *h)
{
    HOLD(&h->runner.lock);
    while (!h->runner.is_stopping && !h->runner.is_kicked) {
        if (h->phase == HOST_KNOWN)
            cond_wait(&h->runner.changed, &h->runner.lock);
        else if (!cond_wait_ms(&h->runner.changed, &h->runner.lock, RETRY_MS))
            break;
    }
    h->runner.is_kicked = false;
    return !h->runner.is_stopping;
}

static void *probe_main(void *arg)
{
    struct host *h = arg;

    do {
        struct virt_accel accel = { 0 };
        struct err e = ERR_INIT;

        while (!runner_is_stopping(&h->runner) && virt_wait_connected(h->core->virt, CONNECT_SLICE_MS, &e) < 0)
            err_clear(&e);
        if (runner_is_stopping(&h->runner))
            break;
        if (find_accel(h, &accel, &e) == 0)
            set_known(h, &accel);
        else if (e.code != ERR_UNAVAILABLE && !runner_is_stopping(&h->runner))
            set_hopeless(h, &e);
    } while (wait_for_work(h));
    return NULL;
}

/* ---- life ---- */

int host_new(struct core *c, struct host **out, struct err *e)
{
    struct host *h = calloc(1, sizeof *h);

    if (!h)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    h->core = c;
    runner_init(&h->runner, RANK_HOST);
    *out = h;
    return 0;
}

int host_start(struct host *h, struct err *e)
{
    return runner_start(&h->runner, "host-probe", probe_main, h, e);
}

void host_end_soon(struct host *h)
{
    runner_end_soon(&h->runner);
}

void host_stop(struct host *h)
{
    runner_stop(&h->runner);
}

void host_free(struct host *h)
{
    if (!h)
        return;
    runner_done(&h->runner);
    free(h);
}

void host_kick(struct host *h)
{
    runner_kick(&h->runner);
}

int host_accel(struct host *h, const struct host_wait *w, struct virt_accel *out, struct err *e)
{
    HOLD(&h->runner.lock);
    for (int64_t waited = 0; h->phase == HOST_UNKNOWN; waited += WAIT_SLICE_MS) {
        if (w->is_over(w->arg))
            return err_set(e, ERR_CANCELLED, "cancelled");
        if (waited >= w->timeout_ms)
            return err_set(e, ERR_TIMEOUT, "it was not found out in time how guests run on this host");
        (void)cond_wait_ms(&h->runner.changed, &h->runner.lock, WAIT_SLICE_MS);
    }
    if (h->phase == HOST_HOPELESS) {
        *e = h->why;
        return err_wrap(e, "no guest runs on this host");
    }
    *out = h->accel;
    return 0;
}

void host_report(struct host *h, struct host_report *out)
{
    HOLD(&h->runner.lock);
    *out = (struct host_report){ .is_known = h->phase == HOST_KNOWN, .accel = h->accel };
    (void)str_copy(out->warning, sizeof out->warning, h->warning);
}
