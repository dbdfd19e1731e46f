/* disk/file: descriptors relative to folders, whole reads and writes, rights, folders and their entries. Knows no name and no
 * format. */
#include "file.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/cleanup.h"

enum { FOLDER_MODE = 0711 };

int file_open_at(int dir, const char *name)
{
    /* O_NONBLOCK: opening a FIFO would wait for its writer. It means nothing for regular files. */
    AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode)) {
        errno = ELOOP;
        return -1;
    }
    return TAKE_FD(fd);
}

ssize_t file_read_at(int fd, void *buf, size_t len, uint64_t offset)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(fd, (char *)buf + done, len - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int file_write_at(int fd, const void *buf, size_t len, uint64_t offset)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pwrite(fd, (const char *)buf + done, len - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

/* For a file whose owner alone may read and write it, and that stays so for everybody else. */
int file_keep_readable(int fd)
{
    const struct {
        struct posix_acl_xattr_header header;
        struct posix_acl_xattr_entry entries[5];
    } acl = {
        { htole32(POSIX_ACL_XATTR_VERSION) },
        {
            { htole16(ACL_USER_OBJ), htole16(ACL_READ | ACL_WRITE), htole32((uint32_t)ACL_UNDEFINED_ID) },
            { htole16(ACL_USER), htole16(ACL_READ), htole32(geteuid()) },
            { htole16(ACL_GROUP_OBJ), 0, htole32((uint32_t)ACL_UNDEFINED_ID) },
            { htole16(ACL_MASK), htole16(ACL_READ), htole32((uint32_t)ACL_UNDEFINED_ID) },
            { htole16(ACL_OTHER), 0, htole32((uint32_t)ACL_UNDEFINED_ID) },
        },
    };

    if (geteuid() == 0 || fsetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl), 0) == 0)
        return 0;
    return errno == ENOTSUP ? 0 : -1;
}

int dir_open_at(int dir, const char *name)
{
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Bits are only added: an administrator may have opened the folder further. */
static int let_others_pass(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -1;
    if ((st.st_mode & FOLDER_MODE) == FOLDER_MODE)
        return 0;
    return fchmod(fd, (st.st_mode & 07777) | FOLDER_MODE);
}

int dir_make_at(int dir, const char *name, int *out, struct err *e)
{
    AUTO_CLOSE int fd = -1;

    if (mkdirat(dir, name, FOLDER_MODE) < 0 && errno != EEXIST)
        return err_errno(e, errno, "a folder cannot be made");
    fd = dir_open_at(dir, name);
    if (fd < 0)
        return err_errno(e, errno, "a folder cannot be opened");
    if (let_others_pass(fd) < 0)
        return err_errno(e, errno, "the mode of a folder cannot be set");
    *out = TAKE_FD(fd);
    return 0;
}

static void close_stream(DIR **stream)
{
    if (*stream)
        (void)closedir(*stream);
}

static DIR *stream_open(int dir)
{
    /* A description of its own: readers of one folder do not share a position. */
    AUTO_CLOSE int fd = dir_open_at(dir, ".");
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);

    if (stream)
        (void)TAKE_FD(fd);
    return stream;
}

int dir_each(int dir, dir_entry_fn *fn, void *arg, struct err *e)
{
    __attribute__((cleanup(close_stream))) DIR *stream = stream_open(dir);

    if (!stream)
        return err_errno(e, errno, "a folder cannot be listed");
    for (;;) {
        struct dirent *entry;

        errno = 0;
        entry = readdir(stream);
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (fn(arg, dir, entry->d_name, e) < 0)
            return -1;
    }
    return errno ? err_errno(e, errno, "a folder cannot be listed") : 0;
}
