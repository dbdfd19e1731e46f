/* core/image_import: images from URLs: the verb, and the operation whose steps fetch and seal. What is fetched from whom is
 * disk's affair. A URL may hold a secret: it is in the job's parameters and nowhere else. */
#include "image_import.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "image_save.h"
#include "once.h"
#include "record.h"
#include "sidecar.h"

#include "base/json.h"
#include "base/str.h"
#include "store/audit.h"
#include "store/image.h"

enum { ALLOWED_MAX = 64, EXPANSION = 1000, PERCENT_FETCHED = 90, PERCENT_BEGUN = 1 };

static struct core *core_of(const struct job_run *r)
{
    return r->user;
}

/* ---- the configuration ---- */

struct allowed {
    struct cidr items[ALLOWED_MAX];
    size_t count;
};

/* The program's configuration has been checked; other callers of this room hear of it here. */
static int parse_allowed(const char *text, struct allowed *out, struct err *e)
{
    const char *at = text ? text : "";

    for (at += strspn(at, ", "); *at; at += strspn(at, ", ")) {
        size_t len = strcspn(at, ", ");
        cidr_text one = "";

        if (len <= CIDR_LEN)
            memcpy(one, at, len);
        if (out->count == ALLOWED_MAX || cidr_parse(one, &out->items[out->count++]) < 0)
            return err_set(e, ERR_CONFIG, "import_allow: at most %d networks such as 10.1.2.0/24, by commas", ALLOWED_MAX);
        at += len;
    }
    return 0;
}

/* ---- watching ---- */

static void report(void *run, const struct transfer_progress *p)
{
    const struct job_run *r = run;
    uint64_t percent = p->total_bytes > 0 ? p->bytes / (p->total_bytes / PERCENT_FETCHED + 1) : PERCENT_BEGUN;
    AUTO_JSON j = json_pack("{s:I, s:o, s:I}", "bytes", (json_int_t)p->bytes, "total_bytes",
                            p->total_bytes > 0 ? json_integer((json_int_t)p->total_bytes) : json_null(), "rate_bytes_s",
                            (json_int_t)p->rate_bytes_s);
    AUTO_FREE char *details = j ? json_text(j) : NULL;

    if (details)
        job_report(r, percent < PERCENT_FETCHED ? (uint32_t)percent : PERCENT_FETCHED, details);
}

static bool is_cancelled(void *run)
{
    return job_is_cancelled(run);
}

struct transfer_watch image_watch(struct job_run *r)
{
    return (struct transfer_watch){ report, is_cancelled, r };
}

/* ---- image.import ---- */

struct import {
    json_t *params;
    struct transfer_source source; /* borrows from params */
    struct image_facts facts;
};

static void release_import(struct job_run *r)
{
    struct import *im = r->scratch;

    if (!im)
        return;
    json_decref(im->params);
    free(im);
    r->scratch = NULL;
}

static int prepare_import(struct job_run *r, struct err *e)
{
    struct import *im = calloc(1, sizeof *im);

    if (!im)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    r->scratch = im;
    im->source.image_id = r->job->target;
    if (json_parse(r->job->params, strlen(r->job->params), &im->params, e) == 0 &&
        json_unpack(im->params, "{s:s, s?s}", "url", &im->source.url, "sha256", &im->source.sha256) == 0)
        return 0;
    release_import(r);
    return err_set(e, ERR_INTERNAL, "the operation's parameters cannot be read");
}

/* What the bytes turned out to be, for the steps behind and for the next life. */
static int keep_format(struct job_run *r, enum disk_format format, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_write(core_of(r)->store, &t, e) < 0 || store_image_set_format(t, r->job->target, format, e) < 0)
        return -1;
    return txn_commit(t, e);
}

static int fetch(struct job_run *r, struct err *e)
{
    const struct core_config *config = &core_of(r)->config;
    const struct import *im = r->scratch;
    struct allowed allowed = { .count = 0 };
    struct transfer_terms terms = { .watch = image_watch(r) };
    enum disk_format format = DISK_FORMAT_RAW;

    if (parse_allowed(config->import_allow, &allowed, e) < 0)
        return -1;
    terms.limits = (struct transfer_limits){
        .size_bytes = config->import_max_gib << 30,
        .rate_bytes_s = config->import_rate_mib_s << 20,
        .timeout_ms = job_remaining_ms(r),
        .expansion = EXPANSION,
        .allowed = allowed.items,
        .allowed_count = allowed.count,
    };
    if (transfer_download(core_of(r)->disk, &im->source, &terms, &format, e) < 0)
        return -1;
    return keep_format(r, format, e);
}

static int image_format(struct job_run *r, enum disk_format *out, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(image) image = NULL;

    if (txn_read(core_of(r)->store, &t, e) < 0 || store_image_get(t, NULL, r->job->target, &image, e) < 0)
        return -1;
    *out = image->disk_format;
    return 0;
}

static int seal(struct job_run *r, struct err *e)
{
    struct import *im = r->scratch;
    enum disk_format format = DISK_FORMAT_RAW;

    if (image_format(r, &format, e) < 0)
        return -1;
    if (disk_image_seal(core_of(r)->disk, r->job->target, format, is_cancelled, r, &im->facts, e) < 0)
        return -1;
    return sidecar_sync_image(core_of(r), r->job->target, &im->facts, e);
}

static int drop_bytes(struct job_run *r, struct err *e)
{
    return disk_image_remove(core_of(r)->disk, r->job->target, e);
}

static int settle_import(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    const struct import *im = r->scratch;

    if (record_end(r, t, "image", outcome, e) < 0)
        return -1;
    if (image_settle(t, r->job->target, outcome ? NULL : &im->facts, outcome, e) < 0)
        return -1;
    return outcome ? sidecar_submit_behind(r, t, SIDECAR_IMAGE, r->job->target, e) : 0;
}

static const struct job_step import_steps[] = { { "fetch", fetch, drop_bytes, PERCENT_FETCHED },
                                                { "seal", seal, drop_bytes, 100 } };

const struct job_kind image_import_kind = {
    .name = "image.import",
    .steps = import_steps,
    .step_count = ARRAY_LEN(import_steps),
    .policy = JOB_UNWIND,
    .is_cancellable = true,
    .prepare = prepare_import,
    .release = release_import,
    .settle = settle_import,
};

/* ---- the verb ---- */

static int check_sha256(const char *sha256, struct err *e)
{
    if (!sha256 || str_is_hex(sha256, SHA256_HEX_LEN))
        return 0;
    return err_set_field(e, ERR_INVALID_FIELD, "sha256", "sha256 must be %d lower-case hexadecimal digits", SHA256_HEX_LEN);
}

static int submit(const struct change *ch, const struct image_import *want, const char *image_id, struct job **out, struct err *e)
{
    AUTO_JSON j = json_pack("{s:s, s:s*}", "url", want->url, "sha256", want->sha256);
    AUTO_FREE char *params = j ? json_text(j) : NULL;

    if (!params)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return core_submit(ch, &(struct job_request){ .kind = image_import_kind.name, .target = image_id, .params = params }, out, e);
}

int image_import(struct core *c, const struct actor *who, const struct image_import *want, struct once *once, struct err *e)
{
    AUTO(txn) t = NULL;
    AUTO(image) i = NULL;
    AUTO(job) job = NULL;
    bool is_replay = false;

    if (transfer_check_url(want->url, e) < 0 || check_sha256(want->sha256, e) < 0 ||
        image_of_spec(who, &want->spec, who->is_admin, &i, e) < 0)
        return -1;
    if (once_begin(c, once, &t, &is_replay, e) < 0)
        return -1;
    if (is_replay)
        return 0;
    const struct change ch = { c, who, t };
    if (submit(&ch, want, i->id, &job, e) < 0 || image_insert_saving(&ch, i, job, e) < 0 ||
        store_audit_add(t, &(struct audit){ who, "image:import", "image", i->id, "accepted" }, e) < 0)
        return -1;
    return once_commit(t, once, &(struct image_answer){ i, job }, e);
}
