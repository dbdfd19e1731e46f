/* What is read of state_dir, what is not followed, and what the doctor does to files. */
#define _GNU_SOURCE
#include "disk_lab.h"

#include "disk/facts.h"
#include "disk/quarantine.h"

#define OVERLAY "instances/" VM_ID "/disk.qcow2"

static struct err e = ERR_INIT;

/* A state_dir with an image and a VM on it. */
static struct disk *open_world(const struct lab *l)
{
    struct disk_overlay o = { .vm_id = VM_ID, .image_id = IMAGE_ID, .image_format = DISK_FORMAT_RAW, .size_bytes = 1 << 20 };
    struct disk *d = NULL;

    unit_ok(disk_open(l->dir, &d, &e));
    lab_write(l, "images/" IMAGE_ID ".raw", "12345", 5);
    unit_ok(disk_overlay_create(d, &o, &e));
    return d;
}

static struct disk_facts *read_facts(const struct lab *l)
{
    struct disk_facts *f = NULL;

    unit_ok(disk_facts_read(l->dir, &f, &e));
    return f;
}

START_TEST(every_entry_is_there)
{
    LAB l;
    lab_open(&l);
    disk_close(open_world(&l));
    AUTO(disk_facts) f = read_facts(&l);
    const struct fact_file *image = disk_facts_find(f, "images/" IMAGE_ID ".raw"), *overlay = disk_facts_find(f, OVERLAY);

    ck_assert_ptr_nonnull(image);
    ck_assert(image->is_known && image->kind == FILE_REGULAR && !image->is_qcow2);
    ck_assert_uint_eq(image->size_bytes, 5);
    ck_assert_str_eq(image->owner, IMAGE_ID);
    ck_assert_ptr_nonnull(overlay);
    ck_assert(overlay->is_qcow2 && !overlay->is_marked_bad);
    ck_assert_str_eq(overlay->owner, VM_ID);
    ck_assert_str_eq(overlay->backing_format, "raw");
    ck_assert_ptr_nonnull(strstr(overlay->backing_file, "/images/" IMAGE_ID ".raw"));
    ck_assert_uint_eq(overlay->virtual_size_bytes, 1 << 20);
    ck_assert_ptr_nonnull(disk_facts_find(f, "lock"));
    ck_assert_ptr_null(disk_facts_find(f, "nothing"));
    for (size_t i = 1; i < f->count; i++)
        ck_assert_int_lt(strcmp(f->files[i - 1].path, f->files[i].path), 0);
}
END_TEST

START_TEST(what_is_unknown_is_not_entered)
{
    LAB l;
    lab_open(&l);
    disk_close(open_world(&l));
    AUTO_FREE char *folder = lab_path(&l, "mine"), *link_path = lab_path(&l, "images/" VM_ID ".qcow2");

    ck_assert_int_eq(mkdir(folder, 0700), 0);
    lab_write(&l, "mine/inner", "x", 1);
    ck_assert_int_eq(symlink("/etc/passwd", link_path), 0);
    AUTO(disk_facts) f = read_facts(&l);
    const struct fact_file *mine = disk_facts_find(f, "mine"), *linked = disk_facts_find(f, "images/" VM_ID ".qcow2");

    ck_assert(mine && !mine->is_known && mine->kind == FILE_FOLDER);
    ck_assert_ptr_null(disk_facts_find(f, "mine/inner"));
    ck_assert(linked && !linked->is_known && linked->kind == FILE_OTHER && !linked->is_qcow2 && !linked->unreadable);
}
END_TEST

START_TEST(a_broken_header_is_told)
{
    LAB l;
    lab_open(&l);
    disk_close(open_world(&l));

    lab_write(&l, OVERLAY, "QFI\xfb", 4);
    AUTO(disk_facts) f = read_facts(&l);
    const struct fact_file *overlay = disk_facts_find(f, OVERLAY);
    ck_assert(!overlay->is_qcow2);
    ck_assert_ptr_nonnull(overlay->unreadable);
}
END_TEST

START_TEST(there_must_be_a_folder)
{
    struct disk_facts *f = NULL;

    unit_fails(disk_facts_read("/nonexistent/state", &f, &e), ERR_NOT_FOUND);
}
END_TEST

START_TEST(bytes_have_a_hash)
{
    LAB l;
    lab_open(&l);
    disk_close(open_world(&l));
    AUTO(disk_facts) f = read_facts(&l);
    sha256_text expected, got;

    sha256_of("12345", 5, expected);
    unit_ok(disk_facts_hash(f, "images/" IMAGE_ID ".raw", got, &e));
    ck_assert_str_eq(got, expected);
    unit_fails(disk_facts_hash(f, "images/" VM_ID ".raw", got, &e), ERR_NOT_FOUND);
}
END_TEST

START_TEST(what_is_moved_is_kept)
{
    LAB l;
    lab_open(&l);
    AUTO(disk) d = open_world(&l);

    unit_ok(disk_quarantine(d, "instances/" VM_ID, "now", &e));
    unit_ok(disk_quarantine(d, "instances/" VM_ID, "now", &e)); /* gone already: fine */
    AUTO_FREE char *moved = lab_path(&l, "quarantine/now/instances_" VM_ID "/disk.qcow2"), *was = lab_path(&l, OVERLAY);
    ck_assert_int_eq(access(moved, F_OK), 0);
    ck_assert_int_eq(access(was, F_OK), -1);
    AUTO(disk_facts) f = read_facts(&l);
    ck_assert(disk_facts_find(f, "quarantine")->is_known);
    ck_assert_ptr_null(disk_facts_find(f, "quarantine/now"));
}
END_TEST

START_TEST(the_journal_grows)
{
    LAB l;
    lab_open(&l);
    AUTO(disk) d = open_world(&l);
    AUTO_FREE char *path = lab_path(&l, "doctor.log");
    char text[64] = "";

    unit_ok(disk_journal(d, "one", &e));
    unit_ok(disk_journal(d, "two", &e));
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(read(fd, text, sizeof(text) - 1), 8);
    ck_assert_str_eq(text, "one\ntwo\n");
}
END_TEST

START_TEST(rights_are_only_taken)
{
    LAB l;
    lab_open(&l);
    AUTO(disk) d = open_world(&l);
    AUTO_FREE char *path = lab_path(&l, "images/" IMAGE_ID ".raw");
    struct stat st;

    ck_assert_int_eq(chmod(path, 0642), 0);
    unit_ok(disk_restrict(d, "images/" IMAGE_ID ".raw", 0555, &e));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0440);
    unit_fails(disk_restrict(d, "images/" VM_ID ".raw", 0555, &e), ERR_NOT_FOUND);
}
END_TEST

UNIT_MAIN("disk_facts", every_entry_is_there, what_is_unknown_is_not_entered, a_broken_header_is_told, there_must_be_a_folder,
          bytes_have_a_hash, what_is_moved_is_kept, the_journal_grows, rights_are_only_taken)
