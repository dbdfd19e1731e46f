/* core/image_save: hashing, inspecting and activating uploaded bytes, and removing an image's file: the slow halves, as jobs. */
#include "image_save.h"

#include <stdlib.h>

#include "record.h"
#include "sidecar.h"

#include "base/log.h"
#include "base/str.h"
#include "store/image.h"

/* ---- image.save ---- */

struct save {
    struct image *image; /* NULL: the row is gone */
    struct image_facts facts;
};

static struct core *core_of(const struct job_run *r)
{
    return r->user;
}

static int prepare_save(struct job_run *r, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO_FREE struct save *s = calloc(1, sizeof *s);

    if (!s)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (txn_read(core_of(r)->store, &t, e) < 0 || store_image_get(t, NULL, r->job->target, &s->image, e) < 0)
        return -1;
    r->scratch = TAKE(s);
    return 0;
}

static void release_save(struct job_run *r)
{
    struct save *s = r->scratch;

    if (!s)
        return;
    image_free(s->image);
    free(s);
    r->scratch = NULL;
}

static bool is_cancelled(void *run)
{
    return job_is_cancelled(run);
}

static int seal(struct job_run *r, struct err *e)
{
    struct save *s = r->scratch;

    if (disk_image_seal(core_of(r)->disk, s->image->id, s->image->disk_format, is_cancelled, r, &s->facts, e) < 0)
        return -1;
    return sidecar_sync_image(core_of(r), s->image->id, &s->facts, e);
}

static int drop_bytes(struct job_run *r, struct err *e)
{
    return disk_image_remove(core_of(r)->disk, r->job->target, e);
}

/* A row that is gone is no failure for a job that ends. */
static int forgive_gone(struct err *e)
{
    if (e->code != ERR_IMAGE_NOT_FOUND)
        return -1;
    err_clear(e);
    return 0;
}

/* A delete has taken it over, and comes next. */
static bool is_doomed(const struct image *i)
{
    return i->status == IMAGE_DELETING;
}

static int activate(struct txn *t, struct image *i, const struct image_facts *facts, struct err *e)
{
    i->size_bytes = facts->size_bytes;
    i->virtual_size_bytes = facts->virtual_size_bytes;
    (void)str_copy(i->sha256, sizeof i->sha256, facts->sha256);
    if (store_image_activate(t, i, e) < 0)
        return -1;
    i->status = IMAGE_ACTIVE;
    return record_image(t, "image.active", i, e);
}

static int settle_save(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    AUTO(image) image = NULL;

    if (record_end(r, t, "image", outcome, e) < 0)
        return -1;
    if (store_image_get(t, NULL, r->job->target, &image, e) < 0)
        return forgive_gone(e);
    if (is_doomed(image))
        return 0;
    if (!outcome)
        return activate(t, image, &((struct save *)r->scratch)->facts, e);
    /* Another upload may be tried: the image is queued as before, and says what was wrong with the last one. */
    if (store_image_set_status(t, image, IMAGE_QUEUED, "", outcome->msg, e) < 0)
        return -1;
    return sidecar_submit_behind(r, t, SIDECAR_IMAGE, image->id, e);
}

int image_settle(struct txn *t, const char *id, const struct image_facts *facts, const struct err *outcome, struct err *e)
{
    AUTO(image) image = NULL;

    if (store_image_get(t, NULL, id, &image, e) < 0)
        return forgive_gone(e);
    if (is_doomed(image))
        return 0;
    if (facts)
        return activate(t, image, facts, e);
    if (store_image_set_status(t, image, IMAGE_ERROR, "", outcome->msg, e) < 0)
        return -1;
    image->status = IMAGE_ERROR;
    return record_image(t, "image.failed", image, e);
}

static const struct job_step save_steps[] = { { "seal", seal, drop_bytes, 100 } };

const struct job_kind image_save_kind = {
    .name = "image.save",
    .steps = save_steps,
    .step_count = ARRAY_LEN(save_steps),
    .policy = JOB_UNWIND,
    .is_cancellable = true,
    .prepare = prepare_save,
    .release = release_save,
    .settle = settle_save,
};

/* ---- image.delete ---- */

static int settle_delete(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    AUTO(image) image = NULL;

    if (record_end(r, t, "image", outcome, e) < 0)
        return -1;
    if (store_image_get(t, NULL, r->job->target, &image, e) < 0)
        return forgive_gone(e);
    if (outcome)
        return store_image_set_status(t, image, IMAGE_ERROR, "", outcome->msg, e) < 0
                   ? -1
                   : sidecar_submit_behind(r, t, SIDECAR_IMAGE, image->id, e);
    return store_image_delete(t, image->id, e) < 0 ? -1 : record_image(t, "image.deleted", image, e);
}

static const struct job_step delete_steps[] = { { "sidecar", sidecar_image_step, NULL, 10 }, { "bytes", drop_bytes, NULL, 90 } };

const struct job_kind image_delete_kind = {
    .name = "image.delete",
    .steps = delete_steps,
    .step_count = ARRAY_LEN(delete_steps),
    .policy = JOB_RETRY,
    .settle = settle_delete,
};

/* ---- recovery ---- */

/* Saving without a job: the bytes were still coming when the daemon died. */
static int requeue(struct core *c, struct txn *t, const struct image *i, struct err *e)
{
    if (i->status != IMAGE_SAVING || i->job[0])
        return 0;
    log_info("image.recovered: its upload did not end", "image", i->id, NULL);
    if (disk_image_remove(c->disk, i->id, e) < 0)
        return -1;
    return store_image_set_status(t, i, IMAGE_QUEUED, "", "the upload was interrupted", e);
}

int image_recover(struct core *c, struct err *e)
{
    AUTO(txn) t = NULL;
    bool has_more = true;
    uuid_text marker = "";

    if (txn_write(c->store, &t, e) < 0)
        return -1;
    while (has_more) {
        AUTO_LIST(image) list = { 0 };

        if (store_image_list(t, NULL, marker[0] ? marker : NULL, 1000, &list, &has_more, e) < 0)
            return -1;
        for (size_t i = 0; i < list.count; i++)
            if (requeue(c, t, list.items[i], e) < 0)
                return -1;
        if (list.count > 0)
            (void)str_copy(marker, sizeof marker, list.items[list.count - 1]->id);
    }
    return txn_commit(t, e);
}
