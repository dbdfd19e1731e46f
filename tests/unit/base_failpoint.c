/* Failpoints: the grammar, counting per name, the file that is read again, and that nonsense cannot pass. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "unit.h"

#include "base/cleanup.h"
#include "base/failpoint.h"

#ifdef COMPUTED_FAILPOINTS

static int first_place(struct err *e)
{
    FAILPOINT(e, "unit.twin");
    return 0;
}

static int second_place(struct err *e)
{
    FAILPOINT(e, "unit.twin");
    return 0;
}

static int other(struct err *e)
{
    return FAILPOINT_EVAL(e, "unit.other");
}

/* Each test is a process of its own, and the environment is read at the first pass. */
static void arm(const char *text)
{
    ck_assert_int_eq(setenv("COMPUTED_FAILPOINTS", text, 1), 0);
}

START_TEST(unarmed_ones_pass)
{
    struct err e = ERR_INIT;

    unit_ok(first_place(&e));
    unit_ok(other(&e));
}
END_TEST

START_TEST(errors_have_their_code)
{
    struct err e = ERR_INIT;

    arm(" unit.twin = error(disk_full) ;\n unit.other=error(timeout)\n;");
    unit_fails(first_place(&e), ERR_DISK_FULL);
    ck_assert_ptr_nonnull(strstr(e.msg, "unit.twin"));
    unit_fails(second_place(&e), ERR_DISK_FULL);
    unit_fails(other(&e), ERR_TIMEOUT);
}
END_TEST

START_TEST(passes_count_per_name)
{
    struct err e = ERR_INIT;

    arm("unit.twin=error(timeout),nth=3");
    unit_ok(first_place(&e));
    unit_ok(second_place(&e));
    unit_ok(other(&e));
    unit_fails(first_place(&e), ERR_TIMEOUT);
    unit_fails(second_place(&e), ERR_TIMEOUT);
}
END_TEST

START_TEST(once_is_once)
{
    struct err e = ERR_INIT;

    arm("unit.twin=error(timeout),nth=2,once");
    unit_ok(first_place(&e));
    unit_fails(first_place(&e), ERR_TIMEOUT);
    unit_ok(first_place(&e));
    unit_ok(second_place(&e));
}
END_TEST

static void pass_armed(const void *text)
{
    struct err e = ERR_INIT;

    arm(text);
    (void)first_place(&e);
    (void)first_place(&e);
}

START_TEST(the_star_is_every_one)
{
    struct err e = ERR_INIT;

    arm("*=error(timeout),nth=3,once");
    unit_ok(first_place(&e));
    unit_ok(other(&e));
    unit_fails(other(&e), ERR_TIMEOUT);
    unit_ok(first_place(&e));
}
END_TEST

START_TEST(a_trace_tells_what_was_passed)
{
    struct err e = ERR_INIT;
    char path[] = "/tmp/computed-trace-XXXXXX", text[128] = "", armed[128];
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    (void)snprintf(armed, sizeof armed, "trace=%s\nunit.twin=error(timeout)", path);
    arm(armed);
    unit_ok(other(&e));
    unit_fails(first_place(&e), ERR_TIMEOUT);
    unit_ok(other(&e));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_gt(read(fd, text, sizeof text - 1), 0);
    ck_assert_str_eq(text, "unit.other\nunit.twin\nunit.other\n");
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(die_is_kill)
{
    ck_assert_int_eq(unit_signal_of(pass_armed, "unit.twin=die"), SIGKILL);
    ck_assert_int_eq(unit_signal_of(pass_armed, "unit.twin=die,nth=2"), SIGKILL);
    ck_assert_int_eq(unit_signal_of(pass_armed, "unit.twin=die,nth=3"), 0);
    ck_assert_int_eq(unit_signal_of(pass_armed, "unit.other=die"), 0);
}
END_TEST

START_TEST(stop_stops)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        pass_armed("unit.twin=stop,once");
        _exit(7);
    }
    ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
    ck_assert(WIFSTOPPED(status));
    ck_assert_int_eq(kill(pid, SIGCONT), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}
END_TEST

START_TEST(hang_waits)
{
    struct timespec start, end;
    struct err e = ERR_INIT;

    arm("unit.twin=hang(50),once");
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    unit_ok(first_place(&e));
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    ck_assert_int_ge((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000, 49);
}
END_TEST

START_TEST(nonsense_aborts)
{
    static const char *const texts[] = {
        "unit.twin",
        "trace=",
        "trace=/no/such/folder",
        "trace=/dev/null;trace=/dev/null",
        "unit.twin=explode",
        "unit.twin=error",
        "unit.twin=error(nonsense)",
        "unit.twin=error(none)",
        "unit.twin=hang",
        "unit.twin=hang(-1)",
        "unit.twin=die(1)",
        "unit.twin=die,nth=0",
        "unit.twin=die,nth=x",
        "unit.twin=die,twice",
        "unit.no_such=die",
        "=die",
        "unit.twin=",
        "unit.twin=hang(1",
        "unit.twin=die,",
        "unit.other=die;bad=",
        "unit.twin=error(x))",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        ck_assert_msg(unit_signal_of(pass_armed, texts[i]) == SIGABRT, "%s", texts[i]);
}
END_TEST

static void replace_file(const char *path, const char *text)
{
    char fresh[] = "/tmp/base_failpoint_XXXXXX";

    unit_temp_file(fresh, text, strlen(text));
    ck_assert_int_eq(rename(fresh, path), 0);
}

START_TEST(the_file_is_read_when_it_changes)
{
    char path[] = "/tmp/base_failpoint_XXXXXX";
    struct err e = ERR_INIT;

    unit_temp_file(path, "", 0);
    ck_assert_int_eq(setenv("COMPUTED_FAILPOINTS_FILE", path, 1), 0);
    unit_ok(first_place(&e));
    replace_file(path, "unit.twin=error(timeout),nth=2\n");
    unit_ok(first_place(&e));
    unit_fails(second_place(&e), ERR_TIMEOUT);
    replace_file(path, "unit.twin=error(in_use),nth=2\n"); /* counts anew */
    unit_ok(first_place(&e));
    unit_fails(first_place(&e), ERR_IN_USE);
    ck_assert_int_eq(unlink(path), 0);
    unit_ok(first_place(&e));
    replace_file(path, "unit.other=error(conflict)");
    unit_ok(first_place(&e));
    unit_fails(other(&e), ERR_CONFLICT);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(the_list_is_sorted)
{
    char path[] = "/tmp/base_failpoint_XXXXXX";
    char text[1024] = "";

    unit_temp_file(path, "", 0);
    (void)fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    ck_assert_ptr_nonnull(freopen(path, "r+", stdout));
    failpoint_list();
    (void)fflush(stdout);
    ck_assert_int_gt(pread(STDOUT_FILENO, text, sizeof(text) - 1, 0), 0);
    (void)dup2(kept, STDOUT_FILENO);
    (void)close(kept);
    ck_assert_int_eq(unlink(path), 0);

    const char *first = strstr(text, "unit.other tests/unit/base_failpoint.c:");
    const char *second = first ? strstr(first, "\nunit.twin tests/unit/base_failpoint.c:") : NULL;
    ck_assert_msg(second && strstr(second + 1, "\nunit.twin tests/unit/base_failpoint.c:"), "%s", text);
}
END_TEST

UNIT_MAIN("base_failpoint", unarmed_ones_pass, errors_have_their_code, passes_count_per_name, once_is_once, the_star_is_every_one,
          a_trace_tells_what_was_passed, die_is_kill, stop_stops, hang_waits, nonsense_aborts, the_file_is_read_when_it_changes,
          the_list_is_sorted)

#else

START_TEST(there_are_none)
{
    struct err e = ERR_INIT;

    ck_assert_int_eq(setenv("COMPUTED_FAILPOINTS", "unit.twin=die", 1), 0);
    unit_ok(FAILPOINT_EVAL(&e, "unit.twin"));
}
END_TEST

UNIT_MAIN("base_failpoint", there_are_none)

#endif
