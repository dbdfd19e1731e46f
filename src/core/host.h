/* core/host: how guests run on this host: the ladder of accelerators and CPU models, walked by running a guest on each rung, and
 * remembered. */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <stdbool.h>

#include "base/err.h"
#include "virt/virt.h"

struct core;
struct host;

int host_new(struct core *c, struct host **out, struct err *e);
int host_start(struct host *h, struct err *e); /* the probing thread; it waits for libvirt */
void host_end_soon(struct host *h);            /* no further rung is tried; returns at once */
void host_stop(struct host *h);                /* waits for the rung under way */
void host_free(struct host *h);
/* libvirt is there (again): what is remembered may no longer hold. */
void host_kick(struct host *h);

/* Waits until it is known, in slices, asking is_over(arg) between them. Not for HTTP threads. ERR_HYPERVISOR: nothing runs here,
 * and why. */
struct host_wait {
    int64_t timeout_ms;
    bool (*is_over)(const void *arg);
    const void *arg;
};
int host_accel(struct host *h, const struct host_wait *w, struct virt_accel *out, struct err *e);

struct host_report {
    bool is_known;
    struct virt_accel accel;
    char warning[256]; /* "" */
};
void host_report(struct host *h, struct host_report *out);

#endif
