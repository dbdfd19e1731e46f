/* core/vm_create: from a spec to a running guest. The refusals come first, then one transaction (row, job, audit line, event,
 * answer), and only then the world outside the database is touched, by steps that can be repeated and undone. */
#include <stdlib.h>
#include <string.h>

#include "capacity.h"
#include "created.h"
#include "maintenance.h"
#include "once.h"
#include "quota.h"
#include "record.h"
#include "sidecar.h"
#include "vm_job.h"
#include "vm_network.h"
#include "vm_seed.h"

#include "base/clock.h"
#include "base/str.h"
#include "core/vm.h"
#include "store/audit.h"
#include "store/flavor.h"
#include "store/image.h"
#include "store/vm_seed.h"

#define GIB (1ULL << 30)

/* ---- the steps ---- */

static int make_overlay(struct job_run *r, struct err *e)
{
    struct core *c = vm_job_core(r);
    const struct vm *vm = NULL;
    AUTO(image) image = NULL;
    struct disk_overlay o;

    if (vm_job_vm(r, &vm, e) < 0 || vm_job_image(r, &image, e) < 0)
        return -1;
    o = (struct disk_overlay){
        .vm_id = vm->id, .image_id = image->id, .image_format = image->disk_format, .size_bytes = vm->disk_gib * GIB
    };
    return disk_overlay_create(c->disk, &o, e);
}

static int drop_overlay(struct job_run *r, struct err *e)
{
    return disk_instance_remove(vm_job_core(r)->disk, r->job->target, NULL, e);
}

static int start(struct job_run *r, struct err *e)
{
    return vm_job_of(r)->wants_start ? virt_start(vm_job_core(r)->virt, r->job->target, e) : 0;
}

static int settle(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    const struct vm_job *vj = vm_job_of(r);
    bool runs = vj && vj->wants_start;
    struct vm_settled ok = { .status = runs ? VM_RUNNING : VM_STOPPED };

    if (!outcome && vj && vj->vm && created_count_after(vm_job_core(r)->created, t, vj->vm->flavor, e) < 0)
        return -1;
    return vm_job_end(r, t, outcome, &ok, runs ? "vm.started" : NULL, e);
}

/* Seed and sidecar go with the overlay's folder. */
static const struct job_step steps[] = {
    { "overlay", make_overlay, drop_overlay, 20 },    { "seed", vm_job_seed, NULL, 30 },
    { "sidecar", sidecar_vm_step, NULL, 35 },         { "network", vm_job_link, vm_job_unlink, 40 },
    { "define", vm_job_define, vm_job_undefine, 60 }, { "start", start, vm_job_power_off, 100 },
};

const struct job_kind vm_create_kind = {
    .name = "vm.create",
    .steps = steps,
    .step_count = ARRAY_LEN(steps),
    .policy = JOB_UNWIND,
    .is_cancellable = true,
    .prepare = vm_job_prepare,
    .release = vm_job_release,
    .settle = settle,
};

/* ---- the refusals ---- */

static int size_by_flavor(struct txn *t, const struct vm_spec *spec, struct vm *vm, struct err *e)
{
    AUTO(flavor) f = NULL;

    if (store_flavor_resolve(t, spec->flavor, &f, e) < 0) {
        (void)str_copy(e->field, sizeof e->field, "flavor");
        return -1;
    }
    vm->vcpus = f->vcpus;
    vm->memory_mib = f->memory_mib;
    vm->disk_gib = f->disk_gib;
    vm->flavor = str_dup(f->name);
    return vm->flavor ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int check_size(const char *field, uint64_t value, uint64_t min, uint64_t max, struct err *e)
{
    if (value >= min && value <= max)
        return 0;
    return err_set_field(e, ERR_INVALID_FIELD, field, "%s must be %llu to %llu", field, (unsigned long long)min,
                         (unsigned long long)max);
}

static int size_by_numbers(const struct vm_spec *spec, struct vm *vm, struct err *e)
{
    if (check_size("vcpus", spec->vcpus, 1, VM_VCPUS_MAX, e) < 0 ||
        check_size("memory_mib", spec->memory_mib, VM_MEMORY_MIB_MIN, VM_MEMORY_MIB_MAX, e) < 0 ||
        check_size("disk_gib", spec->disk_gib, 1, VM_DISK_GIB_MAX, e) < 0)
        return -1;
    vm->vcpus = (uint32_t)spec->vcpus;
    vm->memory_mib = spec->memory_mib;
    vm->disk_gib = spec->disk_gib;
    return 0;
}

/* What the image's bytes need, and what its owner says it does. */
static int check_fits(const struct image *image, const struct vm_spec *spec, const struct vm *vm, struct err *e)
{
    uint64_t need_gib = (image->virtual_size_bytes + GIB - 1) / GIB;

    if (need_gib < image->min_disk_gib)
        need_gib = image->min_disk_gib;
    if (vm->disk_gib < need_gib)
        return err_set_field(e, ERR_INVALID_FIELD, spec->flavor ? "flavor" : "disk_gib",
                             "image '%s' needs a disk of at least %llu GiB, not %llu", image->name, (unsigned long long)need_gib,
                             (unsigned long long)vm->disk_gib);
    if (vm->memory_mib < image->min_memory_mib)
        return err_set_field(e, ERR_INVALID_FIELD, spec->flavor ? "flavor" : "memory_mib",
                             "image '%s' needs at least %llu MiB of memory, not %llu", image->name,
                             (unsigned long long)image->min_memory_mib, (unsigned long long)vm->memory_mib);
    return 0;
}

static int choose_image(struct txn *t, const struct actor *who, const struct vm_spec *spec, struct vm *vm, struct err *e)
{
    AUTO(image) image = NULL;

    if (store_image_resolve(t, who->project, spec->image, &image, e) < 0) {
        (void)str_copy(e->field, sizeof e->field, "image");
        return -1;
    }
    if (image->status != IMAGE_ACTIVE)
        return err_set_field(e, ERR_CONFLICT, "image", "image '%s' is %s, not active", image->name,
                             image_status_to_string(image->status));
    if (check_fits(image, spec, vm, e) < 0)
        return -1;
    (void)str_copy(vm->image, sizeof vm->image, image->id);
    vm->image_name = TAKE(image->name);
    return 0;
}

/* The row as it will be, but for the job. */
static int vm_of_spec(struct txn *t, const struct actor *who, const struct vm_spec *spec, struct vm **out, struct err *e)
{
    AUTO(vm) vm = calloc(1, sizeof *vm);

    if (!vm)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if ((spec->flavor ? size_by_flavor(t, spec, vm, e) : size_by_numbers(spec, vm, e)) < 0 ||
        choose_image(t, who, spec, vm, e) < 0)
        return -1;
    id_uuid(vm->id);
    (void)str_copy(vm->project, sizeof vm->project, who->project);
    vm->name = str_dup(spec->name);
    vm->metadata = str_dup(spec->metadata ? spec->metadata : "{}");
    vm->tags = str_dup(spec->tags ? spec->tags : "[]");
    vm->image_ref = str_dup(spec->image);
    if (!vm->name || !vm->image_ref || !vm->metadata || !vm->tags)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    vm->status = VM_PENDING;
    vm->task = VM_TASK_CREATE;
    vm->autostart = spec->autostart;
    vm->is_name_unique = spec->is_name_unique;
    vm->created_at_ms = vm->updated_at_ms = clock_wall_ms();
    vm->expires_at_ms = spec->ttl_seconds > 0 ? vm->created_at_ms + (int64_t)spec->ttl_seconds * 1000 : 0;
    *out = TAKE(vm);
    return 0;
}

static int reserve(const struct change *ch, const struct vm *vm, struct err *e)
{
    const struct quota_delta want = { .of = { [QUOTA_VMS] = 1,
                                              [QUOTA_VCPUS] = vm->vcpus,
                                              [QUOTA_MEMORY_MIB] = vm->memory_mib,
                                              [QUOTA_DISK_GIB] = vm->disk_gib,
                                              [QUOTA_PORTS] = vm->ports.count } };

    return quota_reserve(ch, vm->project, &want, e) < 0 ? -1 : capacity_check(ch, vm, e);
}

/* The row and what hangs on it. */
static int insert_rows(const struct change *ch, const struct vm *vm, const struct vm_seed *seed, struct err *e)
{
    if (reserve(ch, vm, e) < 0 || store_vm_insert(ch->txn, vm, e) < 0 || vm_network_insert(ch->txn, vm, e) < 0 ||
        store_vm_seed_insert(ch->txn, seed, e) < 0 || record_vm(ch->txn, "vm.created", vm, e) < 0)
        return -1;
    if (vm->expires_at_ms != 0 && life_kick_after(ch->core, ch->txn, e) < 0)
        return -1;
    return store_audit_add(ch->txn, &(struct audit){ ch->who, "vm:create", "vm", vm->id, "accepted" }, e);
}

static int insert_with_job(const struct change *ch, const struct vm_spec *spec, struct vm *vm, struct job **out, struct err *e)
{
    AUTO(job) job = NULL;
    AUTO(vm_seed) seed = NULL;
    AUTO_FREE char *params = vm_job_params(&(struct vm_job){ .wants_start = spec->start, .from = VM_PENDING });
    struct job_request want = { .kind = vm_create_kind.name, .target = vm->id, .params = params };

    if (!params)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (vm_network_plan(ch, spec, vm, e) < 0 || vm_seed_plan(ch, spec, vm, &seed, e) < 0 || core_submit(ch, &want, &job, e) < 0)
        return -1;
    (void)str_copy(vm->job, sizeof vm->job, job->id);
    if (insert_rows(ch, vm, seed, e) < 0)
        return -1;
    *out = TAKE(job);
    return 0;
}

int vm_create(struct core *c, const struct actor *who, const struct vm_spec *spec, struct once *once, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;
    AUTO(job) job = NULL;
    bool is_replay = false;

    if (name_check(spec->name, spec->name_rule, "name", e) < 0 || once_begin(c, once, &t, &is_replay, e) < 0)
        return -1;
    if (is_replay)
        return 0;
    if (maintenance_check(t, e) < 0 || vm_of_spec(t, who, spec, &vm, e) < 0 ||
        insert_with_job(&(struct change){ c, who, t }, spec, vm, &job, e) < 0)
        return -1;
    return once_commit(t, once, &(struct vm_answer){ vm, job }, e);
}
