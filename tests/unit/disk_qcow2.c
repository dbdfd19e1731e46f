/* qcow2: what we write is held against qemu-img, what we read against headers that qemu-img made and that we cut, bent and broke.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <inttypes.h>
#include <stdint.h>
#include <sys/mman.h>

#include "disk_lab.h"

#include "disk/qcow2.h"

static const uint64_t MIB = 1 << 20, GIB = UINT64_C(1) << 30, TIB = UINT64_C(1) << 40;

static void write_overlay(const struct lab *l, const char *name, uint64_t size, const char *base, const char *format)
{
    AUTO_FREE char *backing = lab_path(l, base);
    AUTO_CLOSE int fd = lab_fd(l, name, O_RDWR | O_CREAT | O_TRUNC);
    struct qcow2_overlay o = { .size_bytes = size, .backing_file = backing, .backing_format = format };
    struct err e = ERR_INIT;

    unit_ok(qcow2_write_overlay(fd, &o, &e));
}

START_TEST(overlay_reads_back)
{
    const uint64_t sizes[] = { 1, 512, 513, MIB, 512 * MIB, 512 * MIB + 1, 10 * GIB, 3 * TIB + 7, 64 * TIB };
    LAB l;
    lab_open(&l);
    AUTO_FREE char *backing = lab_path(&l, "base.raw");

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO_QCOW2_INFO info = { 0 };
        struct err e = ERR_INIT;

        write_overlay(&l, "o.qcow2", sizes[i], "base.raw", "raw");
        AUTO_CLOSE int fd = lab_fd(&l, "o.qcow2", O_RDONLY);
        unit_ok(qcow2_read(fd, &info, &e));
        ck_assert_uint_eq(info.version, 3);
        ck_assert_uint_eq(info.cluster_bits, 16);
        ck_assert_uint_eq(info.virtual_size_bytes, (sizes[i] + 511) / 512 * 512);
        ck_assert_uint_eq(info.l1_entries, (sizes[i] + 512 * MIB - 1) / (512 * MIB));
        ck_assert_uint_eq(info.encryption | info.incompatible | info.autoclear | info.snapshot_count | info.has_data_file, 0);
        ck_assert_str_eq(info.backing_file, backing);
        ck_assert_str_eq(info.backing_format, "raw");
    }
}
END_TEST

/* The oracle: consistent, the chain as we meant it, the same content, and still so after a guest wrote to both ends. */
static void hold_against_qemu(const struct lab *l, const char *base, const char *format, uint64_t size)
{
    write_overlay(l, "o.qcow2", size, base, format);
    lab_run(l, "qemu-img check o.qcow2");
    AUTO_FREE char *chain = lab_must(l, "qemu-img info --backing-chain --output=json o.qcow2");
    AUTO_FREE char *size_said = str_printf("\"virtual-size\": %" PRIu64 ",", (size + 511) / 512 * 512);
    AUTO_FREE char *file_said = str_printf("\"full-backing-filename\": \"%s/%s\"", l->dir, base);
    AUTO_FREE char *format_said = str_printf("\"backing-filename-format\": \"%s\"", format);
    ck_assert_ptr_nonnull(strstr(chain, size_said));
    ck_assert_ptr_nonnull(strstr(chain, file_said));
    ck_assert_ptr_nonnull(strstr(chain, format_said));
    lab_run(l, "qemu-img compare -f %s -F qcow2 %s o.qcow2", format, base);
    lab_run(l, "cksum %s > before", base);
    lab_run(l, "qemu-io -f qcow2 -c 'write -P 9 0 512' -c 'write -P 7 %" PRIu64 " 512' o.qcow2", (size - 1) / 512 * 512);
    lab_run(l, "qemu-io -f qcow2 -c 'read -P 7 %" PRIu64 " 512' -c 'read -P 5 64k 512' o.qcow2", (size - 1) / 512 * 512);
    lab_run(l, "qemu-img check o.qcow2");
    lab_run(l, "cksum %s | cmp - before", base);
}

START_TEST(qemu_agrees_with_overlays)
{
    const uint64_t sizes[] = { MIB, MIB + 1, 512 * MIB + 512, 10 * GIB, 160 * GIB, 5 * TIB + 513, 64 * TIB };
    LAB l;
    lab_open(&l);

    lab_run(&l, "qemu-img create -f raw base.raw 1M && qemu-io -f raw -c 'write -P 5 64k 64k' base.raw");
    lab_run(&l, "qemu-img convert -O qcow2 base.raw base.qcow2");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        hold_against_qemu(&l, "base.raw", "raw", sizes[i]);
        hold_against_qemu(&l, "base.qcow2", "qcow2", sizes[i]);
    }
}
END_TEST

START_TEST(overlay_limits)
{
    char name[1025];
    AUTO_CLOSE int fd = memfd_create("overlay", MFD_CLOEXEC);
    struct qcow2_overlay o = { .size_bytes = MIB, .backing_file = name, .backing_format = "qcow2" };
    struct err e = ERR_INIT;
    AUTO_QCOW2_INFO info = { 0 };

    memset(name, '/', sizeof(name));
    name[1024] = '\0';
    unit_fails(qcow2_write_overlay(fd, &o, &e), ERR_INVALID);
    name[1023] = '\0';
    unit_ok(qcow2_write_overlay(fd, &o, &e));
    unit_ok(qcow2_read(fd, &info, &e));
    ck_assert_str_eq(info.backing_file, name);
    o.size_bytes = 0;
    unit_fails(qcow2_write_overlay(fd, &o, &e), ERR_INVALID);
    o.size_bytes = 2048 * TIB + 1;
    unit_fails(qcow2_write_overlay(fd, &o, &e), ERR_INVALID);
    o.size_bytes = UINT64_MAX;
    unit_fails(qcow2_write_overlay(fd, &o, &e), ERR_INVALID);
    o.size_bytes = MIB;
    o.backing_file = "";
    unit_fails(qcow2_write_overlay(fd, &o, &e), ERR_INVALID);
}
END_TEST

START_TEST(reads_what_qemu_made)
{
    LAB l;
    lab_open(&l);
    AUTO_QCOW2_INFO two = { 0 }, three = { 0 };
    struct err e = ERR_INIT;

    lab_run(&l, "qemu-img create -f qcow2 -o compat=0.10 two 3M && qemu-img snapshot -c s two");
    lab_run(&l, "qemu-img create -f raw base 1M");
    lab_run(&l, "qemu-img create -f qcow2 -o cluster_size=2M,lazy_refcounts=on -b base -F raw three 5G");
    AUTO_CLOSE int fd2 = lab_fd(&l, "two", O_RDONLY), fd3 = lab_fd(&l, "three", O_RDONLY);
    unit_ok(qcow2_read(fd2, &two, &e));
    ck_assert_uint_eq(two.version, 2);
    ck_assert_uint_eq(two.virtual_size_bytes, 3 * MIB);
    ck_assert_uint_eq(two.snapshot_count, 1);
    ck_assert_ptr_null(two.backing_file);
    unit_ok(qcow2_read(fd3, &three, &e));
    ck_assert_uint_eq(three.cluster_bits, 21);
    ck_assert_uint_eq(three.compatible, 1);
    ck_assert_str_eq(three.backing_file, "base");
    ck_assert_str_eq(three.backing_format, "raw");
}
END_TEST

/* With clusters of 512 bytes: header, refcount table, refcount block, L1 table. */
enum { L1_OF_SMALLEST = 3 * 512 };

START_TEST(cut_headers_are_refused)
{
    LAB l;
    lab_open(&l);
    uint8_t bytes[4096];

    lab_run(&l, "qemu-img create -f qcow2 -o cluster_size=512 whole 64k");
    AUTO_CLOSE int fd = lab_fd(&l, "whole", O_RDONLY);
    ck_assert_int_gt(read(fd, bytes, sizeof(bytes)), L1_OF_SMALLEST);
    for (ssize_t n = 0; n <= L1_OF_SMALLEST; n++) {
        AUTO_CLOSE int cut = memfd_create("cut", MFD_CLOEXEC);
        AUTO_QCOW2_INFO info = { 0 };
        struct err e = ERR_INIT;

        ck_assert_int_eq(write(cut, bytes, (size_t)n), n);
        unit_fails(qcow2_read(cut, &info, &e), ERR_IMAGE_REFUSED);
    }
}
END_TEST

/* Fields that lie, one at a time, in a file that is otherwise whole. */
struct lie {
    const char *what;
    unsigned offset, bytes;
    uint64_t value;
};
static const struct lie lies[] = {
    { "no qcow2", 0, 4, 0x514649fa },
    { "version 1", 4, 4, 1 },
    { "version 4", 4, 4, 4 },
    { "backing file behind the cluster", 8, 8, 65537 },
    { "backing file in the header", 8, 8, 16 },
    { "backing file far away", 8, 8, UINT64_MAX },
    { "clusters too small", 20, 4, 8 },
    { "clusters too large", 20, 4, 22 },
    { "shift out of range", 20, 4, UINT32_MAX },
    { "disk larger than its L1 table", 24, 8, UINT64_MAX },
    { "disk one byte larger than its L1 table", 24, 8, (UINT64_C(1) << 29) + 1 },
    { "L1 table larger than the file", 36, 4, 1u << 22 },
    { "L1 table too large", 36, 4, UINT32_MAX },
    { "L1 table misplaced", 40, 8, 65536 + 512 },
    { "L1 table on the header", 40, 8, 0 },
    { "L1 table outside", 40, 8, UINT64_C(1) << 62 },
    { "L1 table at the end of numbers", 40, 8, UINT64_MAX - 65535 },
    { "refcount table misplaced", 48, 8, 1 },
    { "refcount table on the header", 48, 8, 0 },
    { "refcount table outside", 48, 8, UINT64_C(1) << 63 },
    { "no refcount table", 56, 4, 0 },
    { "refcount table too large", 56, 4, UINT32_MAX },
    { "snapshot table misplaced", 64, 8, 8 },
    { "snapshots on the header", 60, 4, 1 },
    { "unannounced compression", 104, 1, 1 },
    { "unknown compression", 104, 1, 2 },
    { "announced compression missing", 72, 8, 8 },
    { "raw data file without data file", 88, 8, 2 },
    { "refcounts too wide", 96, 4, 7 },
    { "header too short", 100, 4, 96 },
    { "header of odd length", 100, 4, 113 },
    { "header longer than its cluster", 100, 4, 65544 },
    { "extension longer than the cluster", 116, 4, UINT32_MAX },
    { "extension that ends just behind the cluster", 116, 4, 65536 - 120 + 1 },
};

START_TEST(lying_headers_are_refused)
{
    LAB l;
    lab_open(&l);
    AUTO_QCOW2_INFO info = { 0 };
    struct err e = ERR_INIT;

    lab_run(&l, "qemu-img create -f qcow2 whole 512M");
    AUTO_CLOSE int fd = lab_fd(&l, "whole", O_RDWR);
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        uint64_t truth, value = htobe64(lies[i].value << (64 - 8 * lies[i].bytes));

        ck_assert_int_eq(pread(fd, &truth, lies[i].bytes, lies[i].offset), (ssize_t)lies[i].bytes);
        ck_assert_int_eq(pwrite(fd, &value, lies[i].bytes, lies[i].offset), (ssize_t)lies[i].bytes);
        ck_assert_msg(qcow2_read(fd, &info, &e) == -1, "%s", lies[i].what);
        ck_assert_int_eq(e.code, ERR_IMAGE_REFUSED);
        ck_assert_int_eq(pwrite(fd, &truth, lies[i].bytes, lies[i].offset), (ssize_t)lies[i].bytes);
    }
    unit_ok(qcow2_read(fd, &info, &e));
}
END_TEST

START_TEST(extended_l2_halves_the_reach_of_a_table)
{
    LAB l;
    lab_open(&l);
    AUTO_QCOW2_INFO info = { 0 };
    struct err e = ERR_INIT;
    uint64_t size = htobe64(256 * MIB + 512);

    lab_run(&l, "qemu-img create -f qcow2 -o extended_l2=on,compression_type=zstd x 256M");
    AUTO_CLOSE int fd = lab_fd(&l, "x", O_RDWR);
    unit_ok(qcow2_read(fd, &info, &e));
    ck_assert_uint_eq(info.incompatible, QCOW2_INCOMPATIBLE_EXTENDED_L2 | QCOW2_INCOMPATIBLE_COMPRESSION);
    ck_assert_int_eq(pwrite(fd, &size, 8, 24), 8);
    unit_fails(qcow2_read(fd, &info, &e), ERR_IMAGE_REFUSED);
    ck_assert_int_eq(lab_shell(&l, "qemu-img info x"), 1);
}
END_TEST

UNIT_MAIN("disk_qcow2", overlay_reads_back, qemu_agrees_with_overlays, overlay_limits, reads_what_qemu_made,
          cut_headers_are_refused, lying_headers_are_refused, extended_l2_halves_the_reach_of_a_table)
