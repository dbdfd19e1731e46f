/* Configuration files: every trap of the parser is an error with file and line; what is fine is read as written. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/ini.h"
#include "base/str.h"

static int collect(void *arg, const char *section, const char *key, const char *value, struct err *e)
{
    if (str_equal(key, "refused"))
        return err_set(e, ERR_CONFIG, "unknown key '%s'", key);
    buf_addf(arg, "[%s]%s=%s|", section, key, value);
    return 0;
}

static int read_text(const char *text, size_t len, struct buf *out, struct err *e)
{
    char path[] = "/tmp/base_ini_XXXXXX";

    unit_temp_file(path, text, len);
    int rc = ini_read(path, collect, out, e);
    ck_assert_int_eq(unlink(path), 0);
    return rc;
}

START_TEST(reads_what_is_written)
{
    static const char text[] = "# comment\n"
                               "; comment ; with ;\n"
                               "   # an indented comment\n"
                               "listen = 127.0.0.1:8081,unix:/run/x=y  \r\n"
                               "\n"
                               "[limits]\n"
                               "body= 1;2\n"
                               "empty =\n"
                               "name: \xC3\xBC b\n"
                               "[other]\t\n"
                               "body = last line without newline";
    AUTO_BUF seen = { 0 };
    struct err e = ERR_INIT;

    unit_ok(read_text(text, strlen(text), &seen, &e));
    ck_assert_str_eq(seen.data, "[]listen=127.0.0.1:8081,unix:/run/x=y|[limits]body=1;2|[limits]empty=|[limits]name=\xC3\xBC b|"
                                "[other]body=last line without newline|");
}
END_TEST

START_TEST(an_empty_file_is_fine)
{
    AUTO_BUF seen = { 0 };
    struct err e = ERR_INIT;

    unit_ok(read_text("", 0, &seen, &e));
    ck_assert_uint_eq(seen.len, 0);
}
END_TEST

START_TEST(traps_have_a_line)
{
    static const struct {
        const char *text, *line, *reason;
    } cases[] = {
        { "a = 1\n  b = 2\n", ":2: ", "indented" },
        { "a = 1\n\tb\n", ":2: ", "indented" },
        { "a = 1 ; two\n", ":1: ", "comment" },
        { "a = 1\t;two\n", ":1: ", "comment" },
        { "a = ;two\n", ":1: ", "comment" },
        { "a =;two\n", ":1: ", "comment" },
        { "\xEF\xBB\xBF# x\na = 1\n", ":1: ", "byte order mark" },
        { "a = 1\n\nb = 2\na = 3\n", ":4: ", "second time" },
        { "[s]\na = 1\n[t]\na = 1\n[s]\na = 2\n", ":6: ", "second time" },
        { "[s\na = 1\n", ":1: ", "']'" },
        { "[s] a = 1\n", ":1: ", "after the section" },
        { "[s] ; x\n", ":1: ", "after the section" },
        { "[12345678901234567890123456789012345678901234567890]\n", ":1: ", "too long" },
        { "a = 1\nnonsense\n", ":2: ", "neither" },
        { "= 1\n", ":1: ", "no key" },
        { "a = \xFF\n", ":1: ", "UTF-8" },
        { "a = \x1b[0m\n", ":1: ", "control" },
        { "a = \xC2\x9B"
          "0m\n",
          ":1: ", "control" },
        { "a = 1\rb = 2\n", ":1: ", "control" },
        { "a = 1\nrefused = 1\nc = 1\n", ":2: ", "unknown key 'refused'" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF seen = { 0 };
        struct err e = ERR_INIT;
        unit_fails(read_text(cases[i].text, strlen(cases[i].text), &seen, &e), ERR_CONFIG);
        ck_assert_msg(str_starts_with(e.msg, "/tmp/base_ini_") && strstr(e.msg, cases[i].line) && strstr(e.msg, cases[i].reason),
                      "%zu: %s", i, e.msg);
    }
}
END_TEST

START_TEST(nul_bytes_are_refused)
{
    AUTO_BUF seen = { 0 };
    struct err e = ERR_INIT;

    unit_fails(read_text("a = 1\nb = 1\0002\n", 14, &seen, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.msg, ":2: "));
    ck_assert_str_eq(seen.data, "[]a=1|");
}
END_TEST

START_TEST(lines_end_at_4096_bytes)
{
    char text[4200] = "key=";
    AUTO_BUF seen = { 0 };
    struct err e = ERR_INIT;

    memset(text + 4, 'x', sizeof(text) - 4);
    unit_ok(read_text(text, 4096, &seen, &e));
    ck_assert_uint_eq(seen.len, strlen("[]key=|") + 4092);
    unit_fails(read_text(text, 4097, &seen, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.msg, ":1: the line is longer"));
}
END_TEST

START_TEST(missing_is_not_broken)
{
    AUTO_BUF seen = { 0 };
    struct err e = ERR_INIT;

    unit_fails(ini_read("no/such/file", collect, &seen, &e), ERR_NOT_FOUND);
    unit_fails(ini_read("/", collect, &seen, &e), ERR_CONFIG);
}
END_TEST

UNIT_MAIN("base_ini", reads_what_is_written, an_empty_file_is_fine, traps_have_a_line, nul_bytes_are_refused,
          lines_end_at_4096_bytes, missing_is_not_broken)
