/* disk/qcow2_layout: where the fields of a qcow2 header lie and how large they may grow, for its reader and its writer.
 * Source: QEMU's docs/interop/qcow2.txt, and block/qcow2.h for the limits that QEMU adds. */
#ifndef DISK_QCOW2_LAYOUT_H
#define DISK_QCOW2_LAYOUT_H

#include <stdint.h>

enum { QCOW2_MAGIC = 0x514649fb }; /* "QFI\xfb" */

/* Where each field of the header lies; all are big endian. */
enum field {
    H_MAGIC = 0,
    H_VERSION = 4,
    H_BACKING_OFFSET = 8, /* 64 bits */
    H_BACKING_SIZE = 16,
    H_CLUSTER_BITS = 20,
    H_SIZE = 24, /* 64 */
    H_ENCRYPTION = 32,
    H_L1_ENTRIES = 36,
    H_L1_OFFSET = 40,       /* 64 */
    H_REFTABLE_OFFSET = 48, /* 64 */
    H_REFTABLE_CLUSTERS = 56,
    H_SNAPSHOT_COUNT = 60,
    H_SNAPSHOT_OFFSET = 64, /* 64 */
    H_V2_END = 72,
    H_INCOMPATIBLE = 72, /* 64 */
    H_COMPATIBLE = 80,   /* 64 */
    H_AUTOCLEAR = 88,    /* 64 */
    H_REFCOUNT_ORDER = 96,
    H_LENGTH = 100,
    H_V3_END = 104,
    H_COMPRESSION = 104, /* 8 bits; there when the header is longer than 104 */
};

enum {
    CLUSTER_BITS_MIN = 9,
    CLUSTER_BITS_MAX = 21,
    CLUSTER_BITS_EXTENDED_L2_MIN = 14,
    REFCOUNT_ORDER_MAX = 6,
    REFCOUNT_ORDER_16_BITS = 4,
    L1_BYTES_MAX = 32 << 20,
    REFTABLE_BYTES_MAX = 8 << 20,
    BACKING_FILE_MAX = 1023,
    BACKING_FORMAT_MAX = 15,
    BITMAPS_MAX = 65535,
    COMPRESSION_ZSTD = 1,
};

enum extension_type {
    EXT_END = 0,
    EXT_BACKING_FORMAT = 0xe2792aca,
    EXT_ENCRYPTION = 0x0537be77,
    EXT_BITMAPS = 0x23852875,
    EXT_DATA_FILE = 0x44415441,
};

/* How many pieces of 1 << bits bytes hold size bytes. */
static inline uint64_t pieces(uint64_t size, unsigned bits)
{
    return (size >> bits) + ((size & ((UINT64_C(1) << bits) - 1)) != 0);
}

#endif
