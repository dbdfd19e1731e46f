/* disk/transfer: bringing an image's bytes here: checks, files and their names, and the verdicts of the children that do the
 * work. images/<id>.fetch is what was downloaded, images/<id>.part what may be sealed. */
#include "disk/transfer.h"

#include <curl/urlapi.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "child.h"
#include "convert.h"
#include "file.h"
#include "inspect_foreign.h"
#include "instance.h"
#include "names.h"
#include "state.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/str.h"
#include "disk/qcow2.h"

#define REFUSE(e, ...) err_set(e, ERR_IMAGE_REFUSED, __VA_ARGS__)

/* ---- the URL ---- */

static bool url_part_is(CURLU *u, CURLUPart part, const char *a, const char *b)
{
    char *text = NULL;
    bool is_one = curl_url_get(u, part, &text, 0) == CURLUE_OK && (str_equal(text, a) || str_equal(text, b));

    curl_free(text);
    return is_one;
}

static bool url_is_fit(const char *url)
{
    CURLU *u = curl_url();
    bool is_fit = u && curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
                  url_part_is(u, CURLUPART_SCHEME, "http", "https") && !url_part_is(u, CURLUPART_HOST, "", "");

    curl_url_cleanup(u);
    return is_fit;
}

int transfer_check_url(const char *url, struct err *e)
{
    if (strlen(url) > TRANSFER_URL_MAX || !str_is_printable(url))
        return err_set_field(e, ERR_INVALID_FIELD, "url", "url must have at most %d characters, all of them printable",
                             TRANSFER_URL_MAX);
    if (!url_is_fit(url))
        return err_set_field(e, ERR_INVALID_FIELD, "url", "url must be http or https, with a host and without user and password");
    return 0;
}

/* ---- files ---- */

static int check_id(const char *image_id, struct err *e)
{
    return id_is_uuid(image_id) ? 0 : err_set(e, ERR_INTERNAL, "the id of an image is malformed");
}

static int remove_file(struct disk *d, const char *image_id, const char *suffix, struct err *e)
{
    image_name name;

    name_of_image(image_id, suffix, name);
    FAILPOINT(e, "disk.transfer_unlink.before");
    if (unlinkat(d->images, name, 0) < 0 && errno != ENOENT)
        return err_errno(e, errno, "a file of the image cannot be removed");
    FAILPOINT(e, "disk.transfer_unlink.after");
    return 0;
}

static int clean(struct disk *d, const char *image_id, struct err *e)
{
    return remove_file(d, image_id, NAME_FETCH_SUFFIX, e) < 0 ? -1 : remove_file(d, image_id, NAME_PART_SUFFIX, e);
}

/* The first error stays the one that is told. */
static int clean_after_failure(struct disk *d, const char *image_id)
{
    struct err ignored = ERR_INIT;

    (void)clean(d, image_id, &ignored);
    return -1;
}

/* ---- the download ---- */

struct download {
    struct disk *disk;
    const struct transfer_source *from;
    const struct transfer_terms *terms;
    int64_t deadline_ms;
    bool is_done;       /* the child's word that all is there */
    struct err verdict; /* or why not */
};

static json_t *orders_of(const struct download *dl)
{
    const struct transfer_limits *l = &dl->terms->limits;
    json_t *allowed = json_array();

    for (size_t i = 0; i < l->allowed_count; i++) {
        cidr_text text;

        cidr_format(l->allowed[i], text);
        (void)json_array_append_new(allowed, json_string(text));
    }
    return json_pack("{s:s, s:s*, s:I, s:I, s:I, s:o}", "url", dl->from->url, "sha256", dl->from->sha256, "size_bytes",
                     (json_int_t)l->size_bytes, "rate_bytes_s", (json_int_t)l->rate_bytes_s, "expansion",
                     (json_int_t)l->expansion, "allowed", allowed);
}

/* What a child may accuse an image, a server or this host of; any other word is its own failure. */
static enum err_code verdict_code(const char *word)
{
    static const enum err_code known[] = { ERR_DOWNLOAD, ERR_IMAGE_REFUSED, ERR_DISK_FULL, ERR_NO_MEMORY };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_equal(word, err_code_word(known[i])))
            return known[i];
    return ERR_INTERNAL;
}

static void hear_verdict(struct download *dl, json_t *line)
{
    const char *word = NULL, *message = "", *detail = "";

    if (json_unpack(line, "{s:s, s?s, s?s}", "verdict", &word, "message", &message, "detail", &detail) < 0)
        return;
    if (str_equal(word, "done")) {
        dl->is_done = true;
        return;
    }
    err_set(&dl->verdict, verdict_code(word), "%s", str_is_printable(message) ? message : "the download failed");
    err_detail(&dl->verdict, "%s", str_is_printable(detail) ? detail : "");
}

static void hear(void *arg, const char *text)
{
    struct download *dl = arg;
    const struct transfer_watch *w = &dl->terms->watch;
    json_int_t bytes = 0, total = 0, rate = 0;
    struct err ignored = ERR_INIT;
    AUTO_JSON line = NULL;

    if (json_parse(text, strlen(text), &line, &ignored) < 0)
        return;
    if (json_unpack(line, "{s:I, s:I, s:I}", "bytes", &bytes, "total", &total, "rate", &rate) < 0)
        hear_verdict(dl, line);
    else if (w->progress)
        w->progress(w->arg, &(struct transfer_progress){ (uint64_t)bytes, (uint64_t)total, (uint64_t)rate });
}

/* Ended without a word: by one of its limits, or because it broke. */
static int judge_silence(int status, struct err *e)
{
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (sig == SIGXFSZ)
        err_set(e, ERR_DOWNLOAD, "the image has more bytes than are let in");
    else if (sig == SIGXCPU || sig == SIGKILL)
        err_set(e, ERR_IMAGE_REFUSED, "the image takes too much to unpack");
    else
        err_set(e, ERR_INTERNAL, "the download broke off");
    return err_detail(e, "the helper process ended with status %#x", (unsigned)status);
}

static int fetch_into(struct download *dl, int fd, struct err *e)
{
    AUTO_JSON orders = orders_of(dl);
    struct child_task task = {
        .orders = orders,
        .files = &fd,
        .file_count = 1,
        .file_size_max = dl->terms->limits.size_bytes,
        .group = child_group(dl->from->image_id),
        .deadline_ms = dl->deadline_ms,
        .watch = &dl->terms->watch,
        .said = hear,
        .arg = dl,
    };
    int status = 0;

    if (!orders)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    FAILPOINT(e, "disk.fetch_run.before");
    if (child_run(&task, &status, e) < 0)
        return -1;
    FAILPOINT(e, "disk.fetch_run.after");
    if (dl->is_done)
        return 0;
    if (dl->verdict.code == ERR_NONE)
        return judge_silence(status, e);
    *e = dl->verdict;
    return -1;
}

static int fetch(struct download *dl, int *out, struct err *e)
{
    AUTO_CLOSE int fd = -1;
    image_name name;

    name_of_image(dl->from->image_id, NAME_FETCH_SUFFIX, name);
    FAILPOINT(e, "disk.fetch_create.before");
    fd = openat(dl->disk->images, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(e, errno, "the image's file cannot be made");
    FAILPOINT(e, "disk.fetch_create.after");
    if (fetch_into(dl, fd, e) < 0)
        return -1;
    *out = TAKE_FD(fd);
    return 0;
}

/* ---- what it has brought ---- */

/* qcow2 or raw as it is: disk_image_seal judges them. */
static int keep(struct download *dl, int fd, enum disk_format *format, struct err *e)
{
    image_name fetched, part;
    char magic[4] = "";

    name_of_image(dl->from->image_id, NAME_FETCH_SUFFIX, fetched);
    name_of_image(dl->from->image_id, NAME_PART_SUFFIX, part);
    if (file_read_at(fd, magic, sizeof magic, 0) < 0)
        return err_errno(e, errno, "the image cannot be read");
    FAILPOINT(e, "disk.fetch_rename.before");
    if (renameat(dl->disk->images, fetched, dl->disk->images, part) < 0)
        return err_errno(e, errno, "the image cannot be named");
    FAILPOINT(e, "disk.fetch_rename.after");
    *format = memcmp(magic, "QFI\xfb", sizeof magic) == 0 ? DISK_FORMAT_QCOW2 : DISK_FORMAT_RAW;
    return 0;
}

static int convert(struct download *dl, int fd, enum foreign_format foreign, enum disk_format *format, struct err *e)
{
    struct conversion c = {
        .disk = dl->disk,
        .image_id = dl->from->image_id,
        .terms = dl->terms,
        .deadline_ms = dl->deadline_ms,
        .source = fd,
        .base = -1,
    };

    if (foreign_inspect(fd, foreign, e) < 0 || convert_foreign(&c, foreign, e) < 0 ||
        remove_file(dl->disk, dl->from->image_id, NAME_FETCH_SUFFIX, e) < 0)
        return -1;
    *format = DISK_FORMAT_QCOW2;
    return 0;
}

static int download(struct download *dl, enum disk_format *format, struct err *e)
{
    enum foreign_format foreign = FOREIGN_NONE;
    AUTO_CLOSE int fd = -1;

    if (clean(dl->disk, dl->from->image_id, e) < 0 || fetch(dl, &fd, e) < 0 || foreign_detect(fd, &foreign, e) < 0)
        return -1;
    return foreign == FOREIGN_NONE ? keep(dl, fd, format, e) : convert(dl, fd, foreign, format, e);
}

int transfer_download(struct disk *d, const struct transfer_source *from, const struct transfer_terms *terms,
                      enum disk_format *format, struct err *e)
{
    struct download dl = {
        .disk = d,
        .from = from,
        .terms = terms,
        .deadline_ms = clock_boot_ms() + terms->limits.timeout_ms,
        .verdict = ERR_INIT,
    };

    if (check_id(from->image_id, e) < 0 || transfer_check_url(from->url, e) < 0)
        return -1;
    return download(&dl, format, e) < 0 ? clean_after_failure(d, from->image_id) : 0;
}

/* ---- from a VM's disk ---- */

static int open_overlay(struct disk *d, const char *vm_id, int *out, struct err *e)
{
    AUTO_CLOSE int folder = -1, fd = -1;

    if (instance_open(d, vm_id, &folder, e) < 0)
        return -1;
    fd = folder < 0 ? -1 : file_open_at(folder, NAME_OVERLAY);
    if (folder < 0 || (fd < 0 && errno == ENOENT))
        return err_set(e, ERR_DISK_MISSING, "the VM's disk is gone");
    if (fd < 0)
        return err_errno(e, errno, "the VM's disk cannot be opened");
    *out = TAKE_FD(fd);
    return 0;
}

static int open_base(struct disk *d, const struct transfer_overlay *from, int *out, struct err *e)
{
    image_name name;

    name_of_image(from->base_id, disk_format_to_string(from->base_format), name);
    *out = file_open_at(d->images, name);
    if (*out < 0 && errno == ENOENT)
        return err_set(e, ERR_DISK_MISSING, "the file of the VM's image is gone");
    return *out < 0 ? err_errno(e, errno, "the file of the VM's image cannot be opened") : 0;
}

/* A header that says anything but what we wrote has been written by somebody else. */
static int check_overlay(struct disk *d, const struct transfer_overlay *from, int fd, uint64_t *size_bytes, struct err *e)
{
    const uint64_t harmless = QCOW2_INCOMPATIBLE_KNOWN & ~(uint64_t)(QCOW2_INCOMPATIBLE_CORRUPT | QCOW2_INCOMPATIBLE_DATA_FILE);
    AUTO_FREE char *backing = disk_image_path(d, from->base_id, from->base_format);
    AUTO_QCOW2_INFO info = { 0 };

    if (!backing)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (qcow2_read(fd, &info, e) < 0)
        return err_wrap(e, "the VM's disk");
    if (!str_equal(info.backing_file, backing) || !str_equal(info.backing_format, disk_format_to_string(from->base_format)))
        return REFUSE(e, "the VM's disk does not name its image");
    if (info.has_data_file || info.encryption != 0 || (info.incompatible & ~harmless) != 0)
        return REFUSE(e, "the header of the VM's disk is not the one that was written");
    *size_bytes = info.virtual_size_bytes;
    return 0;
}

static int flatten(struct disk *d, const struct transfer_overlay *from, const struct transfer_terms *terms, struct err *e)
{
    AUTO_CLOSE int overlay = -1, base = -1;
    struct conversion c = {
        .disk = d,
        .image_id = from->image_id,
        .terms = terms,
        .deadline_ms = clock_boot_ms() + terms->limits.timeout_ms,
    };
    uint64_t size_bytes = 0;

    if (open_overlay(d, from->vm_id, &overlay, e) < 0 || open_base(d, from, &base, e) < 0 ||
        check_overlay(d, from, overlay, &size_bytes, e) < 0)
        return -1;
    c.source = overlay;
    c.base = base;
    return convert_overlay(&c, from->base_format, size_bytes, e);
}

int transfer_flatten(struct disk *d, const struct transfer_overlay *from, const struct transfer_terms *terms, struct err *e)
{
    if (check_id(from->image_id, e) < 0 || check_id(from->base_id, e) < 0)
        return -1;
    return flatten(d, from, terms, e) < 0 ? clean_after_failure(d, from->image_id) : 0;
}
