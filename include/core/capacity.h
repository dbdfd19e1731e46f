/* core/capacity: what this host has, and what of it is promised. */
#ifndef CORE_CAPACITY_H
#define CORE_CAPACITY_H

#include "core/core.h"
#include "core/maintenance.h"
#include "model/identity.h"

struct capacity {
    /* Real. */
    uint64_t cpus, memory_mib, memory_available_mib, disk_bytes, disk_free_bytes;
    /* May be promised, overcommit and reserves counted. */
    uint64_t vcpus_limit, memory_limit_mib, disk_limit_bytes;
    /* Is promised, to VMs of all projects in every state. */
    uint64_t vms, vcpus_promised, memory_promised_mib, disk_promised_bytes;
};
struct host_view {
    struct capacity capacity;
    double cpu_overcommit, memory_overcommit, disk_overcommit;
    uint64_t memory_reserve_mib, disk_reserve_gib;
    char hostname[65];
    char virt_type[8], cpu[64]; /* as in core/health.h */
    bool has_bridges;
    struct maintenance maintenance;
};
void host_view_done(struct host_view *v);
#define AUTO_HOST_VIEW __attribute__((cleanup(host_view_done))) struct host_view
int host_view(struct core *c, const struct actor *who, struct host_view *out, struct err *e);

#endif
