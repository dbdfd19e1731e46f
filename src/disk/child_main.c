/* disk/child_main: `computed --fetch`: takes everything from itself that it does not need, then downloads or becomes qemu-img. */
#define _GNU_SOURCE /* setresuid */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "child.h"
#include "fence.h"
#include "fetch.h"
#include "file.h"

#include "base/capability.h"

enum { ORDERS_MAX = 64 << 10, DESCRIPTORS_MAX = 64, ARGUMENTS_MAX = 16, STACK_MAX = 2 << 20, EXIT_CONFINE = 3 };

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SHADOW_MEMORY 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SHADOW_MEMORY 1
#endif
#ifndef HAS_SHADOW_MEMORY
#define HAS_SHADOW_MEMORY 0
#endif

static json_t *read_orders(void)
{
    AUTO_FREE char *text = malloc(ORDERS_MAX);
    ssize_t len = text ? file_read_at(CHILD_ORDERS, text, ORDERS_MAX, 0) : -1;
    struct err e = ERR_INIT;
    json_t *orders = NULL;

    (void)close(CHILD_ORDERS);
    return len < 0 || json_parse(text, (size_t)len, &orders, &e) < 0 ? NULL : orders;
}

/* Limits only ever go down: an administrator's lower one stays. */
static int limit(int resource, uint64_t most)
{
    struct rlimit r;

    if (getrlimit(resource, &r) < 0)
        return -1;
    if (r.rlim_max == RLIM_INFINITY || r.rlim_max > most)
        r.rlim_max = (rlim_t)most;
    r.rlim_cur = r.rlim_max;
    return setrlimit(resource, &r);
}

static int become_nobody(gid_t group)
{
    if (geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0)
        return -1;
    if (setresgid(group, group, group) < 0 &&
        (errno != EINVAL || setresgid(CHILD_GROUP_SHARED, CHILD_GROUP_SHARED, CHILD_GROUP_SHARED) < 0))
        return -1;
    return setresuid(CHILD_USER, CHILD_USER, CHILD_USER);
}

/* After the change of user, which would undo it. A parent that died before is seen by its number. */
static int die_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -1;
    return getppid() == parent ? 0 : -1;
}

static int confine(json_t *orders, uint64_t *memory_bytes)
{
    json_int_t memory = 0, cpu = 0, size = 0;
    int parent = 0, group = 0, files = 0;

    if (json_unpack(orders, "{s:{s:i, s:i, s:I, s:I, s:I, s:i}}", "confine", "parent", &parent, "group", &group, "memory_bytes",
                    &memory, "cpu_s", &cpu, "file_bytes", &size, "files", &files) < 0)
        return -1;
    *memory_bytes = (uint64_t)memory;
    (void)umask(077);
    if (syscall(SYS_close_range, CHILD_FILES + files, ~0U, 0) < 0 || chdir("/") < 0)
        return -1;
    if (limit(RLIMIT_CORE, 0) < 0 || limit(RLIMIT_STACK, STACK_MAX) < 0 || limit(RLIMIT_NOFILE, DESCRIPTORS_MAX) < 0 ||
        limit(RLIMIT_CPU, (uint64_t)cpu) < 0 || limit(RLIMIT_FSIZE, (uint64_t)size) < 0)
        return -1;
    /* A user who is not root may have capabilities all the same, as a service manager gives them. */
    if (become_nobody((gid_t)group) < 0 || capability_keep(0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        fence(CHILD_FILES, (size_t)files) < 0)
        return -1;
    return die_with(parent);
}

/* The new program says on the report what it would say on a terminal. */
static int become(json_t *argv, uint64_t memory_bytes)
{
    char *args[ARGUMENTS_MAX + 1] = { NULL };
    size_t count = json_array_size(argv);

    if (count == 0 || count > ARGUMENTS_MAX)
        return EXIT_CONFINE;
    for (size_t i = 0; i < count; i++)
        args[i] = (char *)(uintptr_t)json_string_value(json_array_get(argv, i));
    if (dup2(CHILD_REPORT, STDOUT_FILENO) < 0 || dup2(CHILD_REPORT, STDERR_FILENO) < 0 || close(CHILD_REPORT) < 0 ||
        limit(RLIMIT_AS, memory_bytes) < 0)
        return EXIT_CONFINE;
    (void)execvp(args[0], args);
    (void)fprintf(stderr, "%s: %s\n", args[0], strerror(errno));
    return EXIT_CONFINE;
}

int transfer_child_main(void)
{
    json_t *orders = read_orders();
    uint64_t memory_bytes = 0;
    json_t *argv = json_object_get(orders, "argv");
    int result = EXIT_CONFINE;

    if (!orders || confine(orders, &memory_bytes) < 0)
        (void)fprintf(stderr, "computed --fetch: only the daemon can give it something to do\n");
    else if (argv)
        result = become(argv, memory_bytes);
    else if (HAS_SHADOW_MEMORY || limit(RLIMIT_AS, memory_bytes) == 0)
        result = fetch_main(orders);
    /* No exit handlers: a leak checker could not trace a process without privileges, and there is nothing to flush. */
    _exit(result);
}
