/* fuzz/inspect: any bytes as an image, alone and as the head of a large sparse file (so that tables can lie inside it), and as
 * the tables of a VHDX image, which lie far behind its start. Nothing may crash, a refusal has a reason, and what is let in has a
 * size that we allow and nothing that leads elsewhere. qemu-img is asked the same of what is let in: each time in a replay, now
 * and then while fuzzing, for it takes a hundred times longer. */
#define _GNU_SOURCE
#include "disk/inspect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../../src/disk/inspect_foreign.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "disk/qcow2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { ORACLE_EVERY = 64, ORACLE_MEMORY = 1 << 30, ORACLE_SECONDS = 10, ORACLE_TEXT_MAX = 64 << 10 };

static unsigned long oracle_every = 1, accepted, asked, opened;

static void report(void)
{
    printf("%lu let in, %lu of them shown to qemu-img, %lu opened by it\n", accepted, asked, opened);
}

/* libFuzzer has options, a replay has none. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    for (int i = 1; i < *argc; i++)
        if ((*argv)[i][0] == '-')
            oracle_every = ORACLE_EVERY;
    return atexit(report);
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* ---- the oracle ---- */

static _Noreturn void become_qemu_img(int image, int answer, const char *driver)
{
    const struct rlimit memory = { ORACLE_MEMORY, ORACLE_MEMORY };

    (void)setrlimit(RLIMIT_AS, &memory);
    (void)alarm(ORACLE_SECONDS);
    (void)close(STDERR_FILENO);
    if (dup2(image, STDIN_FILENO) == STDIN_FILENO && dup2(answer, STDOUT_FILENO) == STDOUT_FILENO)
        (void)execlp("qemu-img", "qemu-img", "info", "-U", "--output=json", "-f", driver, "/proc/self/fd/0", (char *)NULL);
    _exit(127);
}

/* What qemu-img says of the file; NULL when it refuses it. */
static json_t *qemu_img_info(int fd, const char *driver)
{
    AUTO_CLOSE int answer = memfd_create("answer", MFD_CLOEXEC);
    AUTO_FREE char *text = calloc(1, ORACLE_TEXT_MAX + 1);
    int status = 0;
    pid_t pid;

    require(answer >= 0 && text);
    pid = fork();
    require(pid >= 0);
    if (pid == 0)
        become_qemu_img(fd, answer, driver);
    require(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) != 127);
    require(pread(answer, text, ORACLE_TEXT_MAX, 0) >= 0);
    return WEXITSTATUS(status) == 0 ? json_loads(text, 0, NULL) : NULL;
}

static bool says(const json_t *info, const char *member, const char *value)
{
    const char *text = json_string_value(json_object_get(info, member));

    return text && strcmp(text, value) == 0;
}

/* QEMU counts a raw file's size in whole sectors. */
static uint64_t in_sectors(uint64_t bytes)
{
    return (bytes + 511) & ~UINT64_C(511);
}

/* What QEMU opens must be what was let in, whole in itself. What QEMU refuses harms nobody. */
static void ask_oracle(int fd, const char *driver, uint64_t bytes)
{
    const json_t *data_file;

    if (accepted++ % oracle_every != 0)
        return;
    asked++;
    AUTO_JSON info = qemu_img_info(fd, driver);
    if (!info)
        return;
    opened++;
    data_file = json_object_get(json_object_get(json_object_get(info, "format-specific"), "data"), "data-file");
    require(says(info, "format", driver) && !json_object_get(info, "backing-filename") && !data_file);
    require(bytes == 0 || (uint64_t)json_integer_value(json_object_get(info, "virtual-size")) == in_sectors(bytes));
}

/* ---- the inspector ---- */

static void inspect_as(int fd, enum disk_format declared)
{
    AUTO_QCOW2_INFO info = { 0 };
    struct err e = ERR_INIT, read_error = ERR_INIT;
    uint64_t bytes = 0;
    int rc = inspect_image(fd, declared, &bytes, &e), read_rc = qcow2_read(fd, &info, &read_error);

    require(read_rc == 0 || (read_error.code == ERR_IMAGE_REFUSED && read_error.msg[0] != '\0'));
    if (rc < 0) {
        require(e.code == ERR_IMAGE_REFUSED && e.msg[0] != '\0');
        return;
    }
    require(bytes > 0 && bytes <= UINT64_C(64) << 40);
    require((declared == DISK_FORMAT_QCOW2) == (read_rc == 0));
    require(!info.backing_file && !info.has_data_file && info.encryption == 0 && info.snapshot_count == 0);
    ask_oracle(fd, disk_format_to_string(declared), bytes);
}

static void inspect_as_foreign(int fd)
{
    enum foreign_format found = FOREIGN_NONE;
    struct err e = ERR_INIT;

    require(foreign_detect(fd, &found, &e) == 0);
    for (int f = FOREIGN_NONE + 1; f < FOREIGN_COUNT; f++) {
        e = (struct err)ERR_INIT;
        if (foreign_inspect(fd, (enum foreign_format)f, &e) == 0)
            ask_oracle(fd, foreign_driver((enum foreign_format)f), 0);
        else
            require(e.code == ERR_IMAGE_REFUSED && e.msg[0] != '\0');
    }
}

static void inspect_all_ways(int fd)
{
    inspect_as(fd, DISK_FORMAT_QCOW2);
    inspect_as(fd, DISK_FORMAT_RAW);
    inspect_as_foreign(fd);
}

static void inspect_as_tables(const uint8_t *data, size_t size)
{
    static const off_t places[] = { 192 << 10, 256 << 10, 1 << 20 };
    AUTO_CLOSE int fd = memfd_create("tables", MFD_CLOEXEC);

    require(fd >= 0 && write(fd, "vhdxfile", 8) == 8);
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        require(pwrite(fd, data, size < 64 << 10 ? size : 64 << 10, places[i]) >= 0);
    require(ftruncate(fd, (off_t)1 << 40) == 0);
    inspect_as_foreign(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_CLOSE int fd = memfd_create("image", MFD_CLOEXEC);

    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    inspect_all_ways(fd);
    require(ftruncate(fd, (off_t)1 << 40) == 0);
    inspect_all_ways(fd);
    inspect_as_tables(data, size);
    return 0;
}
