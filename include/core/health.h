/* core/health: can this daemon do its work now? */
#ifndef CORE_HEALTH_H
#define CORE_HEALTH_H

#include <stdbool.h>

#include "core/core.h"

struct health {
    bool is_database_ok;
    bool is_libvirt_ok; /* it answered a survey within the deadline */
    char libvirt_uri[128];
    char virt_type[8]; /* "kvm", "qemu"; "" while it is being found out */
    char cpu[64];      /* the CPU mode or model guests get; "" by the hypervisor's default */
    bool is_probed;    /* virt_type is proven by a guest that ran, now or remembered */
    char warning[256]; /* "": none */
    bool is_in_maintenance;
    uint32_t stuck_readers;
    uint64_t open_operations;
};
struct health_view;
/* done(arg) exactly once, then health_view_finish fills *out. */
int health_view_begin(struct core *c, void (*done)(void *arg), void *arg, struct health_view **out, struct err *e);
void health_view_finish(struct health_view *v, struct health *out);
void health_view_free(struct health_view *v);
/* What is known without asking libvirt: is_libvirt_ok is whether it is connected and nobody waits for it in vain. Reads the
 * database; not for HTTP threads. */
void health_glance(struct core *c, struct health *out);
DEFINE_AUTO(health_view, health_view_free)

#endif
