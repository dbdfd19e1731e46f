/* core/vm_view: a page of VMs, or one VM, reconciled with libvirt. Two questions share one deadline: the state of all domains
 * (one bulk call that many askers share), then the usage of those on the page that run. Without an answer in time the rows are
 * the answer, marked stale. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "core/vm.h"
#include "store/port.h"
#include "store/vm.h"
#include "store/vm_tombstone.h"

struct vm_view {
    struct core *core;
    hex32_text project;
    const char *scope; /* project, or NULL: those of all */
    uuid_text one;     /* the VM asked for by ref; "" for a list */
    char *name;
    bool has_status;
    enum vm_status status;
    uuid_text marker;
    bool has_marker;
    uint32_t limit;
    bool has_window;
    struct vm_window window;
    uint64_t total;
    void (*done)(void *arg);
    void *arg;
    int64_t deadline_boot_ms;
    struct virt_survey *states; /* NULL: libvirt did not answer */
    struct virt_survey *usage;  /* NULL: nobody on the page runs, or no answer */
    struct vm_list page;
    bool is_loaded;
    bool has_more;
};

void vm_view_free(struct vm_view *v)
{
    if (!v)
        return;
    virt_survey_free(v->states);
    virt_survey_free(v->usage);
    vm_list_done(&v->page);
    free(v->name);
    free(v);
}

/* ---- rows ---- */

static int load_one(struct vm_view *v, struct txn *t, struct err *e)
{
    struct vm **items = calloc(1, sizeof *items);

    if (!items)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (store_vm_get(t, v->scope, v->one, &items[0], e) < 0) {
        free(items);
        return -1;
    }
    v->page = (struct vm_list){ items, 1 };
    return 0;
}

static int load_list(struct vm_view *v, struct txn *t, struct err *e)
{
    struct vm_filter f = {
        .project = v->scope,
        .name = v->name,
        .status = v->has_status ? &v->status : NULL,
        .marker = v->has_marker ? v->marker : NULL,
        .limit = v->limit,
    };

    return store_vm_list(t, &f, &v->page, &v->has_more, e);
}

static int load_window(struct vm_view *v, struct txn *t, struct err *e)
{
    const struct vm_page_filter f = {
        .project = v->scope, .statuses = v->window.statuses, .offset = v->window.offset, .limit = v->limit
    };

    return store_vm_page(t, &f, &v->page, &v->total, e);
}

static int load_rows(struct vm_view *v, struct txn *t, struct err *e)
{
    if (v->one[0])
        return load_one(v, t, e);
    return v->has_window ? load_window(v, t, e) : load_list(v, t, e);
}

static int load(struct vm_view *v, struct err *e)
{
    AUTO(txn) t = NULL;

    vm_list_done(&v->page); /* of a load that came only half through */
    v->page = (struct vm_list){ 0 };
    if (txn_read(v->core->store, &t, e) < 0 || load_rows(v, t, e) < 0 || store_port_attach(t, &v->page, e) < 0)
        return -1;
    v->is_loaded = true;
    return 0;
}

/* ---- asking ---- */

static int64_t remaining_ms(const struct vm_view *v)
{
    int64_t left = v->deadline_boot_ms - clock_boot_ms();

    return left > 0 ? left : 0;
}

static void on_usage(void *arg, struct virt_survey *s)
{
    struct vm_view *v = arg;

    v->usage = s ? virt_survey_ref(s) : NULL;
    v->done(v->arg);
}

/* Those on the page that libvirt says are on. */
static size_t active_ids(const struct vm_view *v, uuid_text *ids)
{
    size_t n = 0;

    for (size_t i = 0; i < v->page.count; i++) {
        const struct virt_observation *o = virt_survey_find(v->states, v->page.items[i]->id);

        if (o && (o->state.power == VIRT_RUNNING || o->state.power == VIRT_PAUSED))
            (void)str_copy(ids[n++], sizeof ids[0], v->page.items[i]->id);
    }
    return n;
}

/* False: nobody to ask about. */
static bool ask_usage(struct vm_view *v)
{
    AUTO_FREE uuid_text *ids = v->page.count ? calloc(v->page.count, sizeof *ids) : NULL;
    size_t n = ids ? active_ids(v, ids) : 0;

    if (n == 0)
        return false;
    virt_survey_each(v->core->virt, v->states, (const uuid_text *)ids, n, remaining_ms(v), on_usage, v);
    return true;
}

static void on_states(void *arg, struct virt_survey *s)
{
    struct vm_view *v = arg;
    struct err e = ERR_INIT;

    if (s && reconcile_all(v->core, s, &e) == 0 && load(v, &e) == 0) {
        v->states = virt_survey_ref(s);
        if (ask_usage(v))
            return;
    } else if (e.code == ERR_UNAVAILABLE || e.code == ERR_DISK_FULL) {
        /* The difference could not be written; the rows can still be read, and say of themselves that they are stale. */
        log_err(LOG_WARN, "vm.view: could not reconcile", &e, NULL);
    }
    v->done(v->arg);
}

static void on_one(void *arg, struct virt_survey *s)
{
    struct vm_view *v = arg;
    struct err e = ERR_INIT;

    if (s && reconcile_one(v->core, s, v->one, &e) == 0) {
        v->states = virt_survey_ref(s);
        v->usage = virt_survey_ref(s);
    }
    v->done(v->arg);
}

/* ---- the door's side ---- */

static int resolve(struct vm_view *v, const char *ref, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;

    if (txn_read(v->core->store, &t, e) < 0 || store_vm_resolve(t, v->scope, ref, &vm, e) < 0)
        return -1;
    (void)str_copy(v->one, sizeof v->one, vm->id);
    return 0;
}

static int take_query(struct vm_view *v, const struct vm_query *q, struct err *e)
{
    if (q->ref)
        return resolve(v, q->ref, e);
    v->limit = q->limit;
    v->has_window = q->window != NULL;
    if (q->window)
        v->window = *q->window;
    v->has_status = q->status != NULL;
    if (q->status)
        v->status = *q->status;
    v->has_marker = q->marker != NULL;
    if (q->marker)
        (void)str_copy(v->marker, sizeof v->marker, q->marker);
    v->name = str_dup(q->name);
    return q->name && !v->name ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

int vm_view_begin(struct core *c, const struct actor *who, const struct vm_query *q, void (*done)(void *arg), void *arg,
                  struct vm_view **out, struct err *e)
{
    AUTO(vm_view) v = calloc(1, sizeof *v);
    struct vm_view *asked;

    if (!v)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    v->core = c;
    v->done = done;
    v->arg = arg;
    v->deadline_boot_ms = clock_boot_ms() + c->config.survey_deadline_ms;
    (void)str_copy(v->project, sizeof v->project, who->project);
    v->scope = actor_scope(who) ? v->project : NULL;
    if (take_query(v, q, e) < 0)
        return -1;
    asked = *out = TAKE(v); /* before asking: done may come at once */
    if (asked->one[0])
        virt_survey_each(c->virt, NULL, (const uuid_text *)&asked->one, 1, c->config.survey_deadline_ms, on_one, asked);
    else
        virt_survey_all(c->virt, c->config.survey_deadline_ms, on_states, asked);
    return 0;
}

int vm_view_finish(struct vm_view *v, struct err *e)
{
    return v->is_loaded ? 0 : load(v, e);
}

const struct vm_list *vm_view_list(const struct vm_view *v)
{
    return &v->page;
}

struct vm_usage vm_view_usage(const struct vm_view *v, size_t i)
{
    const struct virt_observation *o = v->usage ? virt_survey_find(v->usage, v->page.items[i]->id) : NULL;

    if (!o || !o->has_usage)
        return (struct vm_usage){ .is_known = false };
    return (struct vm_usage){ .is_known = true, .cpu_time_ns = o->cpu_time_ns, .memory_used_mib = o->memory_used_mib };
}

int64_t vm_view_observed_ms(const struct vm_view *v, size_t i)
{
    const struct vm *vm = v->page.items[i];
    int64_t last = reconciler_last_ms(v->core->reconciler);

    if (v->states)
        return virt_survey_asked_ms(v->states);
    if (last < vm->created_at_ms) /* it was made since libvirt last answered */
        return vm->observed_at_ms;
    return last > vm->observed_at_ms ? last : vm->observed_at_ms;
}

bool vm_view_is_stale(const struct vm_view *v)
{
    return v->states == NULL;
}

bool vm_view_has_more(const struct vm_view *v)
{
    return v->has_more;
}

uint64_t vm_view_total(const struct vm_view *v)
{
    return v->total;
}
