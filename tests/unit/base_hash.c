/* SHA-256 against the examples of FIPS 180. */
#include "unit.h"

#include "base/hash.h"

static const char empty_hash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char abc_hash[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char long_hash[] = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";

START_TEST(known_answers)
{
    sha256_text text;

    sha256_of("", 0, text);
    ck_assert_str_eq(text, empty_hash);
    sha256_of("abc", 3, text);
    ck_assert_str_eq(text, abc_hash);
    sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, text);
    ck_assert_str_eq(text, long_hash);
}
END_TEST

START_TEST(pieces_add_up_and_end_resets)
{
    static const char whole[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    struct sha256 *h = sha256_new();
    sha256_text text;

    ck_assert_ptr_nonnull(h);
    for (size_t i = 0; i < 56; i += 7)
        sha256_add(h, whole + i, 7);
    sha256_end(h, text);
    ck_assert_str_eq(text, long_hash);
    sha256_add(h, "abc", 3);
    sha256_end(h, text);
    ck_assert_str_eq(text, abc_hash);
    sha256_free(h);
    sha256_free(NULL);
}
END_TEST

UNIT_MAIN("base_hash", known_answers, pieces_add_up_and_end_resets)
