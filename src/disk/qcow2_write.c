/* disk/qcow2_write: the header and the empty tables of a new overlay. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "file.h"
#include "qcow2_layout.h"

#include "disk/qcow2.h"

static void put16(uint8_t *p, uint16_t v)
{
    v = htobe16(v);
    memcpy(p, &v, sizeof(v));
}

static void put32(uint8_t *p, uint32_t v)
{
    v = htobe32(v);
    memcpy(p, &v, sizeof(v));
}

static void put64(uint8_t *p, uint64_t v)
{
    v = htobe64(v);
    memcpy(p, &v, sizeof(v));
}

/* An overlay is header, refcount table, refcount block and L1 table, each at the start of a cluster; only the L1 table may need
 * several. An L1 entry maps one L2 table, which fills a cluster and maps one cluster with each 8 bytes. */
enum {
    OVERLAY_CLUSTER_BITS = 16,
    OVERLAY_CLUSTER = 1 << OVERLAY_CLUSTER_BITS,
    OVERLAY_L1_ENTRY_BITS = OVERLAY_CLUSTER_BITS - 3 + OVERLAY_CLUSTER_BITS,
    OVERLAY_REFTABLE = 1,
    OVERLAY_REFBLOCK = 2,
    OVERLAY_L1 = 3,
    OVERLAY_CLUSTERS_MAX = OVERLAY_L1 + L1_BYTES_MAX / OVERLAY_CLUSTER,
    OVERLAY_HEADER_MAX = H_V3_END + 3 * 8 + BACKING_FORMAT_MAX + 1 + BACKING_FILE_MAX,
};

struct overlay_layout {
    uint64_t size_bytes;
    uint32_t l1_entries;
    uint32_t clusters;
};

static int overlay_plan(const struct qcow2_overlay *o, struct overlay_layout *out, struct err *e)
{
    size_t file_len = strlen(o->backing_file), format_len = strlen(o->backing_format);
    uint64_t l1_entries = pieces(o->size_bytes, OVERLAY_L1_ENTRY_BITS);

    if (file_len == 0 || file_len > BACKING_FILE_MAX || format_len == 0 || format_len > BACKING_FORMAT_MAX)
        return err_set(e, ERR_INVALID, "the path of a backing file must be shorter than %d bytes", BACKING_FILE_MAX + 1);
    if (l1_entries == 0 || l1_entries > L1_BYTES_MAX / sizeof(uint64_t))
        return err_set(e, ERR_INVALID, "a disk cannot have %llu bytes", (unsigned long long)o->size_bytes);
    *out = (struct overlay_layout){
        .size_bytes = pieces(o->size_bytes, 9) << 9,
        .l1_entries = (uint32_t)l1_entries,
        .clusters = (uint32_t)(OVERLAY_L1 + pieces(l1_entries * sizeof(uint64_t), OVERLAY_CLUSTER_BITS)),
    };
    return 0;
}

static void put_fields(uint8_t *h, const struct overlay_layout *l)
{
    put32(h + H_MAGIC, QCOW2_MAGIC);
    put32(h + H_VERSION, 3);
    put32(h + H_CLUSTER_BITS, OVERLAY_CLUSTER_BITS);
    put64(h + H_SIZE, l->size_bytes);
    put32(h + H_L1_ENTRIES, l->l1_entries);
    put64(h + H_L1_OFFSET, (uint64_t)OVERLAY_L1 * OVERLAY_CLUSTER);
    put64(h + H_REFTABLE_OFFSET, (uint64_t)OVERLAY_REFTABLE * OVERLAY_CLUSTER);
    put32(h + H_REFTABLE_CLUSTERS, 1);
    put32(h + H_REFCOUNT_ORDER, REFCOUNT_ORDER_16_BITS);
    put32(h + H_LENGTH, H_V3_END);
}

/* The extension with the format, an empty one that ends the list, the name. Returns where the name ends. */
static size_t put_backing(uint8_t *h, const char *file, const char *format)
{
    size_t format_len = strlen(format), file_len = strlen(file), at = H_V3_END;

    put32(h + at, EXT_BACKING_FORMAT);
    put32(h + at + 4, (uint32_t)format_len);
    memcpy(h + at + 8, format, format_len);
    at += 8 + ((format_len + 7) & ~(size_t)7);
    at += 8;
    put64(h + H_BACKING_OFFSET, at);
    put32(h + H_BACKING_SIZE, (uint32_t)file_len);
    memcpy(h + at, file, file_len);
    return at + file_len;
}

int qcow2_write_overlay(int fd, const struct qcow2_overlay *o, struct err *e)
{
    uint8_t header[OVERLAY_HEADER_MAX] = { 0 }, reftable[8], refblock[OVERLAY_CLUSTERS_MAX * 2];
    struct overlay_layout l = { 0 };
    size_t header_len;

    if (overlay_plan(o, &l, e) < 0)
        return -1;
    put_fields(header, &l);
    header_len = put_backing(header, o->backing_file, o->backing_format);
    put64(reftable, (uint64_t)OVERLAY_REFBLOCK * OVERLAY_CLUSTER);
    for (uint32_t i = 0; i < l.clusters; i++)
        put16(refblock + 2 * (size_t)i, 1);
    /* All that is not written is zero, and a hole: the L1 table of an empty overlay is nothing else. */
    if (ftruncate(fd, (off_t)l.clusters * OVERLAY_CLUSTER) < 0 || file_write_at(fd, header, header_len, 0) < 0 ||
        file_write_at(fd, reftable, sizeof(reftable), (uint64_t)OVERLAY_REFTABLE * OVERLAY_CLUSTER) < 0 ||
        file_write_at(fd, refblock, 2 * (size_t)l.clusters, (uint64_t)OVERLAY_REFBLOCK * OVERLAY_CLUSTER) < 0)
        return err_errno(e, errno, "a disk cannot be written");
    return 0;
}
