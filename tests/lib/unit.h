/* unit: the frame of a Check program.
 *     START_TEST(adds) { ... } END_TEST
 *     UNIT_MAIN("base_sum", adds, carries)
 * Each test runs in a process of its own, so the leak sanitizer judges it alone. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

#ifndef UNIT_TIMEOUT_S
#define UNIT_TIMEOUT_S 30
#endif

static inline int unit_run(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, UNIT_TIMEOUT_S);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define UNIT_MAIN(name, ...)                                                                                                     \
    int main(void)                                                                                                               \
    {                                                                                                                            \
        const TTest *const tests[] = { __VA_ARGS__ };                                                                            \
        return unit_run(name, tests, sizeof(tests) / sizeof(tests[0]));                                                          \
    }

/* Holds when the call succeeds; else fails with the error's own words. Wants a `struct err e` in scope. */
#define unit_ok(call)                                                                                                            \
    do {                                                                                                                         \
        if ((call) < 0)                                                                                                          \
            ck_abort_msg("%s: %s %s: %s (%s)", #call, err_code_word(e.code), e.field, e.msg, e.detail);                          \
    } while (0)
/* Holds when the call fails with this code. */
#define unit_fails(call, expected)                                                                                               \
    do {                                                                                                                         \
        ck_assert_msg((call) == -1, "%s should fail", #call);                                                                    \
        ck_assert_str_eq(err_code_word(e.code), err_code_word(expected));                                                        \
    } while (0)

/* The signal that ends a child which runs fn(arg); 0 when it returns. The child's stderr goes nowhere. */
static inline int unit_signal_of(void (*fn)(const void *), const void *arg)
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        fn(arg);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* A new file with this content; path is a template that ends in XXXXXX. */
static inline void unit_temp_file(char *path, const void *content, size_t len)
{
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, len), (ssize_t)len);
    ck_assert_int_eq(close(fd), 0);
}

#endif
