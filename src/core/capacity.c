/* core/capacity: what is there, what may be promised, what is. A VM counts from its row's first moment to its last, whether it
 * runs or not: it was promised that it can. */
#include "capacity.h"

#include <string.h>
#include <unistd.h>

#include "maintenance.h"

#include "base/machine.h"
#include "base/str.h"
#include "store/vm.h"
#include "virt/network.h"

#define GIB (1ULL << 30)

/* ---- what is there ---- */

static int read_machine(struct core *c, struct capacity *out, struct err *e)
{
    struct machine_memory memory;
    struct disk_space space;

    if (machine_memory(&memory, e) < 0 || disk_space(c->disk, &space, e) < 0)
        return -1;
    out->cpus = machine_cpus();
    out->memory_mib = memory.total_mib;
    out->memory_available_mib = memory.available_mib;
    out->disk_bytes = space.total_bytes;
    out->disk_free_bytes = space.free_bytes;
    return 0;
}

static int read_promises(struct txn *t, struct capacity *out, struct err *e)
{
    struct vm_promises p;

    if (store_vm_promises(t, &p, e) < 0)
        return -1;
    out->vms = p.vms;
    out->vcpus_promised = p.vcpus;
    out->memory_promised_mib = p.memory_mib;
    out->disk_promised_bytes = p.disk_gib * GIB;
    return 0;
}

int capacity_read(struct core *c, struct txn *t, struct capacity *out, struct err *e)
{
    struct capacity now = { 0 };

    if (read_machine(c, &now, e) < 0 || read_promises(t, &now, e) < 0)
        return -1;
    capacity_limit(&now, &c->config);
    *out = now;
    return 0;
}

/* ---- the arithmetic ---- */

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t times(uint64_t n, double ratio)
{
    return (uint64_t)((double)n * ratio + 0.5);
}

void capacity_limit(struct capacity *c, const struct core_config *config)
{
    c->vcpus_limit = times(c->cpus, config->cpu_overcommit);
    c->memory_limit_mib = times(less(c->memory_mib, config->memory_reserve_mib), config->memory_overcommit);
    c->disk_limit_bytes = times(c->disk_bytes, config->disk_overcommit);
}

struct share {
    const char *noun, *unit;
    uint64_t asked, promised, limit;
};

static void add_missing(struct buf *missing, const struct share *s)
{
    uint64_t left = less(s->limit, s->promised);

    if (s->asked > left)
        buf_addf(missing, "%s%s: %llu %s asked, %llu of %llu left", missing->len > 0 ? "; " : "", s->noun,
                 (unsigned long long)s->asked, s->unit, (unsigned long long)left, (unsigned long long)s->limit);
}

int capacity_judge(const struct capacity *c, const struct core_config *config, const struct vm *vm, struct err *e)
{
    const struct share shares[] = {
        { "cpu", "vCPUs", vm->vcpus, c->vcpus_promised, c->vcpus_limit },
        { "memory", "MiB", vm->memory_mib, c->memory_promised_mib, c->memory_limit_mib },
        { "disk", "GiB", vm->disk_gib, c->disk_promised_bytes / GIB, c->disk_limit_bytes / GIB },
    };
    AUTO_BUF missing = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(shares); i++)
        add_missing(&missing, &shares[i]);
    if (c->disk_free_bytes < config->disk_reserve_gib * GIB)
        buf_addf(&missing, "%sdisk: %llu MiB are really free, %llu GiB are to stay so", missing.len > 0 ? "; " : "",
                 (unsigned long long)(c->disk_free_bytes >> 20), (unsigned long long)config->disk_reserve_gib);
    if (missing.failed)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return missing.len == 0 ? 0 : err_set(e, ERR_NO_CAPACITY, "this host has no room for it: %s", missing.data);
}

/* ---- the verbs ---- */

int capacity_check(const struct change *ch, const struct vm *vm, struct err *e)
{
    struct capacity now;

    if (capacity_read(ch->core, ch->txn, &now, e) < 0)
        return -1;
    return capacity_judge(&now, &ch->core->config, vm, e);
}

static void describe_guests(struct core *c, struct host_view *out)
{
    struct host_report report;

    host_report(c->host, &report);
    if (report.is_known) {
        (void)str_copy(out->virt_type, sizeof out->virt_type, virt_type_to_string(report.accel.type));
        (void)str_copy(out->cpu, sizeof out->cpu, report.accel.cpu);
    }
    out->has_bridges = virt_has_bridges(c->virt);
}

void host_view_done(struct host_view *v)
{
    maintenance_done(&v->maintenance);
}

int host_view(struct core *c, const struct actor *who, struct host_view *out, struct err *e)
{
    AUTO(txn) t = NULL;
    struct host_view view = {
        .cpu_overcommit = c->config.cpu_overcommit,
        .memory_overcommit = c->config.memory_overcommit,
        .disk_overcommit = c->config.disk_overcommit,
        .memory_reserve_mib = c->config.memory_reserve_mib,
        .disk_reserve_gib = c->config.disk_reserve_gib,
    };

    (void)who; /* the host is nobody's project */
    if (txn_read(c->store, &t, e) < 0 || capacity_read(c, t, &view.capacity, e) < 0 ||
        maintenance_find(t, &view.maintenance, e) < 0)
        return -1;
    (void)gethostname(view.hostname, sizeof view.hostname - 1);
    describe_guests(c, &view);
    *out = view;
    return 0;
}
