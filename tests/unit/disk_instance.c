/* instance: overlays are made once, whole, and like they were asked for; killed anywhere, the next call mends it; removal takes
 * what is ours. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>

#include "disk_lab.h"

#define FOLDER "state/instances/" VM_ID "/"

static const uint64_t MIB = 1 << 20;

struct fixture {
    struct lab lab;
    struct disk *disk;
    struct disk_overlay overlay;
};

static void fixture_close(struct fixture *f)
{
    disk_close(f->disk);
    lab_close(&f->lab);
}
#define FIXTURE __attribute__((cleanup(fixture_close))) struct fixture

static void fixture_open(struct fixture *f)
{
    lab_open(&f->lab);
    f->disk = lab_disk(&f->lab);
    f->overlay = (struct disk_overlay){ VM_ID, IMAGE_ID, DISK_FORMAT_QCOW2, 10 * MIB };
    lab_run(&f->lab, "cd state/images && qemu-img create -f qcow2 " IMAGE_ID ".qcow2 4M && chmod 444 " IMAGE_ID ".qcow2");
    lab_run(&f->lab, "cksum state/images/* > images.cksum");
}

static void expect_whole(const struct fixture *f)
{
    lab_run(&f->lab, "qemu-img check " FOLDER "disk.qcow2");
    lab_run(&f->lab, "qemu-img compare " FOLDER "disk.qcow2 state/images/" IMAGE_ID ".qcow2");
    lab_run(&f->lab, "qemu-img info --output=json " FOLDER "disk.qcow2 | grep '\"virtual-size\": 10485760'");
    lab_run(&f->lab, "test \"$(ls -A " FOLDER " | tr '\\n' ' ')\" = 'console.log disk.qcow2 '");
    lab_run(&f->lab, "cksum state/images/* | cmp - images.cksum");
}

START_TEST(create)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    (void)umask(022);
    unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
    expect_whole(&f);
    ck_assert_uint_eq(lab_mode(&f.lab, FOLDER), 0711);
    /* The middle digit is an access list's mask: one more user, ourselves, may read. */
    ck_assert_uint_eq(lab_mode(&f.lab, FOLDER "disk.qcow2"), geteuid() == 0 ? 0600 : 0640);
    ck_assert_uint_eq(lab_mode(&f.lab, FOLDER "console.log"), 0600);
    ck_assert_int_eq(lab_size(&f.lab, FOLDER "console.log"), 0);
    unit_ok(disk_overlay_check(f.disk, VM_ID, &e));
}
END_TEST

START_TEST(create_again)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
    lab_run(&f.lab, "qemu-io -c 'write -P 3 0 64k' " FOLDER "disk.qcow2 && echo booted > " FOLDER "console.log");
    unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
    lab_run(&f.lab, "qemu-io -c 'read -P 3 0 64k' " FOLDER "disk.qcow2 && grep booted " FOLDER "console.log");

    struct disk_overlay other = f.overlay;
    other.size_bytes += 512;
    unit_fails(disk_overlay_create(f.disk, &other, &e), ERR_CONFLICT);
    lab_run(&f.lab, "qemu-img create state/images/" IMAGE_ID ".raw 1M");
    other = f.overlay;
    other.image_format = DISK_FORMAT_RAW;
    unit_fails(disk_overlay_create(f.disk, &other, &e), ERR_CONFLICT);
    lab_run(&f.lab, "qemu-io -c 'read -P 3 0 64k' " FOLDER "disk.qcow2 && echo torn > " FOLDER "disk.qcow2");
    unit_fails(disk_overlay_create(f.disk, &f.overlay, &e), ERR_CONFLICT);
}
END_TEST

START_TEST(create_over_remains)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    lab_run(&f.lab, "mkdir -m 700 " FOLDER " && echo torn > " FOLDER "disk.qcow2.tmp");
    unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
    expect_whole(&f);
    ck_assert_uint_eq(lab_mode(&f.lab, FOLDER), 0711);
}
END_TEST

START_TEST(create_follows_no_symlink)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    lab_run(&f.lab, "mkdir " FOLDER " victim && ln -s ../../../victim/tmp " FOLDER "disk.qcow2.tmp");
    unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
    expect_whole(&f);
    lab_run(&f.lab, "rm " FOLDER "disk.qcow2 && ln -s ../../../victim/disk " FOLDER "disk.qcow2");
    ck_assert_int_eq(disk_overlay_create(f.disk, &f.overlay, &e), -1);
    lab_run(&f.lab, "rm -r " FOLDER " && ln -s ../../victim state/instances/" VM_ID);
    ck_assert_int_eq(disk_overlay_create(f.disk, &f.overlay, &e), -1);
    ck_assert_int_eq(disk_instance_remove(f.disk, VM_ID, NULL, &e), -1);
    lab_run(&f.lab, "test -z \"$(ls -A victim)\"");
}
END_TEST

START_TEST(create_wants_its_image)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    f.overlay.size_bytes = 4 * MIB - 1;
    unit_fails(disk_overlay_create(f.disk, &f.overlay, &e), ERR_INVALID);
    f.overlay.size_bytes = 10 * MIB;
    f.overlay.image_format = DISK_FORMAT_RAW;
    unit_fails(disk_overlay_create(f.disk, &f.overlay, &e), ERR_IMAGE_NOT_FOUND);
    lab_run(&f.lab, "ln -s /etc/passwd state/images/" IMAGE_ID ".raw");
    unit_fails(disk_overlay_create(f.disk, &f.overlay, &e), ERR_IMAGE_NOT_FOUND);
    f.overlay.image_id = "../" IMAGE_ID;
    unit_fails(disk_overlay_create(f.disk, &f.overlay, &e), ERR_INTERNAL);
    f.overlay.image_id = IMAGE_ID;
    f.overlay.image_format = DISK_FORMAT_QCOW2;
    f.overlay.vm_id = "..";
    unit_fails(disk_overlay_create(f.disk, &f.overlay, &e), ERR_INTERNAL);
    ck_assert(!lab_exists(&f.lab, FOLDER));
}
END_TEST

START_TEST(check)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;
    static const char *const faults[] = {
        "rm -r " FOLDER,
        "rm " FOLDER "disk.qcow2",
        "echo > " FOLDER "disk.qcow2",
        "rm " FOLDER "disk.qcow2 && mkdir " FOLDER "disk.qcow2",
        "qemu-img create -f qcow2 " FOLDER "disk.qcow2 10M",
        "qemu-img rebase -u -b /etc/passwd -F raw " FOLDER "disk.qcow2",
        "qemu-img rebase -u -b $PWD/state/images/../images/" IMAGE_ID ".qcow2 -F qcow2 " FOLDER "disk.qcow2",
        "qemu-img rebase -u -b $PWD/state/images/" IMAGE_ID ".qcow2 -F raw " FOLDER "disk.qcow2",
        "rm -f state/images/" IMAGE_ID ".qcow2",
    };

    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        lab_run(&f.lab, "rm -rf " FOLDER);
        unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
        unit_ok(disk_overlay_check(f.disk, VM_ID, &e));
        lab_run(&f.lab, "%s", faults[i]);
        ck_assert_msg(disk_overlay_check(f.disk, VM_ID, &e) == -1, "%s", faults[i]);
        ck_assert_int_eq(e.code, ERR_DISK_MISSING);
    }
}
END_TEST

START_TEST(removal)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;
    uint32_t left = 9;

    unit_ok(disk_instance_remove(f.disk, VM_ID, &left, &e));
    ck_assert_uint_eq(left, 0);
    unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
    lab_run(&f.lab, "cd " FOLDER " && touch console.log.0 console.log.2 seed.iso disk.qcow2.tmp");
    unit_ok(disk_instance_remove(f.disk, VM_ID, &left, &e));
    ck_assert_uint_eq(left, 0);
    ck_assert(!lab_exists(&f.lab, FOLDER));
    unit_ok(disk_instance_remove(f.disk, VM_ID, NULL, &e));
    unit_fails(disk_instance_remove(f.disk, ".", NULL, &e), ERR_INTERNAL);
    unit_fails(disk_instance_remove(f.disk, "", NULL, &e), ERR_INTERNAL);
}
END_TEST

START_TEST(removal_leaves_strangers)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;
    uint32_t left = 9;

    unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
    lab_run(&f.lab, "cd " FOLDER " && echo mine > notes && mkdir console.log.1 && ln -s /etc/passwd link");
    unit_ok(disk_instance_remove(f.disk, VM_ID, &left, &e));
    ck_assert_uint_eq(left, 3);
    lab_run(&f.lab,
            "cd " FOLDER " && grep mine notes && test -d console.log.1 -a -h link -a ! -e disk.qcow2 -a ! -e console.log");
    lab_run(&f.lab, "cd " FOLDER " && rm notes link && rmdir console.log.1");
    unit_ok(disk_instance_remove(f.disk, VM_ID, &left, &e));
    ck_assert_uint_eq(left, 0);
    ck_assert(!lab_exists(&f.lab, FOLDER));
}
END_TEST

START_TEST(removal_follows_no_symlink)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;
    uint32_t left = 9;

    unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
    lab_run(&f.lab, "mkdir victim && echo theirs > victim/disk && cp -p victim/disk victim/before");
    lab_run(&f.lab, "ln -sf ../../../victim/disk " FOLDER "disk.qcow2 && ln -sf /nowhere " FOLDER "seed.iso");
    unit_ok(disk_instance_remove(f.disk, VM_ID, &left, &e));
    ck_assert_uint_eq(left, 0);
    ck_assert(!lab_exists(&f.lab, FOLDER));
    lab_run(&f.lab, "cmp victim/disk victim/before");
}
END_TEST

/* A file size limit stands in for a full disk: the write fails in the middle. */
START_TEST(failed_writes_leave_no_overlay)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;
    struct rlimit none = { 0, RLIM_INFINITY }, before;

    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    none.rlim_max = before.rlim_max;
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    int rc = disk_overlay_create(f.disk, &f.overlay, &e);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_eq(rc, -1);
    lab_run(&f.lab, "test \"$(ls -A " FOLDER ")\" = console.log");
    unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
    expect_whole(&f);
}
END_TEST

#ifdef COMPUTED_FAILPOINTS

static const char *const create_points[] = {
    "disk.instance_mkdir.before",      "disk.instance_mkdir.after",      "disk.instance_mkdir_sync.before",
    "disk.instance_mkdir_sync.after",  "disk.console_create.before",     "disk.console_create.after",
    "disk.overlay_write.before",       "disk.overlay_write.after",       "disk.overlay_sync.before",
    "disk.overlay_sync.after",         "disk.overlay_rename.before",     "disk.overlay_rename.after",
    "disk.overlay_folder_sync.before", "disk.overlay_folder_sync.after",
};
static const char *const remove_points[] = {
    "disk.instance_unlink.before", "disk.instance_unlink.after",       "disk.instance_rmdir.before",
    "disk.instance_rmdir.after",   "disk.instance_remove_sync.before", "disk.instance_remove_sync.after",
};

static void create_in_child(const void *arg)
{
    const struct fixture *f = arg;
    struct err e = ERR_INIT;

    (void)disk_overlay_create(f->disk, &f->overlay, &e);
}

static void remove_in_child(const void *arg)
{
    const struct fixture *f = arg;
    struct err e = ERR_INIT;

    (void)disk_instance_remove(f->disk, VM_ID, NULL, &e);
}

START_TEST(killed_creates_are_finished_or_undone)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    for (size_t i = 0; i < 2 * ARRAY_LEN(create_points); i++) {
        lab_arm(&f.lab, create_points[i / 2], "die");
        ck_assert_int_eq(unit_signal_of(create_in_child, &f), SIGKILL);
        lab_arm(&f.lab, NULL, NULL);
        if (i % 2 == 0) {
            unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
            expect_whole(&f);
        }
        unit_ok(disk_instance_remove(f.disk, VM_ID, NULL, &e));
        ck_assert(!lab_exists(&f.lab, FOLDER));
    }
}
END_TEST

START_TEST(failed_creates_are_finished)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(create_points); i++) {
        lab_arm(&f.lab, create_points[i], "error(disk_full)");
        unit_fails(disk_overlay_create(f.disk, &f.overlay, &e), ERR_DISK_FULL);
        ck_assert(!lab_exists(&f.lab, FOLDER "disk.qcow2.tmp"));
        lab_arm(&f.lab, NULL, NULL);
        unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
        expect_whole(&f);
        unit_ok(disk_instance_remove(f.disk, VM_ID, NULL, &e));
    }
}
END_TEST

START_TEST(killed_removals_are_finished)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(remove_points); i++) {
        unit_ok(disk_overlay_create(f.disk, &f.overlay, &e));
        lab_arm(&f.lab, remove_points[i], "die");
        ck_assert_int_eq(unit_signal_of(remove_in_child, &f), SIGKILL);
        lab_arm(&f.lab, NULL, NULL);
        unit_ok(disk_instance_remove(f.disk, VM_ID, NULL, &e));
        ck_assert(!lab_exists(&f.lab, FOLDER));
    }
}
END_TEST

UNIT_MAIN("disk_instance", create, create_again, create_over_remains, create_follows_no_symlink, create_wants_its_image, check,
          removal, removal_leaves_strangers, removal_follows_no_symlink, failed_writes_leave_no_overlay,
          killed_creates_are_finished_or_undone, failed_creates_are_finished, killed_removals_are_finished)

#else

UNIT_MAIN("disk_instance", create, create_again, create_over_remains, create_follows_no_symlink, create_wants_its_image, check,
          removal, removal_leaves_strangers, removal_follows_no_symlink, failed_writes_leave_no_overlay)

#endif
