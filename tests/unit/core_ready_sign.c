/* The signs on a console that its guest is up, and what only looks like one. */
#include "../../src/core/ready_sign.h"
#include "unit.h"

static bool finds(const char *text, size_t len)
{
    size_t unread = 0;

    return ready_sign_find(text, len, &unread);
}

START_TEST(signs_are_seen)
{
    static const char *const table[] = {
        "debian login: ",
        "debian login:",
        "\r\nDebian GNU/Linux 12 vm-1 ttyS0\r\n\r\nvm-1.example login: ",
        "\x1b[H\x1b[J\x1b[0;1mvm_1 login: \r\n",
        "Welcome\n\rtiny login: \nmore",
        "[   12.3] cloud-init[401]: Cloud-init v. 22.4.2 finished at Fri, 01 Aug 2025 12:00:00 +0000. Datasource NoCloud\n",
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        ck_assert_msg(finds(table[i], strlen(table[i])), "%zu: %s", i, table[i]);
}
END_TEST

START_TEST(other_texts_are_none)
{
    static const char *const table[] = {
        "",
        "\n\n\n",
        " login: ",
        "login: ",
        "my debian login: ",
        "debian login: root",
        "Last login: Fri Aug  1 12:00:00 UTC 2025 on ttyS0",
        "[  1.0] systemd-logind: debian login:",
        "Cloud-init v. 22.4.2 running 'modules:final' at Fri, 01 Aug 2025 12:00:00 +0000. Up 12.0 seconds.",
        "Cloud-init v. 22.4.2 running\n finished at last",
        "debian logi",
        "\x1b[",
        "\x1b",
        "\x1b[12;",
        "\r",
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        ck_assert_msg(!finds(table[i], strlen(table[i])), "%zu: %s", i, table[i]);
}
END_TEST

START_TEST(any_bytes_may_stand_before)
{
    static const char text[] = "\0\0\xff\xfe\n\0\nguest login: ";
    char name_too_long[400];

    ck_assert(finds(text, sizeof text - 1));
    memset(name_too_long, 'a', sizeof name_too_long);
    memcpy(name_too_long + 256, " login:", 7);
    ck_assert(!finds(name_too_long, 256 + 7));
    ck_assert(finds(name_too_long + 1, 255 + 7));
}
END_TEST

/* Wherever a look cuts the text, the second look, which begins with what was left unread, sees the sign. */
START_TEST(a_sign_in_two_pieces_is_seen)
{
    static const char text[] = "one\ntwo\nguest login: ";

    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        size_t unread = 99, rest;

        if (ready_sign_find(text, cut, &unread))
            continue;
        ck_assert_uint_le(unread, cut);
        rest = cut - unread;
        ck_assert_msg(finds(text + rest, sizeof text - 1 - rest), "cut at %zu", cut);
    }
}
END_TEST

START_TEST(complete_lines_are_not_read_again)
{
    size_t unread = 99;

    ck_assert(!ready_sign_find("one\ntwo\n", 8, &unread));
    ck_assert_uint_eq(unread, 0);
    ck_assert(!ready_sign_find("one\ntwo", 7, &unread));
    ck_assert_uint_eq(unread, 3);
}
END_TEST

UNIT_MAIN("core_ready_sign", signs_are_seen, other_texts_are_none, any_bytes_may_stand_before, a_sign_in_two_pieces_is_seen,
          complete_lines_are_not_read_again)
