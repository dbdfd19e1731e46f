/* core/doctor_rules_disk: the disks of VMs: there, overlays, on the right image. */
#include <stdio.h>

#include "doctor_rules.h"

#include "base/str.h"

enum { PATH_BYTES = 128, CHECK_DEADLINE_MS = 600000 };

static bool is_judged(const struct exam *x, const struct fact_vm *vm)
{
    return !str_equal(vm->status, "error") && !exam_is_busy(x, vm->id);
}

/* NULL: not there. */
static const struct fact_file *overlay_of(const struct exam *x, const struct fact_vm *vm)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "instances/%s/disk.qcow2", vm->id);
    const struct fact_file *file = disk_facts_find(x->disk, path);
    return file && file->is_known ? file : NULL; /* a link is no disk */
}

static bool is_active(const struct exam *x, const char *id)
{
    const struct fact_domain *d = virt_facts_domain(x->virt, id);

    return d && (d->power == VIRT_RUNNING || d->power == VIRT_PAUSED);
}

static void missing_disks(struct exam *x)
{
    for (size_t i = 0; i < x->store->vm_count; i++) {
        const struct fact_vm *vm = x->store->vms[i];

        if (!is_judged(x, vm) || overlay_of(x, vm))
            continue;
        struct finding *f = exam_report(x, "vm", vm->id, "VM '%s' is %s, and its disk is not there", vm->name, vm->status);
        AUTO_FREE char *target = str_printf("%s error", vm->id);
        exam_suggest(f, "computectl vm delete %s", vm->id);
        if (!is_active(x, vm->id)) /* one that runs is what libvirt says, disk or not */
            exam_mend(f, DOCTOR_MEND_VM, target);
    }
}

/* What is said about the disk of one VM that is to be judged. */
typedef void overlay_fn(struct exam *x, const struct fact_vm *vm, const struct fact_file *file);

static void each_overlay(struct exam *x, overlay_fn *judge)
{
    for (size_t i = 0; i < x->store->vm_count; i++) {
        const struct fact_vm *vm = x->store->vms[i];
        const struct fact_file *file = is_judged(x, vm) ? overlay_of(x, vm) : NULL;

        if (file)
            judge(x, vm, file);
    }
}
#define OVERLAY_RULE(name)                                                                                                       \
    static void name##_disks(struct exam *x)                                                                                     \
    {                                                                                                                            \
        each_overlay(x, name);                                                                                                   \
    }

static void unreadable(struct exam *x, const struct fact_vm *vm, const struct fact_file *file)
{
    if (file->unreadable)
        exam_suggest(exam_report(x, "vm", vm->id, "the disk of VM '%s' is no overlay: %s", vm->name, file->unreadable),
                     "computectl vm delete %s", vm->id);
}
OVERLAY_RULE(unreadable)

static void formatless(struct exam *x, const struct fact_vm *vm, const struct fact_file *file)
{
    if (file->is_qcow2 && file->backing_file && !file->backing_format)
        exam_suggest(exam_report(x, "vm", vm->id, "the disk of VM '%s' does not name the format of its backing file", vm->name),
                     "qemu-img rebase -u -b %s -F FORMAT %s/%s", file->backing_file, x->disk->root, file->path);
}
OVERLAY_RULE(formatless)

static void misplaced(struct exam *x, const struct fact_vm *vm, const struct fact_file *file)
{
    const struct fact_image *image = exam_image(x, vm->image);

    if (!file->is_qcow2 || !image)
        return;
    AUTO_FREE char *wanted = str_printf("%s/images/%s.%s", x->disk->root, image->id, image->disk_format);
    const char *backing = file->backing_file, *format = file->backing_format;
    if (!wanted)
        x->is_failed = true;
    else if (!str_equal(backing, wanted) || (format && !str_equal(format, image->disk_format)))
        exam_suggest(exam_report(x, "vm", vm->id, "the disk of VM '%s' stands on %s (%s), and not on its image", vm->name,
                                 backing ? backing : "nothing", format ? format : "no format"),
                     "qemu-img rebase -u -b %s -F %s %s/%s", wanted, image->disk_format, x->disk->root, file->path);
}
OVERLAY_RULE(misplaced)

/* While QEMU has it open the mark means nothing. */
static void corrupt(struct exam *x, const struct fact_vm *vm, const struct fact_file *file)
{
    if (file->is_qcow2 && file->is_marked_bad && !is_active(x, vm->id))
        exam_suggest(exam_report(x, "vm", vm->id, "the disk of VM '%s' is marked as corrupt or dirty", vm->name),
                     "qemu-img check -r all %s/%s", x->disk->root, file->path);
}
OVERLAY_RULE(corrupt)

/* What its tables say is QEMU's to judge. Not while a guest writes to it. */
static void contradicting(struct exam *x, const struct fact_vm *vm, const struct fact_file *file)
{
    struct err e = ERR_INIT;

    if (!x->is_deep || !file->is_qcow2 || file->is_marked_bad || is_active(x, vm->id))
        return;
    if (disk_facts_check(x->disk, file, CHECK_DEADLINE_MS, &e) < 0 && e.code != ERR_NOT_FOUND)
        exam_suggest(exam_report(x, "vm", vm->id, "qemu-img does not find the disk of VM '%s' in order: %s", vm->name,
                                 e.detail[0] ? e.detail : e.msg),
                     "qemu-img check -r all %s/%s", x->disk->root, file->path);
}
OVERLAY_RULE(contradicting)

static void small(struct exam *x, const struct fact_vm *vm, const struct fact_file *file)
{
    if (file->is_qcow2 && file->virtual_size_bytes < (uint64_t)vm->disk_gib << 30)
        exam_suggest(exam_report(x, "vm", vm->id, "the disk of VM '%s' is smaller than the %lld GiB that it was promised",
                                 vm->name, (long long)vm->disk_gib),
                     "qemu-img resize %s/%s %lldG", x->disk->root, file->path, (long long)vm->disk_gib);
}
OVERLAY_RULE(small)

#define ALL (NEEDS_STORE | NEEDS_DISK | NEEDS_VIRT)
const struct doctor_rule disk_rules[] = {
    { "disk_missing", DOCTOR_ERROR, true, ALL, missing_disks },
    { "disk_unreadable", DOCTOR_ERROR, false, NEEDS_STORE | NEEDS_DISK, unreadable_disks },
    { "disk_backing_format_missing", DOCTOR_ERROR, false, NEEDS_STORE | NEEDS_DISK, formatless_disks },
    { "disk_backing_wrong", DOCTOR_ERROR, false, NEEDS_STORE | NEEDS_DISK, misplaced_disks },
    { "disk_marked_corrupt", DOCTOR_ERROR, false, ALL, corrupt_disks },
    { "disk_check_failed", DOCTOR_ERROR, false, ALL, contradicting_disks },
    { "disk_too_small", DOCTOR_ERROR, false, NEEDS_STORE | NEEDS_DISK, small_disks },
    { 0 },
};
