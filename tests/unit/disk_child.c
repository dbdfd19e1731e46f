/* child: what a helper process has left of the daemon's powers, and that it ends when it must. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "../../src/disk/child.h"
#include "transfer_lab.h"

#include "base/clock.h"

enum { GROUP = 0x40001234 };

static void remember(void *arg, const char *line)
{
    struct buf *b = arg;

    buf_addf(b, "%s\n", line);
}

/* Runs a shell line as a child; what it says is the caller's to free. */
static int run(const char *line, const int *files, size_t file_count, int *status, struct buf *said)
{
    AUTO_JSON orders = json_pack("{s:[s, s, s]}", "argv", "sh", "-c", line);
    struct transfer_watch nobody = { NULL, NULL, NULL };
    struct child_task task = {
        .orders = orders,
        .files = files,
        .file_count = file_count,
        .file_size_max = 1000,
        .group = GROUP,
        .deadline_ms = clock_boot_ms() + 10000,
        .watch = &nobody,
        .said = remember,
        .arg = said,
    };
    struct err e = ERR_INIT;

    return child_run(&task, status, &e) < 0 ? (int)e.code : 0;
}

static void expect(const char *line, const char *answer)
{
    AUTO_BUF said = { 0 };
    int status = -1;

    ck_assert_int_eq(run(line, NULL, 0, &status, &said), 0);
    ck_assert_msg(said.data && strcmp(said.data, answer) == 0, "%s: %s", line, said.data ? said.data : "nothing");
}

START_TEST(has_nothing_but_its_orders)
{
    ck_assert_int_eq(setenv("SECRET", "x", 1), 0);
    ck_assert_int_ge(fcntl(open("/etc/passwd", O_RDONLY), F_DUPFD, 40), 0); /* neither close-on-exec */
    expect("cat /proc/$$/environ | tr '\\0' '\\n' | grep -v -e ^PATH= -e ^MALLOC_ARENA_MAX= -e ^PWD= -e ^OLDPWD= -e ^_= -e "
           "^SHLVL=; echo $?",
           "1\n");
    expect("exec ls /proc/self/fd", "0\n1\n2\n3\n"); /* the last is ls's own */
    expect("readlink /proc/self/fd/0", "/dev/null\n");
    expect("ulimit -c; ulimit -f; ulimit -n; ulimit -v; pwd; umask", "0\n1\n64\n1048576\n/\n0077\n");
    expect("grep -E '^(NoNewPrivs|SigBlk):' /proc/$$/status | tr '\\t' ' '", "SigBlk: 0000000000000000\nNoNewPrivs: 1\n");
}
END_TEST

START_TEST(is_nobody)
{
    AUTO_FREE char *ids = NULL;

    if (geteuid() != 0) /* it stays who we are then */
        ids = str_printf("%u\n%u\n", geteuid(), getegid());
    else
        ids = str_printf("%d\n%d\n", CHILD_USER, GROUP);
    expect("id -u; id -g", ids);
    if (geteuid() == 0)
        expect("grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|CapInh|CapAmb):' /proc/$$/status | tr -s '\\t' ' '",
               "Uid: 65534 65534 65534 65534\nGid: 1073746484 1073746484 1073746484 1073746484\nGroups: \n"
               "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapAmb: 0000000000000000\n");
}
END_TEST

/* Like a daemon whose service manager has started it so. */
static void become_one_who_reads_everything(void)
{
    enum { ANYBODY = 4711 };
    struct __user_cap_header_struct mine = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct some[_LINUX_CAPABILITY_U32S_3] = { 0 };

    some[0].permitted = some[0].inheritable = 1U << CAP_DAC_READ_SEARCH;
    ck_assert_int_eq(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(setresuid(ANYBODY, ANYBODY, ANYBODY), 0);
    ck_assert_int_eq((int)syscall(SYS_capset, &mine, some), 0);
    ck_assert_int_eq(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0), 0);
}

START_TEST(inherits_no_capability)
{
    if (geteuid() == 0)
        become_one_who_reads_everything();
    expect("grep -E '^Cap(Inh|Prm|Eff|Amb):' /proc/$$/status | tr -s '\t' ' '",
           "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapAmb: 0000000000000000\n");
}
END_TEST

static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

/* What the daemon itself may, its child may not: with the same user, or with root's. */
START_TEST(is_fenced_in)
{
    LAB l;
    lab_open(&l);
    AUTO_BUF said = { 0 };
    int status = -1;

    expect("python3 -c 'import socket; socket.socket(socket.AF_UNIX)' 2>&1 | tail -1",
           "PermissionError: [Errno 13] Permission denied\n");
    expect("python3 -c 'import socket; socket.socket(socket.AF_INET); print(1)'", "1\n");
    lab_run(&l, "echo secret >secret; chmod 666 secret; echo lent >lent; chmod 666 lent; chmod 777 .");
    AUTO_CLOSE int lent = lab_fd(&l, "lent", O_RDWR);
    AUTO_FREE char *line =
        str_printf("cd /; cat %s/secret; echo x >%s/secret; echo x >%s/made; cat %s/lent; echo x >/proc/self/fd/5; cat %s/lent",
                   l.dir, l.dir, l.dir, l.dir, l.dir);
    ck_assert_int_eq(run(line, &lent, 1, &status, &said), 0);
    if (has_landlock()) {
        lab_run(&l, "grep -qx secret secret && test ! -e made && grep -qx x lent");
        ck_assert_ptr_null(strstr(said.data, "secret\n"));
        ck_assert_ptr_nonnull(strstr(said.data, "lent\nx\n"));
    }
}
END_TEST

START_TEST(finds_its_files)
{
    LAB l;
    lab_open(&l);
    AUTO_BUF said = { 0 };
    int status = -1;

    lab_run(&l, "echo one > 1; echo two > 2");
    AUTO_CLOSE int one = lab_fd(&l, "1", O_RDONLY), two = lab_fd(&l, "2", O_RDONLY);
    ck_assert_int_eq(run("cat <&6 <&5; cat <&6", (const int[]){ one, two }, 2, &status, &said), 0);
    ck_assert_str_eq(said.data, "one\ntwo\n");
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(is_ended_by_its_limits)
{
    LAB l;
    lab_open(&l);
    AUTO_BUF said = { 0 };
    int status = 0;

    AUTO_CLOSE int fd = lab_fd(&l, "x", O_RDWR | O_CREAT);
    ck_assert_int_eq(run("exec head -c 2000 /dev/zero >&5", &fd, 1, &status, &said), 0);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
    ck_assert_int_le(lab_size(&l, "x"), 1000);
}
END_TEST

START_TEST(long_lines_and_silence)
{
    AUTO_BUF said = { 0 };
    int status = 0;

    ck_assert_int_eq(
        run("head -c 100000 /dev/zero | tr '\\0' x; echo; printf 'a\\rb\\n\\nno end'; exit 7", NULL, 0, &status, &said), 0);
    ck_assert_int_eq(WEXITSTATUS(status), 7);
    ck_assert_uint_lt(said.len, 5000);
    ck_assert_ptr_nonnull(strstr(said.data, "x\na\nb\nno end\n"));
    /* One that closes its end and goes on is waited for. */
    buf_done(&said);
    ck_assert_int_eq(run("exec >&- 2>&-; sleep 0.3; exit 5", NULL, 0, &status, &said), 0);
    ck_assert_int_eq(WEXITSTATUS(status), 5);
}
END_TEST

/* What is not there to be run is a failure of it, not of ours. */
START_TEST(absent_programs)
{
    AUTO_JSON orders = json_pack("{s:[s]}", "argv", "no-such-program-anywhere");
    struct transfer_watch nobody = { NULL, NULL, NULL };
    AUTO_BUF said = { 0 };
    struct child_task task = {
        .orders = orders, .deadline_ms = clock_boot_ms() + 10000, .watch = &nobody, .said = remember, .arg = &said
    };
    struct err e = ERR_INIT;
    int status = 0;

    unit_ok(child_run(&task, &status, &e));
    ck_assert_int_ne(status, 0);
}
END_TEST

/* The daemon's stand-in is killed as soon as the child has said its number; the child must follow. */
static void pass_on(void *arg, const char *line)
{
    ck_assert_int_gt(dprintf(*(int *)arg, "%s\n", line), 0);
}

static void stand_in(int to)
{
    AUTO_JSON orders = json_pack("{s:[s, s, s]}", "argv", "sh", "-c", "echo $$; exec sleep 1000");
    struct transfer_watch nobody = { NULL, NULL, NULL };
    struct child_task task = {
        .orders = orders, .group = GROUP, .deadline_ms = clock_boot_ms() + 60000, .watch = &nobody, .said = pass_on, .arg = &to
    };
    struct err e = ERR_INIT;
    int status;

    (void)child_run(&task, &status, &e);
    _exit(1);
}

START_TEST(ends_with_the_daemon)
{
    int ends[2];
    char text[32] = "";
    pid_t middle;

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    middle = fork();
    ck_assert_int_ge(middle, 0);
    if (middle == 0)
        stand_in(ends[1]);
    ck_assert_int_gt(read(ends[0], text, sizeof text - 1), 0);
    AUTO_CLOSE int handle = (int)syscall(SYS_pidfd_open, strtol(text, NULL, 10), 0);
    ck_assert_int_ge(handle, 0);
    ck_assert_int_eq(kill(middle, SIGKILL), 0);
    ck_assert_int_eq(poll(&(struct pollfd){ .fd = handle, .events = POLLIN }, 1, 20000), 1);
    ck_assert_int_eq(waitpid(middle, NULL, 0), middle);
}
END_TEST

/* By hand it does nothing. */
START_TEST(only_the_daemon_starts_it)
{
    LAB l;
    lab_open(&l);

    ck_assert_int_eq(lab_shell(&l, "/proc/%d/exe --fetch </dev/null", getpid()), 3);
    ck_assert_int_eq(lab_shell(&l, "echo '{\"argv\":[\"touch\",\"made\"]}' > o; /proc/%d/exe --fetch 3<o", getpid()), 3);
    ck_assert(!lab_exists(&l, "made"));
}
END_TEST

TRANSFER_MAIN("disk_child", has_nothing_but_its_orders, is_nobody, inherits_no_capability, is_fenced_in, finds_its_files,
              is_ended_by_its_limits, long_lines_and_silence, absent_programs, ends_with_the_daemon, only_the_daemon_starts_it)
