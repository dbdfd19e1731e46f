/* What a service manager hears and hands over: its protocol, with this process at both ends. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit.h"

#include "base/clock.h"
#include "base/notify.h"
#include "base/str.h"

enum { FIRST_PASSED = 3, PATIENCE_S = 10 };

static struct err e = ERR_INIT;
static int manager = -1;

static void begin(void)
{
    static const struct timeval patience = { .tv_sec = PATIENCE_S };
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    AUTO_FREE char *text = str_printf("@computed-notify-%d", (int)getpid());

    ck_assert(str_copy(name.sun_path + 1, sizeof(name.sun_path) - 1, text + 1));
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(manager, 0);
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text))),
                     0);
    ck_assert_int_eq(setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", text, 1), 0);
}

static const char *heard(void)
{
    static char message[1024];
    ssize_t n = recv(manager, message, sizeof(message) - 1, 0);

    ck_assert_msg(n > 0, "nothing was said: %s", strerror(errno));
    message[n] = '\0';
    return message;
}

START_TEST(says_how_it_is)
{
    begin();
    ck_assert(notify_is_heard());
    notify_ready();
    ck_assert_str_eq(heard(), "READY=1");
    notify_alive();
    ck_assert_str_eq(heard(), "WATCHDOG=1");
    notify_stopping();
    ck_assert_str_eq(heard(), "STOPPING=1");
    notify_status("%d of %s", 2, "three");
    ck_assert_str_eq(heard(), "STATUS=2 of three");
    int64_t before_us = clock_tick_us();
    long long said_us = 0;
    notify_reloading();
    ck_assert_int_eq(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%lld", &said_us), 1);
    ck_assert_int_le(before_us, said_us);
    ck_assert_int_le(said_us, clock_tick_us());
}
END_TEST

/* A status is not a way to say anything else. */
START_TEST(says_one_line)
{
    char long_text[2000];

    begin();
    notify_status("%s", "all is well\nMAINPID=1");
    ck_assert_str_eq(heard(), "STATUS=all is well");
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    notify_status("%s", long_text);
    ck_assert_uint_eq(strspn(heard() + strlen("STATUS="), "x"), 511);
}
END_TEST

START_TEST(talks_to_nobody_alone)
{
    struct notify_sockets sockets = { 0 };

    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("LISTEN_FDS");
    ck_assert(!notify_is_heard());
    notify_ready();
    notify_status("nobody hears");
    ck_assert_int_eq(notify_watchdog_ms(), 0);
    unit_ok(notify_take_sockets(&sockets, &e));
    ck_assert_uint_eq(sockets.count, 0);
    notify_sockets_done(&sockets);
}
END_TEST

static void set_number(const char *name, long value)
{
    AUTO_FREE char *text = str_printf("%ld", value);

    ck_assert_int_eq(setenv(name, text, 1), 0);
}

START_TEST(knows_the_watchdogs_interval_once)
{
    set_number("WATCHDOG_USEC", 30000000);
    set_number("WATCHDOG_PID", getpid());
    ck_assert_int_eq(notify_watchdog_ms(), 30000);
    ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
    ck_assert_int_eq(notify_watchdog_ms(), 0);
    set_number("WATCHDOG_USEC", 30000000);
    set_number("WATCHDOG_PID", getppid()); /* another's */
    ck_assert_int_eq(notify_watchdog_ms(), 0);
}
END_TEST

/* ---- sockets: in processes of their own, for the descriptors that are passed are ones that Check uses ---- */

#define EXPECT(condition)                                                                                                        \
    do {                                                                                                                         \
        if (!(condition))                                                                                                        \
            abort();                                                                                                             \
    } while (0)

static void set_text(const char *name, const char *text)
{
    EXPECT(setenv(name, text, 1) == 0);
}

static void pass(const char *count, const char *names, pid_t to)
{
    char pid[16];

    (void)snprintf(pid, sizeof(pid), "%d", (int)to);
    EXPECT(dup2(STDERR_FILENO, FIRST_PASSED) >= 0 && dup2(STDERR_FILENO, FIRST_PASSED + 1) >= 0);
    set_text("LISTEN_FDS", count);
    set_text("LISTEN_PID", pid);
    set_text("LISTEN_FDNAMES", names);
}

static void take_two(const void *arg)
{
    struct notify_sockets sockets = { 0 };

    (void)arg;
    pass("2", "api.socket:metrics", getpid());
    EXPECT(notify_take_sockets(&sockets, &e) == 0 && sockets.count == 2);
    EXPECT(str_equal(sockets.list[0].name, "api.socket") && str_equal(sockets.list[1].name, "metrics"));
    EXPECT(sockets.list[0].fd == FIRST_PASSED && sockets.list[1].fd == FIRST_PASSED + 1);
    EXPECT(fcntl(FIRST_PASSED, F_GETFD) == FD_CLOEXEC);
    EXPECT(!getenv("LISTEN_FDS") && !getenv("LISTEN_PID") && !getenv("LISTEN_FDNAMES"));
    (void)TAKE_FD(sockets.list[0].fd);
    notify_sockets_done(&sockets);
    EXPECT(fcntl(FIRST_PASSED, F_GETFD) >= 0);
    EXPECT(fcntl(FIRST_PASSED + 1, F_GETFD) < 0); /* nobody took it */
    EXPECT(notify_take_sockets(&sockets, &e) == 0 && sockets.count == 0);
    notify_sockets_done(&sockets);
}

static void take_none(const void *arg)
{
    struct notify_sockets sockets = { 0 };

    (void)arg;
    pass("1", "theirs", getppid());
    EXPECT(notify_take_sockets(&sockets, &e) == 0 && sockets.count == 0);
    EXPECT(fcntl(FIRST_PASSED, F_GETFD) >= 0);
    notify_sockets_done(&sockets);
}

static void take_nonsense(const void *arg)
{
    struct notify_sockets sockets = { 0 };

    (void)arg;
    pass("-7", "", getpid());
    EXPECT(notify_take_sockets(&sockets, &e) < 0 && e.code == ERR_CONFIG && str_starts_with(e.msg, "LISTEN_FDS: "));
}

START_TEST(takes_sockets_once)
{
    ck_assert_int_eq(unit_signal_of(take_two, NULL), 0);
    ck_assert_int_eq(unit_signal_of(take_none, NULL), 0);
    ck_assert_int_eq(unit_signal_of(take_nonsense, NULL), 0);
}
END_TEST

UNIT_MAIN("base_notify", says_how_it_is, says_one_line, talks_to_nobody_alone, knows_the_watchdogs_interval_once,
          takes_sockets_once)
