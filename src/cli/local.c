/* Files on this side. */
#include "local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

static int refuse(const char *path, struct err *e)
{
    return err_set(e, ERR_INVALID, "%s: %s", path, strerror(errno));
}

/* Text without NUL: what JSON can hold. */
static int read_text(FILE *f, size_t max, struct buf *b)
{
    char chunk[4096];
    size_t got;

    while (b->len <= max && (got = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(b, chunk, got);
    buf_add(b, "", 0); /* so that an empty file has a text too */
    return ferror(f) || b->failed ? -1 : 0;
}

int local_read(const char *path, size_t max, char **out, struct err *e)
{
    AUTO_BUF b = { 0 };
    FILE *f = fopen(path, "re");

    if (!f)
        return refuse(path, e);
    int rc = read_text(f, max, &b);
    if (rc < 0)
        (void)refuse(path, e);
    (void)fclose(f);
    if (rc < 0)
        return -1;
    if (b.len > max)
        return err_set(e, ERR_INVALID, "%s: longer than %zu bytes", path, max);
    if (!str_is_utf8(b.data, b.len, NULL))
        return err_set(e, ERR_INVALID, "%s: not UTF-8 text", path);
    *out = buf_take(&b);
    return 0;
}

int local_create_secret(const char *path, int *fd, struct err *e)
{
    int created = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (created < 0)
        return refuse(path, e);
    *fd = created;
    return 0;
}

int local_write(int fd, const char *path, const char *text, struct err *e)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refuse(path, e);
        text += n;
        len -= (size_t)n;
    }
    return fsync(fd) < 0 && errno != EINVAL && errno != EROFS ? refuse(path, e) : 0;
}
