/* core/doctor_fix: mending. A line of the journal first, then the act, then its audit line: rows in one transaction, files before
 * it. Nothing is deleted, and libvirt is not touched at all. */
#include <stdio.h>
#include <string.h>

#include "record.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "core/doctor.h"
#include "disk/quarantine.h"
#include "store/audit.h"
#include "store/image.h"
#include "store/network.h"
#include "store/port.h"
#include "store/project.h"
#include "store/vm.h"

#define REASON "the doctor found that its operation was lost, or what it needs"

struct surgery {
    struct store *store;
    struct disk *disk;
    struct actor actor;
    rfc3339_text stamp; /* of the whole visit; names its folder in the quarantine */
};

/* "<id> <word>" */
struct pair {
    char first[UUID_LEN + 1], second[32];
};

static int split(const char *target, struct pair *out, struct err *e)
{
    const char *space = strchr(target, ' ');

    if (!space || space - target > UUID_LEN)
        return err_set(e, ERR_INTERNAL, "a finding names nothing that can be mended");
    (void)str_copy(out->first, (size_t)(space - target) + 1, target);
    (void)str_copy(out->second, sizeof out->second, space + 1);
    return 0;
}

/* ---- rows ---- */

static struct vm_settled settled_as(const char *word)
{
    if (str_equal(word, "running"))
        return (struct vm_settled){ .status = VM_RUNNING };
    if (str_equal(word, "paused"))
        return (struct vm_settled){ .status = VM_PAUSED };
    return (struct vm_settled){
        .status = VM_ERROR,
        .reason = err_code_word(ERR_INTERNAL),
        .fault_code = err_code_word(ERR_INTERNAL),
        .fault_message =
            "The doctor found that the operation on this virtual machine, or its disk, was lost. Start it, or delete "
            "it.",
    };
}

static int mend_vm(struct txn *t, const char *target, struct err *e)
{
    AUTO(vm) vm = NULL;
    struct pair p;

    if (split(target, &p, e) < 0 || store_vm_get(t, NULL, p.first, &vm, e) < 0)
        return -1;
    struct vm_settled now = settled_as(p.second);
    int rc = vm->task != VM_TASK_NONE ? store_vm_settle(t, vm->id, vm->job, &now, e)
                                      : store_vm_observe(t, vm->id, vm->row_version, &now, e);
    return rc < 0 ? -1 : record_vm_status(t, vm, now.status, now.reason, e);
}

static int mend_image(struct txn *t, const char *id, struct err *e)
{
    AUTO(image) image = NULL;

    if (store_image_get(t, NULL, id, &image, e) < 0 || store_image_set_status(t, image, IMAGE_ERROR, "", REASON, e) < 0)
        return -1;
    image->status = IMAGE_ERROR;
    return record_image(t, "image.failed", image, e);
}

static int mend_network(struct txn *t, const char *id, struct err *e)
{
    AUTO(network) n = NULL;

    if (store_network_get(t, NULL, id, &n, e) < 0 || store_network_set_status(t, n, NETWORK_ERROR, "", REASON, e) < 0)
        return -1;
    n->status = NETWORK_ERROR;
    return record_network(t, "network.error", n, e);
}

static int mend_release(struct txn *t, const char *target, struct err *e)
{
    struct pair p;
    uint32_t ipv4;

    if (split(target, &p, e) < 0)
        return -1;
    if (ipv4_parse(p.second, &ipv4) < 0)
        return err_set(e, ERR_INTERNAL, "a finding names no address");
    return store_port_unrelease(t, p.first, ipv4, e);
}

static int mend_row(struct txn *t, const struct finding *f, struct err *e)
{
    switch (f->mend) {
    case DOCTOR_MEND_VM:
        return mend_vm(t, f->target, e);
    case DOCTOR_MEND_IMAGE:
        return mend_image(t, f->target, e);
    case DOCTOR_MEND_NETWORK:
        return mend_network(t, f->target, e);
    case DOCTOR_MEND_RELEASE:
        return mend_release(t, f->target, e);
    case DOCTOR_MEND_NONE:
    case DOCTOR_MEND_QUARANTINE:
    case DOCTOR_MEND_READONLY:
    case DOCTOR_MEND_PRIVATE:
        break;
    }
    return 0;
}

/* ---- files ---- */

static int mend_file(const struct surgery *s, const struct finding *f, struct err *e)
{
    switch (f->mend) {
    case DOCTOR_MEND_QUARANTINE:
        return disk_quarantine(s->disk, f->target, s->stamp, e);
    case DOCTOR_MEND_READONLY:
        return disk_restrict(s->disk, f->target, 0555, e);
    case DOCTOR_MEND_PRIVATE:
        return disk_restrict(s->disk, f->target, 0600, e);
    case DOCTOR_MEND_NONE:
    case DOCTOR_MEND_VM:
    case DOCTOR_MEND_IMAGE:
    case DOCTOR_MEND_NETWORK:
    case DOCTOR_MEND_RELEASE:
        break;
    }
    return 0;
}

/* ---- both ---- */

static int mend(const struct surgery *s, const struct finding *f, struct err *e)
{
    AUTO_FREE char *line = str_printf("%s %s %s: mending %s", s->stamp, f->code, f->subject, f->target);
    AUTO(txn) t = NULL;
    struct audit audit = { &s->actor, "doctor:fix", f->code, f->target, "succeeded" };

    if (!line)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (disk_journal(s->disk, line, e) < 0 || mend_file(s, f, e) < 0 || txn_write(s->store, &t, e) < 0)
        return -1;
    if (mend_row(t, f, e) < 0 || store_audit_add(t, &audit, e) < 0)
        return -1;
    return txn_commit(t, e);
}

static int begin(struct surgery *s, const char *state_dir, struct err *e)
{
    AUTO_FREE char *path = disk_database_path(state_dir);
    AUTO(txn) t = NULL;

    if (!path)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (store_open(path, &s->store, e) < 0 || txn_read(s->store, &t, e) < 0 || store_project_default(t, s->actor.project, e) < 0)
        return -1;
    (void)str_copy(s->actor.user, sizeof s->actor.user, "doctor");
    s->actor.is_admin = true;
    clock_rfc3339(clock_wall_ms(), s->stamp);
    return 0;
}

/* What cannot be mended is told, and does not keep the rest from being. */
static size_t mend_all(const struct surgery *s, const struct doctor_report *report)
{
    size_t mended = 0;

    for (size_t i = 0; i < report->count; i++) {
        const struct finding *f = &report->findings[i];
        struct err e = ERR_INIT;

        if (f->mend == DOCTOR_MEND_NONE)
            continue;
        if (mend(s, f, &e) == 0)
            mended++;
        else
            log_err(LOG_WARN, "doctor: not mended", &e, "finding", f->code, "subject", f->subject, NULL);
    }
    return mended;
}

static bool has_work(const struct doctor_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->findings[i].mend != DOCTOR_MEND_NONE)
            return true;
    return false;
}

int doctor_fix(const struct doctor_config *config, struct disk *disk, const struct doctor_report *report, size_t *mended,
               struct err *e)
{
    struct surgery s = { .disk = disk };

    if (report->unseen_count > 0) {
        (void)err_set(e, ERR_UNAVAILABLE, "nothing is mended while a part cannot be looked at");
        return err_detail(e, "%s", report->unseen[0]);
    }
    *mended = 0;
    if (!has_work(report))
        return 0;
    int rc = begin(&s, config->state_dir, e);
    if (rc == 0)
        *mended = mend_all(&s, report);
    store_close(s.store);
    return rc;
}
