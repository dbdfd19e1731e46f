/* core/metrics: one survey for all who ask at the same time, as a list takes it: the states of all domains, written back to the
 * rows, then the usage of those of ours that are on, both within survey_deadline. The rest is read by each who asked. */
#include "metrics.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "capacity.h"
#include "created.h"
#include "internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "store/flavor.h"
#include "store/job.h"
#include "store/vm.h"

/* What was found, for all who waited for it. */
struct finding {
    struct core *core;
    atomic_uint refs;             /* the survey's and each view's */
    struct metrics_view *waiting; /* the room's until the survey is over, then the survey's */
    int64_t deadline_boot_ms;
    struct virt_survey *states, *usage; /* NULL: libvirt did not answer, or there was nobody to ask about */
    bool has_lines, lacks_usage;
    struct vm_line_list lines;
};

struct metrics_view {
    struct finding *found;
    struct metrics_view *next;
    void (*done)(void *arg);
    void *arg;
    struct job_depth_list depths;
};

struct metrics_room {
    struct lock lock;                        /* RANK_LEAF; never held across a survey's beginning */
    struct finding *now GUARDED_BY(lock);    /* is being taken */
    struct finding *coming GUARDED_BY(lock); /* waits for that */
    bool is_driven GUARDED_BY(lock);         /* somebody begins whatever comes */
};

int metrics_room_new(struct metrics_room **out, struct err *e)
{
    struct metrics_room *m = calloc(1, sizeof *m);

    if (!m)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    lock_init(&m->lock, RANK_LEAF);
    *out = m;
    return 0;
}

void metrics_room_free(struct metrics_room *m)
{
    if (!m)
        return;
    lock_done(&m->lock);
    free(m);
}

static void finding_unref(struct finding *f)
{
    if (!f || atomic_fetch_sub(&f->refs, 1) > 1)
        return;
    virt_survey_free(f->states);
    virt_survey_free(f->usage);
    vm_line_list_done(&f->lines);
    free(f);
}

/* ---- the survey ---- */

static void drive(struct metrics_room *m);

static void survey_is_over(struct finding *f)
{
    struct metrics_room *m = f->core->metrics;

    for (struct metrics_view *v; (v = f->waiting);) { /* nobody joins one that is being taken */
        f->waiting = v->next;
        v->done(v->arg); /* it may be gone now */
    }
    {
        HOLD(&m->lock);
        m->now = NULL;
    }
    finding_unref(f);
    drive(m);
}

static bool is_on(const struct virt_observation *o)
{
    return o && (o->state.power == VIRT_RUNNING || o->state.power == VIRT_PAUSED);
}

static void on_usage(void *arg, struct virt_survey *s)
{
    struct finding *f = arg;

    f->usage = s ? virt_survey_ref(s) : NULL;
    f->lacks_usage = !s;
    survey_is_over(f);
}

static size_t ids_that_are_on(const struct finding *f, uuid_text *ids)
{
    size_t n = 0;

    for (size_t i = 0; i < f->lines.count; i++)
        if (is_on(virt_survey_find(f->states, f->lines.items[i]->id)))
            (void)str_copy(ids[n++], sizeof ids[0], f->lines.items[i]->id);
    return n;
}

/* False: nobody to ask about. */
static bool ask_usage(struct finding *f)
{
    AUTO_FREE uuid_text *ids = f->lines.count ? calloc(f->lines.count, sizeof *ids) : NULL;
    size_t n = ids ? ids_that_are_on(f, ids) : 0;
    int64_t left_ms = f->deadline_boot_ms - clock_boot_ms();

    f->lacks_usage = !ids && f->lines.count > 0;
    if (n == 0)
        return false;
    virt_survey_each(f->core->virt, f->states, (const uuid_text *)ids, n, left_ms > 0 ? left_ms : 0, on_usage, f);
    return true;
}

static int load_lines(struct finding *f, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_read(f->core->store, &t, e) < 0 || store_vm_lines(t, &f->lines, e) < 0)
        return -1;
    f->has_lines = true;
    return 0;
}

static void on_states(void *arg, struct virt_survey *s)
{
    struct finding *f = arg;
    struct err e = ERR_INIT;

    if (s) {
        f->states = virt_survey_ref(s);
        if (reconcile_all(f->core, s, &e) < 0 || load_lines(f, &e) < 0)
            log_err(LOG_WARN, "metrics: could not reconcile", &e, NULL);
        else if (ask_usage(f))
            return;
    }
    survey_is_over(f);
}

/* One that waited was asked for a while ago: its time begins now. */
static void begin_survey(struct finding *f)
{
    int64_t deadline_ms = f->core->config.survey_deadline_ms;

    f->deadline_boot_ms = clock_boot_ms() + deadline_ms;
    virt_survey_all(f->core->virt, deadline_ms, on_states, f);
}

/* *is_driver: whether the caller is the one who drives; it is no more when there is nothing to begin. */
static struct finding *take_coming(struct metrics_room *m, bool *is_driver)
{
    HOLD(&m->lock);

    if (m->is_driven && !*is_driver)
        return NULL;
    m->is_driven = *is_driver = !m->now && m->coming;
    if (*is_driver)
        m->now = TAKE(m->coming);
    return *is_driver ? m->now : NULL;
}

/* Begins what waits, one after the other. A survey that is refused is over before begin_survey returns, so whoever ends one does
 * not begin the next within it: it would be a call within a call for everybody who asks meanwhile. */
static void drive(struct metrics_room *m)
{
    bool is_driver = false;

    for (struct finding *f; (f = take_coming(m, &is_driver));)
        begin_survey(f);
}

static struct finding *finding_new(struct core *c)
{
    struct finding *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->core = c;
    atomic_init(&f->refs, 1);
    return f;
}

/* Joins the one that is to come, or puts `fresh` there. */
static void join(struct metrics_room *m, struct metrics_view *v, struct finding **fresh)
{
    HOLD(&m->lock);

    if (!m->coming)
        m->coming = TAKE(*fresh);
    v->found = m->coming;
    atomic_fetch_add(&v->found->refs, 1);
    v->next = v->found->waiting;
    v->found->waiting = v;
}

int metrics_view_begin(struct core *c, void (*done)(void *arg), void *arg, struct metrics_view **out, struct err *e)
{
    struct finding *fresh = finding_new(c);
    struct metrics_view *v = calloc(1, sizeof *v);

    if (!fresh || !v) {
        free(v);
        finding_unref(fresh);
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    v->done = done;
    v->arg = arg;
    *out = v; /* before asking: done may come at once */
    join(c->metrics, v, &fresh);
    finding_unref(fresh);
    drive(c->metrics);
    return 0;
}

/* ---- what each reads for itself ---- */

static int expect_flavors(struct core *c, struct txn *t, struct err *e)
{
    AUTO_LIST(flavor) flavors = { 0 };

    if (created_expect(c->created, "", e) < 0 || store_flavor_list(t, &flavors, e) < 0)
        return -1;
    for (size_t i = 0; i < flavors.count; i++)
        if (created_expect(c->created, flavors.items[i]->name, e) < 0)
            return -1;
    return 0;
}

static int read_database(struct metrics_view *v, struct metrics *out, struct err *e)
{
    struct core *c = v->found->core;
    AUTO(txn) t = NULL;

    if (txn_read(c->store, &t, e) < 0 || expect_flavors(c, t, e) < 0 || store_job_depths(t, &v->depths, e) < 0)
        return -1;
    return capacity_read(c, t, &out->capacity, e);
}

void metrics_view_finish(struct metrics_view *v, struct metrics *out)
{
    const struct finding *f = v->found;
    struct virt *virt = f->core->virt;
    struct err e = ERR_INIT;

    *out = (struct metrics){ .is_libvirt_up = f->states && !f->lacks_usage,
                             .is_libvirt_connected = virt_is_connected(virt),
                             .stuck_readers = virt_stuck_readers(virt),
                             .has_instances = f->has_lines,
                             .instance_count = f->lines.count };
    out->is_database_up = read_database(v, out, &e) == 0;
    if (!out->is_database_up)
        log_err(LOG_WARN, "metrics: the database does not answer", &e, NULL);
    audit_writer_counts(f->core->audit, &out->audit_refusals, &out->audit_left_out);
}

struct metrics_instance metrics_view_instance(const struct metrics_view *v, size_t i)
{
    const struct finding *f = v->found;
    const struct vm_line *line = f->lines.items[i];
    const struct virt_observation *o = f->usage ? virt_survey_find(f->usage, line->id) : NULL;
    struct metrics_instance instance = { .id = line->id, .project = line->project, .name = line->name, .status = line->status };

    if (o && o->has_usage) {
        instance.has_usage = true;
        instance.cpu_time_ns = o->cpu_time_ns;
        instance.memory_used_mib = o->memory_used_mib;
    }
    return instance;
}

void metrics_view_free(struct metrics_view *v)
{
    if (!v)
        return;
    finding_unref(v->found);
    job_depth_list_done(&v->depths);
    free(v);
}

uint64_t metrics_view_open(const struct metrics_view *v, const char *kind, enum job_status status)
{
    for (size_t i = 0; i < v->depths.count; i++)
        if (v->depths.items[i]->status == status && str_equal(v->depths.items[i]->kind, kind))
            return v->depths.items[i]->count;
    return 0;
}

void metrics_each_outcomes(struct core *c, job_outcomes_fn *fn, void *arg)
{
    jobs_each_outcomes(c->jobs, fn, arg);
}

void metrics_each_created(struct core *c, void (*fn)(void *arg, const char *flavor, uint64_t count), void *arg)
{
    created_each(c->created, fn, arg);
}
