/* disk/convert: what qemu-img is told, and how files are lent to it. It opens /proc/self/fd/N: names of ours mean nothing to it,
 * and our folders need not let it in. What it may be given is for inspect_foreign.c and transfer.c to say. */
#include "convert.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "child.h"
#include "names.h"

#include "base/failpoint.h"
#include "base/str.h"

enum { METADATA_SLACK = 64 << 20, SAID_MAX = 500 };

/* ---- lending ---- */

/* A file whose group may reach it for a while. Root's child has no rights but its group's; anybody else's has ours. */
struct loan {
    int fd;
    struct stat before;
    bool is_lent;
};

static int lend(struct loan *l, uint32_t group, mode_t bits, struct err *e)
{
    if (geteuid() != 0)
        return 0;
    if (fstat(l->fd, &l->before) < 0)
        return err_errno(e, errno, "a file of the image cannot be read");
    if ((l->before.st_mode & S_IROTH) && bits == S_IRGRP)
        return 0;
    l->is_lent = true;
    FAILPOINT(e, "disk.convert_lend.before");
    if ((fchown(l->fd, (uid_t)-1, group) < 0 && (errno != EINVAL || fchown(l->fd, (uid_t)-1, CHILD_GROUP_SHARED) < 0)) ||
        fchmod(l->fd, (l->before.st_mode & 07777) | bits) < 0)
        return err_errno(e, errno, "a file of the image cannot be lent");
    FAILPOINT(e, "disk.convert_lend.after");
    return 0;
}

/* The mode first: a group that comes back must not find it open. Where that fails, the file stays readable for a group that
 * nobody is in. */
static void loan_end(struct loan *l)
{
    if (l->is_lent && fchmod(l->fd, l->before.st_mode & 07777) == 0 && fchown(l->fd, (uid_t)-1, l->before.st_gid) == 0)
        l->is_lent = false;
}
#define LOAN __attribute__((cleanup(loan_end))) struct loan

/* ---- what it says ---- */

struct hearing {
    const struct conversion *conversion;
    uint64_t total;          /* 0: nobody is told how far it is */
    char said[SAID_MAX + 1]; /* the first complaint */
    bool is_full, is_too_large;
};

/* "    (12.34/100%)", or a complaint. */
static void hear(void *arg, const char *line)
{
    struct hearing *h = arg;
    const struct transfer_watch *w = &h->conversion->terms->watch;
    double percent = 0;

    if (sscanf(line, " (%lf/100%%)", &percent) == 1) {
        struct transfer_progress p = { .bytes = (uint64_t)((double)h->total * percent / 100), .total_bytes = h->total };

        if (h->total > 0 && w->progress && percent >= 0 && percent <= 100)
            w->progress(w->arg, &p);
        return;
    }
    h->is_full = h->is_full || strstr(line, "No space left on device") || strstr(line, "Disk quota exceeded");
    h->is_too_large = h->is_too_large || strstr(line, "File too large");
    if (!h->said[0] && str_is_printable(line))
        (void)str_copy(h->said, sizeof h->said, line);
}

static int judge(const struct hearing *h, int status, struct err *e)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (h->is_full)
        return err_set(e, ERR_DISK_FULL, "the disk is full");
    if (h->is_too_large || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ))
        return err_set(e, ERR_IMAGE_REFUSED, "the image becomes larger than what is let in");
    err_set(e, ERR_IMAGE_REFUSED, "the image cannot be converted");
    return err_detail(e, "%s (status %#x)", h->said, (unsigned)status);
}

/* ---- running it ---- */

static int part_create(const struct conversion *c, int *out, struct err *e)
{
    image_name name;

    name_of_image(c->image_id, NAME_PART_SUFFIX, name);
    FAILPOINT(e, "disk.convert_create.before");
    if (unlinkat(c->disk->images, name, 0) < 0 && errno != ENOENT)
        return err_errno(e, errno, "a file of the image cannot be removed");
    *out = openat(c->disk->images, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (*out < 0)
        return err_errno(e, errno, "the image's file cannot be made");
    FAILPOINT(e, "disk.convert_create.after");
    return 0;
}

/* In the order of CHILD_FILES. */
enum { FILE_PART, FILE_SOURCE, FILE_BASE };

static json_t *driver_on(const char *driver, int file, json_t *backing)
{
    AUTO_FREE char *path = str_printf("/proc/self/fd/%d", CHILD_FILES + file);

    return json_pack("{s:s, s:{s:s, s:s}, s:o}", "driver", driver, "file", "driver", "file", "filename", path, "backing",
                     backing ? backing : json_null());
}

/* Takes source over. */
static json_t *command(json_t *source)
{
    AUTO_FREE char *text = source ? json_text(source) : NULL;
    AUTO_FREE char *from = text ? str_printf("json:%s", text) : NULL;
    AUTO_FREE char *to = str_printf("/proc/self/fd/%d", CHILD_FILES + FILE_PART);

    json_decref(source);
    if (!from || !to)
        return NULL;
    return json_pack("{s:[s, s, s, s, s, s, s]}", "argv", "qemu-img", "convert", "-p", "-O", "qcow2", from, to);
}

static int run(const struct conversion *c, json_t *orders, struct hearing *h, struct err *e)
{
    AUTO_CLOSE int part = -1;
    uint32_t group = child_group(c->image_id);
    int status = 0;

    if (part_create(c, &part, e) < 0)
        return -1;
    LOAN to = { .fd = part };
    LOAN source = { .fd = c->source };
    LOAN base = { .fd = c->base };
    struct child_task task = {
        .orders = orders,
        .files = (const int[]){ [FILE_PART] = part, [FILE_SOURCE] = c->source, [FILE_BASE] = c->base },
        .file_count = c->base < 0 ? FILE_BASE : FILE_BASE + 1,
        .file_size_max = c->terms->limits.size_bytes + METADATA_SLACK,
        .group = group,
        .deadline_ms = c->deadline_ms,
        .watch = &c->terms->watch,
        .said = hear,
        .arg = h,
    };
    if (lend(&to, group, S_IRGRP | S_IWGRP, e) < 0 || lend(&source, group, S_IRGRP, e) < 0 ||
        (c->base >= 0 && lend(&base, group, S_IRGRP, e) < 0))
        return -1;
    FAILPOINT(e, "disk.convert_run.before");
    if (child_run(&task, &status, e) < 0 || judge(h, status, e) < 0)
        return -1;
    FAILPOINT(e, "disk.convert_run.after");
    return 0;
}

static int convert(const struct conversion *c, json_t *source, uint64_t total, struct err *e)
{
    AUTO_JSON orders = command(source);
    struct hearing h = { .conversion = c, .total = total };

    return orders ? run(c, orders, &h, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int convert_foreign(const struct conversion *c, enum foreign_format f, struct err *e)
{
    return convert(c, driver_on(foreign_driver(f), FILE_SOURCE, NULL), 0, e);
}

int convert_overlay(const struct conversion *c, enum disk_format base_format, uint64_t size_bytes, struct err *e)
{
    json_t *base = driver_on(disk_format_to_string(base_format), FILE_BASE, NULL);

    return convert(c, base ? driver_on("qcow2", FILE_SOURCE, base) : NULL, size_bytes, e);
}

/* ---- checking ---- */

enum { CHECK_LEAKS = 3 }; /* qemu-img's exit code */

static json_t *check_command(void)
{
    /* The only file it is given is the first. */
    json_t *overlay = driver_on("qcow2", FILE_PART, NULL);
    AUTO_FREE char *text = overlay ? json_text(overlay) : NULL;
    AUTO_FREE char *from = text ? str_printf("json:%s", text) : NULL;

    json_decref(overlay);
    return from ? json_pack("{s:[s, s, s]}", "argv", "qemu-img", "check", from) : NULL;
}

int convert_check(int overlay, const char *vm_id, int64_t deadline_ms, struct err *e)
{
    AUTO_JSON orders = check_command();
    struct transfer_terms terms = { .limits = { 0 } };
    struct conversion c = { .terms = &terms };
    struct hearing h = { .conversion = &c };
    LOAN loan = { .fd = overlay };
    struct child_task task = {
        .orders = orders,
        .files = &overlay,
        .file_count = 1,
        .file_size_max = METADATA_SLACK,
        .group = child_group(vm_id),
        .deadline_ms = deadline_ms,
        .watch = &terms.watch,
        .said = hear,
        .arg = &h,
    };
    int status = 0;

    if (!orders)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (lend(&loan, task.group, S_IRGRP, e) < 0 || child_run(&task, &status, e) < 0)
        return -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == CHECK_LEAKS ? 0 : judge(&h, status, e);
}
