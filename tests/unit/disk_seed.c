/* seed: the image holds what it was given, under names and a label that a guest finds; it is ours alone to read; killed anywhere,
 * there is the old one, the new one or none, and the next call makes it. */
#define _GNU_SOURCE
#include <archive.h>
#include <archive_entry.h>
#include <signal.h>
#include <sys/resource.h>

#include "disk_lab.h"

#include "disk/seed.h"

#define FOLDER "state/instances/" VM_ID "/"
#define ISO    FOLDER "seed.iso"

static const char meta_data[] = "instance-id: " VM_ID "\n";
static const char user_data[] = "#cloud-config\n\xc3\xa4\0\xff";
static const struct seed_file cidata_files[] = {
    { "meta-data", meta_data, sizeof(meta_data) - 1 },
    { "user-data", user_data, sizeof(user_data) - 1 },
    { "network-config", "version: 2\n", 11 },
    { "vendor-data", "", 0 },
};
static const struct seed_image cidata = { VM_ID, "cidata", cidata_files, ARRAY_LEN(cidata_files) };
static const struct seed_file drive_files[] = {
    { "openstack/latest/meta_data.json", "{}", 2 },
    { "openstack/latest/user_data", user_data, sizeof(user_data) - 1 },
    { "openstack/content/0000", "x", 1 },
};
static const struct seed_image drive = { VM_ID, "config-2", drive_files, ARRAY_LEN(drive_files) };

struct fixture {
    struct lab lab;
    struct disk *disk;
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
    lab_run(&f->lab, "mkdir " FOLDER);
}

/* ---- reading back ---- */

static void expect_file(struct archive *a, struct archive_entry *entry, const struct seed_image *s)
{
    const struct seed_file *f = s->files;
    char content[1 << 17];

    while (f < s->files + s->file_count && strcmp(f->path, archive_entry_pathname(entry)) != 0)
        f++;
    ck_assert_msg(f < s->files + s->file_count, "%s is in the image", archive_entry_pathname(entry));
    ck_assert_int_eq(archive_entry_filetype(entry), AE_IFREG);
    ck_assert_int_eq(archive_entry_mtime(entry), 0);
    ck_assert_int_eq(archive_read_data(a, content, sizeof(content)), (la_ssize_t)f->len);
    ck_assert_mem_eq(content, f->data, f->len);
}

/* By the names of one extension only: `without` is the other. */
static void expect_files(const struct fixture *f, const struct seed_image *s, const char *without)
{
    AUTO_CLOSE int fd = lab_fd(&f->lab, ISO, O_RDONLY);
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    size_t count = 0;
    int rc;

    ck_assert_int_eq(archive_read_support_format_iso9660(a), ARCHIVE_OK);
    ck_assert_int_eq(archive_read_set_format_option(a, "iso9660", without, NULL), ARCHIVE_OK);
    ck_assert_int_eq(archive_read_open_fd(a, fd, 2048), ARCHIVE_OK);
    while ((rc = archive_read_next_header(a, &entry)) == ARCHIVE_OK) {
        if (archive_entry_filetype(entry) == AE_IFDIR)
            continue;
        expect_file(a, entry, s);
        count++;
    }
    ck_assert_msg(rc == ARCHIVE_EOF, "%s", archive_error_string(a));
    ck_assert_uint_eq(count, s->file_count);
    ck_assert_int_eq(archive_read_free(a), ARCHIVE_OK);
}

/* blkid is what guests ask for the label. */
static void expect_seed(const struct fixture *f, const struct seed_image *s)
{
    AUTO_FREE char *label = lab_must(&f->lab, "PATH=$PATH:/sbin blkid -p -o value -s LABEL " ISO);

    label[strcspn(label, "\n")] = '\0';
    ck_assert_str_eq(label, s->label);
    expect_files(f, s, "joliet");
    expect_files(f, s, "rockridge");
    ck_assert_uint_eq(lab_mode(&f->lab, ISO), 0600);
    lab_run(&f->lab, "test \"$(ls -A " FOLDER ")\" = seed.iso");
}

START_TEST(write_and_replace)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    (void)umask(0);
    unit_ok(disk_seed_write(f.disk, &cidata, &e));
    expect_seed(&f, &cidata);
    ck_assert_int_lt(lab_size(&f.lab, ISO), 100000);
    unit_ok(disk_seed_write(f.disk, &cidata, &e));
    expect_seed(&f, &cidata);
    lab_run(&f.lab, "chmod 644 " ISO);
    unit_ok(disk_seed_write(f.disk, &drive, &e));
    expect_seed(&f, &drive);
}
END_TEST

/* The largest user-data there is. */
START_TEST(large_files)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;
    static char large[64 << 10];
    struct seed_file files[] = { { "user-data", large, sizeof(large) }, cidata_files[0] };
    struct seed_image s = { VM_ID, "cidata", files, ARRAY_LEN(files) };

    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i * 31 >> 3);
    unit_ok(disk_seed_write(f.disk, &s, &e));
    expect_seed(&f, &s);
}
END_TEST

START_TEST(remains_and_strangers)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    lab_run(&f.lab, "echo torn > " ISO ".tmp");
    unit_ok(disk_seed_write(f.disk, &cidata, &e));
    expect_seed(&f, &cidata);
    lab_run(&f.lab, "echo old > target && ln -s ../../../target " ISO ".tmp && ln -sf ../../../target " ISO);
    unit_ok(disk_seed_write(f.disk, &cidata, &e));
    expect_seed(&f, &cidata);
    lab_run(&f.lab, "grep old target && test ! -h " ISO);
    lab_run(&f.lab, "mkdir " ISO ".tmp");
    unit_fails(disk_seed_write(f.disk, &cidata, &e), ERR_INTERNAL);
    ck_assert_ptr_null(strstr(e.msg, "seed.iso"));
}
END_TEST

START_TEST(wants_its_folder)
{
    FIXTURE f;
    fixture_open(&f);
    struct seed_image s = cidata;
    struct err e = ERR_INIT;
    AUTO_FREE char *path = disk_seed_path(f.disk, VM_ID), *said = lab_path(&f.lab, ISO);

    ck_assert_str_eq(path, said);
    lab_run(&f.lab, "rmdir " FOLDER);
    unit_fails(disk_seed_write(f.disk, &cidata, &e), ERR_DISK_MISSING);
    s.vm_id = "..";
    unit_fails(disk_seed_write(f.disk, &s, &e), ERR_INTERNAL);
}
END_TEST

START_TEST(is_removed_with_its_vm)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;
    uint32_t left = 9;

    unit_ok(disk_seed_write(f.disk, &cidata, &e));
    lab_run(&f.lab, "touch " ISO ".tmp");
    unit_ok(disk_instance_remove(f.disk, VM_ID, &left, &e));
    ck_assert_uint_eq(left, 0);
    ck_assert(!lab_exists(&f.lab, FOLDER));
}
END_TEST

/* A file size limit stands in for a full disk: the write fails in the middle. */
START_TEST(failed_writes_leave_the_old_one)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;
    struct rlimit little = { 40000, RLIM_INFINITY }, before;

    unit_ok(disk_seed_write(f.disk, &cidata, &e));
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    little.rlim_max = before.rlim_max;
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    int rc = disk_seed_write(f.disk, &drive, &e);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_eq(rc, -1);
    ck_assert_str_eq(e.msg, "the seed cannot be written");
    expect_seed(&f, &cidata);
}
END_TEST

/* The temporary file that libarchive needs is refused, after what it needs before: a whole image or none, and no leak. */
START_TEST(descriptors_run_out)
{
    FIXTURE f;
    fixture_open(&f);
    struct rlimit before, few;
    uint32_t written = 0;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    ck_assert_int_gt(next, 0);
    (void)close(next);
    for (rlim_t spare = 0; spare < 8; spare++) {
        struct err e = ERR_INIT;

        few = (struct rlimit){ (rlim_t)next + spare, before.rlim_max };
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
        int rc = disk_seed_write(f.disk, &cidata, &e);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        ck_assert(rc == 0 || e.code == ERR_UNAVAILABLE);
        ck_assert(!lab_exists(&f.lab, ISO ".tmp"));
        if (rc == 0) {
            written++;
            expect_seed(&f, &cidata);
        }
    }
    ck_assert_uint_gt(written, 0);
    ck_assert_uint_lt(written, 8);
}
END_TEST

#ifdef COMPUTED_FAILPOINTS

static const char *const points[] = {
    "disk.seed_write.before",  "disk.seed_write.after",  "disk.seed_sync.before",        "disk.seed_sync.after",
    "disk.seed_rename.before", "disk.seed_rename.after", "disk.seed_folder_sync.before", "disk.seed_folder_sync.after",
};
enum { RENAMED = 5 }; /* from this point on the new one is there */

static void replace_in_child(const void *arg)
{
    const struct fixture *f = arg;
    struct err e = ERR_INIT;

    (void)disk_seed_write(f->disk, &drive, &e);
}

START_TEST(killed_writes_leave_a_whole_one)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        unit_ok(disk_seed_write(f.disk, &cidata, &e));
        lab_arm(&f.lab, points[i], "die");
        ck_assert_int_eq(unit_signal_of(replace_in_child, &f), SIGKILL);
        lab_arm(&f.lab, NULL, NULL);
        expect_files(&f, i < RENAMED ? &cidata : &drive, "joliet");
        unit_ok(disk_seed_write(f.disk, &drive, &e));
        expect_seed(&f, &drive);
    }
}
END_TEST

START_TEST(failed_writes_clear_up)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        unit_ok(disk_seed_write(f.disk, &cidata, &e));
        lab_arm(&f.lab, points[i], "error(disk_full)");
        unit_fails(disk_seed_write(f.disk, &drive, &e), ERR_DISK_FULL);
        lab_arm(&f.lab, NULL, NULL);
        expect_seed(&f, i < RENAMED ? &cidata : &drive);
    }
}
END_TEST

UNIT_MAIN("disk_seed", write_and_replace, large_files, remains_and_strangers, wants_its_folder, is_removed_with_its_vm,
          failed_writes_leave_the_old_one, descriptors_run_out, killed_writes_leave_a_whole_one, failed_writes_clear_up)

#else

UNIT_MAIN("disk_seed", write_and_replace, large_files, remains_and_strangers, wants_its_folder, is_removed_with_its_vm,
          failed_writes_leave_the_old_one)

#endif
