/* Rows of VMs: what a VM does by itself (expire, get ready), locks, host names, and what all of them were promised. */
#include "store_lab.h"

static struct image image;

static void open_with_image(void)
{
    lab_open_memory();
    image = lab_image("tiny");
    LAB_WRITE(store_image_insert(t, &image, &e));
}

static struct vm *get(const char *id)
{
    struct vm *vm = NULL;

    LAB_READ(store_vm_get(t, project, id, &vm, &e));
    return vm;
}

static struct vm add(const char *name, enum vm_status status, int64_t created_at_ms)
{
    struct vm vm = lab_vm(&image, name);

    vm.status = status;
    vm.created_at_ms = created_at_ms;
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    return vm;
}

static struct vm add_expiring(const char *name, int64_t at_ms)
{
    struct vm vm = lab_vm(&image, name);

    vm.expires_at_ms = at_ms;
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    return vm;
}

static void change(const char *id, const struct vm_change *want)
{
    struct vm *vm = get(id);

    LAB_WRITE(store_vm_change(t, vm, want, &e));
    vm_free(vm);
}

START_TEST(a_time_to_live_counts_from_now)
{
    const uint64_t day = 24 * 3600, never = 0;
    const struct vm_change live = { .ttl_seconds = &day }, rename = { .name = "other" }, stay = { .ttl_seconds = &never };
    int64_t before_ms, after_ms;
    struct vm vm, *back;

    open_with_image();
    vm = add("web", VM_RUNNING, 1);
    before_ms = clock_wall_ms();
    change(vm.id, &live);
    after_ms = clock_wall_ms();
    change(vm.id, &rename);
    back = get(vm.id);
    ck_assert_int_ge(back->expires_at_ms, before_ms + (int64_t)day * 1000);
    ck_assert_int_le(back->expires_at_ms, after_ms + (int64_t)day * 1000);
    ck_assert_str_eq(back->name, "other");
    ck_assert_str_eq(back->hostname, vm.hostname);
    vm_free(back);
    change(vm.id, &stay);
    back = get(vm.id);
    ck_assert_int_eq(back->expires_at_ms, 0);
    vm_free(back);
    lab_done();
}
END_TEST

START_TEST(autostart_is_changed_both_ways)
{
    const bool yes = true, no = false;
    const struct vm_change on = { .autostart = &yes }, off = { .autostart = &no }, other = { .tags = "[]" };
    struct vm vm, *back;

    open_with_image();
    vm = add("web", VM_RUNNING, 1);
    change(vm.id, &on);
    change(vm.id, &other);
    back = get(vm.id);
    ck_assert(back->autostart);
    vm_free(back);
    change(vm.id, &off);
    back = get(vm.id);
    ck_assert(!back->autostart);
    vm_free(back);
    lab_done();
}
END_TEST

static void assert_next_expiring(const char *name)
{
    struct vm *vm = NULL;

    LAB_READ(store_vm_next_expiring(t, &vm, &e));
    ck_assert_str_eq(vm ? vm->name : "", name);
    vm_free(vm);
}

START_TEST(the_next_to_expire_is_held_by_no_lock_and_no_delete)
{
    struct vm soon, sooner, later, *back;

    open_with_image();
    assert_next_expiring("");
    (void)add("ever", VM_RUNNING, 1);
    assert_next_expiring("");
    later = add_expiring("later", 30);
    sooner = add_expiring("sooner", 10);
    soon = add_expiring("soon", 20);
    assert_next_expiring("sooner");
    LAB_WRITE(store_vm_set_locked(t, sooner.id, true, &e));
    assert_next_expiring("soon");
    back = get(soon.id);
    LAB_WRITE(store_vm_take(t, back, VM_TASK_START, later.id, &e));
    vm_free(back);
    assert_next_expiring("soon");
    back = get(soon.id);
    LAB_WRITE(store_vm_take_over(t, back, VM_TASK_DELETE, later.id, &e));
    vm_free(back);
    assert_next_expiring("later");
    LAB_WRITE(store_vm_set_locked(t, sooner.id, false, &e));
    assert_next_expiring("sooner");
    lab_done();
}
END_TEST

START_TEST(a_lock_is_a_change)
{
    struct vm vm, *back;

    open_with_image();
    vm = add("web", VM_RUNNING, 1);
    LAB_WRITE(store_vm_set_locked(t, vm.id, true, &e));
    back = get(vm.id);
    ck_assert(back->is_locked);
    ck_assert_int_eq(back->row_version, 2);
    vm_free(back);
    LAB_FAILS(store_vm_set_locked(t, image.id, true, &e), ERR_VM_NOT_FOUND);
    lab_done();
}
END_TEST

START_TEST(ready_is_said_once)
{
    bool is_first = false;
    struct vm vm, *back;

    open_with_image();
    vm = add("web", VM_RUNNING, 1);
    LAB_WRITE(store_vm_set_ready(t, vm.id, 7, &is_first, &e));
    ck_assert(is_first);
    LAB_WRITE(store_vm_set_ready(t, vm.id, 9, &is_first, &e));
    ck_assert(!is_first);
    back = get(vm.id);
    ck_assert_int_eq(back->ready_at_ms, 7);
    ck_assert_int_eq(back->row_version, 2);
    vm_free(back);
    LAB_FAILS(store_vm_set_ready(t, image.id, 7, &is_first, &e), ERR_VM_NOT_FOUND);
    lab_done();
}
END_TEST

static void assert_unready(int64_t since_ms, size_t max, const struct vm *const *expected, size_t expected_count)
{
    uuid_text *ids = NULL;
    size_t count = 99;

    LAB_READ(store_vm_list_unready(t, since_ms, max, &ids, &count, &e));
    ck_assert_uint_eq(count, expected_count);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(ids[i], expected[i]->id);
    free(ids);
}

START_TEST(the_youngest_unready_come_first)
{
    struct vm old, young, younger, ready;
    const struct vm *const both[] = { &younger, &young };
    bool is_first;

    open_with_image();
    assert_unready(0, 9, NULL, 0);
    old = add("old", VM_RUNNING, 10);
    young = add("young", VM_RUNNING, 20);
    (void)add("stopped", VM_STOPPED, 25);
    younger = add("younger", VM_RUNNING, 30);
    ready = add("ready", VM_RUNNING, 40);
    LAB_WRITE(store_vm_set_ready(t, ready.id, 50, &is_first, &e));
    assert_unready(old.created_at_ms, 9, both, 2);
    assert_unready(old.created_at_ms, 1, both, 1);
    lab_done();
}
END_TEST

START_TEST(a_host_name_is_unique_in_its_project)
{
    struct vm vm, twin;
    bool is_there = false;

    open_with_image();
    vm = add("web", VM_RUNNING, 1);
    LAB_READ(store_vm_has_hostname(t, project, vm.hostname, &is_there, &e));
    ck_assert(is_there);
    LAB_READ(store_vm_has_hostname(t, "00000000000000000000000000000001", vm.hostname, &is_there, &e));
    ck_assert(!is_there);
    LAB_READ(store_vm_has_hostname(t, project, "other", &is_there, &e));
    ck_assert(!is_there);
    twin = lab_vm(&image, "other");
    memcpy(twin.hostname, vm.hostname, sizeof(twin.hostname));
    LAB_FAILS(store_vm_insert(t, &twin, &e), ERR_CONFLICT);
    lab_done();
}
END_TEST

START_TEST(promises_are_of_all)
{
    struct vm_promises sum = { 9, 9, 9, 9 };
    struct vm big;

    open_with_image();
    LAB_READ(store_vm_promises(t, &sum, &e));
    ck_assert_uint_eq(sum.vms + sum.vcpus + sum.memory_mib + sum.disk_gib, 0);
    (void)add("small", VM_STOPPED, 1);
    big = lab_vm(&image, "big");
    big.status = VM_ERROR;
    big.fault.code = (char *)"internal";
    big.vcpus = 4;
    big.memory_mib = 4096;
    big.disk_gib = 40;
    LAB_WRITE(store_vm_insert(t, &big, &e));
    LAB_READ(store_vm_promises(t, &sum, &e));
    ck_assert_uint_eq(sum.vms, 2);
    ck_assert_uint_eq(sum.vcpus, 5);
    ck_assert_uint_eq(sum.memory_mib, 5120);
    ck_assert_uint_eq(sum.disk_gib, 50);
    lab_done();
}
END_TEST

START_TEST(lines_are_of_all_and_short)
{
    AUTO_LIST(vm_line) none = { 0 }, lines = { 0 };
    struct vm one, two;

    open_with_image();
    LAB_READ(store_vm_lines(t, &none, &e));
    ck_assert_uint_eq(none.count, 0);
    one = add("one", VM_STOPPED, 1);
    two = add("two", VM_RUNNING, 2);
    LAB_READ(store_vm_lines(t, &lines, &e));
    ck_assert_uint_eq(lines.count, 2);
    const struct vm_line *first = lines.items[0], *last = lines.items[1];
    ck_assert_int_lt(strcmp(first->id, last->id), 0);
    ck_assert_str_eq((str_equal(first->name, "one") ? first : last)->id, one.id);
    ck_assert_str_eq((str_equal(first->name, "two") ? first : last)->id, two.id);
    ck_assert_int_eq((str_equal(first->name, "two") ? first : last)->status, VM_RUNNING);
    ck_assert_str_eq(first->project, project);
    lab_done();
}
END_TEST

static const char job[] = "40000000-0000-4000-8000-000000000001";

static void settle(const char *id, const struct vm_settled *now)
{
    struct vm *vm = get(id);

    LAB_WRITE(store_vm_take(t, vm, VM_TASK_STOP, job, &e));
    LAB_WRITE(store_vm_settle(t, id, job, now, &e));
    vm_free(vm);
}

static void assert_restores_to(const char *id, enum vm_restore want)
{
    struct vm *vm = get(id);

    ck_assert_int_eq(vm->restores_to, want);
    vm_free(vm);
}

START_TEST(what_is_to_be_restored_ends_when_the_guest_is_on)
{
    const struct vm_settled stopped = { .status = VM_STOPPED }, running = { .status = VM_RUNNING },
                            paused = { .status = VM_PAUSED };
    const struct vm_settled cancelled = { .status = VM_STOPPED, .gives_up_restore = true };
    struct vm vm, *seen;

    open_with_image();
    vm = add("web", VM_RUNNING, 1);
    LAB_WRITE(store_vm_set_restore(t, vm.id, VM_RESTORE_RUNNING, &e));
    settle(vm.id, &stopped);
    assert_restores_to(vm.id, VM_RESTORE_RUNNING);
    settle(vm.id, &running);
    assert_restores_to(vm.id, VM_RESTORE_NONE);
    LAB_WRITE(store_vm_set_restore(t, vm.id, VM_RESTORE_PAUSED, &e));
    settle(vm.id, &paused);
    assert_restores_to(vm.id, VM_RESTORE_NONE);
    LAB_WRITE(store_vm_set_restore(t, vm.id, VM_RESTORE_PAUSED, &e));
    settle(vm.id, &cancelled);
    assert_restores_to(vm.id, VM_RESTORE_NONE);
    LAB_WRITE(store_vm_set_restore(t, vm.id, VM_RESTORE_RUNNING, &e));
    seen = get(vm.id);
    LAB_WRITE(store_vm_observe(t, vm.id, seen->row_version, &running, &e));
    vm_free(seen);
    assert_restores_to(vm.id, VM_RESTORE_NONE);
    LAB_WRITE(store_vm_delete(t, vm.id, &e));
    LAB_FAILS(store_vm_set_restore(t, vm.id, VM_RESTORE_RUNNING, &e), ERR_VM_NOT_FOUND);
    lab_done();
}
END_TEST

typedef int list_fn(struct txn *t, const struct vm_place *behind, struct vm_batch *out, struct err *e);

/* All names of a list, batch by batch. */
static void assert_lists(list_fn *list, const char *const *names, size_t count)
{
    struct vm_place behind = { .id = "" };
    struct vm_batch batch = { .has_more = true };
    size_t at = 0;

    while (batch.has_more) {
        LAB_READ(list(t, behind.id[0] ? &behind : NULL, &batch, &e));
        for (size_t i = 0; i < batch.list.count; i++) {
            ck_assert_uint_lt(at, count);
            ck_assert_str_eq(batch.list.items[i]->name, names[at++]);
            behind.created_at_ms = batch.list.items[i]->created_at_ms;
            memcpy(behind.id, batch.list.items[i]->id, sizeof(behind.id));
        }
        vm_batch_done(&batch);
    }
    ck_assert_uint_eq(at, count);
}

START_TEST(who_is_on_is_listed_newest_first)
{
    static const char *const on[] = { "paused", "pending", "stopping", "running" };
    static const enum vm_status off[] = { VM_STOPPED, VM_SUSPENDED, VM_DELETING };

    open_with_image();
    (void)add("running", VM_RUNNING, 1);
    (void)add("stopping", VM_STOPPING, 2);
    (void)add("pending", VM_PENDING, 3);
    (void)add("paused", VM_PAUSED, 9);
    for (size_t i = 0; i < ARRAY_LEN(off); i++)
        (void)add(vm_status_to_string(off[i]), off[i], 5);
    assert_lists(store_vm_list_on, on, ARRAY_LEN(on));
    lab_done();
}
END_TEST

START_TEST(who_is_to_be_restored_is_listed_oldest_first)
{
    enum { COUNT = VM_BATCH_MAX + 6 };
    static char texts[COUNT][16];
    static const char *names[COUNT];

    open_with_image();
    (void)add("other", VM_STOPPED, 1);
    for (int i = 0; i < COUNT; i++) {
        struct vm vm;

        (void)snprintf(texts[i], sizeof(texts[i]), "vm-%d", i);
        names[i] = texts[i];
        vm = add(texts[i], VM_STOPPED, 10 + i);
        LAB_WRITE(store_vm_set_restore(t, vm.id, VM_RESTORE_RUNNING, &e));
    }
    assert_lists(store_vm_list_to_restore, (const char *const *)names, COUNT);
    lab_done();
}
END_TEST

UNIT_MAIN("store_vm_life", lines_are_of_all_and_short, a_time_to_live_counts_from_now, autostart_is_changed_both_ways,
          the_next_to_expire_is_held_by_no_lock_and_no_delete, a_lock_is_a_change, ready_is_said_once,
          the_youngest_unready_come_first, a_host_name_is_unique_in_its_project, promises_are_of_all,
          what_is_to_be_restored_ends_when_the_guest_is_on, who_is_on_is_listed_newest_first,
          who_is_to_be_restored_is_listed_oldest_first)
