/* core/image: registering, finding, filling and deleting images: the quick halves, on the asker's thread. The slow ones are in
 * image_save. */
#include "core/image.h"

#include <stdlib.h>

#include "image.h"
#include "image_save.h"
#include "internal.h"
#include "maintenance.h"
#include "once.h"
#include "quota.h"
#include "record.h"
#include "sidecar.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "model/name.h"
#include "store/audit.h"
#include "store/image.h"
#include "store/job.h"
#include "store/vm.h"

static int refuse_spec(const struct actor *who, const struct image_spec *spec, struct err *e)
{
    if (name_check(spec->name, NAME_RULE_STRICT, "name", e) < 0)
        return -1;
    if (spec->is_public && *spec->is_public && !who->is_admin)
        return err_set_field(e, ERR_FORBIDDEN, "visibility", "only an administrator can make an image public");
    return 0;
}

int image_of_spec(const struct actor *who, const struct image_spec *spec, bool is_public, struct image **out, struct err *e)
{
    AUTO(image) i = calloc(1, sizeof *i);

    if (!i)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (refuse_spec(who, spec, e) < 0)
        return -1;
    id_uuid(i->id);
    (void)str_copy(i->project, sizeof i->project, who->project);
    i->name = str_dup(spec->name);
    i->properties = str_dup(spec->properties ? spec->properties : "{}");
    if (!i->name || !i->properties)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    i->is_public = spec->is_public ? *spec->is_public : is_public;
    i->disk_format = spec->disk_format;
    i->status = IMAGE_QUEUED;
    i->min_disk_gib = spec->min_disk_gib;
    i->min_memory_mib = spec->min_memory_mib;
    i->created_at_ms = i->updated_at_ms = clock_wall_ms();
    *out = TAKE(i);
    return 0;
}

/* The row, when the project may have one more, and its event. */
static int insert(const struct change *ch, const struct image *i, struct err *e)
{
    if (maintenance_check(ch->txn, e) < 0 ||
        quota_reserve(ch, i->project, &(struct quota_delta){ .of = { [QUOTA_IMAGES] = 1 } }, e) < 0 ||
        store_image_insert(ch->txn, i, e) < 0)
        return -1;
    return record_image(ch->txn, "image.created", i, e);
}

int image_insert_saving(const struct change *ch, struct image *i, const struct job *job, struct err *e)
{
    i->status = IMAGE_SAVING;
    (void)str_copy(i->job, sizeof i->job, job->id);
    return insert(ch, i, e);
}

int image_create(struct core *c, const struct actor *who, const struct image_spec *spec, struct once *once, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(image) i = NULL;
    bool is_replay = false;

    if (image_of_spec(who, spec, who->is_admin, &i, e) < 0 || once_begin(c, once, &t, &is_replay, e) < 0)
        return -1;
    if (is_replay)
        return 0;
    const struct change ch = { c, who, t };
    if (insert(&ch, i, e) < 0 || sidecar_submit(&ch, SIDECAR_IMAGE, i->id, e) < 0 ||
        store_audit_add(t, &(struct audit){ who, "image:create", "image", i->id, "accepted" }, e) < 0)
        return -1;
    return once_commit(t, once, i, e);
}

int image_get(struct core *c, const struct actor *who, const char *ref, struct image **out, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_image_resolve(t, actor_scope(who), ref, out, e);
}

int image_list(struct core *c, const struct actor *who, const char *marker, uint32_t limit, struct image_list *out,
               bool *has_more, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_image_list(t, actor_scope(who), marker, limit, out, has_more, e);
}

/* Another project's public image may be used by everybody and changed by its owner and administrators. */
int image_resolve_own(struct txn *t, const struct actor *who, const char *ref, struct image **out, struct err *e)
{
    AUTO(image) i = NULL;

    if (store_image_resolve(t, actor_scope(who), ref, &i, e) < 0)
        return -1;
    if (!str_equal(i->project, who->project) && !who->is_admin)
        return err_set(e, ERR_FORBIDDEN, "image '%s' belongs to another project", i->name);
    *out = TAKE(i);
    return 0;
}

int image_change(struct core *c, const struct actor *who, const char *ref, const struct image_change *change, struct image **out,
                 struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(image) before = NULL;
    AUTO(image) after = NULL;

    if (change->name && name_check(change->name, NAME_RULE_STRICT, "name", e) < 0)
        return -1;
    if (txn_write(c->store, &t, e) < 0 || image_resolve_own(t, who, ref, &before, e) < 0 ||
        store_image_change(t, before->id, change, e) < 0 || store_image_get(t, NULL, before->id, &after, e) < 0 ||
        record_image(t, "image.changed", after, e) < 0)
        return -1;
    const struct actor at = actor_in(who, before->project);
    if (sidecar_submit(&(struct change){ c, &at, t }, SIDECAR_IMAGE, after->id, e) < 0 ||
        store_audit_add(t, &(struct audit){ &at, "image:update", "image", before->id, "accepted" }, e) < 0 ||
        txn_commit(t, e) < 0)
        return -1;
    *out = TAKE(after);
    return 0;
}

int image_open(struct core *c, const struct actor *who, const char *ref, struct image **out, int *fd, struct err *e)
{
    AUTO(image) i = NULL;
    uint64_t size_bytes = 0;

    if (image_get(c, who, ref, &i, e) < 0)
        return -1;
    if (i->status != IMAGE_ACTIVE)
        return err_set(e, ERR_CONFLICT, "image '%s' is %s, not active", i->name, image_status_to_string(i->status));
    if (disk_image_open(c->disk, i->id, i->disk_format, fd, &size_bytes, e) < 0)
        return -1;
    *out = TAKE(i);
    return 0;
}

/* ---- deleting ---- */

static int refuse_delete(struct txn *t, const struct image *i, struct err *e)
{
    uint64_t users = 0;

    if ((i->status == IMAGE_SAVING && !i->job[0]) || i->status == IMAGE_DELETING)
        return err_set(e, ERR_CONFLICT, "image '%s' is %s", i->name, image_status_to_string(i->status));
    if (store_vm_count_by_image(t, i->id, &users, e) < 0)
        return -1;
    if (users > 0)
        return err_set(e, ERR_IN_USE, "image '%s' is the base of %llu virtual machine%s", i->name, (unsigned long long)users,
                       users == 1 ? "" : "s");
    return 0;
}

/* The import, capture or sealing that fills it is asked to stop; it may end in this very moment, which is as good. */
static int stop_filler(const struct change *ch, const struct image *i, struct err *e)
{
    if (i->status != IMAGE_SAVING || jobs_cancel(ch->core->jobs, ch->txn, i->job, e) == 0)
        return 0;
    if (e->code != ERR_CONFLICT && e->code != ERR_OPERATION_NOT_FOUND)
        return -1;
    err_clear(e);
    return 0;
}

int image_delete(struct core *c, const struct actor *who, const char *ref, struct job **out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(image) i = NULL;
    AUTO(job) job = NULL;

    if (txn_write(c->store, &t, e) < 0 || image_resolve_own(t, who, ref, &i, e) < 0 || refuse_delete(t, i, e) < 0)
        return -1;
    const struct actor at = actor_in(who, i->project);
    const struct change ch = { c, &at, t };
    const struct job_request want = { .kind = image_delete_kind.name,
                                      .target = i->id,
                                      .after = i->status == IMAGE_SAVING ? i->job : NULL };
    if (stop_filler(&ch, i, e) < 0 || core_submit(&ch, &want, &job, e) < 0 ||
        store_image_set_status(t, i, IMAGE_DELETING, job->id, NULL, e) < 0 ||
        store_audit_add(t, &(struct audit){ &at, "image:delete", "image", i->id, "accepted" }, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    *out = TAKE(job);
    return 0;
}

/* ---- uploading ---- */

struct image_upload {
    struct core *core;
    struct actor who; /* in the image's project */
    struct image *image;
    struct disk_upload *file;  /* NULL once it is sealed */
    uuid_text job;             /* "" until sealed */
    struct image_upload *next; /* of those that were given up */
};

static int set_saving(struct core *c, struct actor *who, const char *ref, struct image **out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(image) i = NULL;

    if (txn_write(c->store, &t, e) < 0 || image_resolve_own(t, who, ref, &i, e) < 0)
        return -1;
    *who = actor_in(who, i->project);
    if (i->status != IMAGE_QUEUED)
        return err_set(e, ERR_CONFLICT, "image '%s' is %s, not queued: its bytes can be sent once", i->name,
                       image_status_to_string(i->status));
    if (store_image_set_status(t, i, IMAGE_SAVING, "", NULL, e) < 0 ||
        store_audit_add(t, &(struct audit){ who, "image:upload", "image", i->id, "accepted" }, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    i->status = IMAGE_SAVING;
    *out = TAKE(i);
    return 0;
}

int image_upload_begin(struct core *c, const struct actor *who, const char *ref, struct image_upload **out, struct err *e)
{
    AUTO(image_upload) u = calloc(1, sizeof *u);

    if (!u)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    u->core = c;
    u->who = *who;
    if (set_saving(c, &u->who, ref, &u->image, e) < 0 || disk_upload_begin(c->disk, u->image->id, &u->file, e) < 0)
        return -1;
    *out = TAKE(u);
    return 0;
}

int image_upload_write(struct image_upload *u, const void *data, size_t len, struct err *e)
{
    return disk_upload_write(u->file, data, len, e);
}

static int submit_save(struct image_upload *u, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(job) job = NULL;
    struct job_request want = { .kind = image_save_kind.name, .target = u->image->id };

    if (txn_write(u->core->store, &t, e) < 0 || core_submit(&(struct change){ u->core, &u->who, t }, &want, &job, e) < 0 ||
        store_image_set_status(t, u->image, IMAGE_SAVING, job->id, NULL, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    (void)str_copy(u->job, sizeof u->job, job->id);
    return 0;
}

int image_upload_seal(struct image_upload *u, void (*done)(void *arg), void *arg, struct err *e)
{
    if (disk_upload_finish(u->file, e) < 0)
        return -1;
    if (submit_save(u, e) < 0) {
        struct err dropped = ERR_INIT;

        (void)disk_image_remove(u->core->disk, u->image->id, &dropped);
        return -1;
    }
    return jobs_wait(u->core->jobs, u->job, u->core->config.image_deadline_ms, done, arg, e);
}

int image_upload_result(struct image_upload *u, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(job) job = NULL;

    if (txn_read(u->core->store, &t, e) < 0 || store_job_get(t, NULL, u->job, &job, e) < 0)
        return -1;
    switch (job->status) {
    case JOB_SUCCEEDED:
        return 0;
    case JOB_FAILED:
        err_set(e, err_code_from_word(job->error.code), "%s", job->error.message);
        return err_detail(e, "%s", job->error.detail ? job->error.detail : "");
    case JOB_PENDING:
    case JOB_RUNNING:
    case JOB_STATUS_COUNT:
        break;
    }
    return err_set(e, ERR_UNAVAILABLE, "the image is still being saved");
}

/* ---- uploads that are given up ---- */

/* Nobody sealed it: the client went away, or the disk was full. A row that has changed since is somebody else's. */
static int requeue(struct image_upload *u, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_write(u->core->store, &t, e) < 0)
        return -1;
    if (store_image_set_status(t, u->image, IMAGE_QUEUED, "", "the upload was interrupted", e) == 0)
        return txn_commit(t, e);
    if (e->code != ERR_CONFLICT && e->code != ERR_IMAGE_NOT_FOUND)
        return -1;
    err_clear(e);
    return 0;
}

static void dispose(struct image_upload *u)
{
    image_free(u->image);
    free(u);
}

static struct image_upload *take_given_up(struct core *c)
{
    HOLD(&c->given_up_lock);
    struct image_upload *u = c->given_up;
    c->given_up = u ? u->next : NULL;
    return u;
}

static void give_up(struct image_upload *u)
{
    HOLD(&u->core->given_up_lock);
    u->next = u->core->given_up;
    u->core->given_up = u;
}

int image_requeue_given_up(struct core *c, struct err *e)
{
    struct image_upload *u;

    while ((u = take_given_up(c))) {
        if (requeue(u, e) < 0) {
            give_up(u);
            return -1;
        }
        log_info("image.upload: the image is queued again", "image", u->image->id, NULL);
        dispose(u);
    }
    return 0;
}

void image_forget_given_up(struct core *c)
{
    struct image_upload *u;

    while ((u = take_given_up(c)))
        dispose(u);
}

void image_upload_free(struct image_upload *u)
{
    struct err e = ERR_INIT;

    if (!u)
        return;
    disk_upload_free(u->file); /* removes the bytes unless they were sealed */
    if (!u->image || u->job[0] || requeue(u, &e) == 0) {
        dispose(u);
        return;
    }
    log_err(LOG_WARN, "image.upload: the image stays saving until the database can be written", &e, "image", u->image->id, NULL);
    struct core *c = u->core;
    give_up(u);
    reconciler_kick(c->reconciler);
}
