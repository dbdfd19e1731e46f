/* core/health: asks the database and libvirt, now, within the deadline of a list. */
#include "core/health.h"

#include <stdlib.h>

#include "internal.h"
#include "maintenance.h"

#include "base/str.h"
#include "store/job.h"

/* No domain has this id: libvirt answers at the price of one look-up, however many there are. */
static const uuid_text nobody = "00000000-0000-0000-0000-000000000000";

struct health_view {
    struct core *core;
    void (*done)(void *arg);
    void *arg;
    bool is_libvirt_ok;
};

static void on_survey(void *arg, struct virt_survey *s)
{
    struct health_view *v = arg;

    v->is_libvirt_ok = s != NULL;
    v->done(v->arg);
}

int health_view_begin(struct core *c, void (*done)(void *arg), void *arg, struct health_view **out, struct err *e)
{
    struct health_view *v = calloc(1, sizeof *v);

    if (!v)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    v->core = c;
    v->done = done;
    v->arg = arg;
    *out = v; /* before asking: done may come at once */
    virt_survey_each(c->virt, NULL, &nobody, 1, c->config.survey_deadline_ms, on_survey, v);
    return 0;
}

/* What it remembers that is told here. */
static int read_database(struct core *c, struct health *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_MAINTENANCE m = { 0 };

    if (txn_read(c->store, &t, e) < 0 || store_job_count_open(t, &out->open_operations, e) < 0 || maintenance_find(t, &m, e) < 0)
        return -1;
    out->is_in_maintenance = maintenance_is_on(&m);
    return 0;
}

static bool check_database(struct core *c, struct health *out)
{
    struct err e = ERR_INIT;

    return store_check(c->store, &e) == 0 && read_database(c, out, &e) == 0;
}

static void fill(struct core *c, struct health *out)
{
    struct host_report host;

    (void)str_copy(out->libvirt_uri, sizeof out->libvirt_uri, virt_uri(c->virt));
    host_report(c->host, &host);
    out->is_probed = host.is_known;
    if (host.is_known) {
        (void)str_copy(out->virt_type, sizeof out->virt_type, virt_type_to_string(host.accel.type));
        (void)str_copy(out->cpu, sizeof out->cpu, host.accel.cpu);
    }
    (void)str_copy(out->warning, sizeof out->warning, host.warning);
}

void health_view_finish(struct health_view *v, struct health *out)
{
    struct core *c = v->core;

    *out = (struct health){ .is_libvirt_ok = v->is_libvirt_ok, .stuck_readers = virt_stuck_readers(c->virt) };
    out->is_database_ok = check_database(c, out);
    fill(c, out);
}

void health_glance(struct core *c, struct health *out)
{
    struct err e = ERR_INIT;

    *out = (struct health){ .stuck_readers = virt_stuck_readers(c->virt) };
    out->is_libvirt_ok = virt_is_connected(c->virt) && out->stuck_readers == 0;
    out->is_database_ok = read_database(c, out, &e) == 0;
    fill(c, out);
}

void health_view_free(struct health_view *v)
{
    free(v);
}
