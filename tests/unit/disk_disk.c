/* disk: state_dir is made, opened once, judged empty, and searched for what is not ours. */
#define _GNU_SOURCE
#include "disk_lab.h"

START_TEST(open_makes_folders)
{
    LAB l;
    lab_open(&l);
    AUTO(disk) d = NULL;
    AUTO_FREE char *path = lab_path(&l, "state");

    (void)umask(077);
    d = lab_disk(&l);
    ck_assert_uint_eq(lab_mode(&l, "state"), 0711);
    ck_assert_uint_eq(lab_mode(&l, "state/images"), 0711);
    ck_assert_uint_eq(lab_mode(&l, "state/instances"), 0711);
    ck_assert_str_eq(disk_state_dir(d), path);
}
END_TEST

START_TEST(open_adds_passage_and_keeps_the_rest)
{
    LAB l;
    lab_open(&l);

    lab_run(&l, "mkdir -m 700 state && mkdir -m 755 state/images && mkdir -m 2700 state/instances");
    disk_close(lab_disk(&l));
    ck_assert_uint_eq(lab_mode(&l, "state"), 0711);
    ck_assert_uint_eq(lab_mode(&l, "state/images"), 0755);
    ck_assert_uint_eq(lab_mode(&l, "state/instances"), 02711);
}
END_TEST

START_TEST(lock_lets_one_in)
{
    LAB l;
    lab_open(&l);
    AUTO_FREE char *path = lab_path(&l, "state");
    struct disk *second = NULL;
    struct err e = ERR_INIT;

    AUTO(disk) first = lab_disk(&l);
    unit_fails(disk_open(path, &second, &e), ERR_CONFLICT);
    ck_assert_ptr_null(second);
    disk_close(TAKE(first));
    unit_ok(disk_open(path, &second, &e));
    disk_close(second);
    disk_close(NULL);
}
END_TEST

START_TEST(symlinks_lead_nowhere)
{
    static const char *const inside[] = { "lock", "images", "instances" };
    struct err e = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        LAB l;
        lab_open(&l);
        AUTO_FREE char *path = lab_path(&l, "state");
        AUTO(disk) d = NULL;

        lab_run(&l, "mkdir state elsewhere && ln -s ../elsewhere state/%s", inside[i]);
        ck_assert_int_eq(disk_open(path, &d, &e), -1);
        lab_run(&l, "test -z \"$(ls -A elsewhere)\"");
    }
}
END_TEST

START_TEST(state_dir_itself_may_be_a_symlink)
{
    LAB l;
    lab_open(&l);
    AUTO_FREE char *real = lab_path(&l, "elsewhere");

    lab_run(&l, "mkdir elsewhere && ln -s elsewhere state");
    AUTO(disk) d = lab_disk(&l);
    ck_assert_str_eq(disk_state_dir(d), real);
}
END_TEST

START_TEST(missing_parent_is_an_error)
{
    struct disk *d = NULL;
    struct err e = ERR_INIT;

    unit_fails(disk_open("/nowhere/at/all", &d, &e), ERR_INTERNAL);
    ck_assert_ptr_null(strstr(e.msg, "nowhere"));
}
END_TEST

START_TEST(emptiness)
{
    LAB l;
    lab_open(&l);
    AUTO(disk) d = lab_disk(&l);
    bool is_empty = false;
    struct err e = ERR_INIT;

    lab_run(&l, "touch state/computed.db");
    unit_ok(disk_is_empty(d, &is_empty, &e));
    ck_assert(is_empty);
    lab_run(&l, "touch state/images/x");
    unit_ok(disk_is_empty(d, &is_empty, &e));
    ck_assert(!is_empty);
    lab_run(&l, "rm state/images/x && mkdir state/instances/y");
    unit_ok(disk_is_empty(d, &is_empty, &e));
    ck_assert(!is_empty);
}
END_TEST

static void collect(void *arg, const char *path)
{
    buf_addf(arg, "%s\n", path);
}

/* What the scan reports, one a line, sorted. */
static char *unknown(const struct lab *l, struct disk *d)
{
    AUTO_BUF found = { 0 };
    struct err e = ERR_INIT;

    unit_ok(disk_scan_unknown(d, collect, &found, &e));
    lab_write(l, "found", found.data ? found.data : "", found.len);
    return lab_must(l, "LC_ALL=C sort found");
}

START_TEST(scan_knows_ours)
{
    LAB l;
    lab_open(&l);
    AUTO(disk) d = lab_disk(&l);

    lab_run(&l, "cd state && touch computed.db computed.db-wal computed.db-shm computed.db.before-12 && mkdir -p probe/x "
                "instances/" VM_ID);
    lab_run(&l, "cd state/images && touch " IMAGE_ID ".qcow2 " IMAGE_ID ".raw " IMAGE_ID ".part " IMAGE_ID ".fetch");
    lab_run(&l,
            "cd state/instances/" VM_ID " && touch disk.qcow2 disk.qcow2.tmp console.log console.log.0 console.log.9 seed.iso "
            "seed.iso.tmp");
    AUTO_FREE char *found = unknown(&l, d);
    ck_assert_str_eq(found, "");
}
END_TEST

START_TEST(scan_reports_the_rest)
{
    LAB l;
    lab_open(&l);
    AUTO(disk) d = lab_disk(&l);

    lab_run(&l, "cd state && touch computed.db.before- computed.db.before-x computed.dbx notes && mkdir -p instances/" VM_ID);
    lab_run(&l, "cd state/images && touch " IMAGE_ID ".vmdk " IMAGE_ID "qcow2 " IMAGE_ID
                ".qcow2.bak AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE.raw x");
    lab_run(&l, "mkdir state/images/" IMAGE_ID ".raw && ln -s /dev/null state/computed.db-wal");
    lab_run(&l, "cd state/instances && touch file && mkdir web && cd " VM_ID
                " && touch console.log.10 console.log. x && mkdir seed.iso");
    AUTO_FREE char *found = unknown(&l, d);
    ck_assert_str_eq(found, "computed.db-wal\n"
                            "computed.db.before-\n"
                            "computed.db.before-x\n"
                            "computed.dbx\n"
                            "images/AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE.raw\n"
                            "images/" IMAGE_ID ".qcow2.bak\n"
                            "images/" IMAGE_ID ".raw\n"
                            "images/" IMAGE_ID ".vmdk\n"
                            "images/" IMAGE_ID "qcow2\n"
                            "images/x\n"
                            "instances/" VM_ID "/console.log.\n"
                            "instances/" VM_ID "/console.log.10\n"
                            "instances/" VM_ID "/seed.iso\n"
                            "instances/" VM_ID "/x\n"
                            "instances/file\n"
                            "instances/web\n"
                            "notes\n");
}
END_TEST

START_TEST(space_and_paths)
{
    LAB l;
    lab_open(&l);
    AUTO(disk) d = lab_disk(&l);
    struct disk_space space = { 0 };
    struct err e = ERR_INIT;
    AUTO_FREE char *image = disk_image_path(d, IMAGE_ID, DISK_FORMAT_RAW), *overlay = disk_overlay_path(d, VM_ID),
                   *console = disk_console_path(d, VM_ID);
    AUTO_FREE char *image_said = lab_path(&l, "state/images/" IMAGE_ID ".raw");
    AUTO_FREE char *overlay_said = lab_path(&l, "state/instances/" VM_ID "/disk.qcow2");
    AUTO_FREE char *console_said = lab_path(&l, "state/instances/" VM_ID "/console.log");

    unit_ok(disk_space(d, &space, &e));
    ck_assert_uint_gt(space.free_bytes, 0);
    ck_assert_uint_ge(space.total_bytes, space.free_bytes);
    AUTO_FREE char *total = lab_must(&l, "echo $(($(stat -f -c '%%b * %%S' state)))");
    ck_assert_uint_eq(space.total_bytes, strtoull(total, NULL, 10));
    ck_assert_str_eq(image, image_said);
    ck_assert_str_eq(overlay, overlay_said);
    ck_assert_str_eq(console, console_said);
}
END_TEST

UNIT_MAIN("disk_disk", open_makes_folders, open_adds_passage_and_keeps_the_rest, lock_lets_one_in, symlinks_lead_nowhere,
          state_dir_itself_may_be_a_symlink, missing_parent_is_an_error, emptiness, scan_knows_ours, scan_reports_the_rest,
          space_and_paths)
