/* The error record: what setters keep and clear, cuts, words. */
#include <errno.h>

#include "unit.h"

#include "base/err.h"
#include "base/str.h"

START_TEST(set_clears_what_was)
{
    struct err e = ERR_INIT;

    ck_assert_int_eq(err_set_field(&e, ERR_INVALID_FIELD, "name", "%s is bad", "it"), -1);
    ck_assert_str_eq(e.field, "name");
    ck_assert_str_eq(e.msg, "it is bad");
    ck_assert_int_eq(err_detail(&e, "at %d", 7), -1);
    ck_assert_str_eq(e.detail, "at 7");
    ck_assert_str_eq(e.msg, "it is bad");
    ck_assert_int_eq(err_set(&e, ERR_TIMEOUT, "late"), -1);
    ck_assert_int_eq(e.code, ERR_TIMEOUT);
    ck_assert_str_eq(e.field, "");
    ck_assert_str_eq(e.detail, "");
    err_clear(&e);
    ck_assert_int_eq(e.code, ERR_NONE);
    ck_assert_str_eq(e.msg, "");
}
END_TEST

START_TEST(an_error_may_quote_itself)
{
    struct err e = ERR_INIT;

    (void)err_set_field(&e, ERR_INVALID_FIELD, "name", "inner");
    (void)err_detail(&e, "deep");
    (void)err_detail(&e, "%s, deeper", e.detail);
    ck_assert_str_eq(e.detail, "deep, deeper");
    (void)err_set_field(&e, ERR_CONFLICT, e.field, "%s: %s", e.field, e.msg);
    ck_assert_str_eq(e.field, "name");
    ck_assert_str_eq(e.msg, "name: inner");
}
END_TEST

START_TEST(wrap_goes_before)
{
    struct err e = ERR_INIT;

    (void)err_set_field(&e, ERR_NAME_TAKEN, "name", "taken");
    (void)err_detail(&e, "row 7");
    ck_assert_int_eq(err_wrap(&e, "create VM '%s'", "web"), -1);
    ck_assert_str_eq(e.msg, "create VM 'web': taken");
    ck_assert_int_eq(e.code, ERR_NAME_TAKEN);
    ck_assert_str_eq(e.field, "name");
    ck_assert_str_eq(e.detail, "row 7");
}
END_TEST

/* U+20AC is three bytes, and neither 319 nor 639 is a multiple of three plus the prefix. */
START_TEST(long_text_is_cut_between_code_points)
{
    AUTO_BUF euros = { 0 };
    struct err e = ERR_INIT;

    for (int i = 0; i < 400; i++)
        buf_adds(&euros, "\xE2\x82\xAC");
    for (int shift = 0; shift < 3; shift++) {
        (void)err_set_field(&e, ERR_INVALID, euros.data + 3, "%.*s%s", shift, "xx", euros.data);
        ck_assert(str_is_utf8(e.msg, strlen(e.msg), NULL));
        ck_assert_uint_ge(strlen(e.msg), sizeof(e.msg) - 3);
        ck_assert(str_is_utf8(e.field, strlen(e.field), NULL));
        (void)err_detail(&e, "%.*s%s", shift, "xx", euros.data);
        ck_assert(str_is_utf8(e.detail, strlen(e.detail), NULL));
        (void)err_wrap(&e, "%.*s%s", shift, "xx", euros.data);
        ck_assert(str_is_utf8(e.msg, strlen(e.msg), NULL));
    }
}
END_TEST

START_TEST(errno_has_codes)
{
    static const struct {
        int errnum;
        enum err_code code;
    } cases[] = { { ENOSPC, ERR_DISK_FULL },   { EDQUOT, ERR_DISK_FULL }, { ENOMEM, ERR_NO_MEMORY }, { EMFILE, ERR_UNAVAILABLE },
                  { ENFILE, ERR_UNAVAILABLE }, { EIO, ERR_INTERNAL },     { 99999, ERR_INTERNAL } };
    struct err e = ERR_INIT;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(err_errno(&e, cases[i].errnum, "write overlay %d", 3), -1);
        ck_assert_int_eq(e.code, cases[i].code);
        ck_assert_str_eq(e.msg, "write overlay 3");
        ck_assert_int_eq(strncmp(e.detail, "write overlay 3: ", 17), 0);
    }
    (void)err_errno(&e, ENOSPC, "x");
    ck_assert_str_eq(e.detail, "x: No space left on device");
}
END_TEST

START_TEST(every_code_has_its_own_word)
{
    for (unsigned code = 0; code < ERR_CODE_COUNT; code++) {
        const char *word = err_code_word((enum err_code)code);
        ck_assert_ptr_nonnull(word);
        ck_assert_uint_eq(err_code_from_word(word), code);
        ck_assert_uint_eq(strspn(word, "abcdefghijklmnopqrstuvwxyz_"), strlen(word));
    }
    ck_assert_str_eq(err_code_word(ERR_NAME_TAKEN), "name_taken");
    ck_assert_str_eq(err_code_word(ERR_CODE_COUNT), "internal");
    ck_assert_int_eq(err_code_from_word("nonsense"), ERR_INTERNAL);
}
END_TEST

UNIT_MAIN("base_err", set_clears_what_was, an_error_may_quote_itself, wrap_goes_before, long_text_is_cut_between_code_points,
          errno_has_codes, every_code_has_its_own_word)
