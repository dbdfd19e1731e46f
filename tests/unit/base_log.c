/* Log lines: their form, quoting, limits, and that each is one write. */
#include <errno.h>
#include <sys/socket.h>

#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

/* stderr becomes a packet socket: one read gives exactly one write, so a line in two writes would show. */
static int captured_fd = -1;
static int kept_stderr = -1;
static char packet[16384];

static void capture_begin(void)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    captured_fd = fds[0];
    kept_stderr = dup(STDERR_FILENO);
    (void)dup2(fds[1], STDERR_FILENO);
    (void)close(fds[1]);
}

/* What was written behind the time, or "" when nothing was. */
static const char *captured(void)
{
    ssize_t len = recv(captured_fd, packet, sizeof(packet) - 1, MSG_DONTWAIT);

    if (len <= 0)
        return "";
    packet[len] = '\0';
    ck_assert_int_gt(len, RFC3339_LEN + 1);
    ck_assert_int_eq(packet[RFC3339_LEN - 1], 'Z');
    return packet + RFC3339_LEN + 1;
}

static void capture_end(void)
{
    (void)dup2(kept_stderr, STDERR_FILENO);
    (void)close(kept_stderr);
    (void)close(captured_fd);
}

START_TEST(one_line_one_write)
{
    capture_begin();
    errno = 7;
    log_warn("vm.start failed", "vm", "6b29", "name", NULL, "empty", "", NULL);
    ck_assert_int_eq(errno, 7);
    const char *line = captured();
    ck_assert_str_eq(line, "level=warn msg=\"vm.start failed\" vm=6b29 name=- empty=\"\"\n");
    ck_assert_str_eq(captured(), "");
    capture_end();
}
END_TEST

START_TEST(values_cannot_forge_lines)
{
    static const struct {
        const char *value, *shown;
    } cases[] = {
        { "plain-1.2:3/4", "plain-1.2:3/4" },
        { "two words", "\"two words\"" },
        { "a=b", "\"a=b\"" },
        { "say \"hi\" \\", "\"say \\\"hi\\\" \\\\\"" },
        { "x\nlevel=error", "\"x\\nlevel=error\"" },
        { "\r\t\x1b[31m", "\"\\r\\t\\u001b[31m\"" },
        { "\x7f\xC2\x9B", "\"\\u007f\\u009b\"" },
        { "\xE2\x80\xA8", "\"\\u2028\"" },
        { "a\xE2\x80\xAE"
          "b",
          "\"a\\u202eb\"" },
        { "\xE2\x81\xA6", "\"\\u2066\"" },
        { "\xF3\xA0\x81\x81", "\"\\U000e0041\"" },
        { "\xFFz", "\"\\xffz\"" },
        { "\xC3\xBC\xE2\x82\xAC", "\xC3\xBC\xE2\x82\xAC" },
    };

    capture_begin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_BUF expected = { 0 };
        buf_addf(&expected, "level=info msg=\"m\" v=%s\n", cases[i].shown);
        log_info("m", "v", cases[i].value, NULL);
        ck_assert_str_eq(captured(), expected.data);
    }
    log_info("a\nb", NULL);
    ck_assert_str_eq(captured(), "level=info msg=\"a\\nb\"\n");
    capture_end();
}
END_TEST

START_TEST(values_end_at_1024_bytes)
{
    AUTO_BUF value = { 0 };

    buf_adds(&value, "x");
    while (value.len < 4000)
        buf_adds(&value, "\xE2\x82\xAC");
    capture_begin();
    log_info("m", "v", value.data, "after", "1", NULL);
    const char *line = captured();
    const char *dots = strstr(line, "... after=1\n");
    ck_assert_ptr_nonnull(dots);
    size_t shown = (size_t)(dots - (line + strlen("level=info msg=\"m\" v=")));
    ck_assert_uint_le(shown, 1024);
    ck_assert_uint_ge(shown, 1022);
    ck_assert(str_is_utf8(line, strlen(line), NULL));
    capture_end();
}
END_TEST

START_TEST(a_line_that_is_full_says_so)
{
    char value[1025];

    memset(value, '\x01', 1024); /* each byte takes six */
    value[1024] = '\0';
    capture_begin();
    log_info("m", "a", value, "b", value, "c", "1", NULL);
    const char *line = captured();
    ck_assert_uint_le(strlen(line), 8192);
    ck_assert_str_eq(line + strlen(line) - strlen("\\u0001\" truncated=yes\n"), "\\u0001\" truncated=yes\n");
    ck_assert_ptr_null(strstr(line, " b="));
    ck_assert_str_eq(captured(), "");
    capture_end();
}
END_TEST

START_TEST(levels)
{
    enum log_level level = LOG_ERROR;

    capture_begin();
    log_debug("hidden", NULL);
    ck_assert_str_eq(captured(), "");
    log_set_level(LOG_DEBUG);
    log_debug("shown", NULL);
    ck_assert_str_eq(captured(), "level=debug msg=\"shown\"\n");
    log_set_level(LOG_ERROR);
    log_warn("hidden", NULL);
    ck_assert_str_eq(captured(), "");
    ck_assert(!log_is_enabled(LOG_WARN) && log_is_enabled(LOG_ERROR));
    capture_end();

    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        ck_assert_int_eq(log_level_from_string(log_level_to_string((enum log_level)i), &level), 0);
        ck_assert_int_eq(level, i);
    }
    ck_assert_int_eq(log_level_from_string("loud", &level), -1);
}
END_TEST

START_TEST(errors_come_whole)
{
    struct err e = ERR_INIT;

    (void)err_set_field(&e, ERR_NAME_TAKEN, "name", "it is taken");
    (void)err_detail(&e, "row 7");
    capture_begin();
    log_err(LOG_ERROR, "vm.create failed", &e, "vm", "6b29", NULL);
    ck_assert_str_eq(captured(), "level=error msg=\"vm.create failed\" vm=6b29 code=name_taken field=name err=\"it is taken\" "
                                 "detail=\"row 7\"\n");
    (void)err_set(&e, ERR_TIMEOUT, "late");
    log_err(LOG_INFO, "m", &e, NULL);
    ck_assert_str_eq(captured(), "level=info msg=\"m\" code=timeout err=late\n");
    capture_end();
}
END_TEST

START_TEST(a_thread_says_what_it_works_on)
{
    static const char *const pairs[] = { "operation", "17", "request_id", NULL, NULL };
    struct err e = ERR_INIT;

    (void)err_set(&e, ERR_TIMEOUT, "late");
    capture_begin();
    log_set_context(pairs);
    log_info("m", "step", "seed", NULL);
    ck_assert_str_eq(captured(), "level=info msg=\"m\" step=seed operation=17 request_id=-\n");
    log_err(LOG_WARN, "m", &e, NULL);
    ck_assert_str_eq(captured(), "level=warn msg=\"m\" code=timeout err=late operation=17 request_id=-\n");
    log_set_context(NULL);
    log_info("m", NULL);
    ck_assert_str_eq(captured(), "level=info msg=\"m\"\n");
    capture_end();
}
END_TEST

START_TEST(another_thread_may_say_the_same)
{
    char id[] = "17", long_text[600];
    const char *const pairs[] = { "operation", id, "request_id", NULL, "user", long_text, "vm", "6b29", NULL };
    struct log_context copy;

    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    log_set_context(pairs);
    log_copy_context(&copy);
    id[0] = '9';
    capture_begin();
    log_set_context(copy.pairs);
    log_info("m", NULL);
    ck_assert_str_eq(captured(), "level=info msg=\"m\" operation=17 request_id=- user=- vm=6b29\n");
    log_set_context(NULL);
    log_copy_context(&copy);
    log_set_context(copy.pairs);
    log_info("m", NULL);
    ck_assert_str_eq(captured(), "level=info msg=\"m\"\n");
    log_set_context(NULL);
    capture_end();
}
END_TEST

START_TEST(more_pairs_than_a_line_takes_are_told)
{
    static const char *const pairs[] = { "a", "1", "a", "2", "a", "3", "a", "4", "a", "5", "a", "6", "a", "7", "a", "8", NULL };

    capture_begin();
    log_set_context(pairs);
#define EIGHT "b", "1", "b", "2", "b", "3", "b", "4", "b", "5", "b", "6", "b", "7", "b", "8"
    log_info("m", EIGHT, EIGHT, EIGHT, NULL);
    const char *line = captured();
    ck_assert_str_eq(line + strlen(line) - strlen(" a=7 a=8\n"), " a=7 a=8\n");
    log_info("m", EIGHT, EIGHT, EIGHT, "c", "1", NULL);
    line = captured();
    ck_assert_str_eq(line + strlen(line) - strlen(" a=6 a=7 truncated=yes\n"), " a=6 a=7 truncated=yes\n");
    log_set_context(NULL);
    capture_end();
}
END_TEST

START_TEST(durations_have_decimals)
{
    log_ms_text text;

    ck_assert_str_eq(log_ms(0, text), "0.000");
    ck_assert_str_eq(log_ms(412, text), "0.412");
    ck_assert_str_eq(log_ms(30000007, text), "30000.007");
}
END_TEST

UNIT_MAIN("base_log", one_line_one_write, values_cannot_forge_lines, values_end_at_1024_bytes, a_line_that_is_full_says_so,
          levels, errors_come_whole, a_thread_says_what_it_works_on, another_thread_may_say_the_same,
          more_pairs_than_a_line_takes_are_told, durations_have_decimals)
