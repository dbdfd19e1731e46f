/* Base64: RFC 4648's vectors, and what is no base64. */
#include "unit.h"

#include "base/base64.h"
#include "base/cleanup.h"

START_TEST(the_rfcs_vectors)
{
    static const char *const table[][2] = { { "", "" },
                                            { "f", "Zg==" },
                                            { "fo", "Zm8=" },
                                            { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" },
                                            { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" } };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        AUTO_FREE uint8_t *bytes = NULL;
        AUTO_FREE char *text = base64_encode(table[i][0], strlen(table[i][0]));
        size_t len = 99;

        ck_assert_str_eq(text, table[i][1]);
        ck_assert_int_eq(base64_decode(text, strlen(text), &bytes, &len), 0);
        ck_assert_uint_eq(len, strlen(table[i][0]));
        ck_assert_mem_eq(bytes, table[i][0], len);
    }
}
END_TEST

START_TEST(other_texts_are_refused)
{
    static const char *const table[] = { "Z", "Zg", "Zg=", "Zg===", "Zm9v\n", " Zm9v", "Zm 9v", "Zm9v-_", "Zm9v!", "====" };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint8_t *bytes = NULL;
        size_t len = 7;

        ck_assert_msg(base64_decode(table[i], strlen(table[i]), &bytes, &len) == -1, "'%s'", table[i]);
        ck_assert_ptr_null(bytes);
        ck_assert_uint_eq(len, 7);
    }
}
END_TEST

UNIT_MAIN("base_base64", the_rfcs_vectors, other_texts_are_refused)
