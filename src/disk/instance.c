/* disk/instance: instances/<vm id>/ and the overlay in it, made and removed so that a crash between any two lines is mended by
 * calling again. What the console log says is read by console.c. */
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "names.h"

#include "base/failpoint.h"
#include "base/str.h"
#include "disk/disk.h"
#include "disk/qcow2.h"

int instance_open(struct disk *d, const char *vm_id, int *out, struct err *e)
{
    int fd;

    if (!id_is_uuid(vm_id))
        return err_set(e, ERR_INTERNAL, "the id of a VM is malformed");
    fd = dir_open_at(d->instances, vm_id);
    if (fd < 0 && errno != ENOENT)
        return err_errno(e, errno, "the VM's folder cannot be opened");
    *out = fd;
    return 0;
}

static int instance_make(struct disk *d, const char *vm_id, int *out, struct err *e)
{
    AUTO_CLOSE int folder = -1;

    if (!id_is_uuid(vm_id))
        return err_set(e, ERR_INTERNAL, "the id of a VM is malformed");
    FAILPOINT(e, "disk.instance_mkdir.before");
    if (dir_make_at(d->instances, vm_id, &folder, e) < 0)
        return -1;
    FAILPOINT(e, "disk.instance_mkdir.after");
    FAILPOINT(e, "disk.instance_mkdir_sync.before");
    if (fsync(d->instances) < 0)
        return err_errno(e, errno, "the folder of instances cannot be synced");
    FAILPOINT(e, "disk.instance_mkdir_sync.after");
    *out = TAKE_FD(folder);
    return 0;
}

/* virtlogd appends to the file as root. Made by us beforehand, it stays ours to read whoever we are. */
static int console_make(int folder, struct err *e)
{
    AUTO_CLOSE int fd = -1;

    FAILPOINT(e, "disk.console_create.before");
    fd = openat(folder, NAME_CONSOLE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        return err_errno(e, errno, "the console log cannot be made");
    FAILPOINT(e, "disk.console_create.after");
    return 0;
}

/* ---- the overlay ---- */

static int image_virtual_size(int fd, enum disk_format f, uint64_t *out, struct err *e)
{
    AUTO_QCOW2_INFO info = { 0 };
    struct stat st;

    if (f == DISK_FORMAT_QCOW2 && qcow2_read(fd, &info, e) < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "the image cannot be read");
    *out = f == DISK_FORMAT_QCOW2 ? info.virtual_size_bytes : (uint64_t)st.st_size;
    return 0;
}

/* A disk shorter than its image would cut off the file system that lies on it. */
static int check_image(struct disk *d, const struct disk_overlay *o, struct err *e)
{
    AUTO_CLOSE int fd = -1;
    image_name name;
    uint64_t least = 0;

    if (!id_is_uuid(o->image_id))
        return err_set(e, ERR_INTERNAL, "the id of an image is malformed");
    name_of_image(o->image_id, disk_format_to_string(o->image_format), name);
    fd = file_open_at(d->images, name);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP))
        return err_set(e, ERR_IMAGE_NOT_FOUND, "the file of image %s is gone", o->image_id);
    if (fd < 0)
        return err_errno(e, errno, "the file of image %s cannot be opened", o->image_id);
    if (image_virtual_size(fd, o->image_format, &least, e) < 0)
        return err_wrap(e, "image %s", o->image_id);
    if (o->size_bytes < least)
        return err_set(e, ERR_INVALID, "the image needs a disk of at least %llu bytes", (unsigned long long)least);
    return 0;
}

static int overlay_fill(int folder, const struct qcow2_overlay *q, struct err *e)
{
    AUTO_CLOSE int fd = -1;

    FAILPOINT(e, "disk.overlay_write.before");
    fd = openat(folder, NAME_OVERLAY_TMP, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(e, errno, "the VM's disk cannot be made");
    if (file_keep_readable(fd) < 0)
        return err_errno(e, errno, "the rights of the VM's disk cannot be set");
    if (qcow2_write_overlay(fd, q, e) < 0)
        return -1;
    FAILPOINT(e, "disk.overlay_write.after");
    FAILPOINT(e, "disk.overlay_sync.before");
    if (fdatasync(fd) < 0)
        return err_errno(e, errno, "the VM's disk cannot be synced");
    FAILPOINT(e, "disk.overlay_sync.after");
    return 0;
}

static int overlay_name(int folder, struct err *e)
{
    FAILPOINT(e, "disk.overlay_rename.before");
    if (renameat(folder, NAME_OVERLAY_TMP, folder, NAME_OVERLAY) < 0)
        return err_errno(e, errno, "the VM's disk cannot be named");
    FAILPOINT(e, "disk.overlay_rename.after");
    return 0;
}

/* The name disk.qcow2 only ever belongs to a whole overlay: a torn one keeps the temporary name, and the next call starts over.
 */
static int overlay_make(int folder, const struct qcow2_overlay *q, struct err *e)
{
    if (unlinkat(folder, NAME_OVERLAY_TMP, 0) < 0 && errno != ENOENT)
        return err_errno(e, errno, "an unfinished disk cannot be removed");
    if (overlay_fill(folder, q, e) == 0 && overlay_name(folder, e) == 0)
        return 0;
    (void)unlinkat(folder, NAME_OVERLAY_TMP, 0);
    return -1;
}

static int overlay_compare(int fd, const struct qcow2_overlay *q, struct err *e)
{
    AUTO_QCOW2_INFO have = { 0 };
    uint64_t size = (q->size_bytes + 511) & ~UINT64_C(511);

    if (qcow2_read(fd, &have, e) < 0)
        return err_set(e, ERR_CONFLICT, "the VM has a disk already, and its header is damaged");
    if (!str_equal(have.backing_file, q->backing_file) || !str_equal(have.backing_format, q->backing_format) ||
        have.virtual_size_bytes != size)
        return err_set(e, ERR_CONFLICT, "the VM has a disk already, of another image or size");
    return 0;
}

static int overlay_ensure(int folder, const struct qcow2_overlay *q, struct err *e)
{
    AUTO_CLOSE int fd = file_open_at(folder, NAME_OVERLAY);

    if (fd < 0 && errno != ENOENT)
        return err_errno(e, errno, "the VM's disk cannot be opened");
    if (fd < 0 ? overlay_make(folder, q, e) < 0 : overlay_compare(fd, q, e) < 0)
        return -1;
    /* Also when it was there: the life that made it may have ended before this line. */
    FAILPOINT(e, "disk.overlay_folder_sync.before");
    if (fsync(folder) < 0)
        return err_errno(e, errno, "the VM's folder cannot be synced");
    FAILPOINT(e, "disk.overlay_folder_sync.after");
    return 0;
}

int disk_overlay_create(struct disk *d, const struct disk_overlay *o, struct err *e)
{
    AUTO_FREE char *backing = disk_image_path(d, o->image_id, o->image_format);
    AUTO_CLOSE int folder = -1;
    struct qcow2_overlay q = {
        .size_bytes = o->size_bytes,
        .backing_file = backing,
        .backing_format = disk_format_to_string(o->image_format),
    };

    if (!backing)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (check_image(d, o, e) < 0 || instance_make(d, o->vm_id, &folder, e) < 0 || console_make(folder, e) < 0)
        return -1;
    return overlay_ensure(folder, &q, e);
}

/* ---- the check before a start ---- */

static int missing(struct err *e, const char *why)
{
    return err_set(e, ERR_DISK_MISSING, "%s", why);
}

/* The name of the image's file, when the backing file lies in images/ itself and is named as images are. */
static const char *image_of_backing(const struct disk *d, const char *backing_file)
{
    size_t len = strlen(d->path);
    const char *name;

    if (!str_starts_with(backing_file, d->path) || !str_starts_with(backing_file + len, "/" NAME_IMAGES "/"))
        return NULL;
    name = backing_file + len + strlen("/" NAME_IMAGES "/");
    return name_is_known(FOLDER_IMAGES, d->images, name) ? name : NULL;
}

static int check_backing(struct disk *d, const struct qcow2_info *info, struct err *e)
{
    const char *name = info->backing_file ? image_of_backing(d, info->backing_file) : NULL;
    const char *suffix = name ? strrchr(name, '.') : NULL;

    if (!name)
        return missing(e, "the VM's disk does not name an image that is here");
    if (!str_equal(suffix + 1, info->backing_format))
        return missing(e, "the VM's disk does not name its image's format");
    return 0;
}

int disk_overlay_check(struct disk *d, const char *vm_id, struct err *e)
{
    AUTO_CLOSE int folder = -1, fd = -1;
    AUTO_QCOW2_INFO info = { 0 };

    if (instance_open(d, vm_id, &folder, e) < 0)
        return -1;
    if (folder < 0)
        return missing(e, "the VM's folder is gone");
    fd = file_open_at(folder, NAME_OVERLAY);
    /* libvirt makes the disk QEMU's own while the VM runs. It is there; a daemon that is not root cannot look into it. */
    if (fd < 0 && errno == EACCES && name_is_known(FOLDER_INSTANCE, folder, NAME_OVERLAY))
        return 0;
    if (fd < 0)
        return missing(e, "the VM's disk is gone");
    if (qcow2_read(fd, &info, e) < 0)
        return missing(e, "the header of the VM's disk is damaged");
    return check_backing(d, &info, e);
}

static int base_of(struct disk *d, const struct qcow2_info *info, struct disk_overlay_base *out, struct err *e)
{
    const char *name = info->backing_file ? image_of_backing(d, info->backing_file) : NULL;
    const char *suffix = name ? strrchr(name, '.') : NULL;

    if (!name || disk_format_from_string(suffix + 1, &out->format) < 0)
        return missing(e, "the VM's disk does not name an image that is here");
    (void)snprintf(out->image, sizeof out->image, "%.*s", UUID_LEN, name);
    out->size_bytes = info->virtual_size_bytes;
    return 0;
}

int disk_overlay_read(struct disk *d, const char *vm_id, struct disk_overlay_base *out, struct err *e)
{
    AUTO_CLOSE int folder = -1, fd = -1;
    AUTO_QCOW2_INFO info = { 0 };
    struct disk_overlay_base base = { .image = "" };

    if (instance_open(d, vm_id, &folder, e) < 0)
        return -1;
    fd = folder < 0 ? -1 : file_open_at(folder, NAME_OVERLAY);
    if (fd < 0)
        return missing(e, "the VM's disk is gone, or may not be read");
    if (qcow2_read(fd, &info, e) < 0)
        return missing(e, "the header of the VM's disk is damaged");
    if (base_of(d, &info, &base, e) < 0)
        return -1;
    *out = base;
    return 0;
}

/* ---- removal ---- */

/* A link in the place of the disk goes; what it leads to stays. */
static int remove_entry(void *arg, int dir, const char *name, struct err *e)
{
    uint32_t *strangers = arg;

    if (!name_is_known(FOLDER_INSTANCE, dir, name) && !name_is_usurped(FOLDER_INSTANCE, dir, name)) {
        ++*strangers;
        return 0;
    }
    FAILPOINT(e, "disk.instance_unlink.before");
    if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        return err_errno(e, errno, "a file of the VM cannot be removed");
    FAILPOINT(e, "disk.instance_unlink.after");
    return 0;
}

static int remove_folder(struct disk *d, const char *vm_id, struct err *e)
{
    FAILPOINT(e, "disk.instance_rmdir.before");
    if (unlinkat(d->instances, vm_id, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return err_errno(e, errno, "the VM's folder cannot be removed");
    FAILPOINT(e, "disk.instance_rmdir.after");
    return 0;
}

int disk_instance_remove(struct disk *d, const char *vm_id, uint32_t *left, struct err *e)
{
    AUTO_CLOSE int folder = -1;
    uint32_t strangers = 0;

    if (instance_open(d, vm_id, &folder, e) < 0)
        return -1;
    if (folder >= 0 && dir_each(folder, remove_entry, &strangers, e) < 0)
        return -1;
    if (folder >= 0 && strangers > 0 && fsync(folder) < 0)
        return err_errno(e, errno, "the VM's folder cannot be synced");
    if (folder >= 0 && strangers == 0 && remove_folder(d, vm_id, e) < 0)
        return -1;
    FAILPOINT(e, "disk.instance_remove_sync.before");
    if (fsync(d->instances) < 0)
        return err_errno(e, errno, "the folder of instances cannot be synced");
    FAILPOINT(e, "disk.instance_remove_sync.after");
    if (left)
        *left = strangers;
    return 0;
}
