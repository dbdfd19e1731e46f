/* foreign: images of other programs are converted or refused, and neither they nor a VM's disk make qemu-img open anything but
 * itself. */
#define _GNU_SOURCE
#include "../../src/disk/inspect_foreign.h"
#include "transfer_lab.h"

#include "base/ipv4.h"

#define PART    "state/images/" IMAGE_ID ".part"
#define BASE    "99999999-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define OVERLAY "state/instances/" VM_ID "/disk.qcow2"
#define MIB     (UINT64_C(1) << 20)

struct fixture {
    struct lab lab;
    struct disk *disk;
    struct server server;
    struct cidr loopback;
    struct transfer_terms terms;
    unsigned progressed;
    uint64_t bytes;
};

static void progress(void *arg, const struct transfer_progress *p)
{
    struct fixture *f = arg;

    f->progressed++;
    f->bytes = p->bytes;
}

static void fixture_open(struct fixture *f)
{
    *f = (struct fixture){ .loopback = { 0x7f000000, 8 } };
    lab_open(&f->lab);
    f->disk = lab_disk(&f->lab);
    server_open(&f->server, &f->lab);
    f->terms = (struct transfer_terms){
        .limits = { .size_bytes = 64 * MIB, .timeout_ms = 25000, .expansion = 1000, .allowed = &f->loopback, .allowed_count = 1 },
        .watch = { .progress = progress, .arg = f },
    };
}

static void fixture_close(struct fixture *f)
{
    server_close(&f->server);
    disk_close(f->disk);
    lab_close(&f->lab);
}
#define FIXTURE __attribute__((cleanup(fixture_close))) struct fixture

static int import(struct fixture *f, const char *name, enum disk_format *format, struct err *e)
{
    AUTO_FREE char *url = str_printf("http://127.0.0.1:%u/%s", f->server.port, name);

    return transfer_download(f->disk, &(struct transfer_source){ IMAGE_ID, url, NULL }, &f->terms, format, e);
}

static int inspect(const struct lab *l, enum foreign_format *format, struct err *e)
{
    AUTO_CLOSE int fd = lab_fd(l, "x", O_RDONLY);

    ck_assert_int_eq(foreign_detect(fd, format, e), 0);
    return *format == FOREIGN_NONE ? 0 : foreign_inspect(fd, *format, e);
}

static void expect_nothing_left(const struct fixture *f)
{
    lab_run(&f->lab, "test -z \"$(ls state/images)\"");
}

/* 7 MiB with something at both ends; VHD rounds its size up. */
#define FILL "qemu-io -f %s x -c 'write -P 7 0 1M' -c 'write -P 9 5M 64k'"

static const struct {
    const char *make;
    enum foreign_format format;
    const char *driver;
} let_in[] = {
    { "qemu-img create -f vmdk x 7M", FOREIGN_VMDK, "vmdk" },
    { "qemu-img create -f vmdk -o subformat=monolithicSparse,compat6 x 7M", FOREIGN_VMDK, "vmdk" },
    { "qemu-img create -f vdi x 7M", FOREIGN_VDI, "vdi" },
    { "qemu-img create -f vdi -o static=on x 7M", FOREIGN_VDI, "vdi" },
    { "qemu-img create -f vpc x 7M", FOREIGN_VHD, "vpc" },
    { "qemu-img create -f vpc -o force_size=on x 7M", FOREIGN_VHD, "vpc" },
    { "qemu-img create -f vpc -o subformat=fixed x 7M", FOREIGN_VHD, "vpc" },
    { "qemu-img create -f vpc -o subformat=fixed,force_size=on x 7M", FOREIGN_VHD, "vpc" },
    { "qemu-img create -f vhdx x 7M", FOREIGN_VHDX, "vhdx" },
    { "qemu-img create -f vhdx -o subformat=fixed,block_size=1M x 7M", FOREIGN_VHDX, "vhdx" },
};

static void expect_converted(struct fixture *f, const char *driver, const char *what)
{
    enum disk_format format = DISK_FORMAT_COUNT;
    struct image_facts facts;
    struct err e = ERR_INIT;

    ck_assert_msg(import(f, "x", &format, &e) == 0, "%s: %s (%s)", what, e.msg, e.detail);
    ck_assert_int_eq(format, DISK_FORMAT_QCOW2);
    ck_assert_uint_eq(lab_mode(&f->lab, PART), 0600);
    lab_run(&f->lab, "test $(stat -c %%g " PART ") = $(id -g)");
    unit_ok(disk_image_seal(f->disk, IMAGE_ID, format, NULL, NULL, &facts, &e));
    lab_run(&f->lab, "qemu-img compare -f %s -F qcow2 x state/images/" IMAGE_ID ".qcow2", driver);
    lab_run(&f->lab, "qemu-img info -f qcow2 state/images/" IMAGE_ID ".qcow2 | grep -q backing && exit 1; true");
    unit_ok(disk_image_remove(f->disk, IMAGE_ID, &e));
    expect_nothing_left(f);
}

START_TEST(formats_are_converted)
{
    FIXTURE f;
    fixture_open(&f);

    for (size_t i = 0; i < ARRAY_LEN(let_in); i++) {
        enum foreign_format format = FOREIGN_NONE;
        struct err e = ERR_INIT;

        lab_run(&f.lab, "rm -f x; %s", let_in[i].make);
        lab_run(&f.lab, FILL, let_in[i].driver);
        ck_assert_msg(inspect(&f.lab, &format, &e) == 0, "%s: %s", let_in[i].make, e.msg);
        ck_assert_int_eq(format, let_in[i].format);
        ck_assert_str_eq(foreign_driver(format), let_in[i].driver);
        expect_converted(&f, let_in[i].driver, let_in[i].make);
    }
}
END_TEST

/* x gets the second header of a stream, behind its data: qemu-img does not write one, other programs do. $1: edits it. */
#define VMDK_FOOTER                                                                                                              \
    "footer() { python3 -c 'import sys; d = bytearray(open(\"x\", \"rb\").read()); h = bytearray(d[:512]); "                     \
    "d[56:64] = b\"\\xff\" * 8; exec(sys.argv[1]); m = bytes(12) + b\"\\3\" + bytes(499); "                                      \
    "open(\"x\", \"wb\").write(d + m + h + bytes(512))' \"$1\"; }; "

/* A stream of VMDK, as an appliance has it; packed in gzip besides. */
START_TEST(streams_are_converted)
{
    FIXTURE f;
    fixture_open(&f);
    enum disk_format format;
    struct err e = ERR_INIT;

    lab_run(&f.lab, "qemu-img create -f vmdk x 7M");
    lab_run(&f.lab, FILL, "vmdk");
    lab_run(&f.lab, "mv x y; qemu-img convert -f vmdk -O vmdk -o subformat=streamOptimized y x");
    expect_converted(&f, "vmdk", "streamOptimized");
    lab_run(&f.lab, VMDK_FOOTER "footer ''");
    expect_converted(&f, "vmdk", "streamOptimized with a footer");
    lab_run(&f.lab, "gzip -k x");
    unit_ok(import(&f, "x.gz", &format, &e));
    lab_run(&f.lab, "qemu-img compare -f vmdk -F qcow2 y " PART);
}
END_TEST

/* put OFFSET BYTES: overwrites in x, in printf's language. */
#define PUT             "put() { printf \"$2\" | dd of=x bs=1 seek=$1 conv=notrunc 2>&1; }; "
#define VMDK_SAYS(what) "qemu-img create -f vmdk x 7M && sed -i '" what "' x"
/* The checksum of a VHD header of $2 bytes at $1, whose checksum is at $3 in it, made right again. */
#define VHD_SUM                                                                                                                  \
    "sum() { python3 -c 'import sys; a, n, c = map(int, sys.argv[1:]); f = open(\"x\", \"r+b\"); f.seek(a); h = bytearray("      \
    "f.read(n)); h[c:c + 4] = bytes(4); h[c:c + 4] = (~sum(h) & 0xffffffff).to_bytes(4, \"big\"); f.seek(a); f.write(h)' $@; "   \
    "}; "

static const struct {
    const char *make, *reason;
} refused[] = {
    /* VMDK: the text may lead anywhere. */
    { "qemu-img create -f vmdk b.vmdk 7M && qemu-img create -f vmdk -F vmdk -b b.vmdk x", "parent" },
    { VMDK_SAYS("s/parentCID=ffffffff/parentCID=fffffff0/"), "parent" },
    { VMDK_SAYS("s/parentCID=ffffffff/parentCID=fffffffff/"), "parent" },
    { VMDK_SAYS("s/ddb.adapterType = \"ide\"/parentFileNameHint=\"\\/a\"/"), "parent" },
    { VMDK_SAYS("s/SPARSE \"x\"/FLAT \"\\/etc\\/passwd\" 0/"), "other files" },
    { VMDK_SAYS("s/SPARSE \"x\"/SPARSE \"\\/etc\\/passwd\"/"), "other files" },
    { VMDK_SAYS("s/SPARSE \"x\"/&\\nRW 8 FLAT \"p\"/"), "other files" },
    { VMDK_SAYS("s/SPARSE \"x\"/&\\nRW 8 SPARSE \"p\"/"), "not that of one file" },
    { VMDK_SAYS("s/monolithicSparse/twoGbMaxExtentFlat/"), "other files" },
    { VMDK_SAYS("s/createType/creatEType/"), "not that of one file" },
    { PUT "qemu-img create -f vmdk x 7M && put 12 '\\0\\0\\0\\0\\0\\0\\0\\0'", "other files" },
    { PUT "qemu-img create -f vmdk x 7M && put 12 '\\0\\0\\0\\0\\0\\0\\0\\1'", "64 TiB" },
    { PUT "qemu-img create -f vmdk x 7M && put 16 '\\1'", "outside the file" },
    { PUT "qemu-img create -f vmdk x 7M && put 4 '\\4'", "version" },
    { PUT "qemu-img create -f vmdk x 7M && put 20 '\\3'", "grains" },
    { PUT "qemu-img create -f vmdk x 7M && put 20 '\\0\\0\\0\\0'", "grains" },
    { PUT "qemu-img create -f vmdk x 7M && put 28 '\\2'", "in its place" },
    { PUT "qemu-img create -f vmdk x 7M && put 56 '\\377\\377\\377\\377'", "outside the file" },
    { PUT "qemu-img create -f vmdk x 7M && put 56 '\\377\\377\\377\\377\\377\\377\\377\\377'", "contradicts itself" },
    { VMDK_FOOTER "qemu-img create -f vmdk x 7M && footer 'h[12] = 1'", "contradicts itself" },
    { VMDK_FOOTER "qemu-img create -f vmdk x 7M && footer 'h[12:20] = bytes(8)'", "contradicts itself" },
    { VMDK_FOOTER "qemu-img create -f vmdk x 7M && footer 'h[56:60] = bytes(3) + bytes([9])'", "outside the file" },
    { VMDK_FOOTER "qemu-img create -f vmdk x 7M && footer 'h = d[:512]'", "does not say where" },
    { PUT "qemu-img create -f vmdk x 7M && put 74 '\\r'", "damaged" },
    { "qemu-img create -f vmdk x 7M && truncate -s 1000 x", "cut short" },
    { "qemu-img create -f vmdk x 7M && truncate -s 400 x", "cut short" },

    { PUT "qemu-img create -f vdi x 7M && put 76 '\\4'", "difference" },
    { PUT "qemu-img create -f vdi x 7M && put 424 a", "parent" },
    { PUT "qemu-img create -f vdi x 7M && put 440 a", "parent" },
    { PUT "qemu-img create -f vdi x 7M && put 68 '\\2'", "version" },
    { PUT "qemu-img create -f vdi x 7M && put 375 '\\1'", "64 TiB" },
    { PUT "qemu-img create -f vdi x 7M && put 370 '\\377'", "contradicts" },
    { PUT "qemu-img create -f vdi x 7M && put 343 '\\1'", "outside the file" },
    { PUT "qemu-img create -f vdi x 7M && put 376 '\\0\\2'", "blocks" },
    { "qemu-img create -f vdi x 7M && truncate -s 200 x", "cut short" },

    { PUT VHD_SUM "qemu-img create -f vpc x 7M && put 63 '\\4' && sum 0 512 64", "difference" },
    { PUT VHD_SUM "qemu-img create -f vpc x 7M && put 552 '\\4' && sum 512 1024 36", "parent" },
    { PUT VHD_SUM "qemu-img create -f vpc x 7M && put 540 '\\1' && sum 512 1024 36", "contradicts" },
    { PUT VHD_SUM "qemu-img create -f vpc x 7M && put 542 '\\0\\0' && sum 512 1024 36", "contradicts" },
    { PUT VHD_SUM "qemu-img create -f vpc x 7M && put 545 '\\3' && sum 512 1024 36", "blocks" },
    { PUT VHD_SUM "qemu-img create -f vpc x 7M && put 528 '\\1' && sum 512 1024 36", "outside the file" },
    { PUT VHD_SUM "qemu-img create -f vpc x 7M && put 49 '\\1' && sum 0 512 64", "2040 GiB" },
    { PUT VHD_SUM "qemu-img create -f vpc x 7M && put 16 '\\1' && sum 0 512 64", "cut short" },
    { PUT "qemu-img create -f vpc x 7M && put 100 a", "damaged" },
    { PUT "qemu-img create -f vpc x 7M && put 600 a", "damaged" },
    { "qemu-img create -f vpc -o subformat=fixed x 7M && tail -c 1M x > y && mv y x", "contradicts" },
    { "(head -c 1M /dev/zero; printf conectix; head -c 504 /dev/zero) > x", "damaged" },

    { PUT "qemu-img create -f vhdx x 7M && put 196700 a", "damaged" },
    { PUT "qemu-img create -f vhdx x 7M && put 196616 '\\1' && put 262152 '\\1'", "other regions" },
    { PUT "qemu-img create -f vhdx x 7M && put 196616 '\\377\\377\\377\\377' && put 262152 '\\377\\377\\377\\377'", "damaged" },
    { "qemu-img create -f vhdx x 7M && python3 -c 'd = open(\"x\", \"rb\").read(); g = bytes.fromhex(\"3767a1ca36fa434d\"); "
      "o = d.index(b\"metadata\"); p = int.from_bytes(d[d.index(g) + 16:][:4], \"little\"); "
      "f = open(\"x\", \"r+b\"); f.seek(o + p + 4); f.write(b\"\\2\")'",
      "difference" },
    { "qemu-img create -f vhdx x 7M && python3 -c 'd = open(\"x\", \"r+b\"); "
      "d.seek(d.read().index(bytes.fromhex(\"ab12cabe\"))); "
      "d.write(bytes.fromhex(\"2d5fd3a80bb34d45abf7d3d84834ab0c\"))'",
      "parent" },
    { "qemu-img create -f vhdx x 7M && truncate -s 300K x", "cut short" },
};

START_TEST(the_odd_is_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        enum foreign_format format = FOREIGN_NONE;
        struct err e = ERR_INIT;
        LAB l;

        lab_open(&l);
        lab_run(&l, "%s", refused[i].make);
        ck_assert_msg(inspect(&l, &format, &e) < 0, "%s", refused[i].make);
        ck_assert_msg(e.code == ERR_IMAGE_REFUSED && strstr(e.msg, refused[i].reason), "%s: %s", refused[i].make, e.msg);
    }
}
END_TEST

/* A secret beside the images, which none of these may bring in, and the words of those that are kept until the seal. */
static const struct {
    const char *make, *reason;
} hostile[] = {
    { "qemu-img create -f qcow2 -u -b /etc/passwd -F raw x 3M", "backing file" },
    { "qemu-img create -f qcow2 -u -b ../../secret -F raw x 3M", "backing file" },
    { "qemu-img create -f qcow2 -u -F raw x 3M -b 'json:{\"driver\":\"file\",\"filename\":\"/etc/passwd\"}'", "backing file" },
    { "qemu-img create -f qcow2 -o data_file=secret,data_file_raw=on x 3M", "another file" },
    { "cat > x <<'.'\n# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
      "RW 6144 FLAT \"/etc/passwd\" 0\n.",
      "VMDK descriptor" },
    { VMDK_SAYS("s/SPARSE \"x\"/FLAT \"\\/etc\\/passwd\" 0/"), "other files" },
    { "qemu-img create -f qcow2 x 65T", "64 TiB" },
    { PUT "qemu-img create -f qcow2 x 3M && put 36 '\\377\\377\\377\\377'", "L1 table" },
    { PUT "qemu-img create -f qcow2 x 3M && put 35 '\\2'", "encrypted" },
    { "qemu-img create x 3M && printf 'LUKS\\272\\276\\0\\1' | dd of=x conv=notrunc", "LUKS" },
};

START_TEST(the_hostile_is_refused)
{
    FIXTURE f;
    fixture_open(&f);

    lab_run(&f.lab, "echo secret > secret; truncate -s 3M secret");
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        enum disk_format format = DISK_FORMAT_COUNT;
        struct image_facts facts;
        struct err e = ERR_INIT;

        lab_run(&f.lab, "rm -f x; %s", hostile[i].make);
        if (import(&f, "x", &format, &e) == 0)
            unit_fails(disk_image_seal(f.disk, IMAGE_ID, format, NULL, NULL, &facts, &e), ERR_IMAGE_REFUSED);
        ck_assert_msg(e.code == ERR_IMAGE_REFUSED && strstr(e.msg, hostile[i].reason), "%s: %s", hostile[i].make, e.msg);
        unit_ok(disk_image_remove(f.disk, IMAGE_ID, &e));
        expect_nothing_left(&f);
    }
}
END_TEST

/* What passes our inspection but not QEMU: its words are for administrators. */
START_TEST(what_qemu_refuses)
{
    FIXTURE f;
    fixture_open(&f);
    enum disk_format format;
    struct err e = ERR_INIT;

    lab_run(&f.lab, PUT "qemu-img create -f vhdx x 7M && put 65536 none && put 131072 none");
    unit_fails(import(&f, "x", &format, &e), ERR_IMAGE_REFUSED);
    ck_assert_str_eq(e.msg, "the image cannot be converted");
    ck_assert_ptr_nonnull(strstr(e.detail, "qemu-img: "));
    expect_nothing_left(&f);
}
END_TEST

/* ---- from a VM's disk ---- */

static void make_vm(struct fixture *f, enum disk_format format)
{
    struct err e = ERR_INIT;

    lab_run(&f->lab, "qemu-img create -f %s state/images/" BASE ".%s 4M", disk_format_to_string(format),
            disk_format_to_string(format));
    lab_run(&f->lab, "qemu-io -f %s state/images/" BASE ".%s -c 'write -P 5 0 2M'; chmod 444 state/images/*",
            disk_format_to_string(format), disk_format_to_string(format));
    unit_ok(disk_overlay_create(f->disk, &(struct disk_overlay){ VM_ID, BASE, format, 6 * MIB }, &e));
    lab_run(&f->lab, "qemu-io -f qcow2 " OVERLAY " -c 'write -P 6 1M 2M' -c 'write -P 7 5M 64k'");
}

static int flatten(struct fixture *f, enum disk_format format, struct err *e)
{
    return transfer_flatten(f->disk, &(struct transfer_overlay){ IMAGE_ID, VM_ID, BASE, format }, &f->terms, e);
}

START_TEST(disks_are_flattened)
{
    for (int format = 0; format < DISK_FORMAT_COUNT; format++) {
        FIXTURE f;
        fixture_open(&f);
        struct image_facts facts;
        struct err e = ERR_INIT;

        make_vm(&f, (enum disk_format)format);
        unit_ok(flatten(&f, (enum disk_format)format, &e));
        ck_assert_uint_ge(f.progressed, 1);
        ck_assert_uint_eq(f.bytes, 6 * MIB);
        lab_run(&f.lab, "qemu-img compare -f qcow2 -F qcow2 " OVERLAY " " PART);
        lab_run(&f.lab, "test $(stat -c %%a:%%g " OVERLAY ") = 600:$(id -g)");
        unit_ok(disk_image_seal(f.disk, IMAGE_ID, DISK_FORMAT_QCOW2, NULL, NULL, &facts, &e));
        ck_assert_uint_eq(facts.virtual_size_bytes, 6 * MIB);
    }
}
END_TEST

/* What a guest writes is data: a header inside its disk, or inside the raw image below, is never read as one. */
START_TEST(headers_inside_are_data)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    lab_run(&f.lab, "qemu-img create -f qcow2 -u -b /etc/passwd -F raw h 4M; cat h > state/images/" BASE
                    ".raw; truncate -s 4M state/images/*");
    unit_ok(disk_overlay_create(f.disk, &(struct disk_overlay){ VM_ID, BASE, DISK_FORMAT_RAW, 4 * MIB }, &e));
    unit_ok(flatten(&f, DISK_FORMAT_RAW, &e));
    lab_run(&f.lab, "qemu-img convert -f qcow2 -O raw " PART " flat; cmp flat state/images/" BASE ".raw");
}
END_TEST

static const struct {
    const char *rewrite, *reason;
} rewritten[] = {
    { "qemu-img rebase -u -f qcow2 -b /etc/passwd -F raw " OVERLAY, "does not name its image" },
    { "qemu-img rebase -u -f qcow2 -b '' " OVERLAY, "does not name its image" },
    { "qemu-img rebase -u -f qcow2 -b \"$PWD/state/images/" BASE ".raw\" -F qcow2 " OVERLAY, "does not name its image" },
    { "qemu-img rebase -u -f qcow2 -b \"json:{\\\"driver\\\":\\\"file\\\",\\\"filename\\\":\\\"/etc/passwd\\\"}\" -F "
      "raw " OVERLAY,
      "does not name its image" },
    { "qemu-img create -f qcow2 -u -o data_file=d -b \"$PWD/state/images/" BASE ".raw\" -F raw " OVERLAY " 6M", "not the one" },
    { PUT "ln -f " OVERLAY " x; put 35 '\\2'", "not the one" },
    { PUT "ln -f " OVERLAY " x; put 79 '\\2'", "not the one" },
    { PUT "ln -f " OVERLAY " x; put 36 '\\377'", "L1 table" },
    { "truncate -s 100 " OVERLAY, "cut short" },
};

START_TEST(rewritten_headers_are_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(rewritten); i++) {
        FIXTURE f;
        fixture_open(&f);
        struct err e = ERR_INIT;

        make_vm(&f, DISK_FORMAT_RAW);
        lab_run(&f.lab, "%s", rewritten[i].rewrite);
        ck_assert_msg(flatten(&f, DISK_FORMAT_RAW, &e) < 0, "%s", rewritten[i].rewrite);
        ck_assert_msg(e.code == ERR_IMAGE_REFUSED && strstr(e.msg, rewritten[i].reason), "%s: %s (%s)", rewritten[i].rewrite,
                      e.msg, e.detail);
        ck_assert(!lab_exists(&f.lab, PART));
    }
}
END_TEST

START_TEST(flattening_what_is_gone)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    unit_fails(flatten(&f, DISK_FORMAT_RAW, &e), ERR_DISK_MISSING);
    make_vm(&f, DISK_FORMAT_RAW);
    lab_run(&f.lab, "rm -f state/images/" BASE ".raw");
    unit_fails(flatten(&f, DISK_FORMAT_RAW, &e), ERR_DISK_MISSING);
    ck_assert(!lab_exists(&f.lab, PART));
}
END_TEST

START_TEST(flattening_larger_than_allowed)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    make_vm(&f, DISK_FORMAT_RAW);
    lab_run(&f.lab, "qemu-img resize -f qcow2 " OVERLAY " 200M; qemu-io -f qcow2 " OVERLAY " -c 'write -P 1 0 100M'");
    f.terms.limits.size_bytes = 1 * MIB;
    unit_fails(flatten(&f, DISK_FORMAT_RAW, &e), ERR_IMAGE_REFUSED);
    ck_assert_msg(strstr(e.msg, "larger than") != NULL, "%s (%s)", e.msg, e.detail);
    ck_assert(!lab_exists(&f.lab, PART));
}
END_TEST

static bool at_once(void *arg)
{
    (void)arg;
    return true;
}

START_TEST(flattening_ends_early)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    make_vm(&f, DISK_FORMAT_RAW);
    f.terms.limits.timeout_ms = 0;
    unit_fails(flatten(&f, DISK_FORMAT_RAW, &e), ERR_TIMEOUT);
    f.terms.limits.timeout_ms = 20000;
    f.terms.watch.is_cancelled = at_once;
    unit_fails(flatten(&f, DISK_FORMAT_RAW, &e), ERR_CANCELLED);
    ck_assert(!lab_exists(&f.lab, PART));
}
END_TEST

TRANSFER_MAIN("disk_foreign", formats_are_converted, streams_are_converted, the_odd_is_refused, the_hostile_is_refused,
              what_qemu_refuses, disks_are_flattened, headers_inside_are_data, rewritten_headers_are_refused,
              flattening_what_is_gone, flattening_larger_than_allowed, flattening_ends_early)
