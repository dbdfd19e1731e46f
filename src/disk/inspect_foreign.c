/* disk/inspect_foreign: VDI, VHD and VHDX headers with every number doubted; VMDK is inspect_vmdk.c's. Sources: VirtualBox's
 * VDICore.h, Microsoft's "Virtual Hard Disk Image Format Specification" 1.0 and [MS-VHDX], and what QEMU's block/ makes of them.
 */
#include "inspect_foreign.h"

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

#include "bytes.h"
#include "file.h"

#include "base/cleanup.h"

#define REFUSE(e, ...) err_set(e, ERR_IMAGE_REFUSED, __VA_ARGS__)
#define DISK_MAX       (UINT64_C(64) << 40)

static int file_size(int fd, uint64_t *out, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "the image cannot be read");
    *out = (uint64_t)st.st_size;
    return 0;
}

/* All of it, or a refusal. */
static int read_whole(int fd, void *buf, size_t len, uint64_t offset, struct err *e)
{
    ssize_t n = offset > INT64_MAX ? 0 : file_read_at(fd, buf, len, offset);

    if (n < 0)
        return err_errno(e, errno, "the image cannot be read");
    return (size_t)n == len ? 0 : REFUSE(e, "the image is cut short");
}

static int check_disk_size(uint64_t bytes, struct err *e)
{
    return bytes > 0 && bytes <= DISK_MAX ? 0 : REFUSE(e, "the image holds a disk of 0 bytes or of more than 64 TiB");
}

static bool is_all_zero(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != 0)
            return false;
    return true;
}

/* ---- VDI ---- */

enum vdi_field {
    VDI_SIGNATURE = 0x40,
    VDI_VERSION = 0x44,
    VDI_TYPE = 0x4c,
    VDI_MAP_OFFSET = 0x154,
    VDI_DATA_OFFSET = 0x158,
    VDI_SECTOR_SIZE = 0x168,
    VDI_DISK_SIZE = 0x170, /* 64 bits */
    VDI_BLOCK_SIZE = 0x178,
    VDI_BLOCK_EXTRA = 0x17c,
    VDI_BLOCKS = 0x180,
    VDI_BLOCKS_ALLOCATED = 0x184,
    VDI_LINK = 0x1a8, /* two UUIDs: what this disk is the difference to, and its parent's */
    VDI_END = 0x200,
};
enum { VDI_VERSION_1_1 = 0x00010001, VDI_DYNAMIC = 1, VDI_FIXED = 2, VDI_BLOCK = 1 << 20, UUIDS = 32 };

static int vdi_inspect(int fd, struct err *e)
{
    uint8_t h[VDI_END];
    uint64_t size = 0, disk, blocks;

    if (file_size(fd, &size, e) < 0 || read_whole(fd, h, sizeof h, 0, e) < 0)
        return -1;
    disk = get_le64(h + VDI_DISK_SIZE);
    blocks = get_le32(h + VDI_BLOCKS);
    if (get_le32(h + VDI_VERSION) != VDI_VERSION_1_1)
        return REFUSE(e, "the VDI image has an unknown version");
    if (get_le32(h + VDI_TYPE) != VDI_DYNAMIC && get_le32(h + VDI_TYPE) != VDI_FIXED)
        return REFUSE(e, "the VDI image is the difference to another one");
    if (!is_all_zero(h + VDI_LINK, UUIDS))
        return REFUSE(e, "the VDI image has a parent");
    if (get_le32(h + VDI_SECTOR_SIZE) != 512 || get_le32(h + VDI_BLOCK_SIZE) != VDI_BLOCK || get_le32(h + VDI_BLOCK_EXTRA) != 0)
        return REFUSE(e, "the VDI image has unusual blocks");
    if (check_disk_size(disk, e) < 0)
        return -1;
    if (blocks != (disk + VDI_BLOCK - 1) / VDI_BLOCK || get_le32(h + VDI_BLOCKS_ALLOCATED) > blocks)
        return REFUSE(e, "the VDI header contradicts itself about its size");
    if (get_le32(h + VDI_MAP_OFFSET) < VDI_END || !lies_within(get_le32(h + VDI_MAP_OFFSET), blocks * 4, size) ||
        get_le32(h + VDI_DATA_OFFSET) > size)
        return REFUSE(e, "the VDI header has its tables outside the file");
    return 0;
}

/* ---- VHD ---- */

enum vhd_field { /* of the footer; all are big endian */
                 VHD_VERSION = 12,
                 VHD_HEADER_OFFSET = 16, /* 64 bits */
                 VHD_DISK_SIZE = 48,     /* 64 */
                 VHD_TYPE = 60,
                 VHD_CHECKSUM = 64,
                 VHD_FOOTER = 512,
};
enum vhd_dynamic_field {                        /* of the header that a dynamic one has besides */
                         VHD_TABLE_OFFSET = 16, /* 64 */
                         VHD_TABLE_ENTRIES = 28,
                         VHD_BLOCK_SIZE = 32,
                         VHD_DYNAMIC_CHECKSUM = 36,
                         VHD_PARENT = 40, /* UUID */
                         VHD_DYNAMIC_HEADER = 1024,
};
enum { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_BLOCK_MIN = 512, VHD_BLOCK_MAX = 256 << 20, VHD_CYLINDER_MAX = 255 * 16 * 512 };
#define VHD_DISK_MAX (UINT64_C(2040) << 30)

static uint32_t vhd_checksum(const uint8_t *h, size_t len, size_t checksum_at)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += i >= checksum_at && i < checksum_at + 4 ? 0 : h[i];
    return ~sum;
}

static int vhd_check_dynamic(int fd, const uint8_t *footer, uint64_t size, struct err *e)
{
    uint8_t h[VHD_DYNAMIC_HEADER];
    uint64_t disk = get_be64(footer + VHD_DISK_SIZE), entries, block;

    if (read_whole(fd, h, sizeof h, get_be64(footer + VHD_HEADER_OFFSET), e) < 0)
        return -1;
    entries = get_be32(h + VHD_TABLE_ENTRIES);
    block = get_be32(h + VHD_BLOCK_SIZE);
    if (memcmp(h, "cxsparse", 8) != 0 || get_be32(h + VHD_DYNAMIC_CHECKSUM) != vhd_checksum(h, sizeof h, VHD_DYNAMIC_CHECKSUM))
        return REFUSE(e, "the header of the VHD image is damaged");
    if (!is_all_zero(h + VHD_PARENT, UUIDS / 2))
        return REFUSE(e, "the VHD image has a parent");
    if (!is_power_of_2(block) || block < VHD_BLOCK_MIN || block > VHD_BLOCK_MAX)
        return REFUSE(e, "the VHD image has unusual blocks");
    if (entries < (disk + block - 1) / block || entries > (VHD_DISK_MAX + block - 1) / block + 1)
        return REFUSE(e, "the VHD header contradicts itself about its size");
    if (!lies_within(get_be64(h + VHD_TABLE_OFFSET), entries * 4, size))
        return REFUSE(e, "the VHD header has its table outside the file");
    return 0;
}

/* A dynamic image begins with a copy of its footer; a fixed one has the footer alone. */
static int vhd_read_footer(int fd, uint64_t size, uint8_t *footer, struct err *e)
{
    if (read_whole(fd, footer, VHD_FOOTER, 0, e) < 0)
        return -1;
    if (memcmp(footer, "conectix", 8) != 0 && read_whole(fd, footer, VHD_FOOTER, size - VHD_FOOTER, e) < 0)
        return -1;
    if (memcmp(footer, "conectix", 8) != 0 || get_be32(footer + VHD_CHECKSUM) != vhd_checksum(footer, VHD_FOOTER, VHD_CHECKSUM))
        return REFUSE(e, "the footer of the VHD image is damaged");
    if (get_be32(footer + VHD_VERSION) >> 16 != 1)
        return REFUSE(e, "the VHD image has an unknown version");
    return 0;
}

static int vhd_inspect(int fd, struct err *e)
{
    uint8_t footer[VHD_FOOTER];
    uint64_t size = 0, disk;

    if (file_size(fd, &size, e) < 0 || vhd_read_footer(fd, size, footer, e) < 0)
        return -1;
    disk = get_be64(footer + VHD_DISK_SIZE);
    if (disk == 0 || disk > VHD_DISK_MAX)
        return REFUSE(e, "the VHD image holds a disk of 0 bytes or of more than 2040 GiB");
    if (get_be32(footer + VHD_TYPE) == VHD_DYNAMIC)
        return vhd_check_dynamic(fd, footer, size, e);
    if (get_be32(footer + VHD_TYPE) != VHD_FIXED)
        return REFUSE(e, "the VHD image is the difference to another one");
    /* QEMU may count in whole cylinders, and then writes a little more than it says. */
    if (size < disk + VHD_FOOTER || size > disk + VHD_FOOTER + VHD_CYLINDER_MAX)
        return REFUSE(e, "the VHD footer contradicts itself about its size");
    return 0;
}

/* ---- VHDX ---- */

enum vhdx_place {
    VHDX_REGIONS = 192 << 10, /* the table, and its copy behind it */
    VHDX_TABLE = 64 << 10,
    VHDX_REGION_COUNT = 8,
    VHDX_REGION_FIRST = 16,
    VHDX_REGION_SIZE = 32,
    VHDX_ITEM_COUNT = 10, /* 16 bits */
    VHDX_ITEM_FIRST = 32,
    VHDX_ITEM_SIZE = 32,
    VHDX_REGIONS_MAX = 2047,
    VHDX_ITEMS_MAX = 2047,
};
enum { VHDX_HAS_PARENT = 2, VHDX_BLOCK_MIN = 1 << 20, VHDX_BLOCK_MAX = 256 << 20, GUID = 16 };

/* As they lie in the file: the first three parts are little endian. */
static const uint8_t vhdx_metadata[GUID] = { 0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
                                             0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e };
static const uint8_t vhdx_block_allocation[GUID] = { 0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
                                                     0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08 };
static const uint8_t vhdx_file_parameters[GUID] = { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
                                                    0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b };
static const uint8_t vhdx_disk_size[GUID] = { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
                                              0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 };
static const uint8_t vhdx_parent_locator[GUID] = { 0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
                                                   0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c };

/* The n-th entry of a table whose entries begin with a GUID; NULL: none has this one. */
struct vhdx_table {
    const uint8_t *first;
    size_t count, size;
};

static const uint8_t *vhdx_find(const struct vhdx_table *t, const uint8_t *guid)
{
    for (size_t i = 0; i < t->count; i++)
        if (memcmp(t->first + i * t->size, guid, GUID) == 0)
            return t->first + i * t->size;
    return NULL;
}

static int vhdx_check_items(int fd, const struct vhdx_table *items, uint64_t base, struct err *e)
{
    const uint8_t *parameters = vhdx_find(items, vhdx_file_parameters), *disk = vhdx_find(items, vhdx_disk_size);
    uint8_t of_file[8], of_disk[8];

    if (vhdx_find(items, vhdx_parent_locator))
        return REFUSE(e, "the VHDX image has a parent");
    if (!parameters || !disk)
        return REFUSE(e, "the VHDX image does not say how large it is");
    if (read_whole(fd, of_file, sizeof of_file, base + get_le32(parameters + GUID), e) < 0 ||
        read_whole(fd, of_disk, sizeof of_disk, base + get_le32(disk + GUID), e) < 0)
        return -1;
    if (get_le32(of_file + 4) & VHDX_HAS_PARENT)
        return REFUSE(e, "the VHDX image is the difference to another one");
    if (!is_power_of_2(get_le32(of_file)) || get_le32(of_file) < VHDX_BLOCK_MIN || get_le32(of_file) > VHDX_BLOCK_MAX)
        return REFUSE(e, "the VHDX image has unusual blocks");
    return check_disk_size(get_le64(of_disk), e);
}

static int vhdx_check_metadata(int fd, const uint8_t *region, struct err *e)
{
    AUTO_FREE uint8_t *table = malloc(VHDX_TABLE);
    uint64_t base = get_le64(region + GUID);
    struct vhdx_table items;

    if (!table)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (base > INT64_MAX || read_whole(fd, table, VHDX_TABLE, base, e) < 0)
        return base > INT64_MAX ? REFUSE(e, "the VHDX image is cut short") : -1;
    items = (struct vhdx_table){ table + VHDX_ITEM_FIRST, get_le16(table + VHDX_ITEM_COUNT), VHDX_ITEM_SIZE };
    if (memcmp(table, "metadata", 8) != 0 || items.count > VHDX_ITEMS_MAX)
        return REFUSE(e, "the metadata of the VHDX image are damaged");
    return vhdx_check_items(fd, &items, base, e);
}

/* Nothing but what the format's first version needs: an unknown region may mean anything. */
static int vhdx_inspect(int fd, struct err *e)
{
    AUTO_FREE uint8_t *tables = malloc(2 * (size_t)VHDX_TABLE);
    struct vhdx_table regions;
    const uint8_t *metadata;

    if (!tables)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (read_whole(fd, tables, 2 * (size_t)VHDX_TABLE, VHDX_REGIONS, e) < 0)
        return -1;
    regions = (struct vhdx_table){ tables + VHDX_REGION_FIRST, get_le32(tables + VHDX_REGION_COUNT), VHDX_REGION_SIZE };
    if (memcmp(tables, "regi", 4) != 0 || memcmp(tables, tables + VHDX_TABLE, VHDX_TABLE) != 0 ||
        regions.count > VHDX_REGIONS_MAX)
        return REFUSE(e, "the region tables of the VHDX image are damaged");
    metadata = vhdx_find(&regions, vhdx_metadata);
    if (regions.count != 2 || !metadata || !vhdx_find(&regions, vhdx_block_allocation))
        return REFUSE(e, "the VHDX image has other regions than usual");
    return vhdx_check_metadata(fd, metadata, e);
}

/* ---- all of them ---- */

static const struct {
    const char *driver;
    int (*inspect)(int fd, struct err *e);
} formats[FOREIGN_COUNT] = {
    [FOREIGN_VMDK] = { "vmdk", vmdk_inspect },
    [FOREIGN_VDI] = { "vdi", vdi_inspect },
    [FOREIGN_VHD] = { "vpc", vhd_inspect },
    [FOREIGN_VHDX] = { "vhdx", vhdx_inspect },
};

const char *foreign_driver(enum foreign_format f)
{
    return formats[f].driver;
}

static const struct {
    enum foreign_format format;
    uint32_t offset, len;
    const char *bytes;
} signatures[] = {
    { FOREIGN_NONE, 0, 4, "QFI\xfb" }, /* first: what its guest wrote at its end is no footer */
    { FOREIGN_VMDK, 0, 4, "KDMV" },     { FOREIGN_VDI, VDI_SIGNATURE, 4, "\x7f\x10\xda\xbe" },
    { FOREIGN_VHDX, 0, 8, "vhdxfile" }, { FOREIGN_VHD, 0, 8, "conectix" },
};

int foreign_detect(int fd, enum foreign_format *out, struct err *e)
{
    uint8_t start[VHD_FOOTER] = { 0 }, end[VHD_FOOTER] = { 0 };
    uint64_t size = 0;

    if (file_size(fd, &size, e) < 0)
        return -1;
    if (file_read_at(fd, start, sizeof start, 0) < 0)
        return err_errno(e, errno, "the image cannot be read");
    for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
        if (memcmp(start + signatures[i].offset, signatures[i].bytes, signatures[i].len) == 0) {
            *out = signatures[i].format;
            return 0;
        }
    }
    if (size > VHD_FOOTER && read_whole(fd, end, sizeof end, size - VHD_FOOTER, e) < 0)
        return -1;
    *out = memcmp(end, "conectix", 8) == 0 ? FOREIGN_VHD : FOREIGN_NONE;
    return 0;
}

int foreign_inspect(int fd, enum foreign_format f, struct err *e)
{
    return formats[f].inspect(fd, e);
}
