/* core/doctor_rules_file: files without rows, and rows without files. */
#include <stdio.h>
#include <string.h>

#include "doctor_rules.h"

#include "base/str.h"

enum { CLOCK_SLACK_MS = 2000, PATH_BYTES = 128 };
#define LOOK_AT      "ls -ld %s/%s"
#define START_DAEMON "systemctl restart computed"

static bool is_in(const char *path, const char *folder)
{
    return str_starts_with(path, folder);
}

static bool ends_with(const char *s, const char *end)
{
    size_t len = strlen(s), end_len = strlen(end);

    return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

/* ---- files ---- */

static void unknown_files(struct exam *x)
{
    for (size_t i = 0; i < x->disk->count; i++) {
        const struct fact_file *f = &x->disk->files[i];

        if (!f->is_known)
            exam_suggest(exam_report(x, "file", f->path, "nothing of this name and kind is made by this program"), LOOK_AT,
                         x->disk->root, f->path);
    }
}

static bool has_row(const struct exam *x, const struct fact_file *f)
{
    if (is_in(f->path, "instances/"))
        return exam_vm(x, f->owner);
    if (is_in(f->path, "images/"))
        return exam_image(x, f->owner);
    if (is_in(f->path, "networks/"))
        return exam_network(x, f->owner);
    if (is_in(f->path, "keypairs/"))
        return fact_find(x->store->keypairs, x->store->keypair_count, f->owner);
    return true;
}

/* Some domain, whoever's, has a disk there: whatever the rows say, it is not to be moved. */
static const struct fact_domain *user_of(const struct exam *x, const char *path)
{
    size_t len = strlen(path);

    for (size_t i = 0; i < x->virt->domain_count; i++)
        for (size_t j = 0; j < x->virt->domains[i].files.count; j++) {
            const char *rest = exam_below(x, x->virt->domains[i].files.items[j]);

            if (rest && strncmp(rest, path, len) == 0 && (rest[len] == '\0' || rest[len] == '/'))
                return &x->virt->domains[i];
        }
    return NULL;
}

/* An image that some overlay stands on. */
static bool is_stood_on(const struct exam *x, const char *path)
{
    for (size_t i = 0; i < x->disk->count; i++) {
        const char *backing = x->disk->files[i].backing_file;
        const char *rest = backing ? exam_below(x, backing) : NULL;

        if (rest && str_equal(rest, path))
            return true;
    }
    return false;
}

/* A VM's folder is one orphan with all that is in it. */
static bool is_inside_instance(const struct fact_file *f)
{
    return is_in(f->path, "instances/") && strchr(f->path + strlen("instances/"), '/');
}

static void orphans(struct exam *x)
{
    for (size_t i = 0; i < x->disk->count; i++) {
        const struct fact_file *file = &x->disk->files[i];

        if (!file->is_known || !file->owner[0] || is_inside_instance(file) || has_row(x, file) || exam_is_busy(x, file->owner))
            continue;
        const struct fact_domain *user = user_of(x, file->path);
        struct finding *f = exam_report(x, "file", file->path, "no row and no operation stands behind it%s%s",
                                        user ? ", but a domain uses it: " : "", user ? user->id : "");
        if (user || is_stood_on(x, file->path)) {
            exam_suggest(f, "computed doctor --rebuild");
            continue;
        }
        exam_suggest(f, "computed doctor --fix");
        exam_mend(f, DOCTOR_MEND_QUARANTINE, file->path);
    }
}

static bool is_temporary(const char *path)
{
    return ends_with(path, ".tmp") || ends_with(path, ".part") || ends_with(path, ".fetch");
}

/* An upload that a crash has cut off is cleared away by the next start. */
static bool is_awaited(const struct exam *x, const struct fact_file *f)
{
    const struct fact_image *image = is_in(f->path, "images/") ? exam_image(x, f->owner) : NULL;

    return image && str_equal(image->status, "saving");
}

static void leftovers(struct exam *x)
{
    for (size_t i = 0; i < x->disk->count; i++) {
        const struct fact_file *file = &x->disk->files[i];

        if (!file->is_known || !file->owner[0] || !is_temporary(file->path) || !has_row(x, file) ||
            exam_is_busy(x, file->owner) || is_awaited(x, file))
            continue;
        struct finding *f = exam_report(x, "file", file->path, "it was left behind half written");
        exam_suggest(f, "computed doctor --fix");
        exam_mend(f, DOCTOR_MEND_QUARANTINE, file->path);
    }
}

/* ---- sidecars ---- */

static bool has_file(const struct exam *x, const char *folder, const char *id, const char *rest)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "%s/%s%s", folder, id, rest);
    return disk_facts_find(x->disk, path);
}

static void tell_missing(struct exam *x, const char *noun, const char *id, const char *name)
{
    if (!exam_is_busy(x, id))
        exam_suggest(
            exam_report(x, noun, id, "%s '%s' has no sidecar: a lost database could not be made anew with it", noun, name),
            START_DAEMON);
}

/* A VM without a folder has no place for one; a network that was never made needs none. */
static void missing_sidecars(struct exam *x)
{
    const struct store_facts *s = x->store;

    for (size_t i = 0; i < s->vm_count; i++)
        if (has_file(x, "instances", s->vms[i]->id, "") && !has_file(x, "instances", s->vms[i]->id, "/vm.json"))
            tell_missing(x, "vm", s->vms[i]->id, s->vms[i]->name);
    for (size_t i = 0; i < s->image_count; i++)
        if (!has_file(x, "images", s->images[i]->id, ".json"))
            tell_missing(x, "image", s->images[i]->id, s->images[i]->name);
    for (size_t i = 0; i < s->network_count; i++)
        if (!has_file(x, "networks", s->networks[i]->id, ".json") && !str_equal(s->networks[i]->status, "pending"))
            tell_missing(x, "network", s->networks[i]->id, s->networks[i]->name);
    for (size_t i = 0; i < s->keypair_count; i++)
        if (!has_file(x, "keypairs", s->keypairs[i]->id, ".json"))
            tell_missing(x, "keypair", s->keypairs[i]->id, s->keypairs[i]->name);
}

/* ---- images ---- */

static void path_of_image(const struct fact_image *image, const char *format, char out[PATH_BYTES])
{
    (void)snprintf(out, PATH_BYTES, "images/%s.%s", image->id, format);
}

/* Of an active image that nothing is being done to; else, or when it is not there, NULL. */
static const struct fact_file *file_of(const struct exam *x, const struct fact_image *image)
{
    char path[PATH_BYTES];

    if (!str_equal(image->status, "active") || exam_is_busy(x, image->id))
        return NULL;
    path_of_image(image, image->disk_format, path);
    const struct fact_file *file = disk_facts_find(x->disk, path);
    return file && file->is_known ? file : NULL; /* a link is no file */
}

static void missing_image_files(struct exam *x)
{
    for (size_t i = 0; i < x->store->image_count; i++) {
        const struct fact_image *image = x->store->images[i];

        if (!str_equal(image->status, "active") || exam_is_busy(x, image->id) || file_of(x, image))
            continue;
        struct finding *f = exam_report(x, "image", image->id, "image '%s' is active, and its file is not there", image->name);
        exam_suggest(f, "computectl image delete %s", image->id);
        exam_mend(f, DOCTOR_MEND_IMAGE, image->id);
    }
}

static void second_image_files(struct exam *x)
{
    for (size_t i = 0; i < x->store->image_count; i++) {
        const struct fact_image *image = x->store->images[i];
        char path[PATH_BYTES];

        path_of_image(image, str_equal(image->disk_format, "raw") ? "qcow2" : "raw", path);
        if (exam_is_busy(x, image->id) || !disk_facts_find(x->disk, path))
            continue;
        struct finding *f =
            exam_report(x, "file", path, "image '%s' is %s: this file is none of its", image->name, image->disk_format);
        exam_suggest(f, "computed doctor --fix");
        if (!user_of(x, path) && !is_stood_on(x, path))
            exam_mend(f, DOCTOR_MEND_QUARANTINE, path);
    }
}

static void different_sizes(struct exam *x)
{
    for (size_t i = 0; i < x->store->image_count; i++) {
        const struct fact_image *image = x->store->images[i];
        const struct fact_file *file = file_of(x, image);

        if (file && file->size_bytes != (uint64_t)image->size_bytes)
            exam_suggest(exam_report(x, "image", image->id, "the file of image '%s' has %llu bytes, and should have %lld",
                                     image->name, (unsigned long long)file->size_bytes, (long long)image->size_bytes),
                         "computed doctor --deep");
    }
}

static bool has_right_bytes(const struct exam *x, const struct fact_file *file, const struct fact_image *image)
{
    struct err e = ERR_INIT;
    sha256_text sha256;

    return disk_facts_hash(x->disk, file->path, sha256, &e) == 0 && str_equal(sha256, image->sha256);
}

/* Sealed before it became active: what is younger was written to. A clock that was set back says so wrongly: bytes decide. */
static void modified_images(struct exam *x)
{
    for (size_t i = 0; !x->is_deep && i < x->store->image_count; i++) {
        const struct fact_image *image = x->store->images[i];
        const struct fact_file *file = file_of(x, image);

        if (file && file->mtime_ms > image->updated_at_ms + CLOCK_SLACK_MS)
            exam_suggest(
                exam_report(x, "image", image->id, "the file of image '%s' was written to after it was sealed", image->name),
                "computed doctor --deep");
    }
}

static void different_bytes(struct exam *x)
{
    for (size_t i = 0; x->is_deep && i < x->store->image_count; i++) {
        const struct fact_image *image = x->store->images[i];
        const struct fact_file *file = file_of(x, image);

        if (file && !has_right_bytes(x, file, image))
            exam_suggest(exam_report(x, "image", image->id, "the bytes of image '%s' are not those that were sealed (sha256)",
                                     image->name),
                         "computectl image delete %s", image->id);
    }
}

static void writable_images(struct exam *x)
{
    for (size_t i = 0; i < x->store->image_count; i++) {
        const struct fact_image *image = x->store->images[i];
        const struct fact_file *file = file_of(x, image);

        if (!file || (file->mode & 0222) == 0)
            continue;
        struct finding *f =
            exam_report(x, "file", file->path, "the file of image '%s' may be written to (mode %04o)", image->name, file->mode);
        exam_suggest(f, "chmod 0444 %s/%s", x->disk->root, file->path);
        exam_mend(f, DOCTOR_MEND_READONLY, file->path);
    }
}

#define ALL (NEEDS_STORE | NEEDS_DISK | NEEDS_VIRT)
const struct doctor_rule file_rules[] = {
    { "file_unknown", DOCTOR_WARNING, false, NEEDS_DISK, unknown_files },
    { "file_orphan", DOCTOR_ERROR, true, ALL, orphans },
    { "file_leftover", DOCTOR_ERROR, true, NEEDS_STORE | NEEDS_DISK, leftovers },
    { "sidecar_missing", DOCTOR_WARNING, false, NEEDS_STORE | NEEDS_DISK, missing_sidecars },
    { "image_file_missing", DOCTOR_ERROR, true, NEEDS_STORE | NEEDS_DISK, missing_image_files },
    { "image_file_second", DOCTOR_ERROR, true, ALL, second_image_files },
    { "image_size_differs", DOCTOR_ERROR, false, NEEDS_STORE | NEEDS_DISK, different_sizes },
    { "image_modified", DOCTOR_WARNING, false, NEEDS_STORE | NEEDS_DISK, modified_images },
    { "image_bytes_differ", DOCTOR_ERROR, false, NEEDS_STORE | NEEDS_DISK, different_bytes },
    { "image_writable", DOCTOR_WARNING, true, NEEDS_STORE | NEEDS_DISK, writable_images },
    { 0 },
};
