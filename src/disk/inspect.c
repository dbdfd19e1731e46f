/* disk/inspect: the doorkeeper of images. Recognises the formats that QEMU knows by their signatures and judges what a qcow2
 * header says. Refuses by list what a plain disk never starts with; boot sectors, partition tables, ISO 9660 and file systems are
 * let in as raw. */
#include "disk/inspect.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"

#include "disk/qcow2.h"

#define REFUSE(e, ...)   err_set(e, ERR_IMAGE_REFUSED, __VA_ARGS__)
#define VIRTUAL_SIZE_MAX (UINT64_C(64) << 40)

enum { SECTOR = 512, WINDOW = 4096 };

/* The ends of the file: no signature lies elsewhere. */
struct window {
    uint8_t start[WINDOW], end[SECTOR];
    size_t start_len, end_len;
    uint64_t file_size;
};

#define CONVERT    "convert it with qemu-img convert"
#define UNCOMPRESS "uncompress it first"

static const struct signature {
    const char *bytes;
    size_t len;
    size_t offset;
    bool is_at_end; /* offset counts in the last 512 bytes */
    const char *what, *advice;
} signatures[] = {
#define SIGNATURE(text) .bytes = (text), .len = sizeof(text) - 1
    /* First, so that a qcow2 file is never taken for another by what its guest wrote at its end. */
    { SIGNATURE("QFI\xfb"), .what = "a qcow2 image", .advice = "declare it as qcow2" },
    { SIGNATURE("KDMV"), .what = "a VMDK image", .advice = CONVERT },
    { SIGNATURE("COWD"), .what = "a VMDK image", .advice = CONVERT },
    { SIGNATURE("\x7f\x10\xda\xbe"), .offset = 0x40, .what = "a VDI image", .advice = CONVERT },
    { SIGNATURE("conectix"), .what = "a VHD image", .advice = CONVERT },
    { SIGNATURE("conectix"), .is_at_end = true, .what = "a VHD image", .advice = CONVERT },
    { SIGNATURE("conectix"), .offset = 1, .is_at_end = true, .what = "a VHD image", .advice = CONVERT },
    { SIGNATURE("vhdxfile"), .what = "a VHDX image", .advice = CONVERT },
    { SIGNATURE("LUKS\xba\xbe"), .what = "an encrypted LUKS volume", .advice = "an image must not be encrypted" },
    { SIGNATURE("QED\0"), .what = "a QED image", .advice = CONVERT },
    { SIGNATURE("WithoutFreeSpace"), .what = "a Parallels image", .advice = CONVERT },
    { SIGNATURE("WithouFreSpacExt"), .what = "a Parallels image", .advice = CONVERT },
    { SIGNATURE("Bochs Virtual HD Image"), .what = "a Bochs image", .advice = CONVERT },
    { SIGNATURE("#!/bin/sh\n#V2.0 Format\n"), .what = "a cloop image", .advice = CONVERT },
    { SIGNATURE("koly\0\0\0\4\0\0\2\0"), .is_at_end = true, .what = "a DMG image", .advice = CONVERT },
    { SIGNATURE("OOOM"), .what = "a User-mode Linux COW image", .advice = CONVERT },
    { SIGNATURE("\x1f\x8b\x08"), .what = "compressed (gzip)", .advice = UNCOMPRESS },
    { SIGNATURE("\3757zXZ\0"), .what = "compressed (xz)", .advice = UNCOMPRESS },
    { SIGNATURE("\x28\xb5\x2f\xfd"), .what = "compressed (zstd)", .advice = UNCOMPRESS },
    { SIGNATURE("\x04\x22\x4d\x18"), .what = "compressed (lz4)", .advice = UNCOMPRESS },
    { SIGNATURE("BZh"), .what = "compressed (bzip2)", .advice = UNCOMPRESS },
    { SIGNATURE("7z\xbc\xaf\x27\x1c"), .what = "a 7-Zip archive", .advice = "unpack it first" },
    { SIGNATURE("PK\x03\x04"), .what = "a ZIP archive", .advice = "unpack it first" },
    { SIGNATURE("ustar"), .offset = 257, .what = "a tar or OVA archive", .advice = "unpack it first" },
#undef SIGNATURE
};

static const struct signature vmdk_descriptor = { .what = "a VMDK descriptor", .advice = "give the disk's own file" };

static bool signature_fits(const struct signature *s, const struct window *w)
{
    const uint8_t *in = s->is_at_end ? w->end : w->start;
    size_t len = s->is_at_end ? w->end_len : w->start_len;

    return len >= s->offset + s->len && memcmp(in + s->offset, s->bytes, s->len) == 0;
}

/* QEMU takes a text for a VMDK descriptor when its first line that is neither a comment nor blank is its version. */
static bool is_vmdk_descriptor(const struct window *w)
{
    const char *p = (const char *)w->start, *end = p + w->start_len;

    while (p < end && (*p == '#' || *p == ' ' || *p == '\r' || *p == '\n')) {
        const char *newline = *p == '#' ? memchr(p, '\n', (size_t)(end - p)) : p;

        if (!newline)
            return false;
        p = newline + 1;
    }
    return end - p >= 8 && memcmp(p, "version=", 8) == 0;
}

static const struct signature *recognise(const struct window *w)
{
    for (size_t i = 0; i < ARRAY_LEN(signatures); i++)
        if (signature_fits(&signatures[i], w))
            return &signatures[i];
    return is_vmdk_descriptor(w) ? &vmdk_descriptor : NULL;
}

static int window_load(int fd, struct window *w, struct err *e)
{
    ssize_t start, end = 0;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "the image cannot be read");
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return REFUSE(e, "the image is empty");
    w->file_size = (uint64_t)st.st_size;
    start = file_read_at(fd, w->start, sizeof(w->start), 0);
    if (w->file_size >= SECTOR)
        end = file_read_at(fd, w->end, sizeof(w->end), w->file_size - SECTOR);
    if (start < 0 || end < 0)
        return err_errno(e, errno, "the image cannot be read");
    w->start_len = (size_t)start;
    w->end_len = (size_t)end;
    return 0;
}

static int check_virtual_size(uint64_t bytes, struct err *e)
{
    if (bytes == 0)
        return REFUSE(e, "the image holds a disk of 0 bytes");
    if (bytes > VIRTUAL_SIZE_MAX)
        return REFUSE(e, "the image holds a disk of more than 64 TiB");
    return 0;
}

static int inspect_raw(const struct window *w, uint64_t *virtual_size_bytes, struct err *e)
{
    const struct signature *s = recognise(w);
    uint64_t bytes = (w->file_size + SECTOR - 1) & ~(uint64_t)(SECTOR - 1);

    if (s)
        return REFUSE(e, "the image is declared raw, but the file is %s: %s", s->what, s->advice);
    if (check_virtual_size(bytes, e) < 0)
        return -1;
    *virtual_size_bytes = bytes;
    return 0;
}

static const struct {
    uint64_t bit;
    const char *reason;
} refused_features[] = {
    { QCOW2_INCOMPATIBLE_DIRTY, "was not closed cleanly: repair it with qemu-img check -r all" },
    { QCOW2_INCOMPATIBLE_CORRUPT, "is marked corrupt" },
    { QCOW2_INCOMPATIBLE_DATA_FILE, "keeps its data in another file: " CONVERT },
};

static int judge_features(const struct qcow2_info *info, struct err *e)
{
    uint64_t unknown = info->incompatible & ~(uint64_t)QCOW2_INCOMPATIBLE_KNOWN;

    if (unknown)
        return REFUSE(e, "the image needs the unknown qcow2 feature %d", __builtin_ctzll(unknown));
    for (size_t i = 0; i < ARRAY_LEN(refused_features); i++)
        if (info->incompatible & refused_features[i].bit)
            return REFUSE(e, "the image %s", refused_features[i].reason);
    if (info->has_data_file)
        return REFUSE(e, "the image names an external data file: " CONVERT);
    return 0;
}

static int judge_qcow2(const struct qcow2_info *info, struct err *e)
{
    if (info->backing_file)
        return REFUSE(e, "the image has a backing file: flatten it with qemu-img convert");
    if (info->encryption != 0)
        return REFUSE(e, "the image is encrypted");
    if (judge_features(info, e) < 0)
        return -1;
    /* Whole machine states that nobody sees would come with every copy. */
    if (info->snapshot_count > 0)
        return REFUSE(e, "the image has internal snapshots: remove them with qemu-img convert");
    return check_virtual_size(info->virtual_size_bytes, e);
}

static int inspect_qcow2(int fd, const struct window *w, uint64_t *virtual_size_bytes, struct err *e)
{
    const struct signature *s = recognise(w);
    AUTO_QCOW2_INFO info = { 0 };

    if (s && s != &signatures[0])
        return REFUSE(e, "the image is declared qcow2, but the file is %s: %s", s->what, s->advice);
    if (qcow2_read(fd, &info, e) < 0 || judge_qcow2(&info, e) < 0)
        return -1;
    *virtual_size_bytes = info.virtual_size_bytes;
    return 0;
}

int inspect_image(int fd, enum disk_format declared, uint64_t *virtual_size_bytes, struct err *e)
{
    struct window w = { 0 };

    if (window_load(fd, &w, e) < 0)
        return -1;
    switch (declared) {
    case DISK_FORMAT_QCOW2:
        return inspect_qcow2(fd, &w, virtual_size_bytes, e);
    case DISK_FORMAT_RAW:
        return inspect_raw(&w, virtual_size_bytes, e);
    case DISK_FORMAT_COUNT:
        break;
    }
    return err_set(e, ERR_INTERNAL, "no such disk format");
}
