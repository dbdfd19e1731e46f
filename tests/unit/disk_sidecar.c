/* disk/sidecar: files that are whole or not there, in their folders, readable for us alone. */
#define _GNU_SOURCE
#include <signal.h>

#include "disk_lab.h"

#include "base/failpoint.h"
#include "disk/sidecar.h"

#define TEXT "{\"version\":1}"

static const struct {
    enum sidecar_noun noun;
    const char *file, *temporary;
} places[] = {
    { SIDECAR_VM, "state/instances/" VM_ID "/vm.json", "state/instances/" VM_ID "/vm.json.tmp" },
    { SIDECAR_IMAGE, "state/images/" VM_ID ".json", "state/images/" VM_ID ".json.tmp" },
    { SIDECAR_NETWORK, "state/networks/" VM_ID ".json", "state/networks/" VM_ID ".json.tmp" },
    { SIDECAR_KEYPAIR, "state/keypairs/" VM_ID ".json", "state/keypairs/" VM_ID ".json.tmp" },
};
static const char *const effects[] = { "disk.sidecar_write.before", "disk.sidecar_write.after", "disk.sidecar_sync.before",
                                       "disk.sidecar_sync.after", "disk.sidecar_rename.before" };

static struct err e;

static void expect_text(struct disk *d, enum sidecar_noun noun, const char *expected)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;

    unit_ok(disk_sidecar_read(d, noun, VM_ID, &text, &len, &e));
    ck_assert_str_eq(text, expected);
    ck_assert_uint_eq(len, strlen(expected));
}

static void count_id(size_t *n, const char *id)
{
    ck_assert_str_eq(id, VM_ID);
    ++*n;
}

static int count(void *arg, const char *id, struct err *err)
{
    (void)err;
    count_id(arg, id);
    return 0;
}

static size_t count_of(struct disk *d, enum sidecar_noun noun)
{
    size_t n = 0;

    unit_ok(disk_sidecar_each(d, noun, count, &n, &e));
    return n;
}

static void complain(void *arg, const char *path)
{
    (void)arg;
    ck_abort_msg("%s is unknown", path);
}

START_TEST(is_written_read_and_removed)
{
    LAB lab;
    lab_open(&lab);
    AUTO(disk) d = lab_disk(&lab);
    bool is_there = true;

    lab_run(&lab, "mkdir state/instances/" VM_ID);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        AUTO_FREE char *text = NULL;
        size_t len = 0;

        unit_fails(disk_sidecar_read(d, places[i].noun, VM_ID, &text, &len, &e), ERR_NOT_FOUND);
        ck_assert_uint_eq(count_of(d, places[i].noun), 0);
        unit_ok(disk_sidecar_write(d, places[i].noun, VM_ID, "old", &e));
        unit_ok(disk_sidecar_write(d, places[i].noun, VM_ID, TEXT, &e));
        expect_text(d, places[i].noun, TEXT);
        ck_assert_uint_eq(lab_mode(&lab, places[i].file), 0600);
        ck_assert_uint_eq(count_of(d, places[i].noun), 1);
        unit_ok(disk_scan_unknown(d, complain, NULL, &e));
        unit_ok(disk_sidecar_remove(d, places[i].noun, VM_ID, &e));
        unit_ok(disk_sidecar_remove(d, places[i].noun, VM_ID, &e));
        unit_ok(disk_sidecar_exists(d, places[i].noun, VM_ID, &is_there, &e));
        ck_assert(!is_there && !lab_exists(&lab, places[i].file));
    }
}
END_TEST

START_TEST(fails_whole)
{
    LAB lab;
    lab_open(&lab);
    AUTO(disk) d = lab_disk(&lab);

    lab_run(&lab, "mkdir state/instances/" VM_ID);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        unit_ok(disk_sidecar_write(d, places[i].noun, VM_ID, "old", &e));
        for (size_t n = 0; n < ARRAY_LEN(effects); n++) {
            lab_arm(&lab, effects[n], "error(disk_full)");
            unit_fails(disk_sidecar_write(d, places[i].noun, VM_ID, TEXT, &e), ERR_DISK_FULL);
            lab_arm(&lab, NULL, NULL);
            expect_text(d, places[i].noun, "old");
            ck_assert(!lab_exists(&lab, places[i].temporary));
        }
    }
}
END_TEST

static void write_dying(const void *disk)
{
    struct err err = ERR_INIT;

    (void)disk_sidecar_write((struct disk *)disk, SIDECAR_IMAGE, VM_ID, TEXT, &err);
}

START_TEST(a_torn_one_is_written_anew)
{
    LAB lab;
    lab_open(&lab);
    AUTO(disk) d = lab_disk(&lab);

    lab_arm(&lab, "disk.sidecar_sync.before", "die");
    ck_assert_int_eq(unit_signal_of(write_dying, d), SIGKILL);
    lab_arm(&lab, NULL, NULL);
    ck_assert(lab_exists(&lab, places[SIDECAR_IMAGE].temporary) && !lab_exists(&lab, places[SIDECAR_IMAGE].file));
    ck_assert_uint_eq(count_of(d, SIDECAR_IMAGE), 0);
    unit_ok(disk_scan_unknown(d, complain, NULL, &e));
    unit_ok(disk_sidecar_write(d, SIDECAR_IMAGE, VM_ID, TEXT, &e));
    expect_text(d, SIDECAR_IMAGE, TEXT);
}
END_TEST

START_TEST(a_vms_goes_with_its_folder)
{
    LAB lab;
    lab_open(&lab);
    AUTO(disk) d = lab_disk(&lab);
    uint32_t left = 9;

    unit_fails(disk_sidecar_write(d, SIDECAR_VM, VM_ID, TEXT, &e), ERR_DISK_MISSING);
    unit_ok(disk_sidecar_remove(d, SIDECAR_VM, VM_ID, &e));
    lab_run(&lab, "mkdir state/instances/" VM_ID);
    unit_ok(disk_sidecar_write(d, SIDECAR_VM, VM_ID, TEXT, &e));
    unit_ok(disk_instance_remove(d, VM_ID, &left, &e));
    ck_assert_uint_eq(left, 0);
    ck_assert(!lab_exists(&lab, "state/instances/" VM_ID));
}
END_TEST

START_TEST(what_is_none_is_not_read)
{
    LAB lab;
    lab_open(&lab);
    AUTO(disk) d = lab_disk(&lab);
    AUTO_FREE char *text = NULL;
    size_t len = 0;

    lab_run(&lab, "truncate -s 5M state/images/" VM_ID ".json");
    unit_fails(disk_sidecar_read(d, SIDECAR_IMAGE, VM_ID, &text, &len, &e), ERR_TOO_LARGE);
    lab_run(&lab, "ln -sf /etc/passwd state/networks/" VM_ID ".json");
    unit_fails(disk_sidecar_read(d, SIDECAR_NETWORK, VM_ID, &text, &len, &e), ERR_INTERNAL);
    lab_run(&lab, "touch state/keypairs/nobody.json");
    ck_assert_uint_eq(count_of(d, SIDECAR_KEYPAIR), 0);
    unit_fails(disk_sidecar_write(d, SIDECAR_KEYPAIR, "../../x", TEXT, &e), ERR_INTERNAL);
}
END_TEST

UNIT_MAIN("disk_sidecar", is_written_read_and_removed, fails_whole, a_torn_one_is_written_anew, a_vms_goes_with_its_folder,
          what_is_none_is_not_read)
