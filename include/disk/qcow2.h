/* disk/qcow2: the header of qcow2 version 3 files, written and read by ourselves. Source: QEMU's docs/interop/qcow2.txt. No
 * paths, only descriptors. */
#ifndef DISK_QCOW2_H
#define DISK_QCOW2_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

enum qcow2_incompatible {
    QCOW2_INCOMPATIBLE_DIRTY = 1 << 0,
    QCOW2_INCOMPATIBLE_CORRUPT = 1 << 1,
    QCOW2_INCOMPATIBLE_DATA_FILE = 1 << 2,
    QCOW2_INCOMPATIBLE_COMPRESSION = 1 << 3,
    QCOW2_INCOMPATIBLE_EXTENDED_L2 = 1 << 4,
    QCOW2_INCOMPATIBLE_KNOWN = (1 << 5) - 1
};
enum qcow2_autoclear { QCOW2_AUTOCLEAR_BITMAPS = 1 << 0, QCOW2_AUTOCLEAR_RAW_DATA_FILE = 1 << 1 };

struct qcow2_info {
    uint32_t version; /* 2 or 3 */
    uint32_t cluster_bits;
    uint64_t virtual_size_bytes;
    uint32_t encryption;                          /* 0 none, 1 AES, 2 LUKS */
    uint64_t incompatible, compatible, autoclear; /* feature bits */
    uint32_t snapshot_count;
    uint64_t l1_entries;
    bool has_data_file;
    char *backing_file;   /* NULL: none */
    char *backing_format; /* NULL: not named */
};
void qcow2_info_done(struct qcow2_info *i);
#define AUTO_QCOW2_INFO __attribute__((cleanup(qcow2_info_done))) struct qcow2_info

/* An empty overlay: 64 KiB clusters, 16-bit refcounts, nothing allocated. Writes at offset 0 of an empty file; does not fsync.
 * size_bytes is rounded up to 512. */
struct qcow2_overlay {
    uint64_t size_bytes;
    const char *backing_file; /* at most 1023 bytes */
    const char *backing_format;
};
int qcow2_write_overlay(int fd, const struct qcow2_overlay *o, struct err *e);
/* Reads and checks the header: ERR_IMAGE_REFUSED when it is no qcow2, is cut short, or contradicts itself. The caller judges what
 * it allows. */
int qcow2_read(int fd, struct qcow2_info *out, struct err *e);

#endif
