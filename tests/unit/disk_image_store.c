/* image_store: bytes come in, are judged and hashed, and then never change; what fails or dies on the way leaves nothing in the
 * way. */
#define _GNU_SOURCE
#include <signal.h>

#include "disk_lab.h"

#include "base/hash.h"

#define OTHER_ID "99999999-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define PART     "state/images/" IMAGE_ID ".part"
#define RAW      "state/images/" IMAGE_ID ".raw"
#define QCOW2    "state/images/" IMAGE_ID ".qcow2"

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
}

static void upload(const struct fixture *f, const char *content, size_t len)
{
    AUTO(disk_upload) u = NULL;
    struct err e = ERR_INIT;

    unit_ok(disk_upload_begin(f->disk, IMAGE_ID, &u, &e));
    unit_ok(disk_upload_write(u, content, len / 2, &e));
    unit_ok(disk_upload_write(u, content + len / 2, len - len / 2, &e));
    unit_ok(disk_upload_finish(u, &e));
}

static int seal(const struct fixture *f, enum disk_format format, struct image_facts *facts, struct err *e)
{
    return disk_image_seal(f->disk, IMAGE_ID, format, NULL, NULL, facts, e);
}

static void expect_sealed(const struct fixture *f, const char *content, size_t len)
{
    struct image_facts facts = { 0 };
    struct err e = ERR_INIT;
    sha256_text hash;

    sha256_of(content, len, hash);
    unit_ok(seal(f, DISK_FORMAT_RAW, &facts, &e));
    ck_assert_str_eq(facts.sha256, hash);
    ck_assert_uint_eq(facts.size_bytes, len);
    ck_assert_uint_eq(facts.virtual_size_bytes, (len + 511) / 512 * 512);
    ck_assert_int_eq(lab_size(&f->lab, RAW), (long long)len);
    ck_assert_uint_eq(lab_mode(&f->lab, RAW), 0444);
    ck_assert(!lab_exists(&f->lab, PART));
}

START_TEST(upload_and_seal)
{
    FIXTURE f;
    fixture_open(&f);

    upload(&f, "some bytes", 10);
    ck_assert_uint_eq(lab_mode(&f.lab, PART), 0600);
    expect_sealed(&f, "some bytes", 10);
    expect_sealed(&f, "some bytes", 10);
}
END_TEST

/* Around the size of the blocks that are hashed. */
START_TEST(large_images)
{
    static const size_t sizes[] = { (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20 };
    char *content = malloc(3 << 20);
    FIXTURE f;
    struct err e = ERR_INIT;

    fixture_open(&f);
    memset(content, 'x', 3 << 20);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        upload(&f, content, sizes[i]);
        expect_sealed(&f, content, sizes[i]);
        unit_ok(disk_image_remove(f.disk, IMAGE_ID, &e));
    }
    free(content);
}
END_TEST

START_TEST(seal_qcow2)
{
    FIXTURE f;
    fixture_open(&f);
    struct image_facts facts = { 0 };
    struct err e = ERR_INIT;

    lab_run(&f.lab, "qemu-img create -f qcow2 " PART " 5M && sha256sum < " PART " > sum");
    unit_ok(seal(&f, DISK_FORMAT_QCOW2, &facts, &e));
    ck_assert_uint_eq(facts.virtual_size_bytes, 5 << 20);
    lab_run(&f.lab, "test $(cut -c 1-64 sum) = %s && sha256sum < " QCOW2 " | cmp - sum", facts.sha256);
}
END_TEST

START_TEST(refused_images_stay_unsealed)
{
    FIXTURE f;
    fixture_open(&f);
    struct image_facts facts = { .size_bytes = 77 };
    struct err e = ERR_INIT;

    upload(&f, "QFI\xfb", 4);
    unit_fails(seal(&f, DISK_FORMAT_RAW, &facts, &e), ERR_IMAGE_REFUSED);
    unit_fails(seal(&f, DISK_FORMAT_QCOW2, &facts, &e), ERR_IMAGE_REFUSED);
    upload(&f, "", 0);
    unit_fails(seal(&f, DISK_FORMAT_RAW, &facts, &e), ERR_IMAGE_REFUSED);
    ck_assert_uint_eq(facts.size_bytes, 77);
    ck_assert(lab_exists(&f.lab, PART) && !lab_exists(&f.lab, RAW) && !lab_exists(&f.lab, QCOW2));
    unit_ok(disk_image_remove(f.disk, IMAGE_ID, &e));
    unit_fails(seal(&f, DISK_FORMAT_RAW, &facts, &e), ERR_IMAGE_NOT_FOUND);
}
END_TEST

START_TEST(one_upload_at_a_time)
{
    FIXTURE f;
    fixture_open(&f);
    struct image_facts facts;
    struct err e = ERR_INIT;
    AUTO(disk_upload) first = NULL;
    AUTO(disk_upload) second = NULL;
    AUTO(disk_upload) other = NULL;

    lab_run(&f.lab, "echo left over > " PART);
    unit_ok(disk_upload_begin(f.disk, IMAGE_ID, &first, &e));
    ck_assert_int_eq(lab_size(&f.lab, PART), 0);
    unit_fails(disk_upload_begin(f.disk, IMAGE_ID, &second, &e), ERR_CONFLICT);
    unit_fails(seal(&f, DISK_FORMAT_RAW, &facts, &e), ERR_CONFLICT);
    unit_ok(disk_upload_begin(f.disk, OTHER_ID, &other, &e));
    unit_ok(disk_upload_write(first, "x", 1, &e));
    disk_upload_free(TAKE(first));
    ck_assert(!lab_exists(&f.lab, PART));
    unit_ok(disk_upload_begin(f.disk, IMAGE_ID, &second, &e));
    disk_upload_free(TAKE(second));
    disk_upload_free(TAKE(other));
    unit_fails(disk_upload_begin(f.disk, "x/../y", &first, &e), ERR_INTERNAL);
}
END_TEST

START_TEST(sealed_bytes_never_change)
{
    FIXTURE f;
    fixture_open(&f);
    struct image_facts facts;
    struct err e = ERR_INIT;
    AUTO(disk_upload) u = NULL;

    upload(&f, "one", 3);
    expect_sealed(&f, "one", 3);
    unit_fails(disk_upload_begin(f.disk, IMAGE_ID, &u, &e), ERR_CONFLICT);
    lab_run(&f.lab, "echo two > " PART);
    unit_fails(seal(&f, DISK_FORMAT_RAW, &facts, &e), ERR_CONFLICT);
    lab_run(&f.lab, "grep one " RAW);
}
END_TEST

START_TEST(symlinks_are_not_followed)
{
    FIXTURE f;
    fixture_open(&f);
    struct image_facts facts;
    struct err e = ERR_INIT;

    lab_run(&f.lab, "echo victim > victim && ln -s ../../victim " PART);
    ck_assert_int_eq(seal(&f, DISK_FORMAT_RAW, &facts, &e), -1);
    upload(&f, "x", 1);
    expect_sealed(&f, "x", 1);
    lab_run(&f.lab, "grep victim victim && test $(stat -c %%a victim) != 444");
}
END_TEST

static bool cancel_third(void *arg)
{
    return ++*(int *)arg == 3;
}

START_TEST(cancelled_seals)
{
    FIXTURE f;
    fixture_open(&f);
    struct image_facts facts;
    struct err e = ERR_INIT;
    int asked = 0;

    lab_run(&f.lab, "truncate -s 5M " PART);
    unit_fails(disk_image_seal(f.disk, IMAGE_ID, DISK_FORMAT_RAW, cancel_third, &asked, &facts, &e), ERR_CANCELLED);
    ck_assert_int_eq(asked, 3);
    ck_assert(lab_exists(&f.lab, PART) && !lab_exists(&f.lab, RAW));
    unit_ok(seal(&f, DISK_FORMAT_RAW, &facts, &e));
}
END_TEST

START_TEST(removal)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    unit_ok(disk_image_remove(f.disk, IMAGE_ID, &e));
    lab_run(&f.lab, "touch " PART " state/images/" IMAGE_ID ".fetch " RAW " " QCOW2 " " RAW ".bak && chmod 444 " RAW);
    unit_ok(disk_image_remove(f.disk, IMAGE_ID, &e));
    lab_run(&f.lab, "test \"$(ls state/images)\" = " IMAGE_ID ".raw.bak");
    unit_fails(disk_image_remove(f.disk, "..", &e), ERR_INTERNAL);
}
END_TEST

START_TEST(opening)
{
    FIXTURE f;
    fixture_open(&f);
    struct image_facts facts = { 0 };
    struct err e = ERR_INIT;
    AUTO_CLOSE int fd = -1;
    uint64_t size = 7;
    char content[20] = "";

    unit_fails(disk_image_open(f.disk, IMAGE_ID, DISK_FORMAT_RAW, &fd, &size, &e), ERR_IMAGE_NOT_FOUND);
    upload(&f, "some bytes", 10);
    unit_fails(disk_image_open(f.disk, IMAGE_ID, DISK_FORMAT_RAW, &fd, &size, &e), ERR_IMAGE_NOT_FOUND);
    unit_ok(seal(&f, DISK_FORMAT_RAW, &facts, &e));
    unit_fails(disk_image_open(f.disk, IMAGE_ID, DISK_FORMAT_QCOW2, &fd, &size, &e), ERR_IMAGE_NOT_FOUND);
    unit_fails(disk_image_open(f.disk, "../x", DISK_FORMAT_RAW, &fd, &size, &e), ERR_INTERNAL);
    ck_assert(fd == -1 && size == 7);
    unit_ok(disk_image_open(f.disk, IMAGE_ID, DISK_FORMAT_RAW, &fd, &size, &e));
    ck_assert_uint_eq(size, 10);
    unit_ok(disk_image_remove(f.disk, IMAGE_ID, &e));
    ck_assert_int_eq(read(fd, content, sizeof(content)), 10); /* whoever has it open reads on */
    ck_assert_str_eq(content, "some bytes");
    lab_run(&f.lab, "ln -s /etc/passwd " RAW);
    unit_fails(disk_image_open(f.disk, IMAGE_ID, DISK_FORMAT_RAW, &fd, &size, &e), ERR_IMAGE_NOT_FOUND);
}
END_TEST

#ifdef COMPUTED_FAILPOINTS

START_TEST(full_disks)
{
    FIXTURE f;
    fixture_open(&f);
    AUTO(disk_upload) u = NULL;
    struct err e = ERR_INIT;

    unit_ok(disk_upload_begin(f.disk, IMAGE_ID, &u, &e));
    lab_arm(&f.lab, "disk.part_write.before", "error(disk_full)");
    unit_fails(disk_upload_write(u, "x", 1, &e), ERR_DISK_FULL);
    disk_upload_free(TAKE(u));
    ck_assert(!lab_exists(&f.lab, PART));
    lab_arm(&f.lab, NULL, NULL);
    upload(&f, "x", 1);
}
END_TEST

static const char *const seal_points[] = {
    "disk.image_chmod.before",  "disk.image_chmod.after",  "disk.image_sync.before",        "disk.image_sync.after",
    "disk.image_rename.before", "disk.image_rename.after", "disk.image_folder_sync.before", "disk.image_folder_sync.after",
};

static void seal_in_child(const void *arg)
{
    struct image_facts facts;
    struct err e = ERR_INIT;

    (void)seal(arg, DISK_FORMAT_RAW, &facts, &e);
}

START_TEST(killed_seals_are_finished)
{
    FIXTURE f;
    fixture_open(&f);
    struct err e = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(seal_points); i++) {
        upload(&f, "some bytes", 10);
        lab_arm(&f.lab, seal_points[i], "die");
        ck_assert_int_eq(unit_signal_of(seal_in_child, &f), SIGKILL);
        lab_arm(&f.lab, NULL, NULL);
        expect_sealed(&f, "some bytes", 10);
        unit_ok(disk_image_remove(f.disk, IMAGE_ID, &e));
    }
}
END_TEST

UNIT_MAIN("disk_image_store", upload_and_seal, large_images, seal_qcow2, refused_images_stay_unsealed, one_upload_at_a_time,
          sealed_bytes_never_change, symlinks_are_not_followed, cancelled_seals, removal, opening, full_disks,
          killed_seals_are_finished)

#else

UNIT_MAIN("disk_image_store", upload_and_seal, large_images, seal_qcow2, refused_images_stay_unsealed, one_upload_at_a_time,
          sealed_bytes_never_change, symlinks_are_not_followed, cancelled_seals, removal, opening)

#endif
