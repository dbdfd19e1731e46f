/* disk/image_store: the bytes of images: uploaded to images/<id>.part, sealed under their final name, removed. After the seal
 * nothing writes to them. What an image may contain is judged by inspect.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "names.h"
#include "state.h"

#include "base/failpoint.h"
#include "base/hash.h"
#include "disk/disk.h"
#include "disk/inspect.h"

enum { HASH_BLOCK = 1 << 20 };

static int check_id(const char *image_id, struct err *e)
{
    return id_is_uuid(image_id) ? 0 : err_set(e, ERR_INTERNAL, "the id of an image is malformed");
}

/* ---- uploads ---- */

struct disk_upload {
    struct disk *disk;
    struct disk_upload *next; /* in disk->uploads */
    uuid_text image_id;
    int fd;
    bool is_registered;
    bool is_finished;
};

/* The caller holds d->lock. */
static struct disk_upload *upload_find(struct disk *d, const char *image_id)
{
    struct disk_upload *u = d->uploads;

    while (u && strcmp(u->image_id, image_id) != 0)
        u = u->next;
    return u;
}

static bool upload_is_active(struct disk *d, const char *image_id)
{
    HOLD(&d->lock);
    return upload_find(d, image_id) != NULL;
}

static int upload_register(struct disk_upload *u, struct err *e)
{
    HOLD(&u->disk->lock);
    if (upload_find(u->disk, u->image_id))
        return err_set(e, ERR_CONFLICT, "an upload of this image is under way");
    u->next = u->disk->uploads;
    u->disk->uploads = u;
    u->is_registered = true;
    return 0;
}

static void upload_unregister(struct disk_upload *u)
{
    struct disk_upload **link = &u->disk->uploads;

    HOLD(&u->disk->lock);
    while (*link != u)
        link = &(*link)->next;
    *link = u->next;
    u->is_registered = false;
}

static bool image_exists(struct disk *d, const char *image_id, const char *suffix)
{
    image_name name;
    struct stat st;

    name_of_image(image_id, suffix, name);
    return fstatat(d->images, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool image_is_sealed(struct disk *d, const char *image_id)
{
    for (int f = 0; f < DISK_FORMAT_COUNT; f++)
        if (image_exists(d, image_id, disk_format_to_string((enum disk_format)f)))
            return true;
    return false;
}

static int image_unlink(struct disk *d, const char *image_id, const char *suffix, struct err *e)
{
    image_name name;

    name_of_image(image_id, suffix, name);
    FAILPOINT(e, "disk.image_unlink.before");
    if (unlinkat(d->images, name, 0) < 0 && errno != ENOENT)
        return err_errno(e, errno, "a file of the image cannot be removed");
    FAILPOINT(e, "disk.image_unlink.after");
    return 0;
}

/* A .part that no upload of this process owns is left over from a life that ended: replaced. */
static int part_create(struct disk_upload *u, struct err *e)
{
    image_name name;

    if (image_unlink(u->disk, u->image_id, NAME_PART_SUFFIX, e) < 0)
        return -1;
    name_of_image(u->image_id, NAME_PART_SUFFIX, name);
    FAILPOINT(e, "disk.part_create.before");
    u->fd = openat(u->disk->images, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (u->fd < 0)
        return err_errno(e, errno, "the image's file cannot be made");
    FAILPOINT(e, "disk.part_create.after");
    return 0;
}

int disk_upload_begin(struct disk *d, const char *image_id, struct disk_upload **out, struct err *e)
{
    AUTO(disk_upload) u = NULL;

    if (check_id(image_id, e) < 0)
        return -1;
    u = calloc(1, sizeof(*u));
    if (!u)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    u->disk = d;
    u->fd = -1;
    memcpy(u->image_id, image_id, sizeof(u->image_id));
    if (upload_register(u, e) < 0)
        return -1;
    if (image_is_sealed(d, image_id))
        return err_set(e, ERR_CONFLICT, "the image has its bytes already");
    if (part_create(u, e) < 0)
        return -1;
    *out = TAKE(u);
    return 0;
}

int disk_upload_write(struct disk_upload *u, const void *data, size_t len, struct err *e)
{
    FAILPOINT(e, "disk.part_write.before");
    while (len > 0) {
        ssize_t n = write(u->fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, errno, "the image cannot be written");
        data = (const char *)data + n;
        len -= (size_t)n;
    }
    FAILPOINT(e, "disk.part_write.after");
    return 0;
}

int disk_upload_finish(struct disk_upload *u, struct err *e)
{
    /* Some file systems report a full disk here. */
    if (close(TAKE_FD(u->fd)) < 0)
        return err_errno(e, errno, "the image cannot be written");
    u->is_finished = true;
    upload_unregister(u);
    return 0;
}

void disk_upload_free(struct disk_upload *u)
{
    struct err ignored = ERR_INIT;

    if (!u)
        return;
    cleanup_close(&u->fd);
    /* First the file, then the registration: a new upload's file would be removed otherwise. */
    if (u->is_registered)
        (void)image_unlink(u->disk, u->image_id, NAME_PART_SUFFIX, &ignored);
    if (u->is_registered)
        upload_unregister(u);
    free(u);
}

/* ---- sealing ---- */

struct seal {
    struct disk *disk;
    const char *image_id;
    enum disk_format format;
    bool (*is_cancelled)(void *arg);
    void *arg;
    image_name part, final;
};

static int hash_blocks(const struct seal *s, int fd, struct sha256 *h, uint64_t *size_bytes, struct err *e)
{
    AUTO_FREE uint8_t *block = malloc(HASH_BLOCK);
    ssize_t len = HASH_BLOCK;
    uint64_t at = 0;

    if (!block)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    while (len == HASH_BLOCK) {
        if (s->is_cancelled && s->is_cancelled(s->arg))
            return err_set(e, ERR_CANCELLED, "saving the image was cancelled");
        len = file_read_at(fd, block, HASH_BLOCK, at);
        if (len < 0)
            return err_errno(e, errno, "the image cannot be read");
        sha256_add(h, block, (size_t)len);
        at += (uint64_t)len;
    }
    *size_bytes = at;
    return 0;
}

static int hash_file(const struct seal *s, int fd, struct image_facts *out, struct err *e)
{
    struct sha256 *h = sha256_new();
    int result;

    if (!h)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    result = hash_blocks(s, fd, h, &out->size_bytes, e);
    sha256_end(h, out->sha256);
    sha256_free(h);
    return result;
}

static int gather_facts(const struct seal *s, int fd, struct image_facts *out, struct err *e)
{
    /* The header first: a file that is refused is refused at once. */
    if (inspect_image(fd, s->format, &out->virtual_size_bytes, e) < 0)
        return -1;
    return hash_file(s, fd, out, e);
}

static int publish(const struct seal *s, int fd, struct err *e)
{
    FAILPOINT(e, "disk.image_chmod.before");
    if (fchmod(fd, 0444) < 0)
        return err_errno(e, errno, "the image cannot be made read-only");
    FAILPOINT(e, "disk.image_chmod.after");
    FAILPOINT(e, "disk.image_sync.before");
    if (fsync(fd) < 0)
        return err_errno(e, errno, "the image cannot be synced");
    FAILPOINT(e, "disk.image_sync.after");
    FAILPOINT(e, "disk.image_rename.before");
    if (renameat(s->disk->images, s->part, s->disk->images, s->final) < 0)
        return err_errno(e, errno, "the image cannot be named");
    FAILPOINT(e, "disk.image_rename.after");
    return 0;
}

/* The file to seal: the upload, or, when another life got that far, what it sealed. */
static int open_unsealed(const struct seal *s, bool *is_sealed, int *out, struct err *e)
{
    bool have_final = image_exists(s->disk, s->image_id, disk_format_to_string(s->format));
    int fd = file_open_at(s->disk->images, s->part);

    if (fd >= 0 && have_final) {
        (void)close(fd);
        return err_set(e, ERR_CONFLICT, "the image has its bytes already");
    }
    if (fd < 0 && errno == ENOENT && have_final)
        fd = file_open_at(s->disk->images, s->final);
    if (fd < 0 && errno == ENOENT)
        return err_set(e, ERR_IMAGE_NOT_FOUND, "the image has no bytes");
    if (fd < 0)
        return err_errno(e, errno, "the image cannot be opened");
    *is_sealed = have_final;
    *out = fd;
    return 0;
}

static int seal_run(const struct seal *s, struct image_facts *out, struct err *e)
{
    struct image_facts facts = { 0 };
    AUTO_CLOSE int fd = -1;
    bool is_sealed = false;

    if (open_unsealed(s, &is_sealed, &fd, e) < 0 || gather_facts(s, fd, &facts, e) < 0)
        return -1;
    if (!is_sealed && publish(s, fd, e) < 0)
        return -1;
    /* Also when it was sealed: the life that did it may have ended before this line. */
    FAILPOINT(e, "disk.image_folder_sync.before");
    if (fsync(s->disk->images) < 0)
        return err_errno(e, errno, "the folder of images cannot be synced");
    FAILPOINT(e, "disk.image_folder_sync.after");
    *out = facts;
    return 0;
}

int disk_image_seal(struct disk *d, const char *image_id, enum disk_format f, bool (*is_cancelled)(void *arg), void *arg,
                    struct image_facts *out, struct err *e)
{
    struct seal s = { .disk = d, .image_id = image_id, .format = f, .is_cancelled = is_cancelled, .arg = arg };

    if (check_id(image_id, e) < 0)
        return -1;
    if (upload_is_active(d, image_id))
        return err_set(e, ERR_CONFLICT, "an upload of this image is under way");
    name_of_image(image_id, NAME_PART_SUFFIX, s.part);
    name_of_image(image_id, disk_format_to_string(f), s.final);
    return seal_run(&s, out, e);
}

int disk_image_open(struct disk *d, const char *image_id, enum disk_format f, int *fd, uint64_t *size_bytes, struct err *e)
{
    AUTO_CLOSE int opened = -1;
    image_name name;
    struct stat st;

    if (check_id(image_id, e) < 0)
        return -1;
    name_of_image(image_id, disk_format_to_string(f), name);
    opened = file_open_at(d->images, name);
    if (opened < 0 && (errno == ENOENT || errno == ELOOP))
        return err_set(e, ERR_IMAGE_NOT_FOUND, "the file of image %s is gone", image_id);
    if (opened < 0 || fstat(opened, &st) < 0)
        return err_errno(e, errno, "the file of image %s cannot be opened", image_id);
    *size_bytes = (uint64_t)st.st_size;
    *fd = TAKE_FD(opened);
    return 0;
}

int disk_image_remove(struct disk *d, const char *image_id, struct err *e)
{
    if (check_id(image_id, e) < 0 || image_unlink(d, image_id, NAME_FETCH_SUFFIX, e) < 0 ||
        image_unlink(d, image_id, NAME_PART_SUFFIX, e) < 0)
        return -1;
    for (int f = 0; f < DISK_FORMAT_COUNT; f++)
        if (image_unlink(d, image_id, disk_format_to_string((enum disk_format)f), e) < 0)
            return -1;
    FAILPOINT(e, "disk.image_remove_sync.before");
    if (fsync(d->images) < 0)
        return err_errno(e, errno, "the folder of images cannot be synced");
    FAILPOINT(e, "disk.image_remove_sync.after");
    return 0;
}
