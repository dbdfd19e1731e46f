/* disk/console: a VM's console log: its end, read backwards through the files that virtlogd rotated until enough is there, and
 * what is new in it. The bytes are the guest's: they are passed on as they are. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "instance.h"
#include "names.h"

#include "disk/disk.h"

enum { BLOCK = 64 << 10 };

/* Filled from its end towards its start. */
struct tail {
    char *data;
    size_t size;
    size_t start;          /* data[start .. size) is the text so far */
    uint32_t lines_wanted; /* 0: all */
    uint32_t newlines;     /* counted so far, but for one that ends the text */
    bool is_complete;
    bool is_denied; /* a file was there that could not be read */
};

/* Looks at data[start .. end), which is new; cuts it behind the newline that precedes the wanted lines. */
static void tail_count(struct tail *t, size_t end)
{
    for (size_t i = end; t->lines_wanted > 0 && i > t->start; i--) {
        if (t->data[i - 1] != '\n' || i == t->size)
            continue;
        if (++t->newlines < t->lines_wanted)
            continue;
        t->start = i;
        t->is_complete = true;
        return;
    }
}

/* Puts the bytes of fd before `offset` in front, at most a block of them. Returns how many, 0 when the file shrank, -1 with
 * errno. */
static ssize_t tail_take(struct tail *t, int fd, uint64_t offset)
{
    size_t want = t->start < BLOCK ? t->start : BLOCK;
    size_t end = t->start;
    ssize_t got;

    if (offset < want)
        want = (size_t)offset;
    got = file_read_at(fd, t->data + end - want, want, offset - want);
    if (got < 0 || (size_t)got < want)
        return got < 0 ? -1 : 0;
    t->start = end - want;
    tail_count(t, end);
    return got;
}

static int tail_add_file(struct tail *t, int fd, struct err *e)
{
    struct stat st;
    uint64_t left;

    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "the console log cannot be read");
    for (left = (uint64_t)st.st_size; left > 0 && t->start > 0 && !t->is_complete;) {
        ssize_t got = tail_take(t, fd, left);

        if (got < 0)
            return err_errno(e, errno, "the console log cannot be read");
        if (got == 0)
            return 0;
        left -= (uint64_t)got;
    }
    return 0;
}

static int tail_add_name(struct tail *t, int folder, const char *name, struct err *e)
{
    AUTO_CLOSE int fd = file_open_at(folder, name);

    if (fd >= 0)
        return tail_add_file(t, fd, e);
    if (errno == ENOENT)
        return 0;
    if (errno != EACCES && errno != ELOOP)
        return err_errno(e, errno, "the console log cannot be opened");
    t->is_denied = true;
    return 0;
}

/* console.log is the newest; the number grows with age. */
static int tail_add_all(struct tail *t, int folder, struct err *e)
{
    if (tail_add_name(t, folder, NAME_CONSOLE, e) < 0)
        return -1;
    for (int i = 0; i < CONSOLE_ROTATIONS && t->start > 0 && !t->is_complete; i++) {
        char name[] = NAME_CONSOLE ".0";

        name[sizeof(name) - 2] = (char)('0' + i);
        if (tail_add_name(t, folder, name, e) < 0)
            return -1;
    }
    return 0;
}

int disk_console_read(struct disk *d, const char *vm_id, uint32_t lines, size_t max_bytes, char **out, size_t *len, struct err *e)
{
    AUTO_CLOSE int folder = -1;
    AUTO_FREE char *data = max_bytes < SIZE_MAX ? malloc(max_bytes + 1) : NULL;
    struct tail t = { .data = data, .size = max_bytes, .start = max_bytes, .lines_wanted = lines };
    char *text;

    if (!data)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (instance_open(d, vm_id, &folder, e) < 0 || (folder >= 0 && tail_add_all(&t, folder, e) < 0))
        return -1;
    if (t.is_denied && t.start == t.size)
        return err_set(e, ERR_FORBIDDEN, "the daemon may not read this console log");
    *len = t.size - t.start;
    memmove(data, data + t.start, *len);
    data[*len] = '\0';
    text = realloc(data, *len + 1);
    *out = text ? text : data;
    data = NULL;
    return 0;
}

/* ---- for watchers ---- */

/* data[0 .. *len) becomes what lies behind *offset, at most `max` bytes, the newest; a NUL follows. A shorter file than that is
 * another one: virtlogd has begun anew. */
static int read_news(int fd, uint64_t *offset, char *data, size_t max, size_t *len)
{
    struct stat st;
    uint64_t size, start;
    ssize_t got;

    if (fstat(fd, &st) < 0)
        return -1;
    size = (uint64_t)st.st_size;
    start = *offset <= size ? *offset : 0;
    if (size - start > max)
        start = size - max;
    got = file_read_at(fd, data, (size_t)(size - start), start);
    if (got < 0)
        return -1;
    data[got] = '\0';
    *offset = start + (uint64_t)got;
    *len = (size_t)got;
    return 0;
}

static int open_current(struct disk *d, const char *vm_id, int *out, struct err *e)
{
    AUTO_CLOSE int folder = -1;

    if (instance_open(d, vm_id, &folder, e) < 0)
        return -1;
    *out = folder < 0 ? -1 : file_open_at(folder, NAME_CONSOLE);
    if (folder < 0 || *out >= 0 || errno == ENOENT)
        return 0;
    if (errno == EACCES || errno == ELOOP)
        return err_set(e, ERR_FORBIDDEN, "the daemon may not read this console log");
    return err_errno(e, errno, "the console log cannot be opened");
}

int disk_console_follow(struct disk *d, const char *vm_id, uint64_t *offset, size_t max_bytes, char **out, size_t *len,
                        struct err *e)
{
    AUTO_FREE char *data = max_bytes < SIZE_MAX ? calloc(1, max_bytes + 1) : NULL;
    AUTO_CLOSE int fd = -1;
    size_t got = 0;

    if (!data)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (open_current(d, vm_id, &fd, e) < 0)
        return -1;
    if (fd < 0)
        *offset = 0;
    else if (read_news(fd, offset, data, max_bytes, &got) < 0)
        return err_errno(e, errno, "the console log cannot be read");
    *len = got;
    *out = TAKE(data);
    return 0;
}
