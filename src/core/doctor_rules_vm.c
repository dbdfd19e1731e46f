/* core/doctor_rules_vm: rows that wait for an operation which there is not, and what VMs' rows say against what libvirt says. */
#include "doctor_rules.h"

#include "base/str.h"

#define START_DAEMON "systemctl restart computed"

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (str_equal(*words, word))
            return true;
    return false;
}

static bool is_settled(const struct fact_vm *vm)
{
    static const char *const words[] = { "running", "stopped", "paused", "suspended", "error", "resized", "rescued", NULL };

    return is_one_of(vm->status, words) && !vm->task;
}

static bool is_error(const struct fact_vm *vm)
{
    return str_equal(vm->status, "error");
}

/* ---- rows that wait ---- */

/* What libvirt says where that says all; else error. */
static void settle_by(struct finding *f, const char *id, const struct fact_domain *d)
{
    bool is_running = d && d->power == VIRT_RUNNING, is_paused = d && d->power == VIRT_PAUSED;
    AUTO_FREE char *target = str_printf("%s %s", id, is_running ? "running" : is_paused ? "paused" : "error");

    exam_mend(f, DOCTOR_MEND_VM, target);
}

static void stuck_vms(struct exam *x)
{
    for (size_t i = 0; i < x->store->vm_count; i++) {
        const struct fact_vm *vm = x->store->vms[i];

        if (is_settled(vm) || exam_has_job(x, vm->job))
            continue;
        struct finding *f = exam_report(x, "vm", vm->id, "VM '%s' is %s (%s), and no operation is under way that would end it",
                                        vm->name, vm->status, vm->task ? vm->task : "no task");
        exam_suggest(f, "computectl vm delete %s", vm->id);
        settle_by(f, vm->id, virt_facts_domain(x->virt, vm->id));
    }
}

static void faultless_vms(struct exam *x)
{
    for (size_t i = 0; i < x->store->vm_count; i++) {
        const struct fact_vm *vm = x->store->vms[i];

        if (!is_error(vm) || (vm->fault_code && vm->fault_code[0] && vm->fault_message))
            continue;
        struct finding *f = exam_report(x, "vm", vm->id, "VM '%s' is in error, and its row does not say why", vm->name);
        exam_suggest(f, "computectl vm delete %s", vm->id);
        settle_by(f, vm->id, virt_facts_domain(x->virt, vm->id));
    }
}

/* Saving without a job is an upload that the next start lets begin again. */
static void stuck_images(struct exam *x)
{
    for (size_t i = 0; i < x->store->image_count; i++) {
        const struct fact_image *image = x->store->images[i];
        bool is_saving = str_equal(image->status, "saving") && image->job[0];

        if ((!is_saving && !str_equal(image->status, "deleting")) || exam_has_job(x, image->job))
            continue;
        struct finding *f =
            exam_report(x, "image", image->id, "image '%s' is %s, and no operation is under way that would end it", image->name,
                        image->status);
        exam_suggest(f, "computectl image delete %s", image->id);
        exam_mend(f, DOCTOR_MEND_IMAGE, image->id);
    }
}

/* Pending without a job is a default network that the next VM makes. */
static void stuck_networks(struct exam *x)
{
    for (size_t i = 0; i < x->store->network_count; i++) {
        const struct fact_network *n = x->store->networks[i];
        bool is_pending = str_equal(n->status, "pending") && n->job[0];

        if ((!is_pending && !str_equal(n->status, "deleting")) || exam_has_job(x, n->job))
            continue;
        struct finding *f = exam_report(
            x, "network", n->id, "network '%s' is %s, and no operation is under way that would end it", n->name, n->status);
        exam_suggest(f, "computectl network delete %s", n->id);
        exam_mend(f, DOCTOR_MEND_NETWORK, n->id);
    }
}

/* ---- against libvirt ---- */

static void missing_domains(struct exam *x)
{
    for (size_t i = 0; i < x->store->vm_count; i++) {
        const struct fact_vm *vm = x->store->vms[i];

        if (is_settled(vm) && !is_error(vm) && !exam_is_busy(x, vm->id) && !virt_facts_domain(x->virt, vm->id))
            exam_suggest(exam_report(x, "vm", vm->id, "VM '%s' is %s, and libvirt has no such domain", vm->name, vm->status),
                         x->is_running ? "computectl vm start %s" : START_DAEMON, vm->id);
    }
}

/* What a row may say of a domain that is so; a fault outlives a domain that is off. */
static bool may_be_shown(const struct fact_vm *vm, enum virt_power power)
{
    switch (power) {
    case VIRT_RUNNING:
        return str_equal(vm->status, "running");
    case VIRT_PAUSED:
        return str_equal(vm->status, "paused");
    case VIRT_STOPPED:
    case VIRT_CRASHED:
        return str_equal(vm->status, "stopped") || is_error(vm);
    case VIRT_SUSPENDED:
        return str_equal(vm->status, "suspended") || is_error(vm);
    case VIRT_ABSENT:
        break;
    }
    return true;
}

static const char *power_word(enum virt_power power)
{
    static const char *const words[] = {
        [VIRT_ABSENT] = "absent", [VIRT_RUNNING] = "running", [VIRT_PAUSED] = "paused",
        [VIRT_STOPPED] = "off",   [VIRT_CRASHED] = "crashed", [VIRT_SUSPENDED] = "saved",
    };

    return words[power];
}

static void different_states(struct exam *x)
{
    for (size_t i = 0; i < x->store->vm_count; i++) {
        const struct fact_vm *vm = x->store->vms[i];
        const struct fact_domain *d = virt_facts_domain(x->virt, vm->id);

        if (d && is_settled(vm) && !exam_is_busy(x, vm->id) && !may_be_shown(vm, d->power))
            exam_suggest(exam_report(x, "vm", vm->id, "VM '%s' is %s, and libvirt says that its domain is %s", vm->name,
                                     vm->status, power_word(d->power)),
                         START_DAEMON);
    }
}

static void different_autostarts(struct exam *x)
{
    for (size_t i = 0; i < x->store->vm_count; i++) {
        const struct fact_vm *vm = x->store->vms[i];
        const struct fact_domain *d = virt_facts_domain(x->virt, vm->id);

        if (d && is_settled(vm) && !is_error(vm) && !exam_is_busy(x, vm->id) && d->autostart != vm->autostart)
            exam_suggest(exam_report(x, "vm", vm->id, "VM '%s' is%s to start with the host, and libvirt's flag says the contrary",
                                     vm->name, vm->autostart ? "" : " not"),
                         "computectl vm set %s %s", vm->id, vm->autostart ? "--autostart" : "--no-autostart");
    }
}

static bool has_mac(const struct fact_domain *d, const char *mac)
{
    for (size_t i = 0; i < d->macs.count; i++)
        if (str_equal(d->macs.items[i], mac))
            return true;
    return false;
}

static void missing_interfaces(struct exam *x)
{
    for (size_t i = 0; i < x->store->port_count; i++) {
        const struct fact_port *p = x->store->ports[i];
        const struct fact_domain *d = virt_facts_domain(x->virt, p->vm);
        const struct fact_vm *vm = exam_vm(x, p->vm);

        if (d && vm && is_settled(vm) && !is_error(vm) && !exam_is_busy(x, p->vm) && !has_mac(d, p->mac))
            exam_suggest(
                exam_report(x, "vm", p->vm, "the domain of VM '%s' has no interface with the MAC address %s", vm->name, p->mac),
                "virsh -c %s edit %s", x->virt->uri, d->id);
    }
}

const struct doctor_rule vm_rules[] = {
    { "vm_stuck", DOCTOR_ERROR, true, NEEDS_STORE | NEEDS_VIRT, stuck_vms },
    { "vm_error_without_fault", DOCTOR_ERROR, true, NEEDS_STORE | NEEDS_VIRT, faultless_vms },
    { "image_stuck", DOCTOR_ERROR, true, NEEDS_STORE, stuck_images },
    { "network_stuck", DOCTOR_ERROR, true, NEEDS_STORE, stuck_networks },
    { "vm_domain_missing", DOCTOR_ERROR, false, NEEDS_STORE | NEEDS_VIRT, missing_domains },
    { "vm_state_differs", DOCTOR_ERROR, false, NEEDS_STORE | NEEDS_VIRT, different_states },
    { "vm_autostart_differs", DOCTOR_WARNING, false, NEEDS_STORE | NEEDS_VIRT, different_autostarts },
    { "vm_interface_missing", DOCTOR_WARNING, false, NEEDS_STORE | NEEDS_VIRT, missing_interfaces },
    { 0 },
};
