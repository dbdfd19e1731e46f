/* disk/quarantine: the doctor's journal, and the folder where it puts what nobody knows. */
#include "disk/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "names.h"
#include "state.h"

#include "base/failpoint.h"
#include "base/str.h"

static int append(int fd, const char *text, struct err *e)
{
    size_t len = strlen(text);

    if (write(fd, text, len) != (ssize_t)len)
        return err_errno(e, errno, "doctor.log cannot be written");
    return fsync(fd) < 0 ? err_errno(e, errno, "doctor.log cannot be synced") : 0;
}

int disk_journal(struct disk *d, const char *line, struct err *e)
{
    AUTO_FREE char *text = str_printf("%s\n", line);
    AUTO_CLOSE int fd = -1;

    if (!text)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    FAILPOINT(e, "disk.journal.before");
    fd = openat(d->root, NAME_JOURNAL, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(e, errno, "doctor.log cannot be opened");
    if (append(fd, text, e) < 0)
        return -1;
    if (fsync(d->root) < 0)
        return err_errno(e, errno, "state_dir cannot be synced");
    FAILPOINT(e, "disk.journal.after");
    return 0;
}

static int open_ward(struct disk *d, const char *stamp, int *out, struct err *e)
{
    AUTO_CLOSE int ward = -1;

    FAILPOINT(e, "disk.quarantine_mkdir.before");
    if (mkdirat(d->root, NAME_QUARANTINE, 0700) < 0 && errno != EEXIST)
        return err_errno(e, errno, "the quarantine cannot be made");
    ward = dir_open_at(d->root, NAME_QUARANTINE);
    if (ward < 0 || (mkdirat(ward, stamp, 0700) < 0 && errno != EEXIST) || fsync(ward) < 0 || fsync(d->root) < 0)
        return err_errno(e, errno, "the quarantine cannot be made");
    FAILPOINT(e, "disk.quarantine_mkdir.after");
    *out = dir_open_at(ward, stamp);
    return *out < 0 ? err_errno(e, errno, "the quarantine cannot be opened") : 0;
}

/* The folder that holds the path, so that its loss of an entry is synced, too. */
static int sync_parent(struct disk *d, const char *path, struct err *e)
{
    AUTO_FREE char *parent = str_dup(path);
    char *slash = parent ? strrchr(parent, '/') : NULL;
    AUTO_CLOSE int fd = -1;

    if (!parent)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (slash)
        *slash = '\0';
    fd = dir_open_at(d->root, slash ? parent : ".");
    return fd < 0 || fsync(fd) < 0 ? err_errno(e, errno, "a folder cannot be synced") : 0;
}

int disk_quarantine(struct disk *d, const char *path, const char *stamp, struct err *e)
{
    AUTO_FREE char *name = str_dup(path);
    AUTO_CLOSE int ward = -1;

    if (!name)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    for (char *slash = strchr(name, '/'); slash; slash = strchr(slash, '/'))
        *slash = '_';
    if (open_ward(d, stamp, &ward, e) < 0)
        return -1;
    FAILPOINT(e, "disk.quarantine.before");
    if (renameat(d->root, path, ward, name) < 0 && errno != ENOENT)
        return err_errno(e, errno, "a file cannot be moved to the quarantine");
    FAILPOINT(e, "disk.quarantine.after");
    if (fsync(ward) < 0)
        return err_errno(e, errno, "the quarantine cannot be synced");
    return sync_parent(d, path, e);
}

int disk_restrict(struct disk *d, const char *path, unsigned mask, struct err *e)
{
    AUTO_CLOSE int fd = file_open_at(d->root, path);
    struct stat st;

    if (fd < 0 && errno == ENOENT)
        return err_set(e, ERR_NOT_FOUND, "the file is gone");
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(e, errno, "a file of state_dir cannot be opened");
    FAILPOINT(e, "disk.restrict.before");
    if (fchmod(fd, st.st_mode & 07777 & mask) < 0)
        return err_errno(e, errno, "the mode of a file cannot be set");
    FAILPOINT(e, "disk.restrict.after");
    return 0;
}
