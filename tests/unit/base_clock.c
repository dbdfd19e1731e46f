/* Clocks and their text. */
#include <time.h>

#include "unit.h"

#include "base/clock.h"

START_TEST(rfc3339)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { 1769862896789, "2026-01-31T12:34:56.789Z" },
        { 1709251199999, "2024-02-29T23:59:59.999Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { 253402300799999, "9999-12-31T23:59:59.999Z" },
        { INT64_MAX, "9999-12-31T23:59:59.999Z" },
        { INT64_MIN, "0000-01-01T00:00:00.000Z" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rfc3339_text text;
        clock_rfc3339(cases[i].ms, text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

START_TEST(rfc3339_is_read)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01T00:00:00.001Z", 1 },
        { "1970-01-01T00:00:00.1239Z", 123 },
        { "1970-01-01T02:00:00.5+02:00", 500 },
        { "1969-12-31T23:30:00-00:30", 0 },
        { "1969-12-31T23:59:59.5Z", -500 },
        { "2000-02-29T12:00:00Z", 951825600000 },
        { "9999-12-31T23:59:59.999Z", 253402300799999 },
    };
    static const char *const wrong[] = {
        "",
        "now",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:00z",
        "1970-01-01 00:00:00Z",
        "1970-1-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "2001-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+2:00",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+02",
        "1970-01-01T00:00:00Zz",
        "-970-01-01T00:00:00Z",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = -1;

        ck_assert_msg(clock_from_rfc3339(cases[i].text, &ms) == 0, "%s", cases[i].text);
        ck_assert_int_eq(ms, cases[i].ms);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int64_t ms = 77;

        ck_assert_msg(clock_from_rfc3339(wrong[i], &ms) < 0, "%s", wrong[i]);
        ck_assert_int_eq(ms, 77);
    }
}
END_TEST

START_TEST(clocks_go)
{
    int64_t wall = clock_wall_ms();
    int64_t boot = clock_boot_ms();

    ck_assert_int_le(boot, clock_boot_ms());
    ck_assert_int_ge(boot, 0);
    ck_assert_int_le(llabs((long long)wall - (long long)time(NULL) * 1000), 2000);
}
END_TEST

START_TEST(boot_id_is_one_for_the_boot)
{
    const char *id = clock_boot_id();
    pid_t pid = fork();
    int status;

    ck_assert(id_is_uuid(id));
    ck_assert_ptr_eq(id, clock_boot_id());
    if (pid == 0)
        _exit(strcmp(id, clock_boot_id()) == 0 ? 0 : 1);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

UNIT_MAIN("base_clock", rfc3339, rfc3339_is_read, clocks_go, boot_id_is_one_for_the_boot)
