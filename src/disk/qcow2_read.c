/* disk/qcow2_read: a qcow2 header with every number doubted. What the numbers point to (L1, L2, refcounts of a foreign file) is
 * not followed. Which images are let in is inspect.c's business. */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "qcow2_layout.h"

#include "disk/qcow2.h"

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return be32toh(v);
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return be64toh(v);
}

void qcow2_info_done(struct qcow2_info *i)
{
    free(i->backing_file);
    free(i->backing_format);
    *i = (struct qcow2_info){ 0 };
}

#define REFUSE(e, ...) err_set(e, ERR_IMAGE_REFUSED, __VA_ARGS__)

/* The first cluster, which holds the header, its extensions and the name of the backing file. */
struct head {
    uint8_t *bytes;
    uint64_t file_size;
    uint32_t version, cluster_bits, cluster_size;
    uint32_t length;         /* of the header proper */
    uint64_t backing_offset; /* 0: none */
};

static void head_done(struct head *h)
{
    free(h->bytes);
}

static int head_decode_start(struct head *h, const uint8_t *start, ssize_t len, struct err *e)
{
    if (len < 4 || get32(start + H_MAGIC) != QCOW2_MAGIC)
        return REFUSE(e, "the file is no qcow2 image");
    if (len < H_V2_END)
        return REFUSE(e, "the qcow2 header is cut short");
    h->version = get32(start + H_VERSION);
    if (h->version != 2 && h->version != 3)
        return REFUSE(e, "qcow version %u is not supported", h->version);
    h->cluster_bits = get32(start + H_CLUSTER_BITS);
    if (h->cluster_bits < CLUSTER_BITS_MIN || h->cluster_bits > CLUSTER_BITS_MAX)
        return REFUSE(e, "the qcow2 header has a cluster size of 2^%u", h->cluster_bits);
    h->cluster_size = 1u << h->cluster_bits;
    return 0;
}

static int head_load(int fd, struct head *h, struct err *e)
{
    uint8_t start[H_V2_END];
    ssize_t len = file_read_at(fd, start, sizeof(start), 0);
    struct stat st;

    if (len < 0 || fstat(fd, &st) < 0)
        return err_errno(e, errno, "the image cannot be read");
    h->file_size = (uint64_t)st.st_size;
    if (head_decode_start(h, start, len, e) < 0)
        return -1;
    h->bytes = malloc(h->cluster_size);
    if (!h->bytes)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    len = file_read_at(fd, h->bytes, h->cluster_size, 0);
    if (len < 0)
        return err_errno(e, errno, "the image cannot be read");
    /* The tables lie behind the first cluster, so a file that ends in it is not whole. */
    if ((size_t)len < h->cluster_size)
        return REFUSE(e, "the qcow2 image is cut short");
    return 0;
}

static int read_length(struct head *h, struct err *e)
{
    h->backing_offset = get64(h->bytes + H_BACKING_OFFSET);
    h->length = h->version == 2 ? H_V2_END : get32(h->bytes + H_LENGTH);
    if ((h->version == 3 && h->length < H_V3_END) || h->length % 8 != 0 || h->length > h->cluster_size)
        return REFUSE(e, "the qcow2 header has a length of %u bytes", h->length);
    if (h->backing_offset != 0 && (h->backing_offset < h->length || h->backing_offset > h->cluster_size))
        return REFUSE(e, "the qcow2 header names a backing file outside the header's cluster");
    return 0;
}

static int read_compression(const struct head *h, const struct qcow2_info *info, struct err *e)
{
    unsigned type = h->length > H_COMPRESSION ? h->bytes[H_COMPRESSION] : 0;

    if (type > COMPRESSION_ZSTD)
        return REFUSE(e, "the qcow2 image has the unknown compression type %u", type);
    if ((type != 0) != ((info->incompatible & QCOW2_INCOMPATIBLE_COMPRESSION) != 0))
        return REFUSE(e, "the qcow2 header contradicts itself about compression");
    return 0;
}

static int read_features(const struct head *h, struct qcow2_info *info, struct err *e)
{
    if (h->version == 2)
        return 0;
    info->incompatible = get64(h->bytes + H_INCOMPATIBLE);
    info->compatible = get64(h->bytes + H_COMPATIBLE);
    info->autoclear = get64(h->bytes + H_AUTOCLEAR);
    info->has_data_file = info->incompatible & QCOW2_INCOMPATIBLE_DATA_FILE;
    if (get32(h->bytes + H_REFCOUNT_ORDER) > REFCOUNT_ORDER_MAX)
        return REFUSE(e, "the qcow2 header has a refcount order of %u", get32(h->bytes + H_REFCOUNT_ORDER));
    if ((info->incompatible & QCOW2_INCOMPATIBLE_EXTENDED_L2) && h->cluster_bits < CLUSTER_BITS_EXTENDED_L2_MIN)
        return REFUSE(e, "the qcow2 header has clusters too small for extended L2 entries");
    if ((info->autoclear & QCOW2_AUTOCLEAR_RAW_DATA_FILE) && !info->has_data_file)
        return REFUSE(e, "the qcow2 header contradicts itself about a data file");
    return read_compression(h, info, e);
}

/* A table that QEMU will read: aligned, behind the header, inside the file. `bytes` is at most 32 MiB. */
static int check_table(const struct head *h, const char *what, uint64_t offset, uint64_t bytes, struct err *e)
{
    if (offset % h->cluster_size != 0 || offset > INT64_MAX)
        return REFUSE(e, "the qcow2 header has a misplaced %s", what);
    if (bytes > 0 && (offset == 0 || offset > h->file_size || bytes > h->file_size - offset))
        return REFUSE(e, "the qcow2 header has its %s outside the file", what);
    return 0;
}

static int read_tables(const struct head *h, struct qcow2_info *info, struct err *e)
{
    uint64_t reftable_bytes = (uint64_t)get32(h->bytes + H_REFTABLE_CLUSTERS) << h->cluster_bits;
    unsigned l2_entry_bits = info->incompatible & QCOW2_INCOMPATIBLE_EXTENDED_L2 ? 4 : 3;

    info->l1_entries = get32(h->bytes + H_L1_ENTRIES);
    info->snapshot_count = get32(h->bytes + H_SNAPSHOT_COUNT);
    if (info->l1_entries * sizeof(uint64_t) > L1_BYTES_MAX)
        return REFUSE(e, "the qcow2 header has too large an L1 table");
    if (info->l1_entries < pieces(info->virtual_size_bytes, 2 * h->cluster_bits - l2_entry_bits))
        return REFUSE(e, "the qcow2 header has too small an L1 table for its disk");
    if (reftable_bytes == 0 || reftable_bytes > REFTABLE_BYTES_MAX)
        return REFUSE(e, "the qcow2 header has a refcount table of %llu bytes", (unsigned long long)reftable_bytes);
    if (check_table(h, "L1 table", get64(h->bytes + H_L1_OFFSET), info->l1_entries * sizeof(uint64_t), e) < 0 ||
        check_table(h, "refcount table", get64(h->bytes + H_REFTABLE_OFFSET), reftable_bytes, e) < 0)
        return -1;
    return check_table(h, "snapshot table", get64(h->bytes + H_SNAPSHOT_OFFSET), info->snapshot_count, e);
}

struct extension {
    uint32_t type, len;
    const uint8_t *data;
};

static int read_backing_format(const struct extension *x, struct qcow2_info *info, struct err *e)
{
    if (info->backing_format || x->len > BACKING_FORMAT_MAX)
        return REFUSE(e, "the qcow2 header has a malformed backing format");
    info->backing_format = strndup((const char *)x->data, x->len);
    return info->backing_format ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int read_encryption(const struct extension *x, struct qcow2_info *info, struct err *e)
{
    (void)x;
    return info->encryption == 2 ? 0 : REFUSE(e, "the qcow2 header contradicts itself about encryption");
}

static int read_data_file(const struct extension *x, struct qcow2_info *info, struct err *e)
{
    (void)x, (void)e;
    info->has_data_file = true;
    return 0;
}

/* Bitmaps are harmless, but QEMU opens no image where they are malformed. Without the feature bit it ignores them. */
static int read_bitmaps(const struct extension *x, struct qcow2_info *info, struct err *e)
{
    enum { COUNT = 0, RESERVED = 4, DIRECTORY_OFFSET = 16, END = 24 };
    bool is_ignored = !(info->autoclear & QCOW2_AUTOCLEAR_BITMAPS);

    if (x->len == END && is_ignored)
        return 0;
    if (x->len != END || get32(x->data + COUNT) == 0 || get32(x->data + COUNT) > BITMAPS_MAX || get32(x->data + RESERVED) != 0 ||
        get64(x->data + DIRECTORY_OFFSET) & ((UINT64_C(1) << info->cluster_bits) - 1))
        return REFUSE(e, "the qcow2 header has a malformed bitmap extension");
    return 0;
}

static const struct {
    enum extension_type type;
    int (*read)(const struct extension *x, struct qcow2_info *info, struct err *e);
} extension_readers[] = {
    { EXT_BACKING_FORMAT, read_backing_format },
    { EXT_ENCRYPTION, read_encryption },
    { EXT_BITMAPS, read_bitmaps },
    { EXT_DATA_FILE, read_data_file },
};

static int read_extension(const struct extension *x, struct qcow2_info *info, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(extension_readers); i++)
        if (extension_readers[i].type == x->type)
            return extension_readers[i].read(x, info, e);
    return 0;
}

/* Ends where QEMU ends: at type 0, at the backing file's name, or with the cluster. */
static int read_extensions(const struct head *h, struct qcow2_info *info, struct err *e)
{
    uint64_t end = h->backing_offset ? h->backing_offset : h->cluster_size;
    uint64_t at = h->length;

    while (at < end) {
        struct extension x;

        if (end - at < 8)
            return REFUSE(e, "the qcow2 header extensions are cut short");
        x = (struct extension){ get32(h->bytes + at), get32(h->bytes + at + 4), h->bytes + at + 8 };
        at += 8;
        if (x.len > end - at)
            return REFUSE(e, "a qcow2 header extension is longer than its place");
        if (x.type == EXT_END)
            return 0;
        if (read_extension(&x, info, e) < 0)
            return -1;
        at += ((uint64_t)x.len + 7) & ~UINT64_C(7);
    }
    return 0;
}

static int read_backing_file(const struct head *h, struct qcow2_info *info, struct err *e)
{
    uint32_t len = get32(h->bytes + H_BACKING_SIZE);

    if (h->backing_offset == 0)
        return 0;
    if (len > BACKING_FILE_MAX || len > h->cluster_size - h->backing_offset)
        return REFUSE(e, "the qcow2 header has too long a name of a backing file");
    info->backing_file = strndup((const char *)h->bytes + h->backing_offset, len);
    return info->backing_file ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

int qcow2_read(int fd, struct qcow2_info *out, struct err *e)
{
    __attribute__((cleanup(head_done))) struct head h = { 0 };
    AUTO_QCOW2_INFO info = { 0 };

    if (head_load(fd, &h, e) < 0 || read_length(&h, e) < 0)
        return -1;
    info.version = h.version;
    info.cluster_bits = h.cluster_bits;
    info.virtual_size_bytes = get64(h.bytes + H_SIZE);
    info.encryption = get32(h.bytes + H_ENCRYPTION);
    if (read_features(&h, &info, e) < 0 || read_tables(&h, &info, e) < 0 || read_extensions(&h, &info, e) < 0 ||
        read_backing_file(&h, &info, e) < 0)
        return -1;
    *out = info;
    info = (struct qcow2_info){ 0 };
    return 0;
}
