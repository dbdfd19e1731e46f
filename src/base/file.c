/* Reading a small file as a whole, with a limit that also holds for pipes and files that grow. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"

int file_read(const char *path, size_t max, struct buf *out)
{
    char chunk[4096];
    ssize_t len;
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    while ((len = read(fd, chunk, sizeof(chunk))) != 0) {
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return -1;
        if ((size_t)len > max - out->len) {
            errno = EFBIG;
            return -1;
        }
        buf_add(out, chunk, (size_t)len);
    }
    buf_add(out, "", 0); /* so that an empty file has data too */
    if (out->failed) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}
