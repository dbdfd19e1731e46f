/* disk_lab: a throwaway state_dir for tests of the disk room, and qemu-img as their oracle. Wants qemu-utils and _GNU_SOURCE. */
#ifndef TESTS_DISK_LAB_H
#define TESTS_DISK_LAB_H

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "unit.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "disk/disk.h"

#define VM_ID    "11111111-2222-4333-8444-555555555555"
#define IMAGE_ID "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

struct lab {
    char dir[64];
};

static inline void lab_open(struct lab *l)
{
    (void)snprintf(l->dir, sizeof(l->dir), "/tmp/disk-lab-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(l->dir));
    AUTO_FREE char *armed = str_printf("%s/armed", l->dir);
    /* Before the first failpoint is passed; children that die at one read the file as well. */
    ck_assert_int_eq(setenv("COMPUTED_FAILPOINTS_FILE", armed, 1), 0);
}

static inline int lab_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* Not called when a check fails: what failed stays to be looked at. */
static inline void lab_close(struct lab *l)
{
    ck_assert_int_eq(nftw(l->dir, lab_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}
/* Declared before an AUTO(disk), so that it ends after it. */
#define LAB __attribute__((cleanup(lab_close))) struct lab

/* "<dir>/<name>"; the caller frees. */
static inline char *lab_path(const struct lab *l, const char *name)
{
    char *path = str_printf("%s/%s", l->dir, name);

    ck_assert_ptr_nonnull(path);
    return path;
}

static inline void lab_write(const struct lab *l, const char *name, const void *content, size_t len)
{
    AUTO_FREE char *path = lab_path(l, name);
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, len), (ssize_t)len);
}

static inline int lab_fd(const struct lab *l, const char *name, int flags)
{
    AUTO_FREE char *path = lab_path(l, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);

    ck_assert_msg(fd >= 0, "cannot open %s", path);
    return fd;
}

static inline bool lab_exists(const struct lab *l, const char *name)
{
    AUTO_FREE char *path = lab_path(l, name);
    struct stat st;

    return lstat(path, &st) == 0;
}

static inline unsigned lab_mode(const struct lab *l, const char *name)
{
    AUTO_FREE char *path = lab_path(l, name);
    struct stat st = { 0 };

    ck_assert_int_eq(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

/* In bytes; -1 when it is not there. */
static inline long long lab_size(const struct lab *l, const char *name)
{
    AUTO_FREE char *path = lab_path(l, name);
    struct stat st;

    return lstat(path, &st) == 0 ? (long long)st.st_size : -1;
}

static inline struct disk *lab_disk(const struct lab *l)
{
    AUTO_FREE char *path = lab_path(l, "state");
    struct disk *d = NULL;
    struct err e = ERR_INIT;

    unit_ok(disk_open(path, &d, &e));
    return d;
}

/* Runs a shell command in the folder and returns its exit status; *out, unless NULL, gets what it said (the caller frees). */
__attribute__((format(printf, 3, 0))) static inline int lab_shell_v(const struct lab *l, char **out, const char *fmt,
                                                                    va_list args)
{
    AUTO_FREE char *line = NULL;
    AUTO_FREE char *command = NULL;
    AUTO_BUF said = { 0 };
    char block[4096];
    size_t n;

    ck_assert_int_ge(vasprintf(&line, fmt, args), 0);
    command = str_printf("exec 2>&1; cd %s && %s", l->dir, line);
    ck_assert_ptr_nonnull(command);
    FILE *p = popen(command, "re");
    ck_assert_ptr_nonnull(p);
    while ((n = fread(block, 1, sizeof(block), p)) > 0)
        buf_add(&said, block, n);
    int status = pclose(p);
    if (out)
        *out = said.data ? buf_take(&said) : strdup("");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

__attribute__((format(printf, 2, 3))) static inline int lab_shell(const struct lab *l, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int status = lab_shell_v(l, NULL, fmt, args);
    va_end(args);
    return status;
}

/* The command must succeed; returns what it said (the caller frees). */
__attribute__((format(printf, 2, 3))) static inline char *lab_must(const struct lab *l, const char *fmt, ...)
{
    char *said = NULL;
    va_list args;

    va_start(args, fmt);
    int status = lab_shell_v(l, &said, fmt, args);
    va_end(args);
    ck_assert_msg(status == 0, "%s ended with %d: %s", fmt, status, said);
    return said;
}
#define lab_run(l, ...) free(lab_must((l), __VA_ARGS__))

/* Arms one failpoint and no other; NULL: none. */
static inline void lab_arm(const struct lab *l, const char *point, const char *act)
{
    AUTO_FREE char *text = point ? str_printf("%s=%s\n", point, act) : str_dup("");

    lab_write(l, "armed.new", text, strlen(text));
    lab_run(l, "mv armed.new armed");
}

#endif
