/* disk/seed: a VM's first-boot disk: an ISO 9660 image (Rock Ridge and Joliet keep the names) made whole under a temporary name,
 * so that a crash leaves the old one or the new one. What its files say is core's. */
#include "disk/seed.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "instance.h"
#include "names.h"

#include "base/failpoint.h"
#include "base/str.h"

enum { SEED_MODE = 0600, FILE_MODE = 0444 };

static int archive_failed(struct archive *a, struct err *e)
{
    (void)err_errno(e, archive_errno(a), "the seed cannot be written");
    return err_detail(e, "%s", archive_error_string(a) ? archive_error_string(a) : "no reason given");
}

/* 150 blocks of padding would triple the file; they are for drives that read ahead. */
static bool choose_format(struct archive *a, const char *label)
{
    return archive_write_set_format_iso9660(a) == ARCHIVE_OK &&
           archive_write_set_format_option(a, "iso9660", "volume-id", label) == ARCHIVE_OK &&
           archive_write_set_format_option(a, "iso9660", "pad", NULL) == ARCHIVE_OK;
}

/* Folders on the way are made by libarchive. */
static bool add_file(struct archive *a, struct archive_entry *entry, const struct seed_file *f)
{
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, f->path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, FILE_MODE);
    archive_entry_set_size(entry, (la_int64_t)f->len);
    archive_entry_set_mtime(entry, 0, 0); /* the same files make the same tree, whenever they are written */
    return archive_write_header(a, entry) == ARCHIVE_OK && archive_write_data(a, f->data, f->len) == (la_ssize_t)f->len;
}

static bool add_all(struct archive *a, int fd, const struct seed_image *s)
{
    struct archive_entry *entry = archive_entry_new2(a);
    bool is_good = entry && choose_format(a, s->label) && archive_write_open_fd(a, fd) == ARCHIVE_OK;

    for (size_t i = 0; is_good && i < s->file_count; i++)
        is_good = add_file(a, entry, &s->files[i]);
    archive_entry_free(entry);
    return is_good && archive_write_close(a) == ARCHIVE_OK; /* this writes the image */
}

static int write_image(int fd, const struct seed_image *s, struct err *e)
{
    struct archive *a = archive_write_new();
    int rc;

    if (!a)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    rc = add_all(a, fd, s) ? 0 : archive_failed(a, e);
    (void)archive_write_close(a); /* free alone does not do it after a fatal error, and so keeps the buffers */
    (void)archive_write_free(a);
    return rc;
}

static int seed_fill(int folder, const struct seed_image *s, struct err *e)
{
    AUTO_CLOSE int fd = -1;

    FAILPOINT(e, "disk.seed_write.before");
    fd = openat(folder, NAME_SEED_TMP, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, SEED_MODE);
    if (fd < 0)
        return err_errno(e, errno, "the seed cannot be made");
    if (write_image(fd, s, e) < 0)
        return -1;
    FAILPOINT(e, "disk.seed_write.after");
    FAILPOINT(e, "disk.seed_sync.before");
    if (fsync(fd) < 0)
        return err_errno(e, errno, "the seed cannot be synced");
    FAILPOINT(e, "disk.seed_sync.after");
    return 0;
}

static int seed_name(int folder, struct err *e)
{
    FAILPOINT(e, "disk.seed_rename.before");
    if (renameat(folder, NAME_SEED_TMP, folder, NAME_SEED) < 0)
        return err_errno(e, errno, "the seed cannot be named");
    FAILPOINT(e, "disk.seed_rename.after");
    return 0;
}

static int seed_make(int folder, const struct seed_image *s, struct err *e)
{
    if (unlinkat(folder, NAME_SEED_TMP, 0) < 0 && errno != ENOENT)
        return err_errno(e, errno, "an unfinished seed cannot be removed");
    if (seed_fill(folder, s, e) == 0 && seed_name(folder, e) == 0)
        return 0;
    (void)unlinkat(folder, NAME_SEED_TMP, 0);
    return -1;
}

int disk_seed_write(struct disk *d, const struct seed_image *s, struct err *e)
{
    AUTO_CLOSE int folder = -1;

    if (instance_open(d, s->vm_id, &folder, e) < 0)
        return -1;
    if (folder < 0)
        return err_set(e, ERR_DISK_MISSING, "the VM's folder is gone");
    if (seed_make(folder, s, e) < 0)
        return -1;
    FAILPOINT(e, "disk.seed_folder_sync.before");
    if (fsync(folder) < 0)
        return err_errno(e, errno, "the VM's folder cannot be synced");
    FAILPOINT(e, "disk.seed_folder_sync.after");
    return 0;
}

char *disk_seed_path(const struct disk *d, const char *vm_id)
{
    return str_printf("%s/" NAME_INSTANCES "/%s/" NAME_SEED, d->path, vm_id);
}
