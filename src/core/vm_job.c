/* core/vm_job: the frame around the VM's operations. The steps themselves are in vm_create, vm_delete and vm_power. */
#include "vm_job.h"

#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "vm_network.h"
#include "vm_seed.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "store/image.h"

char *vm_job_params(const struct vm_job *vj)
{
    AUTO_JSON j = json_pack("{s:b, s:b, s:b, s:s}", "start", (int)vj->wants_start, "force", (int)vj->is_forced, "paused",
                            (int)vj->ends_paused, "from", vm_status_to_string(vj->from));

    return j ? json_text(j) : NULL;
}

static int read_params(const struct job *job, struct vm_job *vj, struct err *e)
{
    AUTO_JSON j = NULL;
    int wants_start = 0, is_forced = 0, ends_paused = 0;
    const char *from = NULL;

    if (json_parse(job->params, strlen(job->params), &j, e) < 0)
        return -1;
    /* An older program's job says nothing of "paused". */
    if (json_unpack(j, "{s:b, s:b, s?b, s:s}", "start", &wants_start, "force", &is_forced, "paused", &ends_paused, "from",
                    &from) < 0 ||
        vm_status_from_string(from, &vj->from) < 0)
        return err_set(e, ERR_INTERNAL, "the operation's parameters cannot be read");
    vj->wants_start = wants_start;
    vj->is_forced = is_forced;
    vj->ends_paused = ends_paused;
    return 0;
}

int vm_job_prepare(struct job_run *r, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_FREE struct vm_job *vj = calloc(1, sizeof *vj);

    if (!vj)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (read_params(r->job, vj, e) < 0 || txn_read(vm_job_core(r)->store, &t, e) < 0)
        return -1;
    if (store_vm_get(t, NULL, r->job->target, &vj->vm, e) < 0) {
        if (e->code != ERR_VM_NOT_FOUND)
            return -1;
        err_clear(e); /* deleted while this waited: there is nothing left to do, and that is for the steps to say */
    }
    r->scratch = TAKE(vj);
    return 0;
}

void vm_job_release(struct job_run *r)
{
    struct vm_job *vj = r->scratch;

    if (!vj)
        return;
    vm_free(vj->vm);
    free(vj);
    r->scratch = NULL;
}

int vm_job_vm(const struct job_run *r, const struct vm **out, struct err *e)
{
    if (!vm_job_of(r)->vm)
        return err_set(e, ERR_VM_NOT_FOUND, "the virtual machine is gone");
    *out = vm_job_of(r)->vm;
    return 0;
}

int vm_refuse_locked(const struct vm *vm, struct err *e)
{
    return vm->is_locked ? err_set(e, ERR_VM_LOCKED, "VM '%s' is locked; unlock it first", vm->name) : 0;
}

static struct vm_settled failed(const struct job_run *r, const struct err *outcome)
{
    if (outcome->code == ERR_CANCELLED && vm_job_of(r) && vm_job_of(r)->from != VM_PENDING)
        return (struct vm_settled){ .status = vm_job_of(r)->from, .gives_up_restore = true };
    return (struct vm_settled){
        .status = VM_ERROR,
        .reason = err_code_word(outcome->code),
        .fault_code = err_code_word(outcome->code),
        .fault_message = outcome->msg,
        .fault_detail = outcome->detail[0] ? outcome->detail : NULL,
    };
}

int vm_job_held(struct job_run *r, struct txn *t, struct vm **out, struct err *e)
{
    AUTO(vm) vm = NULL;

    *out = NULL;
    if (store_vm_get(t, NULL, r->job->target, &vm, e) < 0) {
        if (e->code != ERR_VM_NOT_FOUND)
            return -1;
        err_clear(e);
        return 0;
    }
    if (str_equal(vm->job, r->job->id))
        *out = TAKE(vm);
    return 0;
}

int vm_job_end(struct job_run *r, struct txn *t, const struct err *outcome, const struct vm_settled *ok, const char *event,
               struct err *e)
{
    AUTO(vm) vm = NULL;
    struct vm_settled now = outcome ? failed(r, outcome) : *ok;

    if (record_end(r, t, "vm", outcome, e) < 0 || vm_job_held(r, t, &vm, e) < 0)
        return -1;
    if (!vm)
        return 0;
    now.observed_at_ms = outcome ? 0 : clock_wall_ms(); /* the last step's call has just told */
    if (store_vm_settle(t, vm->id, r->job->id, &now, e) < 0 || record_vm_status(t, vm, now.status, now.reason, e) < 0)
        return -1;
    if (now.status == VM_RUNNING && life_kick_after(vm_job_core(r), t, e) < 0)
        return -1;
    if (outcome || !event)
        return 0;
    vm->status = now.status;
    return record_vm(t, event, vm, e);
}

static int spare_foreign(struct err *e)
{
    if (e->code != ERR_FOREIGN_DOMAIN)
        return -1;
    log_warn("a domain of somebody else's bears the VM's id; it stays untouched", NULL);
    err_clear(e);
    return 0;
}

int vm_job_power_off(struct job_run *r, struct err *e)
{
    return virt_destroy(vm_job_core(r)->virt, r->job->target, e) < 0 ? spare_foreign(e) : 0;
}

/* One that runs survives this without a definition: the host may have restarted, and started it by itself, since it was powered
 * off. */
int vm_job_undefine(struct job_run *r, struct err *e)
{
    if (virt_undefine(vm_job_core(r)->virt, r->job->target, e) < 0 && spare_foreign(e) < 0)
        return -1;
    return vm_job_power_off(r, e);
}

int vm_job_image(const struct job_run *r, struct image **out, struct err *e)
{
    AUTO(txn) t = NULL;
    const struct vm *vm = NULL;

    if (vm_job_vm(r, &vm, e) < 0 || txn_read(vm_job_core(r)->store, &t, e) < 0)
        return -1;
    return store_image_get(t, NULL, vm->image, out, e);
}

static bool run_is_over(const void *r)
{
    return job_is_cancelled(r);
}

/* What a domain's description borrows. */
struct domain_parts {
    struct image *image;
    char *disk_path, *image_path, *console_path;
    char *seed_path; /* NULL: none */
    struct vm_links links;
    struct vm_nics nics;
};

static void domain_parts_done(struct domain_parts *p)
{
    image_free(p->image);
    free(p->disk_path);
    free(p->image_path);
    free(p->console_path);
    free(p->seed_path);
    vm_links_done(&p->links);
}
#define AUTO_DOMAIN_PARTS __attribute__((cleanup(domain_parts_done))) struct domain_parts

static int collect(struct job_run *r, const struct vm *vm, struct domain_parts *p, struct err *e)
{
    struct core *c = vm_job_core(r);

    if (vm_job_image(r, &p->image, e) < 0 || vm_seed_path(c, vm->id, &p->seed_path, e) < 0 ||
        vm_links_load(c, vm->id, &p->links, e) < 0)
        return -1;
    vm_links_nics(&p->links, &p->nics);
    p->disk_path = disk_overlay_path(c->disk, vm->id);
    p->console_path = disk_console_path(c->disk, vm->id);
    p->image_path = disk_image_path(c->disk, p->image->id, p->image->disk_format);
    return p->disk_path && p->image_path && p->console_path ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int vm_job_define(struct job_run *r, struct err *e)
{
    struct core *c = vm_job_core(r);
    const struct vm *vm = NULL;
    struct host_wait w = { .timeout_ms = job_remaining_ms(r), .is_over = run_is_over, .arg = r };
    struct virt_domain d;
    AUTO_DOMAIN_PARTS parts = { .image = NULL };

    if (vm_job_vm(r, &vm, e) < 0 || collect(r, vm, &parts, e) < 0)
        return -1;
    d = (struct virt_domain){
        .id = vm->id,
        .name = vm->name,
        .project = vm->project,
        .job = r->job->id,
        .vcpus = vm->vcpus,
        .memory_mib = vm->memory_mib,
        .disk_path = parts.disk_path,
        .image_path = parts.image_path,
        .image_format = disk_format_to_string(parts.image->disk_format),
        .console_path = parts.console_path,
        .seed_path = parts.seed_path,
        .nics = parts.nics.items,
        .nic_count = parts.nics.count,
        .autostart = vm->autostart,
    };
    if (host_accel(c->host, &w, &d.accel, e) < 0)
        return -1;
    return virt_define(c->virt, &d, e);
}
