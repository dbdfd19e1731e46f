/* core/doctor_rules_domain: libvirt's domains: whose they are, and whose files they use. A tag alone proves nothing: what has one
 * and no row is told, and left alone. */
#include "doctor_rules.h"

#include "base/str.h"

#define LOOK_AT "virsh -c %s dumpxml %s"

/* Row, UUID and tag say the same. */
static bool is_ours(const struct exam *x, const struct fact_domain *d)
{
    return d->has_tag && str_equal(d->tag, d->id) && exam_vm(x, d->id);
}

static void without_rows(struct exam *x)
{
    for (size_t i = 0; i < x->virt->domain_count; i++) {
        const struct fact_domain *d = &x->virt->domains[i];

        if (d->has_tag && str_equal(d->tag, d->id) && !exam_vm(x, d->id) && !exam_is_busy(x, d->id))
            exam_suggest(exam_report(x, "domain", d->id,
                                     "domain '%s' carries our tag, and no VM has a row for it; it is left alone", d->name),
                         "computed doctor --rebuild");
    }
}

static void copied_tags(struct exam *x)
{
    for (size_t i = 0; i < x->virt->domain_count; i++) {
        const struct fact_domain *d = &x->virt->domains[i];

        if (d->has_tag && !str_equal(d->tag, d->id))
            exam_suggest(
                exam_report(x, "domain", d->id, "domain '%s' carries the tag of another (%s); it is left alone", d->name, d->tag),
                LOOK_AT, x->virt->uri, d->id);
    }
}

static void untagged(struct exam *x)
{
    for (size_t i = 0; i < x->virt->domain_count; i++) {
        const struct fact_domain *d = &x->virt->domains[i];

        if (!d->has_tag && exam_vm(x, d->id) && !exam_is_busy(x, d->id))
            exam_suggest(exam_report(x, "domain", d->id,
                                     "domain '%s' has a VM's UUID and not our tag: it is somebody else's, and left alone",
                                     d->name),
                         LOOK_AT, x->virt->uri, d->id);
    }
}

static void foreign_disks(struct exam *x)
{
    for (size_t i = 0; i < x->virt->domain_count; i++) {
        const struct fact_domain *d = &x->virt->domains[i];
        AUTO_FREE char *wanted = str_printf("%s/instances/%s/disk.qcow2", x->disk->root, d->id);

        if (!is_ours(x, d) || exam_is_busy(x, d->id) || (d->files.count > 0 && str_equal(d->files.items[0], wanted)))
            continue;
        exam_suggest(exam_report(x, "domain", d->id,
                                 "domain '%s' does not run on its VM's disk but on %s; it will not be destroyed", d->name,
                                 d->files.count > 0 ? d->files.items[0] : "none"),
                     "virsh -c %s edit %s", x->virt->uri, d->id);
    }
}

/* A file of ours in the hands of a domain that is not. */
static const char *borrowed_file(const struct exam *x, const struct fact_domain *d)
{
    for (size_t i = 0; i < d->files.count; i++) {
        const char *rest = exam_below(x, d->files.items[i]);
        AUTO_FREE char *own = str_printf("instances/%s/", d->id);

        if (rest && str_starts_with(rest, "instances/") && !(own && str_starts_with(rest, own)))
            return rest;
    }
    return NULL;
}

static void borrowers(struct exam *x)
{
    for (size_t i = 0; i < x->virt->domain_count; i++) {
        const struct fact_domain *d = &x->virt->domains[i];
        const char *path = borrowed_file(x, d);

        if (path)
            exam_suggest(exam_report(x, "domain", d->id, "domain '%s' uses %s, which is a VM's", d->name, path), LOOK_AT,
                         x->virt->uri, d->id);
    }
}

static void missing_files(struct exam *x)
{
    for (size_t i = 0; i < x->virt->domain_count; i++) {
        const struct fact_domain *d = &x->virt->domains[i];

        for (size_t j = 1; is_ours(x, d) && !exam_is_busy(x, d->id) && j < d->files.count;
             j++) { /* the first is disk_missing's */
            const char *rest = exam_below(x, d->files.items[j]);

            if (rest && !disk_facts_find(x->disk, rest))
                exam_suggest(exam_report(x, "domain", d->id, "domain '%s' needs %s, which is not there", d->name, rest),
                             "virsh -c %s edit %s", x->virt->uri, d->id);
        }
    }
}

#define ALL (NEEDS_STORE | NEEDS_DISK | NEEDS_VIRT)
const struct doctor_rule domain_rules[] = {
    { "domain_without_row", DOCTOR_ERROR, false, NEEDS_STORE | NEEDS_VIRT, without_rows },
    { "domain_tag_copied", DOCTOR_ERROR, false, NEEDS_VIRT, copied_tags },
    { "domain_untagged", DOCTOR_ERROR, false, NEEDS_STORE | NEEDS_VIRT, untagged },
    { "domain_disk_foreign", DOCTOR_ERROR, false, ALL, foreign_disks },
    { "domain_uses_vm_file", DOCTOR_ERROR, false, NEEDS_DISK | NEEDS_VIRT, borrowers },
    { "domain_file_missing", DOCTOR_ERROR, false, ALL, missing_files },
    { 0 },
};
