/* console: the end of a log over rotated files, by lines and by bytes, what is new in it, and what cannot be read. */
#define _GNU_SOURCE
#include "disk_lab.h"

#define FOLDER "state/instances/" VM_ID "/"

struct fixture {
    struct lab lab;
    struct disk *disk;
};

static void fixture_close(struct fixture *f)
{
    disk_close(f->disk);
    lab_close(&f->lab);
}
#define FIXTURE __attribute__((cleanup(fixture_close))) struct fixture

static void fixture_open(struct fixture *f)
{
    lab_open(&f->lab);
    f->disk = lab_disk(&f->lab);
    lab_run(&f->lab, "mkdir " FOLDER);
}

static void expect(const struct fixture *f, uint32_t lines, size_t max_bytes, const char *text)
{
    AUTO_FREE char *said = NULL;
    struct err e = ERR_INIT;
    size_t len = 0;

    unit_ok(disk_console_read(f->disk, VM_ID, lines, max_bytes, &said, &len, &e));
    ck_assert_str_eq(said, text);
    ck_assert_uint_eq(len, strlen(text));
}

START_TEST(absent_is_empty)
{
    FIXTURE f;
    fixture_open(&f);

    expect(&f, 10, 1000, "");
    lab_run(&f.lab, "rmdir " FOLDER);
    expect(&f, 0, 1000, "");
    expect(&f, 0, 0, "");
}
END_TEST

START_TEST(last_lines)
{
    FIXTURE f;
    fixture_open(&f);

    lab_write(&f.lab, FOLDER "console.log", "one\ntwo\n\nfour\n", 14);
    expect(&f, 1, 1000, "four\n");
    expect(&f, 2, 1000, "\nfour\n");
    expect(&f, 3, 1000, "two\n\nfour\n");
    expect(&f, 4, 1000, "one\ntwo\n\nfour\n");
    expect(&f, 5, 1000, "one\ntwo\n\nfour\n");
    expect(&f, 0, 1000, "one\ntwo\n\nfour\n");
    expect(&f, 0, 7, "\n\nfour\n");
    expect(&f, 3, 7, "\n\nfour\n");
    expect(&f, 1, 0, "");
    lab_write(&f.lab, FOLDER "console.log", "one\ntwo\nlogin: ", 15);
    expect(&f, 1, 1000, "login: ");
    expect(&f, 2, 1000, "two\nlogin: ");
}
END_TEST

START_TEST(rotated_files_are_joined_by_age)
{
    FIXTURE f;
    fixture_open(&f);

    lab_write(&f.lab, FOLDER "console.log.9", "a\n", 2);
    lab_write(&f.lab, FOLDER "console.log.1", "b\nc", 3);
    lab_write(&f.lab, FOLDER "console.log.0", "d\ne\n", 4);
    lab_write(&f.lab, FOLDER "console.log", "f\n", 2);
    expect(&f, 0, 1000, "a\nb\ncd\ne\nf\n");
    expect(&f, 2, 1000, "e\nf\n");
    expect(&f, 3, 1000, "cd\ne\nf\n");
    expect(&f, 4, 1000, "b\ncd\ne\nf\n");
    expect(&f, 0, 5, "\ne\nf\n");
    lab_write(&f.lab, FOLDER "console.log", "", 0);
    expect(&f, 1, 1000, "e\n");
}
END_TEST

/* Longer than the blocks that are read at a time, with a line that crosses them. */
START_TEST(long_logs)
{
    FIXTURE f;
    fixture_open(&f);
    AUTO_FREE char *all =
        lab_must(&f.lab, "(seq 1 60000; head -c 200000 /dev/zero | tr '\\0' x; echo; seq 1 9) | tee " FOLDER "console.log");
    size_t len = strlen(all);

    expect(&f, 0, 10 << 20, all);
    expect(&f, 0, len, all);
    expect(&f, 0, 300000, all + len - 300000);
    expect(&f, 9, 10 << 20, all + len - 18);
    expect(&f, 10, 10 << 20, all + len - 18 - 200001);
    expect(&f, 10, 1000, all + len - 1000);
    expect(&f, 60010, 10 << 20, all);
    expect(&f, 60009, 10 << 20, all + 2);
}
END_TEST

START_TEST(bytes_pass_as_they_are)
{
    FIXTURE f;
    fixture_open(&f);
    static const char bytes[] = "\0\xff\x1b[2J\r\n\xc3\0";
    AUTO_FREE char *said = NULL;
    struct err e = ERR_INIT;
    size_t len = 0;

    lab_write(&f.lab, FOLDER "console.log", bytes, sizeof(bytes));
    unit_ok(disk_console_read(f.disk, VM_ID, 0, 1000, &said, &len, &e));
    ck_assert_uint_eq(len, sizeof(bytes));
    ck_assert_mem_eq(said, bytes, sizeof(bytes));
}
END_TEST

/* Root may read everything: become somebody else, as a daemon that root's virtlogd writes for. */
START_TEST(denied_files)
{
    FIXTURE f;
    fixture_open(&f);
    char *said = NULL;
    struct err e = ERR_INIT;
    size_t len = 0;
    uid_t us = geteuid();

    lab_run(&f.lab, "chmod 755 . && chmod 755 " FOLDER " && cd " FOLDER " && umask 777 && echo secret > console.log.0");
    ck_assert(us != 0 || seteuid(65534) == 0);
    unit_fails(disk_console_read(f.disk, VM_ID, 0, 1000, &said, &len, &e), ERR_FORBIDDEN);
    ck_assert_int_eq(seteuid(us), 0);
    lab_run(&f.lab, "echo open > " FOLDER "console.log && chmod 644 " FOLDER "console.log");
    ck_assert(us != 0 || seteuid(65534) == 0);
    expect(&f, 0, 1000, "open\n");
    ck_assert_int_eq(seteuid(us), 0);
}
END_TEST

START_TEST(only_regular_files_are_read)
{
    FIXTURE f;
    fixture_open(&f);
    char *said = NULL;
    struct err e = ERR_INIT;
    size_t len = 0;

    lab_run(&f.lab, "cd " FOLDER " && mkfifo console.log && ln -s /etc/passwd console.log.0 && mkdir console.log.1");
    unit_fails(disk_console_read(f.disk, VM_ID, 0, 1000, &said, &len, &e), ERR_FORBIDDEN);
    lab_write(&f.lab, FOLDER "console.log.2", "x\n", 2);
    expect(&f, 0, 1000, "x\n");
}
END_TEST

START_TEST(ids_are_checked)
{
    FIXTURE f;
    fixture_open(&f);
    char *said = NULL;
    struct err e = ERR_INIT;
    size_t len = 0;

    unit_fails(disk_console_read(f.disk, "../instances/" VM_ID, 0, 1000, &said, &len, &e), ERR_INTERNAL);
    unit_fails(disk_console_read(f.disk, "", 0, 1000, &said, &len, &e), ERR_INTERNAL);
}
END_TEST

/* What is new behind *offset. */
static void expect_news(const struct fixture *f, uint64_t *offset, size_t max_bytes, const char *text)
{
    AUTO_FREE char *said = NULL;
    struct err e = ERR_INIT;
    size_t len = 99;

    unit_ok(disk_console_follow(f->disk, VM_ID, offset, max_bytes, &said, &len, &e));
    ck_assert_str_eq(said, text);
    ck_assert_uint_eq(len, strlen(text));
}

START_TEST(following)
{
    FIXTURE f;
    fixture_open(&f);
    uint64_t offset = 0;

    expect_news(&f, &offset, 100, "");
    lab_write(&f.lab, FOLDER "console.log.0", "older\n", 6);
    lab_write(&f.lab, FOLDER "console.log", "", 0);
    expect_news(&f, &offset, 100, "");
    lab_run(&f.lab, "printf 'one\ntwo' >> " FOLDER "console.log");
    expect_news(&f, &offset, 100, "one\ntwo");
    ck_assert_uint_eq(offset, 7);
    expect_news(&f, &offset, 100, "");
    lab_run(&f.lab, "printf '\nthree\n' >> " FOLDER "console.log");
    expect_news(&f, &offset, 0, "");
    ck_assert_uint_eq(offset, 14);
    lab_run(&f.lab, "printf '1234567890' >> " FOLDER "console.log");
    expect_news(&f, &offset, 4, "7890");
    ck_assert_uint_eq(offset, 24);
}
END_TEST

START_TEST(following_over_a_rotation)
{
    FIXTURE f;
    fixture_open(&f);
    uint64_t offset = 0;

    lab_run(&f.lab, "printf 'one\ntwo\n' > " FOLDER "console.log");
    expect_news(&f, &offset, 100, "one\ntwo\n");
    lab_run(&f.lab, "cd " FOLDER " && mv console.log console.log.0 && printf three > console.log");
    expect_news(&f, &offset, 100, "three");
    ck_assert_uint_eq(offset, 5);
    lab_run(&f.lab, "rm " FOLDER "console.log");
    expect_news(&f, &offset, 100, "");
    lab_run(&f.lab, "printf 'another one' > " FOLDER "console.log");
    expect_news(&f, &offset, 100, "another one");
    lab_run(&f.lab, "rm -r " FOLDER);
    expect_news(&f, &offset, 100, "");
    ck_assert_uint_eq(offset, 0);
}
END_TEST

START_TEST(following_only_what_is_ours_to_read)
{
    FIXTURE f;
    fixture_open(&f);
    char *said = NULL;
    struct err e = ERR_INIT;
    uint64_t offset = 3;
    size_t len = 0;
    uid_t us = geteuid();

    lab_run(&f.lab, "ln -s /etc/passwd " FOLDER "console.log");
    unit_fails(disk_console_follow(f.disk, VM_ID, &offset, 100, &said, &len, &e), ERR_FORBIDDEN);
    lab_run(&f.lab, "rm " FOLDER "console.log && mkfifo " FOLDER "console.log");
    unit_fails(disk_console_follow(f.disk, VM_ID, &offset, 100, &said, &len, &e), ERR_FORBIDDEN);
    lab_run(&f.lab, "chmod 755 . " FOLDER " && cd " FOLDER " && rm console.log && umask 777 && echo secret > console.log");
    ck_assert(us != 0 || seteuid(65534) == 0);
    unit_fails(disk_console_follow(f.disk, VM_ID, &offset, 100, &said, &len, &e), ERR_FORBIDDEN);
    ck_assert_int_eq(seteuid(us), 0);
    unit_fails(disk_console_follow(f.disk, "..", &offset, 100, &said, &len, &e), ERR_INTERNAL);
    ck_assert_uint_eq(offset, 3);
    ck_assert_ptr_null(said);
}
END_TEST

UNIT_MAIN("disk_console", absent_is_empty, last_lines, rotated_files_are_joined_by_age, long_logs, bytes_pass_as_they_are,
          denied_files, only_regular_files_are_read, ids_are_checked, following, following_over_a_rotation,
          following_only_what_is_ours_to_read)
