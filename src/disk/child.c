/* disk/child: starting a child, listening to it, and ending it when it is cancelled or late. What it does is in child_main.c. */
#define _GNU_SOURCE /* memfd_create, POSIX_SPAWN_SETSID */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"

enum { SLICE_MS = 250, LINE_MAX_BYTES = 4096, DESCRIPTORS_CLEAR = 64, CPU_PER_SECOND = 2 };
enum { MEMORY_MAX = 1 << 30 };

struct child {
    pid_t pid;       /* 0: none, or reaped */
    int handle;      /* pidfd: readable when it has ended */
    int report;      /* -1: it has closed its end */
    struct buf line; /* what it has said of the line under way */
};

static void child_end(struct child *c)
{
    if (c->pid > 0) {
        (void)kill(c->pid, SIGKILL);
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    cleanup_close(&c->handle);
    cleanup_close(&c->report);
    buf_done(&c->line);
}

uint32_t child_group(const char *image_id)
{
    char digits[7];

    memcpy(digits, image_id, sizeof digits - 1);
    digits[sizeof digits - 1] = '\0';
    return UINT32_C(0x40000000) | (uint32_t)strtoul(digits, NULL, 16);
}

/* ---- starting ---- */

/* The orders, and with them how the child confines itself. */
static char *orders_text(const struct child_task *t)
{
    int64_t seconds = (t->deadline_ms - clock_boot_ms()) / 1000 + 1;
    AUTO_JSON confine = json_pack("{s:i, s:i, s:I, s:I, s:I, s:i}", "parent", (int)getpid(), "group", (int)t->group,
                                  "memory_bytes", (json_int_t)MEMORY_MAX, "cpu_s", (json_int_t)(seconds * CPU_PER_SECOND),
                                  "file_bytes", (json_int_t)t->file_size_max, "files", (int)t->file_count);

    if (!confine || json_object_set(t->orders, "confine", confine) < 0)
        return NULL;
    return json_text(t->orders);
}

static int orders_file(const struct child_task *t, int *out, struct err *e)
{
    AUTO_FREE char *text = orders_text(t);
    AUTO_CLOSE int fd = memfd_create("orders", MFD_CLOEXEC);
    size_t len = text ? strlen(text) : 0;

    if (!text)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (fd < 0 || pwrite(fd, text, len, 0) != (ssize_t)len)
        return err_errno(e, errno, "a helper process cannot be given its orders");
    *out = TAKE_FD(fd);
    return 0;
}

/* Out of the way of the numbers that the child is to find its descriptors by. */
static int spawn_dup(posix_spawn_file_actions_t *actions, int fd, int as)
{
    int clear = fcntl(fd, F_DUPFD_CLOEXEC, DESCRIPTORS_CLEAR);

    if (clear < 0)
        return -1;
    errno = posix_spawn_file_actions_adddup2(actions, clear, as);
    if (errno == 0)
        return clear;
    (void)close(clear);
    return -1;
}

struct spawn {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int held[2 + CHILD_FILES_MAX]; /* the duplicates; open until it has started */
    size_t held_count;
};

static void spawn_done(struct spawn *s)
{
    for (size_t i = 0; i < s->held_count; i++)
        (void)close(s->held[i]);
    (void)posix_spawn_file_actions_destroy(&s->actions);
    (void)posix_spawnattr_destroy(&s->attributes);
}

static int spawn_give(struct spawn *s, int fd, int as)
{
    int held = spawn_dup(&s->actions, fd, as);

    if (held < 0)
        return -1;
    s->held[s->held_count++] = held;
    return 0;
}

/* A session of its own: a Ctrl-C at the daemon's terminal is the daemon's affair. */
static int spawn_prepare(struct spawn *s)
{
    sigset_t none, pipe_signal;

    (void)sigemptyset(&none);
    (void)sigemptyset(&pipe_signal);
    (void)sigaddset(&pipe_signal, SIGPIPE);
    if (posix_spawnattr_setsigmask(&s->attributes, &none) != 0 ||
        posix_spawnattr_setsigdefault(&s->attributes, &pipe_signal) != 0 ||
        posix_spawnattr_setflags(&s->attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID) != 0)
        return -1;
    for (int fd = 0; fd < CHILD_ORDERS; fd++)
        if (posix_spawn_file_actions_addopen(&s->actions, fd, "/dev/null", O_RDWR, 0) != 0)
            return -1;
    return 0;
}

static int spawn_run(struct spawn *s, pid_t *out, struct err *e)
{
    const char *path = getenv("PATH");
    AUTO_FREE char *environment =
        str_printf("PATH=%s", path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    /* Each arena takes 64 MiB of the addresses that it is allowed. */
    char *const argv[] = { "computed", "--fetch", NULL }, *const envp[] = { environment, "MALLOC_ARENA_MAX=2", NULL };
    int failure;

    if (!environment)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    failure = posix_spawn(out, "/proc/self/exe", &s->actions, &s->attributes, argv, envp);
    return failure == 0 ? 0 : err_errno(e, failure, "a helper process cannot be started");
}

static int spawn_with(const struct child_task *t, int orders, int report, pid_t *out, struct err *e)
{
    __attribute__((cleanup(spawn_done))) struct spawn s = { .held_count = 0 };

    (void)posix_spawn_file_actions_init(&s.actions); /* neither can fail in glibc */
    (void)posix_spawnattr_init(&s.attributes);
    if (spawn_prepare(&s) < 0 || spawn_give(&s, orders, CHILD_ORDERS) < 0 || spawn_give(&s, report, CHILD_REPORT) < 0)
        return err_errno(e, errno, "a helper process cannot be prepared");
    for (size_t i = 0; i < t->file_count; i++)
        if (spawn_give(&s, t->files[i], CHILD_FILES + (int)i) < 0)
            return err_errno(e, errno, "a helper process cannot be prepared");
    return spawn_run(&s, out, e);
}

static int child_start(const struct child_task *t, struct child *c, struct err *e)
{
    AUTO_CLOSE int orders = -1, theirs = -1;
    int ends[2];

    if (orders_file(t, &orders, e) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(e, errno, "a helper process cannot be prepared");
    c->report = ends[0];
    theirs = ends[1];
    if (spawn_with(t, orders, theirs, &c->pid, e) < 0)
        return -1;
    c->handle = (int)syscall(SYS_pidfd_open, c->pid, 0);
    return c->handle < 0 ? err_errno(e, errno, "a helper process cannot be watched") : 0;
}

/* ---- listening ---- */

static void hear(const struct child_task *t, struct child *c, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool is_end = text[i] == '\n' || text[i] == '\r';

        if (!is_end && c->line.len < LINE_MAX_BYTES)
            buf_add(&c->line, text + i, 1);
        if (is_end && c->line.len > 0 && !c->line.failed)
            t->said(t->arg, c->line.data);
        if (is_end)
            buf_done(&c->line);
    }
}

static void child_listen(const struct child_task *t, struct child *c)
{
    char block[1024];
    ssize_t n = read(c->report, block, sizeof block);

    if (n > 0) {
        hear(t, c, block, (size_t)n);
    } else if (n == 0 || errno != EINTR) {
        cleanup_close(&c->report);
        c->report = -1;
        hear(t, c, "\n", 1);
    }
}

static int child_reap(struct child *c, int *status, struct err *e)
{
    pid_t pid;

    do
        pid = waitpid(c->pid, status, 0);
    while (pid < 0 && errno == EINTR);
    if (pid < 0)
        return err_errno(e, errno, "a helper process is gone");
    c->pid = 0;
    return 0;
}

static int check_patience(const struct child_task *t, struct err *e)
{
    if (t->watch->is_cancelled && t->watch->is_cancelled(t->watch->arg))
        return err_set(e, ERR_CANCELLED, "cancelled");
    if (clock_boot_ms() >= t->deadline_ms)
        return err_set(e, ERR_TIMEOUT, "the transfer did not end in time");
    return 0;
}

/* What it said before it ended is heard to the end. */
static int child_watch(const struct child_task *t, struct child *c, int *status, struct err *e)
{
    for (;;) {
        struct pollfd fds[] = { { .fd = c->report, .events = POLLIN }, { .fd = c->handle, .events = POLLIN } };
        int64_t left = t->deadline_ms - clock_boot_ms();

        if (check_patience(t, e) < 0)
            return -1;
        if (poll(fds, ARRAY_LEN(fds), left < SLICE_MS ? (int)left : SLICE_MS) < 0)
            continue; /* EINTR */
        if (fds[0].revents)
            child_listen(t, c);
        else if (fds[1].revents)
            return child_reap(c, status, e);
    }
}

int child_run(const struct child_task *t, int *status, struct err *e)
{
    __attribute__((cleanup(child_end))) struct child c = { .handle = -1, .report = -1 };

    return child_start(t, &c, e) < 0 ? -1 : child_watch(t, &c, status, e);
}
