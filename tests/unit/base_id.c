/* Random ids. */
#include "unit.h"

#include "base/id.h"

START_TEST(ids_have_their_form)
{
    uuid_text uuid, other;
    hex32_text hex, other_hex;

    for (int i = 0; i < 1000; i++) {
        id_uuid(uuid);
        ck_assert(id_is_uuid(uuid));
        ck_assert_int_eq(uuid[14], '4');
        ck_assert_ptr_nonnull(strchr("89ab", uuid[19]));
    }
    id_uuid(other);
    ck_assert_str_ne(uuid, other);
    id_hex32(hex);
    id_hex32(other_hex);
    ck_assert_uint_eq(strlen(hex), HEX32_LEN);
    ck_assert_uint_eq(strspn(hex, "0123456789abcdef"), HEX32_LEN);
    ck_assert_str_ne(hex, other_hex);
}
END_TEST

START_TEST(uuid_shapes)
{
    static const struct {
        const char *text;
        bool is_uuid, looks_like;
    } cases[] = {
        { "6b29fc40-ca47-4067-b31d-00dd010662da", true, true },   { "6B29FC40-CA47-4067-B31D-00DD010662DA", false, true },
        { "6b29fc40-ca47-4067-b31d-00dd010662d", false, false },  { "6b29fc40-ca47-4067-b31d-00dd010662daa", false, false },
        { "6b29fc40xca47-4067-b31d-00dd010662da", false, false }, { "6b29fc40-ca47-4067-b31d-00dd010662dg", false, false },
        { "-b29fc40-ca47-4067-b31d-00dd010662da", false, false }, { "", false, false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(id_is_uuid(cases[i].text) == cases[i].is_uuid, "%s", cases[i].text);
        ck_assert_msg(id_looks_like_uuid(cases[i].text) == cases[i].looks_like, "%s", cases[i].text);
    }
}
END_TEST

START_TEST(bytes_as_a_uuid)
{
    static const uint8_t bytes[UUID_BYTES] = { 0x6b, 0x29, 0xfc, 0x40, 0xca, 0x47, 0x40, 0x67,
                                               0xb3, 0x1d, 0x00, 0xdd, 0x01, 0x06, 0x62, 0xda };
    uuid_text text;

    id_uuid_text(bytes, text);
    ck_assert_str_eq(text, "6b29fc40-ca47-4067-b31d-00dd010662da");
}
END_TEST

UNIT_MAIN("base_id", ids_have_their_form, bytes_as_a_uuid, uuid_shapes)
