/* Tombstones: what they keep, when they are read, and pages by offset over them and the living. */
#include "store_lab.h"

#include "store/vm_tombstone.h"

#define OTHER "0123456789abcdef0123456789abcdef"

enum { COUNT = 5 };
static struct vm vms[COUNT];

/* Five VMs, the last of another project, all of one millisecond. */
static void set_up(void)
{
    static const char *const names[COUNT] = { "a", "b", "c", "d", "e" };
    struct image image;

    lab_open_file();
    lab_add_project(OTHER);
    image = lab_image("tiny");
    LAB_WRITE(store_image_insert(t, &image, &e));
    for (int i = 0; i < COUNT; i++) {
        vms[i] = lab_vm(&image, names[i]);
        vms[i].created_at_ms = 1000;
        if (i == COUNT - 1)
            memcpy(vms[i].project, OTHER, sizeof(vms[i].project));
        LAB_WRITE(store_vm_insert(t, &vms[i], &e));
    }
}

static void bury(const struct vm *vm)
{
    LAB_WRITE(store_vm_tombstone_insert(t, vm, &e));
    LAB_WRITE(store_vm_delete(t, vm->id, &e));
}

START_TEST(it_keeps_what_is_shown)
{
    struct vm *left = NULL;

    set_up();
    bury(&vms[0]);
    LAB_READ(store_vm_tombstone_get(t, project, vms[0].id, &left, &e));
    ck_assert_str_eq(left->id, vms[0].id);
    ck_assert_str_eq(left->name, "a");
    ck_assert_str_eq(left->project, project);
    ck_assert_int_eq(left->status, VM_DELETING);
    ck_assert_int_eq(left->task, VM_TASK_NONE);
    ck_assert_uint_eq(left->vcpus, vms[0].vcpus);
    ck_assert_uint_eq(left->memory_mib, vms[0].memory_mib);
    ck_assert_uint_eq(left->disk_gib, vms[0].disk_gib);
    ck_assert_str_eq(left->image, vms[0].image);
    ck_assert_str_eq(left->metadata, vms[0].metadata);
    ck_assert_int_eq(left->created_at_ms, 1000);
    ck_assert_int_gt(left->updated_at_ms, 1000);
    vm_free(left);
    lab_done();
}
END_TEST

START_TEST(it_is_read_when_the_vm_is_gone_and_by_its_project)
{
    struct vm *left = NULL;

    set_up();
    LAB_WRITE(store_vm_tombstone_insert(t, &vms[0], &e));
    LAB_WRITE(store_vm_tombstone_insert(t, &vms[0], &e)); /* asked twice */
    LAB_FAILS(store_vm_tombstone_get(t, NULL, vms[0].id, &left, &e), ERR_VM_NOT_FOUND);
    LAB_WRITE(store_vm_delete(t, vms[0].id, &e));
    LAB_FAILS(store_vm_tombstone_get(t, OTHER, vms[0].id, &left, &e), ERR_VM_NOT_FOUND);
    LAB_READ(store_vm_tombstone_get(t, NULL, vms[0].id, &left, &e));
    vm_free(left);
    LAB_WRITE(store_vm_tombstone_delete(t, vms[0].id, &e));
    LAB_WRITE(store_vm_tombstone_delete(t, vms[0].id, &e));
    LAB_FAILS(store_vm_tombstone_get(t, NULL, vms[0].id, &left, &e), ERR_VM_NOT_FOUND);
    lab_done();
}
END_TEST

START_TEST(the_old_ones_go)
{
    set_up();
    bury(&vms[0]);
    bury(&vms[1]);
    lab_exec("UPDATE vm_tombstone SET terminated_at_ms = 99 WHERE name = 'a'");
    lab_exec("UPDATE vm_tombstone SET terminated_at_ms = 100 WHERE name = 'b'");
    LAB_WRITE(store_vm_tombstone_prune(t, 100, &e));
    LAB_ASK_EQ("SELECT group_concat(name) FROM vm_tombstone", "b");
    lab_done();
}
END_TEST

/* Every page of this size, one behind the other, is the whole list: in order, without a hole or a twin. */
static void check_pages(const char *of, uint32_t limit, uint64_t expected)
{
    uuid_text last = "";
    uint64_t seen = 0, total = 0;

    for (uint64_t offset = 0; offset < COUNT + 2; offset += limit) {
        const struct vm_page_filter f = { .project = of, .offset = offset, .limit = limit };
        struct vm_list page = { 0 };

        LAB_READ(store_vm_page(t, &f, &page, &total, &e));
        ck_assert_uint_eq(total, expected);
        for (size_t i = 0; i < page.count; i++) {
            ck_assert_int_gt(strcmp(page.items[i]->id, last), 0);
            memcpy(last, page.items[i]->id, sizeof(last));
        }
        seen += page.count;
        vm_list_done(&page);
    }
    ck_assert_uint_eq(seen, expected);
}

START_TEST(pages_are_one_list)
{
    set_up();
    bury(&vms[1]);
    LAB_WRITE(store_vm_tombstone_insert(t, &vms[2], &e)); /* still there: once in the list, not twice */
    for (uint32_t limit = 1; limit <= COUNT + 1; limit++) {
        check_pages(NULL, limit, COUNT);
        check_pages(project, limit, COUNT - 1);
        check_pages(OTHER, limit, 1);
    }
    lab_done();
}
END_TEST

static uint64_t count_of(unsigned statuses)
{
    const struct vm_page_filter f = { .statuses = statuses, .limit = 1000 };
    struct vm_list page = { 0 };
    uint64_t total = 0;

    LAB_READ(store_vm_page(t, &f, &page, &total, &e));
    ck_assert_uint_eq(page.count, total);
    vm_list_done(&page);
    return total;
}

START_TEST(statuses_are_a_choice)
{
    set_up();
    lab_exec("UPDATE vm SET status = 'stopped'");
    lab_exec("UPDATE vm SET status = 'running' WHERE name = 'a'");
    lab_exec("UPDATE vm SET status = 'deleting' WHERE name = 'b'");
    bury(&vms[2]);
    ck_assert_uint_eq(count_of(0), COUNT);
    ck_assert_uint_eq(count_of(1u << VM_RUNNING), 1);
    ck_assert_uint_eq(count_of(1u << VM_RUNNING | 1u << VM_STOPPED), 3);
    ck_assert_uint_eq(count_of(1u << VM_DELETING), 2);
    ck_assert_uint_eq(count_of(1u << VM_ERROR), 0);
    lab_done();
}
END_TEST

START_TEST(a_page_has_a_size)
{
    struct vm_list page = { 0 };
    uint64_t total = 0;

    set_up();
    LAB_FAILS(store_vm_page(t, &(struct vm_page_filter){ .limit = 0 }, &page, &total, &e), ERR_INVALID_FIELD);
    LAB_FAILS(store_vm_page(t, &(struct vm_page_filter){ .limit = 1001 }, &page, &total, &e), ERR_INVALID_FIELD);
    lab_done();
}
END_TEST

START_TEST(a_projects_end_is_theirs)
{
    set_up();
    bury(&vms[COUNT - 1]);
    LAB_WRITE(store_project_delete(t, OTHER, &e));
    LAB_ASK_EQ("SELECT count(*) FROM vm_tombstone", "0");
    lab_done();
}
END_TEST

UNIT_MAIN("store_vm_tombstone", it_keeps_what_is_shown, it_is_read_when_the_vm_is_gone_and_by_its_project, the_old_ones_go,
          pages_are_one_list, statuses_are_a_choice, a_page_has_a_size, a_projects_end_is_theirs)
