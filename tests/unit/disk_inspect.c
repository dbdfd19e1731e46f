/* inspect: who is let in, who is refused and why, by images that qemu-img made; and that whatever is let in, QEMU opens as well.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdint.h>
#include <sys/mman.h>

#include "disk_lab.h"

#include "disk/inspect.h"

static const uint64_t MIB = 1 << 20;

/* Each makes `x` in the lab. (LUKS is forged: qemu-img first measures the machine's speed and gives up where the clock is
 * coarse.) */
struct subject {
    const char *make;
    enum disk_format declared;
    uint64_t virtual_size_bytes; /* let in */
    const char *refusal;         /* or words of the reason */
};
static const struct subject subjects[] = {
    { "qemu-img create -f qcow2 x 3M", DISK_FORMAT_QCOW2, 3 << 20, NULL },
    { "qemu-img create -f qcow2 -o compat=0.10 x 3M", DISK_FORMAT_QCOW2, 3 << 20, NULL },
    { "qemu-img create -f qcow2 -o cluster_size=512 x 3M", DISK_FORMAT_QCOW2, 3 << 20, NULL },
    { "qemu-img create -f qcow2 -o cluster_size=2M,lazy_refcounts=on x 3M", DISK_FORMAT_QCOW2, 3 << 20, NULL },
    { "qemu-img create -f qcow2 -o compression_type=zstd,extended_l2=on,refcount_bits=64 x 3M", DISK_FORMAT_QCOW2, 3 << 20,
      NULL },
    { "qemu-img create -f qcow2 -o preallocation=metadata x 3M", DISK_FORMAT_QCOW2, 3 << 20, NULL },
    { "qemu-img create x 3M && qemu-img convert -c -O qcow2 x y && mv y x", DISK_FORMAT_QCOW2, 3 << 20, NULL },
    { "qemu-img create -f qcow2 x 3M && qemu-img bitmap --add x b", DISK_FORMAT_QCOW2, 3 << 20, NULL },
    { "qemu-img create -f qcow2 x 64T", DISK_FORMAT_QCOW2, UINT64_C(64) << 40, NULL },
    { "qemu-img create x 3M", DISK_FORMAT_RAW, 3 << 20, NULL },
    { "printf a > x", DISK_FORMAT_RAW, 512, NULL },
    { "truncate -s 513 x", DISK_FORMAT_RAW, 1024, NULL },

    { "touch x", DISK_FORMAT_RAW, 0, "is empty" },
    { "touch x", DISK_FORMAT_QCOW2, 0, "is empty" },
    { "qemu-img create x 3M", DISK_FORMAT_QCOW2, 0, "no qcow2 image" },
    { "qemu-img create -f qcow2 x 3M", DISK_FORMAT_RAW, 0, "declare it as qcow2" },
    { "qemu-img create -f qcow x 3M", DISK_FORMAT_QCOW2, 0, "version 1" },
    { "qemu-img create -f qcow x 3M", DISK_FORMAT_RAW, 0, "declared raw" },
    { "qemu-img create -f qcow2 x 65T", DISK_FORMAT_QCOW2, 0, "64 TiB" },
    { "qemu-img create -f qcow2 x 0", DISK_FORMAT_QCOW2, 0, "0 bytes" },
    { "qemu-img create -f qcow2 -u -b /etc/passwd -F raw x 3M", DISK_FORMAT_QCOW2, 0, "backing file" },
    { "qemu-img create -f qcow2 -o compat=0.10 -u -b /etc/passwd -F raw x 3M", DISK_FORMAT_QCOW2, 0, "backing file" },
    { "qemu-img create -f qcow2 -u -b ../other/disk.qcow2 -F qcow2 x 3M", DISK_FORMAT_QCOW2, 0, "backing file" },
    { "qemu-img create -f qcow2 -u -F raw x 3M -b "
      "'json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/etc/shadow\"}}'",
      DISK_FORMAT_QCOW2, 0, "backing file" },
    { "qemu-img create -f qcow2 -u -b nbd://127.0.0.1/x -F raw x 3M", DISK_FORMAT_QCOW2, 0, "backing file" },
    { "qemu-img create -f qcow2 -o data_file=d,data_file_raw=on x 3M", DISK_FORMAT_QCOW2, 0, "another file" },
    { "qemu-img create -f qcow2 -o data_file=d x 3M", DISK_FORMAT_QCOW2, 0, "another file" },
    { "qemu-img create -f qcow2 x 3M && printf '\\0\\0\\0\\2' | dd of=x bs=1 seek=32 conv=notrunc", DISK_FORMAT_QCOW2, 0,
      "encrypted" },
    { "qemu-img create --object secret,id=s,data=pw -f qcow2 -o encrypt.format=aes,encrypt.key-secret=s x 3M", DISK_FORMAT_QCOW2,
      0, "encrypted" },
    { "qemu-img create -f qcow2 x 3M && qemu-img snapshot -c s x", DISK_FORMAT_QCOW2, 0, "snapshots" },
    { "qemu-img create -f vmdk x 3M", DISK_FORMAT_RAW, 0, "VMDK" },
    { "qemu-img create -f vmdk x 3M", DISK_FORMAT_QCOW2, 0, "VMDK" },
    { "qemu-img create -f vmdk -o subformat=monolithicFlat x 3M", DISK_FORMAT_RAW, 0, "VMDK descriptor" },
    { "printf '# x\\n\\n#y\\n \\nversion=1\\n' > x", DISK_FORMAT_RAW, 0, "VMDK descriptor" },
    { "qemu-img create -f vdi x 3M", DISK_FORMAT_RAW, 0, "VDI" },
    { "qemu-img create -f vpc x 3M", DISK_FORMAT_RAW, 0, "VHD" },
    { "qemu-img create -f vpc -o subformat=fixed x 3M", DISK_FORMAT_RAW, 0, "VHD" },
    { "qemu-img create -f vhdx x 3M", DISK_FORMAT_RAW, 0, "VHDX" },
    { "qemu-img create -f qed x 3M", DISK_FORMAT_RAW, 0, "QED" },
    { "qemu-img create -f parallels x 3M", DISK_FORMAT_RAW, 0, "Parallels" },
    { "qemu-img create x 3M && printf 'LUKS\\272\\276\\0\\1' | dd of=x conv=notrunc", DISK_FORMAT_RAW, 0, "LUKS" },
    { "qemu-img create y 3M && gzip y && mv y.gz x", DISK_FORMAT_RAW, 0, "compressed (gzip)" },
    { "qemu-img create -f qcow2 y 3M && xz y && mv y.xz x", DISK_FORMAT_QCOW2, 0, "compressed (xz)" },
    { "qemu-img create -f qcow2 y 3M && tar cf x y", DISK_FORMAT_QCOW2, 0, "archive" },
};

static int inspect(const struct lab *l, enum disk_format declared, uint64_t *size, struct err *e)
{
    AUTO_CLOSE int fd = lab_fd(l, "x", O_RDONLY);

    return inspect_image(fd, declared, size, e);
}

START_TEST(subjects_get_what_they_deserve)
{
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
        const struct subject *s = &subjects[i];
        struct err e = ERR_INIT;
        uint64_t size = 0;
        LAB l;

        lab_open(&l);
        lab_run(&l, "%s", s->make);
        int rc = inspect(&l, s->declared, &size, &e);
        ck_assert_msg((rc < 0) == (s->refusal != NULL), "%s: %s", s->make, rc < 0 ? e.msg : "let in");
        ck_assert_uint_eq(size, s->virtual_size_bytes);
        if (s->refusal)
            ck_assert_msg(e.code == ERR_IMAGE_REFUSED && strstr(e.msg, s->refusal), "%s: %s", s->make, e.msg);
    }
}
END_TEST

/* What a boot sector, a partition table or a file system begins with is no reason to refuse. */
START_TEST(plain_disks_are_let_in)
{
    static const struct {
        size_t offset;
        const char *bytes;
    } marks[] = {
        { 510, "\x55\xaa" },     { 512, "EFI PART" }, { 32769, "CD001" },    { 1080, "\x53\xef" },
        { 0, "\xeb\x63\x90" },   { 3, "NTFS    " },   { 0, "XFSB" },         { 65600, "_BHRfS_M" },
        { 0, "qcow2 is great" }, { 100, "conectix" }, { 1, "LUKS\xba\xbe" }, { 65535 - 100, "koly" },
    };

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        AUTO_CLOSE int fd = memfd_create("disk", MFD_CLOEXEC);
        size_t len = strlen(marks[i].bytes);
        struct err e = ERR_INIT;
        uint64_t size = 0;

        ck_assert_int_eq(ftruncate(fd, (off_t)MIB), 0);
        ck_assert_int_eq(pwrite(fd, marks[i].bytes, len, (off_t)marks[i].offset), (ssize_t)len);
        unit_ok(inspect_image(fd, DISK_FORMAT_RAW, &size, &e));
        ck_assert_uint_eq(size, MIB);
    }
}
END_TEST

static void flip(const struct lab *l, off_t offset, uint8_t with)
{
    AUTO_CLOSE int fd = lab_fd(l, "x", O_RDWR);
    uint8_t byte = 0;

    ck_assert_int_eq(pread(fd, &byte, 1, offset), 1);
    byte ^= with;
    ck_assert_int_eq(pwrite(fd, &byte, 1, offset), 1);
}

START_TEST(feature_bits)
{
    static const struct {
        off_t offset;
        uint8_t bit;
        const char *refusal;
    } bits[] = {
        { 79, 1, "not closed cleanly" },
        { 79, 2, "corrupt" },
        { 79, 4, "another file" },
        { 79, 32, "unknown qcow2 feature 5" },
        { 72, 128, "unknown qcow2 feature 63" },
        { 87, 2, NULL },
        { 95, 128, NULL },
    };
    LAB l;
    lab_open(&l);

    lab_run(&l, "qemu-img create -f qcow2 x 3M");
    for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
        struct err e = ERR_INIT;
        uint64_t size;

        flip(&l, bits[i].offset, bits[i].bit);
        int rc = inspect(&l, DISK_FORMAT_QCOW2, &size, &e);
        ck_assert_msg(bits[i].refusal ? rc < 0 && strstr(e.msg, bits[i].refusal) : rc == 0, "%s", e.msg);
        flip(&l, bits[i].offset, bits[i].bit);
    }
}
END_TEST

/* Every bit of the header, and some of its extensions, flipped alone: what we let in, QEMU opens, and finds no further file to
 * open. */
START_TEST(what_is_let_in_opens_in_qemu)
{
    enum { HEADER = 112, EXTENSIONS_END = 560 };
    LAB l;
    lab_open(&l);
    unsigned let_in = 0;

    lab_run(&l, "qemu-img create -f qcow2 -o cluster_size=1k x 3M");
    for (int i = 0; i < 8 * EXTENSIONS_END; i++) {
        struct err e = ERR_INIT;
        uint64_t size = 0;

        /* Behind the header a bit in eight: most bytes there are the names of features. */
        if (i >= 8 * HEADER && i % 9 != 0)
            continue;
        flip(&l, i / 8, (uint8_t)(1 << i % 8));
        if (inspect(&l, DISK_FORMAT_QCOW2, &size, &e) == 0) {
            AUTO_FREE char *said = lab_must(&l, "qemu-img info -f qcow2 --output=json x || echo at bit %d", i);
            AUTO_FREE char *size_said = str_printf("\"virtual-size\": %" PRIu64 ",", size / 512 * 512);
            ck_assert_msg(strstr(said, size_said) != NULL, "bit %d: %s", i, said);
            ck_assert_ptr_null(strstr(said, "backing-filename"));
            ck_assert_ptr_null(strstr(said, "data-file"));
            let_in++;
        }
        flip(&l, i / 8, (uint8_t)(1 << i % 8));
    }
    ck_assert_uint_gt(let_in, 100);
}
END_TEST

START_TEST(only_regular_files)
{
    int pipes[2];
    struct err e = ERR_INIT;
    uint64_t size;

    ck_assert_int_eq(pipe(pipes), 0);
    unit_fails(inspect_image(pipes[0], DISK_FORMAT_RAW, &size, &e), ERR_IMAGE_REFUSED);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}
END_TEST

UNIT_MAIN("disk_inspect", subjects_get_what_they_deserve, plain_disks_are_let_in, feature_bits, what_is_let_in_opens_in_qemu,
          only_regular_files)
