/* fuzz/inspect: any bytes as an image, alone and as the head of a large sparse file (so that tables can lie inside it), and as
 * the tables of a VHDX image, which lie far behind its start. Nothing may crash, a refusal has a reason, and what is let in has a
 * size that we allow and nothing that leads elsewhere. */
#define _GNU_SOURCE
#include "disk/inspect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../../src/disk/inspect_foreign.h"

#include "base/cleanup.h"
#include "disk/qcow2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

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
}

static void inspect_as_foreign(int fd)
{
    enum foreign_format found = FOREIGN_NONE;
    struct err e = ERR_INIT;

    require(foreign_detect(fd, &found, &e) == 0);
    for (int f = FOREIGN_NONE + 1; f < FOREIGN_COUNT; f++) {
        e = (struct err)ERR_INIT;
        require(foreign_inspect(fd, (enum foreign_format)f, &e) == 0 || (e.code == ERR_IMAGE_REFUSED && e.msg[0] != '\0'));
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
