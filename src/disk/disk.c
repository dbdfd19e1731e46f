/* disk: state_dir itself: opening, the lock that lets one daemon in, what lies there that is not ours, and paths for libvirt.
 * VMs' folders are instance.c's, console.c's and seed.c's, images are image_store.c's. */
#define _GNU_SOURCE /* open file description locks */
#include "disk/disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "file.h"
#include "names.h"
#include "state.h"

#include "base/failpoint.h"
#include "base/id.h"
#include "base/str.h"

/* state_dir may be a symlink of the administrator's; nothing inside it may. */
static int open_root(struct disk *d, const char *state_dir, struct err *e)
{
    FAILPOINT(e, "disk.state_mkdir.before");
    if (mkdir(state_dir, 0711) < 0 && errno != EEXIST)
        return err_errno(e, errno, "state_dir cannot be made");
    FAILPOINT(e, "disk.state_mkdir.after");
    d->path = realpath(state_dir, NULL);
    if (!d->path)
        return err_errno(e, errno, "state_dir has no absolute path");
    return dir_make_at(AT_FDCWD, d->path, &d->root, e);
}

static int take_lock(struct disk *d, struct err *e)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    d->lock_file = openat(d->root, NAME_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (d->lock_file < 0)
        return err_errno(e, errno, "the lock file cannot be opened");
    if (fcntl(d->lock_file, F_OFD_SETLK, &whole) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return err_set(e, ERR_CONFLICT, "another daemon uses this state_dir");
    return err_errno(e, errno, "the lock cannot be taken");
}

static int open_folders(struct disk *d, struct err *e)
{
    FAILPOINT(e, "disk.folders_mkdir.before");
    if (dir_make_at(d->root, NAME_IMAGES, &d->images, e) < 0 || dir_make_at(d->root, NAME_INSTANCES, &d->instances, e) < 0 ||
        dir_make_at(d->root, NAME_NETWORKS, &d->networks, e) < 0 || dir_make_at(d->root, NAME_KEYPAIRS, &d->keypairs, e) < 0)
        return -1;
    FAILPOINT(e, "disk.folders_mkdir.after");
    FAILPOINT(e, "disk.folders_sync.before");
    if (fsync(d->root) < 0)
        return err_errno(e, errno, "state_dir cannot be synced");
    FAILPOINT(e, "disk.folders_sync.after");
    return 0;
}

int disk_open(const char *state_dir, struct disk **out, struct err *e)
{
    AUTO(disk) d = calloc(1, sizeof(*d));

    if (!d)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    d->root = d->images = d->instances = d->networks = d->keypairs = d->lock_file = -1;
    lock_init(&d->lock, RANK_LEAF);
    if (open_root(d, state_dir, e) < 0 || take_lock(d, e) < 0 || open_folders(d, e) < 0)
        return -1;
    *out = TAKE(d);
    return 0;
}

void disk_close(struct disk *d)
{
    if (!d)
        return;
    assert(!d->uploads);
    cleanup_close(&d->images);
    cleanup_close(&d->instances);
    cleanup_close(&d->networks);
    cleanup_close(&d->keypairs);
    cleanup_close(&d->root);
    cleanup_close(&d->lock_file);
    lock_done(&d->lock);
    free(d->path);
    free(d);
}

const char *disk_state_dir(const struct disk *d)
{
    return d->path;
}

char *disk_database_path(const char *state_dir)
{
    return str_printf("%s/" NAME_DATABASE, state_dir);
}

static int count_entry(void *arg, int dir, const char *name, struct err *e)
{
    (void)dir, (void)name, (void)e;
    ++*(size_t *)arg;
    return 0;
}

int disk_is_empty(struct disk *d, bool *out, struct err *e)
{
    size_t entries = 0;

    if (dir_each(d->images, count_entry, &entries, e) < 0 || dir_each(d->instances, count_entry, &entries, e) < 0 ||
        dir_each(d->networks, count_entry, &entries, e) < 0 || dir_each(d->keypairs, count_entry, &entries, e) < 0)
        return -1;
    *out = entries == 0;
    return 0;
}

int disk_space(struct disk *d, struct disk_space *out, struct err *e)
{
    struct statvfs fs;

    if (fstatvfs(d->root, &fs) < 0)
        return err_errno(e, errno, "the free space cannot be read");
    *out = (struct disk_space){
        .total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize,
        .free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize,
    };
    return 0;
}

/* ---- what is not ours ---- */

struct scan {
    enum folder folder;
    const char *prefix; /* of its entries, relative to state_dir */
    disk_unknown_fn *fn;
    void *arg;
};

static int scan_entry(void *arg, int dir, const char *name, struct err *e);

static int scan_instance(const struct scan *parent, int dir, const char *path, struct err *e)
{
    AUTO_FREE char *prefix = str_printf("%s/", path);
    struct scan s = *parent;

    if (!prefix)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    s.folder = FOLDER_INSTANCE;
    s.prefix = prefix;
    return dir_each(dir, scan_entry, &s, e);
}

static int scan_entry(void *arg, int dir, const char *name, struct err *e)
{
    const struct scan *s = arg;
    AUTO_FREE char *path = str_printf("%s%s", s->prefix, name);
    AUTO_CLOSE int folder = -1;

    if (!path)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (!name_is_known(s->folder, dir, name)) {
        s->fn(s->arg, path);
        return 0;
    }
    if (s->folder != FOLDER_INSTANCES)
        return 0;
    folder = dir_open_at(dir, name);
    if (folder < 0 && errno == ENOENT) /* a VM that was deleted meanwhile */
        return 0;
    if (folder < 0)
        return err_errno(e, errno, "a VM's folder cannot be opened");
    return scan_instance(s, folder, path, e);
}

int disk_scan_unknown(struct disk *d, disk_unknown_fn *fn, void *arg, struct err *e)
{
    const struct {
        int dir;
        struct scan scan;
    } places[] = {
        { d->root, { FOLDER_STATE, "", fn, arg } },
        { d->images, { FOLDER_IMAGES, NAME_IMAGES "/", fn, arg } },
        { d->instances, { FOLDER_INSTANCES, NAME_INSTANCES "/", fn, arg } },
        { d->networks, { FOLDER_SIDECARS, NAME_NETWORKS "/", fn, arg } },
        { d->keypairs, { FOLDER_SIDECARS, NAME_KEYPAIRS "/", fn, arg } },
    };

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct scan s = places[i].scan;

        if (dir_each(places[i].dir, scan_entry, &s, e) < 0)
            return -1;
    }
    return 0;
}

/* ---- paths ---- */

char *disk_image_path(const struct disk *d, const char *image_id, enum disk_format f)
{
    return str_printf("%s/" NAME_IMAGES "/%s.%s", d->path, image_id, disk_format_to_string(f));
}

char *disk_overlay_path(const struct disk *d, const char *vm_id)
{
    return str_printf("%s/" NAME_INSTANCES "/%s/" NAME_OVERLAY, d->path, vm_id);
}

char *disk_console_path(const struct disk *d, const char *vm_id)
{
    return str_printf("%s/" NAME_INSTANCES "/%s/" NAME_CONSOLE, d->path, vm_id);
}
