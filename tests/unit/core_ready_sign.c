/* The signs on a console that its guest is up, and what only looks like one. */
#include "../../src/core/ready_sign.h"
#include "unit.h"

static bool finds(const char *text, size_t len)
{
    struct ready_signs signs = { 0 };
    size_t unread = 0;

    ready_sign_read(text, len, &signs, &unread);
    return signs.has_prompt || signs.is_done;
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
        struct ready_signs signs = { 0 };
        size_t unread = 99, rest;

        ready_sign_read(text, cut, &signs, &unread);
        if (signs.has_prompt)
            continue;
        ck_assert_uint_le(unread, cut);
        rest = cut - unread;
        ck_assert_msg(finds(text + rest, sizeof text - 1 - rest), "cut at %zu", cut);
    }
}
END_TEST

START_TEST(complete_lines_are_not_read_again)
{
    struct ready_signs signs = { 0 };
    size_t unread = 99;

    ready_sign_read("one\ntwo\n", 8, &signs, &unread);
    ck_assert_uint_eq(unread, 0);
    ready_sign_read("one\ntwo", 7, &signs, &unread);
    ck_assert_uint_eq(unread, 3);
    ck_assert(!signs.has_prompt && !signs.has_cloud_init && !signs.is_done);
}
END_TEST

/* What was seen stays seen: a prompt in a later text does not hide that cloud-init has begun. */
START_TEST(cloud_init_is_told_apart)
{
    static const char begun[] = "Cloud-init v. 22.4.2 running 'init-local' at Fri, 01 Aug 2025 12:00:00 +0000. Up 5 seconds.\n";
    static const char prompt[] = "guest login: ";
    static const char done[] = "\nCloud-init v. 22.4.2 finished at Fri, 01 Aug 2025 12:00:30 +0000. Up 35 seconds\n";
    struct ready_signs signs = { 0 };
    size_t unread = 0;

    ready_sign_read(begun, sizeof begun - 1, &signs, &unread);
    ck_assert(signs.has_cloud_init && !signs.has_prompt && !signs.is_done);
    ready_sign_read(prompt, sizeof prompt - 1, &signs, &unread);
    ck_assert(signs.has_cloud_init && signs.has_prompt && !signs.is_done);
    ready_sign_read(done, sizeof done - 1, &signs, &unread);
    ck_assert(signs.is_done);
}
END_TEST

UNIT_MAIN("core_ready_sign", signs_are_seen, other_texts_are_none, any_bytes_may_stand_before, a_sign_in_two_pieces_is_seen,
          complete_lines_are_not_read_again, cloud_init_is_told_apart)
