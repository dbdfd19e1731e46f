/* core/metrics: what there is to count: VMs as libvirt has them at this moment, operations, the host. What libvirt or the
 * database did not say in time is left out, never guessed from what was true before. */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <stdbool.h>

#include "core/capacity.h"
#include "core/core.h"
#include "job/job.h"
#include "model/vm.h"

struct metrics_instance {
    const char *id, *project, *name;
    enum vm_status status;
    bool has_usage; /* it runs, or is paused, and libvirt said what it uses */
    uint64_t cpu_time_ns, memory_used_mib;
};
struct metrics {
    bool is_libvirt_up; /* it answered all it was asked within survey_deadline */
    bool is_libvirt_connected;
    uint32_t stuck_readers;
    bool has_instances; /* the states below are libvirt's, of now */
    size_t instance_count;
    bool is_database_up; /* it said what follows */
    struct capacity capacity;
    uint64_t audit_refusals, audit_left_out;
};
struct metrics_view;
/* done(arg) exactly once, then metrics_view_finish fills *out. Who asks while a survey is being taken shares the next one with
 * all who do. */
int metrics_view_begin(struct core *c, void (*done)(void *arg), void *arg, struct metrics_view **out, struct err *e);
void metrics_view_finish(struct metrics_view *v, struct metrics *out);
struct metrics_instance metrics_view_instance(const struct metrics_view *v, size_t i); /* borrows from v */
void metrics_view_free(struct metrics_view *v);
DEFINE_AUTO(metrics_view, metrics_view_free)

/* Operations that have not ended: pending (or running) ones of this kind. For a database that is up. */
uint64_t metrics_view_open(const struct metrics_view *v, const char *kind, enum job_status status);

/* Since the start of the daemon. */
void metrics_each_outcomes(struct core *c, job_outcomes_fn *fn, void *arg);
/* VMs that were made, by the name of the flavor; "" is without one. Flavors that there are come with 0. */
void metrics_each_created(struct core *c, void (*fn)(void *arg, const char *flavor, uint64_t count), void *arg);

#endif
