/* core/image_capture: an image of a stopped VM's disk: the verb, and the operation, which holds the VM while it copies. Two rows
 * settle together at its end: the VM is what it was, the image is active or in error. */
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "image_import.h"
#include "image_save.h"
#include "once.h"
#include "record.h"
#include "sidecar.h"
#include "vm_job.h"

#include "base/json.h"
#include "base/str.h"
#include "store/audit.h"
#include "store/image.h"
#include "store/vm.h"

#define GIB (UINT64_C(1) << 30)

enum { TABLES_SHARE = 1024, PERCENT_FLATTENED = 90 }; /* what a qcow2 file needs beside its clusters: less than 1/1024 */

struct capture {
    struct vm *vm;
    struct image *base;
    uuid_text image_id;
    struct image_facts facts;
};

/* ---- the operation ---- */

static int read_image_id(const struct job *job, uuid_text out, struct err *e)
{
    AUTO_JSON j = NULL;
    const char *id = NULL;

    if (json_parse(job->params, strlen(job->params), &j, e) < 0)
        return -1;
    if (json_unpack(j, "{s:s}", "image", &id) < 0 || !id_is_uuid(id))
        return err_set(e, ERR_INTERNAL, "the operation's parameters cannot be read");
    (void)str_copy(out, sizeof(uuid_text), id);
    return 0;
}

static void release_capture(struct job_run *r)
{
    struct capture *cap = r->scratch;

    if (!cap)
        return;
    vm_free(cap->vm);
    image_free(cap->base);
    free(cap);
    r->scratch = NULL;
}

static int load_capture(struct job_run *r, struct capture *cap, struct err *e)
{
    AUTO(txn) t = NULL;

    if (read_image_id(r->job, cap->image_id, e) < 0 || txn_read(vm_job_core(r)->store, &t, e) < 0 ||
        store_vm_get(t, NULL, r->job->target, &cap->vm, e) < 0)
        return -1;
    return store_image_get(t, NULL, cap->vm->image, &cap->base, e);
}

static int prepare_capture(struct job_run *r, struct err *e)
{
    struct capture *cap = calloc(1, sizeof *cap);

    if (!cap)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    r->scratch = cap;
    if (load_capture(r, cap, e) == 0)
        return 0;
    release_capture(r);
    return -1;
}

/* Somebody may have started it with virsh since the row was read. */
static int check_off(struct job_run *r, struct err *e)
{
    struct virt_state now;

    if (virt_state(vm_job_core(r)->virt, r->job->target, &now, e) < 0)
        return -1;
    if (now.power == VIRT_STOPPED || now.power == VIRT_ABSENT)
        return 0;
    return err_set(e, ERR_INVALID_STATE, "the virtual machine is not stopped: its disk is in use");
}

static int flatten(struct job_run *r, struct err *e)
{
    const struct capture *cap = r->scratch;
    uint64_t disk_bytes = cap->vm->disk_gib * GIB;
    struct transfer_overlay from = {
        .image_id = cap->image_id,
        .vm_id = cap->vm->id,
        .base_id = cap->base->id,
        .base_format = cap->base->disk_format,
    };
    struct transfer_terms terms = {
        .limits = { .size_bytes = disk_bytes + disk_bytes / TABLES_SHARE, .timeout_ms = job_remaining_ms(r) },
        .watch = image_watch(r),
    };

    return check_off(r, e) < 0 ? -1 : transfer_flatten(vm_job_core(r)->disk, &from, &terms, e);
}

static bool is_cancelled(void *run)
{
    return job_is_cancelled(run);
}

static int seal(struct job_run *r, struct err *e)
{
    struct capture *cap = r->scratch;

    if (disk_image_seal(vm_job_core(r)->disk, cap->image_id, DISK_FORMAT_QCOW2, is_cancelled, r, &cap->facts, e) < 0)
        return -1;
    return sidecar_sync_image(vm_job_core(r), cap->image_id, &cap->facts, e);
}

static int drop_bytes(struct job_run *r, struct err *e)
{
    uuid_text id;

    return read_image_id(r->job, id, e) < 0 ? -1 : disk_image_remove(vm_job_core(r)->disk, id, e);
}

/* The VM is what it was, however this ended. */
static int release_vm(struct job_run *r, struct txn *t, struct err *e)
{
    AUTO(vm) vm = NULL;

    if (vm_job_held(r, t, &vm, e) < 0)
        return -1;
    return vm ? store_vm_settle(t, vm->id, r->job->id, &(struct vm_settled){ .status = VM_STOPPED }, e) : 0;
}

static int settle_capture(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    const struct capture *cap = r->scratch;
    uuid_text id;

    if (record_end(r, t, "vm", outcome, e) < 0 || release_vm(r, t, e) < 0 || read_image_id(r->job, id, e) < 0)
        return -1;
    if (image_settle(t, id, outcome ? NULL : &cap->facts, outcome, e) < 0)
        return -1;
    return outcome ? sidecar_submit_behind(r, t, SIDECAR_IMAGE, id, e) : 0;
}

static const struct job_step capture_steps[] = { { "flatten", flatten, drop_bytes, PERCENT_FLATTENED },
                                                 { "seal", seal, drop_bytes, 100 } };

const struct job_kind vm_image_kind = {
    .name = "vm.image",
    .steps = capture_steps,
    .step_count = ARRAY_LEN(capture_steps),
    .policy = JOB_UNWIND,
    .is_cancellable = true,
    .prepare = prepare_capture,
    .release = release_capture,
    .settle = settle_capture,
};

/* ---- the verb ---- */

static int refuse(const struct vm *vm, struct err *e)
{
    if (vm->is_locked)
        return err_set(e, ERR_VM_LOCKED, "VM '%s' is locked", vm->name);
    if (vm->task != VM_TASK_NONE)
        return err_set(e, ERR_VM_BUSY, "VM '%s' is busy with %s; wait for that operation", vm->name, vm_task_to_string(vm->task));
    if (vm->status != VM_STOPPED)
        return err_set(e, ERR_INVALID_STATE, "VM '%s' is %s; stop it before an image is made of its disk", vm->name,
                       vm_status_to_string(vm->status));
    return 0;
}

/* It is the VM's project's, whoever asks. What is known of the image that the VM was made from holds for this one too, unless
 * something else is said. */
static int inherit(struct txn *t, const struct vm *vm, const struct image_spec *spec, struct image *i, struct err *e)
{
    AUTO(image) base = NULL;

    (void)str_copy(i->project, sizeof i->project, vm->project);
    i->disk_format = DISK_FORMAT_QCOW2;
    if (spec->properties)
        return 0;
    if (store_image_get(t, NULL, vm->image, &base, e) < 0)
        return -1;
    free(i->properties);
    i->properties = TAKE(base->properties);
    return 0;
}

static int submit(const struct change *ch, struct vm *vm, const struct image *i, struct job **out, struct err *e)
{
    AUTO_JSON j = json_pack("{s:s}", "image", i->id);
    AUTO_FREE char *params = j ? json_text(j) : NULL;
    AUTO(job) job = NULL;

    if (!params)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (core_submit(ch, &(struct job_request){ .kind = vm_image_kind.name, .target = vm->id, .params = params }, &job, e) < 0 ||
        store_vm_take(ch->txn, vm, VM_TASK_IMAGE, job->id, e) < 0)
        return -1;
    *out = TAKE(job);
    return 0;
}

int image_capture(struct core *c, const struct actor *who, const char *vm_ref, const struct image_spec *spec, struct once *once,
                  struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(vm) vm = NULL;
    AUTO(image) i = NULL;
    AUTO(job) job = NULL;
    bool is_replay = false;

    if (image_of_spec(who, spec, false, &i, e) < 0 || once_begin(c, once, &t, &is_replay, e) < 0)
        return -1;
    if (is_replay)
        return 0;
    if (store_vm_resolve(t, actor_scope(who), vm_ref, &vm, e) < 0 || refuse(vm, e) < 0 || inherit(t, vm, spec, i, e) < 0)
        return -1;
    const struct actor at = actor_in(who, vm->project);
    const struct change ch = { c, &at, t };
    if (submit(&ch, vm, i, &job, e) < 0 || image_insert_saving(&ch, i, job, e) < 0 ||
        store_audit_add(t, &(struct audit){ &at, "vm:image", "vm", vm->id, "accepted" }, e) < 0 ||
        store_audit_add(t, &(struct audit){ who, "image:create", "image", i->id, "accepted" }, e) < 0)
        return -1;
    return once_commit(t, once, &(struct image_answer){ i, job }, e);
}
