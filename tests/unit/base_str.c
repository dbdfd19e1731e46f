/* Strings, numbers, UTF-8 and buffers: limits and cuts. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/str.h"

START_TEST(numbers_are_strict)
{
    static const char *const bad[] = {
        "", " 1", "1 ", "+1", "-1", "0x10", "1e3", "18446744073709551616", "99999999999999999999"
    };
    uint64_t u = 7;
    int64_t i = 7;

    for (size_t n = 0; n < ARRAY_LEN(bad); n++)
        ck_assert_msg(str_to_u64(bad[n], UINT64_MAX, &u) == -1 && u == 7, "'%s' taken as %lu", bad[n], (unsigned long)u);
    ck_assert_int_eq(str_to_u64("18446744073709551615", UINT64_MAX, &u), 0);
    ck_assert_uint_eq(u, UINT64_MAX);
    ck_assert_int_eq(str_to_u64("101", 100, &u), -1);
    ck_assert_int_eq(str_to_u64("100", 100, &u), 0);
    ck_assert_uint_eq(u, 100);

    ck_assert_int_eq(str_to_i64("-9223372036854775808", &i), 0);
    ck_assert_int_eq(i, INT64_MIN);
    ck_assert_int_eq(str_to_i64("9223372036854775807", &i), 0);
    ck_assert_int_eq(i, INT64_MAX);
    ck_assert_int_eq(str_to_i64("9223372036854775808", &i), -1);
    ck_assert_int_eq(str_to_i64("-9223372036854775809", &i), -1);
    ck_assert_int_eq(str_to_i64("-", &i), -1);
    ck_assert_int_eq(str_to_i64("--1", &i), -1);
}
END_TEST

START_TEST(utf8_is_strict)
{
    static const char *const good[] = {
        "", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"
    };
    static const char *const bad[] = { "\x80",
                                       "\xC0\x80",
                                       "\xC1\xBF",
                                       "\xE0\x9F\xBF",
                                       "\xED\xA0\x80",
                                       "\xED\xBF\xBF",
                                       "\xF0\x8F\xBF\xBF",
                                       "\xF4\x90\x80\x80",
                                       "\xF5\x80\x80\x80",
                                       "\xE2\x82",
                                       "\xE2\x82z",
                                       "a\xFF",
                                       "\xF0\x9F\x98" };
    size_t chars = 99;

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        ck_assert_msg(str_is_utf8(good[i], strlen(good[i]), NULL), "good %zu", i);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!str_is_utf8(bad[i], strlen(bad[i]), &chars) && chars == 99, "bad %zu", i);
    ck_assert(!str_is_utf8("a\0b", 3, NULL));
    ck_assert(str_is_utf8("a\xE2\x82\xAC\xF0\x9F\x98\x80", 8, &chars));
    ck_assert_uint_eq(chars, 3);
}
END_TEST

START_TEST(printable_has_no_controls)
{
    static const char *const bad[] = { "a\nb",         "\x1F",         "\x7F",         "\xC2\x85",     "\xC2\x9F",
                                       "\xE2\x80\xA8", "\xE2\x80\xA9", "\xEF\xB7\x90", "\xEF\xBF\xBE", "\xF0\x9F\xBF\xBF",
                                       "\xFF" };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!str_is_printable(bad[i]), "%zu", i);
    ck_assert(str_is_printable("web 1, \xC3\xBC\xC2\xA0\xF0\x9F\x98\x80"));
    ck_assert(str_is_printable(""));
}
END_TEST

START_TEST(copies_cut_between_code_points)
{
    char dst[6];

    ck_assert(str_copy(dst, sizeof(dst), "12345"));
    ck_assert_str_eq(dst, "12345");
    ck_assert(!str_copy(dst, sizeof(dst), "123456"));
    ck_assert_str_eq(dst, "12345");
    ck_assert(!str_copy(dst, sizeof(dst), "123\xE2\x82\xAC"));
    ck_assert_str_eq(dst, "123");
    ck_assert(!str_copy(dst, sizeof(dst), "1\xF0\x9F\x98\x80\xC3\xBC"));
    ck_assert_str_eq(dst, "1\xF0\x9F\x98\x80");
    ck_assert(!str_copy(dst, 3, "\xF0\x9F\x98\x80"));
    ck_assert_str_eq(dst, "");
    ck_assert(!str_copy(dst, 1, "x"));
    ck_assert_str_eq(dst, "");
}
END_TEST

START_TEST(small_predicates)
{
    ck_assert(str_equal(NULL, NULL));
    ck_assert(!str_equal(NULL, ""));
    ck_assert(str_equal("a", "a"));
    ck_assert(!str_equal("a", "b"));
    ck_assert(str_starts_with("unix:/x", "unix:"));
    ck_assert(!str_starts_with("uni", "unix:"));
    ck_assert(str_is_hex("09af", 4));
    ck_assert(!str_is_hex("09AF", 4));
    ck_assert(!str_is_hex("09af", 3));
    ck_assert(!str_is_hex("09af", 5));
    ck_assert_ptr_null(str_dup(NULL));
}
END_TEST

START_TEST(buffers_grow_and_are_taken)
{
    AUTO_BUF b = { 0 };

    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "%03d,", i);
    buf_adds(&b, "end");
    buf_add(&b, "\0x", 2);
    ck_assert(!b.failed);
    ck_assert_uint_eq(b.len, 4005);
    AUTO_FREE char *text = buf_take(&b);
    ck_assert_int_eq(memcmp(text, "000,001,", 8), 0);
    ck_assert_str_eq(text + 4000, "end");
    ck_assert_ptr_null(b.data);

    AUTO_FREE char *empty = buf_take(&b);
    ck_assert_str_eq(empty, "");
    AUTO_FREE char *printed = str_printf("%s-%d", "vm", 7);
    ck_assert_str_eq(printed, "vm-7");
}
END_TEST

START_TEST(a_failed_buffer_stays_failed)
{
    AUTO_BUF b = { 0 };

    buf_adds(&b, "kept");
    buf_add(&b, "x", SIZE_MAX - 2);
    ck_assert(b.failed);
    buf_adds(&b, "ignored");
    ck_assert_uint_eq(b.len, 4);
    ck_assert_ptr_null(buf_take(&b));
    buf_adds(&b, "new");
    ck_assert(!b.failed);
}
END_TEST

UNIT_MAIN("base_str", numbers_are_strict, utf8_is_strict, printable_has_no_controls, copies_cut_between_code_points,
          small_predicates, buffers_grow_and_are_taken, a_failed_buffer_stays_failed)
