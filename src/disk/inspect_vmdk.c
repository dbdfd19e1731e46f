/* disk/inspect_vmdk: VMDK, whose descriptor is a text that may name any file. Let in is what keeps all in itself:
 * monolithicSparse and streamOptimized. Source: VMware's "Virtual Disk Format 5.0"; QEMU's block/vmdk.c for what it follows. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bytes.h"
#include "file.h"
#include "inspect_foreign.h"

#include "base/cleanup.h"
#include "base/str.h"

#define REFUSE(e, ...) err_set(e, ERR_IMAGE_REFUSED, __VA_ARGS__)
#define CAPACITY_MAX   (UINT64_C(64) << (40 - 9))
#define AT_END         UINT64_MAX

enum vmdk_field { /* all are little endian; offsets in the file are counted in sectors */
                  VMDK_VERSION = 4,
                  VMDK_CAPACITY = 12,    /* 64 bits */
                  VMDK_GRANULARITY = 20, /* 64 */
                  VMDK_DESC_OFFSET = 28, /* 64 */
                  VMDK_TABLE_ENTRIES = 44,
                  VMDK_DIRECTORY = 56, /* 64 */
                  VMDK_OVERHEAD = 64,  /* 64 */
                  VMDK_CHECK = 73,
                  VMDK_HEADER = 512,
};
enum { SECTOR = 512, FOOTER_FROM_END = 1024, DESC_MAX = 20 * SECTOR };
enum { GRANULARITY_MIN = 8, GRANULARITY_MAX = 2048, TABLE_ENTRIES = 512, VERSION_MAX = 3 };

struct vmdk {
    uint8_t header[VMDK_HEADER];
    uint64_t size;
    char descriptor[DESC_MAX + 1];
};

static int read_whole(int fd, void *buf, size_t len, uint64_t offset, struct err *e)
{
    ssize_t n = file_read_at(fd, buf, len, offset);

    if (n < 0)
        return err_errno(e, errno, "the image cannot be read");
    return (size_t)n == len ? 0 : REFUSE(e, "the VMDK image is cut short");
}

/* ---- the header ---- */

static int check_header(const struct vmdk *v, struct err *e)
{
    const uint8_t *h = v->header;
    uint64_t granularity = get_le64(h + VMDK_GRANULARITY), capacity = get_le64(h + VMDK_CAPACITY);

    /* Without a capacity QEMU would take the extents from the descriptor, and open whatever they name. */
    if (capacity == 0)
        return REFUSE(e, "the VMDK image keeps its data in other files");
    if (capacity > CAPACITY_MAX)
        return REFUSE(e, "the VMDK image holds a disk of more than 64 TiB");
    if (get_le32(h + VMDK_VERSION) < 1 || get_le32(h + VMDK_VERSION) > VERSION_MAX)
        return REFUSE(e, "the VMDK image has an unknown version");
    if (!is_power_of_2(granularity) || granularity < GRANULARITY_MIN || granularity > GRANULARITY_MAX ||
        get_le32(h + VMDK_TABLE_ENTRIES) != TABLE_ENTRIES)
        return REFUSE(e, "the VMDK image has unusual grains");
    if (memcmp(h + VMDK_CHECK, "\n \r\n", 4) != 0)
        return REFUSE(e, "the VMDK image was damaged on its way, as text");
    if (get_le64(h + VMDK_OVERHEAD) > v->size / SECTOR)
        return REFUSE(e, "the VMDK image is cut short");
    return 0;
}

static int check_directory(const struct vmdk *v, const uint8_t *header, struct err *e)
{
    uint64_t offset = get_le64(header + VMDK_DIRECTORY);
    uint64_t per_table = get_le64(header + VMDK_GRANULARITY) * TABLE_ENTRIES;
    uint64_t entries = (get_le64(header + VMDK_CAPACITY) + per_table - 1) / per_table;

    if (offset > v->size / SECTOR || !lies_within(offset * SECTOR, entries * 4, v->size))
        return REFUSE(e, "the VMDK header has its tables outside the file");
    return 0;
}

/* A stream has its directory behind the data: a second header at the end of the file says where, and QEMU believes that one. */
static int check_footer(int fd, const struct vmdk *v, struct err *e)
{
    uint8_t footer[VMDK_HEADER];

    if (v->size % SECTOR != 0 || v->size < VMDK_HEADER + FOOTER_FROM_END)
        return REFUSE(e, "the VMDK image is cut short");
    if (read_whole(fd, footer, sizeof footer, v->size - FOOTER_FROM_END, e) < 0)
        return -1;
    if (get_le64(footer + VMDK_DIRECTORY) == AT_END)
        return REFUSE(e, "the VMDK image does not say where its tables are");
    /* All but where the directory is must be as in the header. */
    if (memcmp(footer, v->header, VMDK_DIRECTORY) != 0)
        return REFUSE(e, "the VMDK image contradicts itself");
    return check_directory(v, footer, e);
}

/* ---- the descriptor ---- */

/* As much as QEMU reads to find a parent, and from the same place, whatever the header says. */
static int load_descriptor(int fd, struct vmdk *v, struct err *e)
{
    if (get_le64(v->header + VMDK_DESC_OFFSET) != 1)
        return REFUSE(e, "the VMDK image has no descriptor in its place");
    if (file_read_at(fd, v->descriptor, DESC_MAX, SECTOR) < 0)
        return err_errno(e, errno, "the image cannot be read");
    return 0;
}

struct descriptor {
    unsigned extents;
    bool has_type, has_parent_mark;
};

/* RW 8192 SPARSE "disk.vmdk": the name that it had once. */
static int check_extent(const char *line, struct descriptor *d, struct err *e)
{
    char access[16], type[16];
    unsigned long long sectors;

    if (sscanf(line, "%15s %llu %15s", access, &sectors, type) != 3 || strcmp(type, "SPARSE") != 0 || strchr(line, '/'))
        return REFUSE(e, "the VMDK image keeps its data in other files");
    d->extents++;
    return 0;
}

static int check_type(const char *value, struct descriptor *d, struct err *e)
{
    if (!str_starts_with(value, "\"monolithicSparse\"") && !str_starts_with(value, "\"streamOptimized\""))
        return REFUSE(e, "the VMDK image is of a kind that keeps its data in other files");
    d->has_type = true;
    return 0;
}

static int check_parent(const char *value, struct descriptor *d, struct err *e)
{
    if (strncasecmp(value, "ffffffff", 8) != 0 || isxdigit((unsigned char)value[8]))
        return REFUSE(e, "the VMDK image has a parent");
    d->has_parent_mark = true;
    return 0;
}

static int refuse_hint(const char *value, struct descriptor *d, struct err *e)
{
    (void)value, (void)d;
    return REFUSE(e, "the VMDK image has a parent");
}

static const struct {
    const char *start;
    bool keeps_start; /* the reader wants the line from its beginning */
    int (*check)(const char *text, struct descriptor *d, struct err *e);
} lines[] = {
    { "RW ", true, check_extent },        { "RDONLY ", true, check_extent },     { "NOACCESS ", true, check_extent },
    { "createType=", false, check_type }, { "parentCID=", false, check_parent }, { "parentFileNameHint", true, refuse_hint },
};

static int check_line(const char *line, struct descriptor *d, struct err *e)
{
    line += strspn(line, " \t");
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (str_starts_with(line, lines[i].start))
            return lines[i].check(lines[i].keeps_start ? line : line + strlen(lines[i].start), d, e);
    return 0;
}

static int check_descriptor(struct vmdk *v, struct err *e)
{
    struct descriptor d = { 0 };
    char *rest = v->descriptor;

    /* QEMU looks for these words anywhere, not only where a line begins. */
    if (strstr(v->descriptor, "parentFileNameHint"))
        return REFUSE(e, "the VMDK image has a parent");
    for (char *line = strsep(&rest, "\r\n"); line; line = strsep(&rest, "\r\n"))
        if (check_line(line, &d, e) < 0)
            return -1;
    if (d.extents != 1 || !d.has_type || !d.has_parent_mark)
        return REFUSE(e, "the descriptor of the VMDK image is not that of one file");
    return 0;
}

int vmdk_inspect(int fd, struct err *e)
{
    AUTO_FREE struct vmdk *v = calloc(1, sizeof *v);
    struct stat st;

    if (!v)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "the image cannot be read");
    v->size = (uint64_t)st.st_size;
    if (read_whole(fd, v->header, sizeof v->header, 0, e) < 0 || check_header(v, e) < 0)
        return -1;
    if (get_le64(v->header + VMDK_DIRECTORY) == AT_END ? check_footer(fd, v, e) < 0 : check_directory(v, v->header, e) < 0)
        return -1;
    return load_descriptor(fd, v, e) < 0 ? -1 : check_descriptor(v, e);
}
