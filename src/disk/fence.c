/* disk/fence: where the daemon is not root, its child keeps user and groups, which own state_dir and command libvirt. What it may
 * not keep is the use of them: files are Landlock's to refuse, sockets seccomp's. */
#define _GNU_SOURCE /* O_PATH */
#include "fence.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* ---- files ---- */

#define MAY_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE)
#define MAY_WRITE LANDLOCK_ACCESS_FS_WRITE_FILE
#define MAY_MAKE                                                                                                                 \
    (LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                             \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* Programs, libraries, certificates, name resolution, and what a C library looks at. State belongs in none of them. */
static const char *const system_folders[] = {
    "/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/etc", "/run", "/proc", "/sys", "/dev",
};

static int allow(int ruleset, int fd, uint64_t access)
{
    struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };

    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static int allow_path(int ruleset, const char *path, uint64_t access)
{
    AUTO_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    return allow(ruleset, fd, access);
}

static int allow_all(int ruleset, int first, size_t count)
{
    for (size_t i = 0; i < ARRAY_LEN(system_folders); i++)
        if (allow_path(ruleset, system_folders[i], MAY_READ) < 0)
            return -1;
    if (allow_path(ruleset, "/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | MAY_WRITE) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (allow(ruleset, first + (int)i, LANDLOCK_ACCESS_FS_READ_FILE | MAY_WRITE) < 0)
            return -1;
    return 0;
}

static int fence_files(int first, size_t count)
{
    const struct landlock_ruleset_attr all = { .handled_access_fs = MAY_READ | MAY_WRITE | MAY_MAKE };
    AUTO_CLOSE int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

    if (ruleset < 0) /* the kernel has none, or a service manager keeps it from us */
        return 0;
    if (allow_all(ruleset, first, count) < 0)
        return -1;
    return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

/* ---- sockets ---- */

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "which of AUDIT_ARCH_* is this machine?"
#endif

enum { X32_CALLS = 0x40000000 };

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
/* Passes over so many lines. */
#define TEST(op, value, yes, no) BPF_JUMP(BPF_JMP | (op) | BPF_K, (uint32_t)(value), yes, no)
#define ANSWER(action)           BPF_STMT(BPF_RET | BPF_K, action)

/* Calls of another kind of machine have other numbers; io_uring would make sockets past this filter. */
static int fence_sockets(void)
{
    static struct sock_filter rules[] = {
        LOAD(arch),
        TEST(BPF_JEQ, NATIVE, 1, 0),
        ANSWER(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        TEST(BPF_JGE, X32_CALLS, 0, 1),
        ANSWER(SECCOMP_RET_KILL_PROCESS),
        TEST(BPF_JEQ, SYS_io_uring_setup, 0, 1),
        ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
        TEST(BPF_JEQ, SYS_socket, 0, 3),
        LOAD(args[0]), /* its lower half: both machines are little-endian */
        TEST(BPF_JEQ, AF_UNIX, 0, 1),
        ANSWER(SECCOMP_RET_ERRNO | EACCES),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = ARRAY_LEN(rules), .filter = rules };

    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

int fence(int first, size_t count)
{
    return fence_files(first, count) < 0 ? -1 : fence_sockets();
}
