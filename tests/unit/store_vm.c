/* Rows of VMs: every column, names, pages, and that one task at a time holds a VM. */
#include <pthread.h>

#include "store_lab.h"

#include "store/event.h"

static struct image image;

static void open_with_image(void (*open_lab)(void))
{
    open_lab();
    image = lab_image("debian");
    LAB_WRITE(store_image_insert(t, &image, &e));
}

static struct vm *get(const char *id)
{
    struct vm *vm = NULL;

    LAB_READ(store_vm_get(t, project, id, &vm, &e));
    return vm;
}

static struct vm add(const char *name)
{
    struct vm vm = lab_vm(&image, name);

    LAB_WRITE(store_vm_insert(t, &vm, &e));
    vm.row_version = 1;
    return vm;
}

START_TEST(every_column_comes_back)
{
    struct vm vm, *back;

    open_with_image(lab_open_memory);
    vm = lab_vm(&image, "web");
    vm.status = VM_ERROR;
    vm.status_reason = (char *)"reason";
    vm.task = VM_TASK_STOP;
    id_uuid(vm.job);
    vm.flavor = (char *)"small";
    vm.vcpus = 3;
    vm.memory_mib = 5;
    vm.disk_gib = 7;
    vm.metadata = (char *)"{\"a\":\"ä\"}";
    vm.tags = (char *)"[\"t\"]";
    vm.autostart = true;
    vm.is_name_unique = false;
    (void)str_copy(vm.hostname, sizeof(vm.hostname), "host");
    vm.keypair = (char *)"me";
    vm.image_ref = (char *)"DEB";
    vm.is_locked = true;
    vm.expires_at_ms = 17;
    vm.ready_at_ms = 19;
    vm.fault = (struct fault){ (char *)"disk_full", (char *)"message", (char *)"detail" };
    vm.observed_at_ms = 11;
    vm.created_at_ms = 13;
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    back = get(vm.id);
    ck_assert_str_eq(back->id, vm.id);
    ck_assert_str_eq(back->name, "web");
    ck_assert_str_eq(back->project, project);
    ck_assert_int_eq(back->status, VM_ERROR);
    ck_assert_str_eq(back->status_reason, "reason");
    ck_assert_int_eq(back->task, VM_TASK_STOP);
    ck_assert_str_eq(back->job, vm.job);
    ck_assert_str_eq(back->flavor, "small");
    ck_assert_uint_eq(back->vcpus, 3);
    ck_assert_uint_eq(back->memory_mib, 5);
    ck_assert_uint_eq(back->disk_gib, 7);
    ck_assert_str_eq(back->image, image.id);
    ck_assert_str_eq(back->image_name, "debian");
    ck_assert_str_eq(back->image_ref, "DEB");
    ck_assert_str_eq(back->metadata, vm.metadata);
    ck_assert_str_eq(back->tags, vm.tags);
    ck_assert(back->autostart);
    ck_assert(!back->is_name_unique);
    ck_assert_str_eq(back->hostname, "host");
    ck_assert_str_eq(back->keypair, "me");
    ck_assert(back->is_locked);
    ck_assert_int_eq(back->expires_at_ms, 17);
    ck_assert_int_eq(back->ready_at_ms, 19);
    ck_assert_uint_eq(back->ports.count, 0);
    ck_assert_str_eq(back->fault.code, "disk_full");
    ck_assert_str_eq(back->fault.message, "message");
    ck_assert_str_eq(back->fault.detail, "detail");
    ck_assert_int_eq(back->observed_at_ms, 11);
    ck_assert_int_eq(back->created_at_ms, 13);
    ck_assert_int_gt(back->updated_at_ms, 1000000);
    ck_assert_int_eq(back->row_version, 1);
    vm_free(back);
    lab_done();
}
END_TEST

START_TEST(what_is_absent_is_null)
{
    struct vm vm, *back;

    open_with_image(lab_open_memory);
    vm = add("web");
    back = get(vm.id);
    ck_assert_ptr_null(back->status_reason);
    ck_assert_int_eq(back->task, VM_TASK_NONE);
    ck_assert_str_eq(back->job, "");
    ck_assert_ptr_null(back->flavor);
    ck_assert_ptr_null(back->fault.code);
    vm_free(back);
    lab_done();
}
END_TEST

START_TEST(a_name_is_unique_in_its_project)
{
    struct vm vm;

    open_with_image(lab_open_file);
    add("web");
    vm = lab_vm(&image, "web");
    LAB_FAILS(store_vm_insert(t, &vm, &e), ERR_NAME_TAKEN);
    ck_assert_str_eq(e.field, "name");
    lab_add_project("00000000000000000000000000000001");
    (void)str_copy(vm.project, sizeof(vm.project), "00000000000000000000000000000001");
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    lab_done();
}
END_TEST

START_TEST(twins_bear_one_name)
{
    struct vm first, second, strict, *back = NULL;

    open_with_image(lab_open_memory);
    first = lab_vm(&image, "twin");
    second = lab_vm(&image, "twin");
    first.is_name_unique = second.is_name_unique = false;
    LAB_WRITE(store_vm_insert(t, &first, &e));
    LAB_READ(store_vm_resolve(t, project, "twin", &back, &e));
    ck_assert_str_eq(back->id, first.id);
    vm_free(back);
    LAB_WRITE(store_vm_insert(t, &second, &e));
    LAB_FAILS(store_vm_resolve(t, project, "twin", &back, &e), ERR_NAME_AMBIGUOUS);
    strict = lab_vm(&image, "twin");
    LAB_FAILS(store_vm_insert(t, &strict, &e), ERR_NAME_TAKEN);
    lab_done();
}
END_TEST

static pthread_barrier_t barrier;

static void *insert_one(void *arg)
{
    struct vm vm = lab_vm(&image, "one");
    struct err mine = ERR_INIT;
    struct txn *t = NULL;
    enum err_code *code = arg;

    (void)pthread_barrier_wait(&barrier);
    if (txn_write(store, &t, &mine) == 0 && store_vm_insert(t, &vm, &mine) == 0)
        (void)txn_commit(t, &mine);
    txn_free(t);
    *code = mine.code;
    return NULL;
}

START_TEST(of_eight_threads_one_wins)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    enum err_code codes[THREADS];
    int won = 0;

    open_with_image(lab_open_file);
    ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, insert_one, &codes[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert(codes[i] == ERR_NONE || codes[i] == ERR_NAME_TAKEN);
        won += codes[i] == ERR_NONE;
    }
    ck_assert_int_eq(won, 1);
    LAB_ASK_EQ("SELECT count(*) FROM vm", "1");
    (void)pthread_barrier_destroy(&barrier);
    lab_done();
}
END_TEST

START_TEST(a_vm_is_found_by_id_or_name)
{
    struct vm vm, *back = NULL;
    uuid_text upper, other;

    open_with_image(lab_open_memory);
    vm = add("web");
    for (int i = 0; i <= UUID_LEN; i++)
        upper[i] = (char)(vm.id[i] >= 'a' ? vm.id[i] - 'a' + 'A' : vm.id[i]);
    LAB_READ(store_vm_resolve(t, project, upper, &back, &e));
    ck_assert_str_eq(back->id, vm.id);
    vm_free(back);
    LAB_READ(store_vm_resolve(t, NULL, "web", &back, &e));
    vm_free(back);
    id_uuid(other);
    LAB_FAILS(store_vm_resolve(t, project, other, &back, &e), ERR_VM_NOT_FOUND);
    LAB_FAILS(store_vm_resolve(t, project, "WEB", &back, &e), ERR_VM_NOT_FOUND);
    LAB_FAILS(store_vm_resolve(t, "00000000000000000000000000000001", "web", &back, &e), ERR_VM_NOT_FOUND);
    LAB_FAILS(store_vm_get(t, "00000000000000000000000000000001", vm.id, &back, &e), ERR_VM_NOT_FOUND);
    lab_done();
}
END_TEST

START_TEST(a_vm_needs_its_image)
{
    struct image unknown;
    struct vm vm;

    open_with_image(lab_open_memory);
    unknown = lab_image("none");
    vm = lab_vm(&unknown, "web");
    LAB_FAILS(store_vm_insert(t, &vm, &e), ERR_IMAGE_NOT_FOUND);
    lab_done();
}
END_TEST

/* The names on the page, joined. */
static void assert_page(struct vm_filter f, const char *names, bool has_more)
{
    AUTO_LIST(vm) list = { 0 };
    AUTO_BUF text = { 0 };
    bool more = !has_more;

    LAB_READ(store_vm_list(t, &f, &list, &more, &e));
    buf_adds(&text, "");
    for (size_t i = 0; i < list.count; i++)
        buf_adds(&text, list.items[i]->name);
    ck_assert_str_eq(text.data, names);
    ck_assert_int_eq(more, has_more);
}

/* a b c d, of which b and c are of the same millisecond, and b's id is the smaller. */
static void add_four(struct vm vms[4])
{
    static const char *const names[] = { "a", "b", "c", "d" };
    static const int64_t times[] = { 10, 20, 20, 30 };

    for (int i = 3; i >= 0; i--) {
        vms[i] = lab_vm(&image, names[i]);
        vms[i].created_at_ms = times[i];
        vms[i].id[0] = names[i][0];
        vms[i].status = i % 2 ? VM_RUNNING : VM_STOPPED;
        LAB_WRITE(store_vm_insert(t, &vms[i], &e));
    }
}

START_TEST(pages_are_in_order)
{
    enum vm_status running = VM_RUNNING;
    struct vm vms[4];

    open_with_image(lab_open_memory);
    assert_page((struct vm_filter){ .limit = 1 }, "", false);
    add_four(vms);
    assert_page((struct vm_filter){ .limit = 1000 }, "abcd", false);
    assert_page((struct vm_filter){ .limit = 4 }, "abcd", false);
    assert_page((struct vm_filter){ .limit = 2 }, "ab", true);
    assert_page((struct vm_filter){ .limit = 2, .marker = vms[1].id }, "cd", false);
    assert_page((struct vm_filter){ .limit = 1, .marker = vms[1].id }, "c", true);
    assert_page((struct vm_filter){ .limit = 2, .marker = vms[3].id }, "", false);
    assert_page((struct vm_filter){ .limit = 9, .status = &running }, "bd", false);
    assert_page((struct vm_filter){ .limit = 1, .status = &running, .marker = vms[1].id }, "d", false);
    assert_page((struct vm_filter){ .limit = 9, .name = "c", .project = project }, "c", false);
    assert_page((struct vm_filter){ .limit = 9, .name = "c", .status = &running }, "", false);
    assert_page((struct vm_filter){ .limit = 9, .project = "00000000000000000000000000000001" }, "", false);
    lab_done();
}
END_TEST

START_TEST(a_marker_outlives_its_vm)
{
    struct vm vms[4];
    struct event deleted = { .type = "vm.deleted", .project = project, .payload = "{}", .resource_created_at_ms = 20 };
    struct vm_filter unknown = { .limit = 2, .marker = "c0000000-0000-4000-8000-000000000000" };
    struct vm_list list = { 0 };
    struct txn *t;
    bool more;

    open_with_image(lab_open_memory);
    add_four(vms);
    deleted.resource = vms[1].id;
    t = lab_write();
    unit_ok(store_vm_delete(t, vms[1].id, &e));
    unit_ok(store_event_add(t, &deleted, &e));
    lab_commit(t);
    assert_page((struct vm_filter){ .limit = 2, .marker = vms[1].id }, "cd", false);
    assert_page((struct vm_filter){ .limit = 2, .marker = vms[1].id, .project = project }, "cd", false);
    t = lab_read();
    unit_fails(store_vm_list(t, &unknown, &list, &more, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "marker");
    txn_free(t);
    lab_done();
}
END_TEST

START_TEST(limits_are_checked)
{
    struct vm_list list = { 0 };
    struct vm_filter none = { .limit = 0 }, many = { .limit = 1001 };
    bool more;

    lab_open_memory();
    LAB_FAILS(store_vm_list(t, &none, &list, &more, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "limit");
    LAB_FAILS(store_vm_list(t, &many, &list, &more, &e), ERR_INVALID_FIELD);
    lab_done();
}
END_TEST

START_TEST(states_are_of_all)
{
    struct vm_state *states = NULL;
    struct vm vms[4];
    size_t count = 9;

    open_with_image(lab_open_memory);
    LAB_READ(store_vm_states(t, &states, &count, &e));
    ck_assert_uint_eq(count, 0);
    free(states);
    add_four(vms);
    LAB_READ(store_vm_states(t, &states, &count, &e));
    ck_assert_uint_eq(count, 4);
    for (size_t i = 0; i < count; i++) {
        ck_assert_str_eq(states[i].id, vms[i].id);
        ck_assert_int_eq(states[i].status, vms[i].status);
        ck_assert_int_eq(states[i].task, VM_TASK_NONE);
        /* One counter for all rows: each change has a number of its own. */
        ck_assert_int_eq(states[i].row_version, 4 - (int64_t)i);
        ck_assert_str_eq(states[i].reason, "");
    }
    free(states);
    lab_done();
}
END_TEST

static const char job_a[] = "aaaaaaaa-0000-4000-8000-000000000000";
static const char job_b[] = "bbbbbbbb-0000-4000-8000-000000000000";

START_TEST(one_task_holds_a_vm)
{
    struct vm vm, *back;

    open_with_image(lab_open_memory);
    vm = add("web");
    LAB_WRITE(store_vm_take(t, &vm, VM_TASK_START, job_a, &e));
    back = get(vm.id);
    ck_assert_int_eq(back->task, VM_TASK_START);
    ck_assert_int_eq(back->status, VM_STARTING);
    ck_assert_str_eq(back->job, job_a);
    ck_assert_int_eq(back->row_version, 2);
    LAB_FAILS(store_vm_take(t, back, VM_TASK_STOP, job_b, &e), ERR_VM_BUSY);
    LAB_FAILS(store_vm_take(t, &vm, VM_TASK_STOP, job_b, &e), ERR_VM_BUSY);
    LAB_FAILS(store_vm_take_over(t, &vm, VM_TASK_DELETE, job_b, &e), ERR_VM_BUSY);
    LAB_WRITE(store_vm_take_over(t, back, VM_TASK_DELETE, job_b, &e));
    vm_free(back);
    back = get(vm.id);
    ck_assert_int_eq(back->task, VM_TASK_DELETE);
    ck_assert_int_eq(back->status, VM_DELETING);
    ck_assert_str_eq(back->job, job_b);
    ck_assert_int_eq(back->row_version, 3);
    vm_free(back);
    lab_done();
}
END_TEST

START_TEST(a_pause_keeps_the_status)
{
    struct vm vm, *back;

    open_with_image(lab_open_memory);
    vm = add("web");
    LAB_WRITE(store_vm_take(t, &vm, VM_TASK_PAUSE, job_a, &e));
    back = get(vm.id);
    ck_assert_int_eq(back->status, VM_STOPPED);
    ck_assert_int_eq(back->task, VM_TASK_PAUSE);
    vm_free(back);
    lab_done();
}
END_TEST

START_TEST(a_stale_version_does_not_take)
{
    struct vm vm;
    struct vm_change change = { .tags = "[\"x\"]" };

    open_with_image(lab_open_memory);
    vm = add("web");
    LAB_WRITE(store_vm_change(t, &vm, &change, &e));
    LAB_FAILS(store_vm_take(t, &vm, VM_TASK_START, job_a, &e), ERR_VM_BUSY);
    LAB_WRITE(store_vm_delete(t, vm.id, &e));
    LAB_FAILS(store_vm_take(t, &vm, VM_TASK_START, job_a, &e), ERR_VM_NOT_FOUND);
    lab_done();
}
END_TEST

START_TEST(settling_ends_the_task_of_its_job)
{
    const struct vm_settled failed = { VM_ERROR, "reason", "disk_full", "message", "detail", 0, false };
    const struct vm_settled running = { .status = VM_RUNNING };
    struct vm vm, *back;

    open_with_image(lab_open_memory);
    vm = add("web");
    LAB_WRITE(store_vm_take(t, &vm, VM_TASK_START, job_a, &e));
    LAB_FAILS(store_vm_settle(t, vm.id, job_b, &running, &e), ERR_CONFLICT);
    LAB_WRITE(store_vm_settle(t, vm.id, job_a, &failed, &e));
    back = get(vm.id);
    ck_assert_int_eq(back->status, VM_ERROR);
    ck_assert_int_eq(back->task, VM_TASK_NONE);
    ck_assert_str_eq(back->job, "");
    ck_assert_str_eq(back->status_reason, "reason");
    ck_assert_str_eq(back->fault.code, "disk_full");
    ck_assert_str_eq(back->fault.message, "message");
    ck_assert_str_eq(back->fault.detail, "detail");
    ck_assert_int_eq(back->row_version, 3);
    LAB_FAILS(store_vm_settle(t, vm.id, job_a, &running, &e), ERR_CONFLICT);
    LAB_WRITE(store_vm_take(t, back, VM_TASK_START, job_b, &e));
    LAB_WRITE(store_vm_settle(t, vm.id, job_b, &running, &e));
    vm_free(back);
    back = get(vm.id);
    ck_assert_int_eq(back->status, VM_RUNNING);
    ck_assert_ptr_null(back->fault.code);
    ck_assert_ptr_null(back->status_reason);
    vm_free(back);
    LAB_WRITE(store_vm_delete(t, vm.id, &e));
    LAB_FAILS(store_vm_settle(t, vm.id, job_b, &running, &e), ERR_VM_NOT_FOUND);
    lab_done();
}
END_TEST

START_TEST(an_error_without_fault_is_refused)
{
    const struct vm_settled mute = { .status = VM_ERROR };
    struct vm vm;

    open_with_image(lab_open_memory);
    vm = add("web");
    LAB_FAILS(store_vm_observe(t, vm.id, 1, &mute, &e), ERR_INTERNAL);
    lab_done();
}
END_TEST

START_TEST(observing_never_disturbs)
{
    const struct vm_settled paused = { .status = VM_PAUSED, .reason = "user", .observed_at_ms = 77 };
    struct vm vm, *back;

    open_with_image(lab_open_memory);
    vm = add("web");
    LAB_FAILS(store_vm_observe(t, vm.id, 7, &paused, &e), ERR_CONFLICT);
    LAB_WRITE(store_vm_observe(t, vm.id, 1, &paused, &e));
    back = get(vm.id);
    ck_assert_int_eq(back->status, VM_PAUSED);
    ck_assert_str_eq(back->status_reason, "user");
    ck_assert_int_eq(back->observed_at_ms, 77);
    ck_assert_int_eq(back->row_version, 2);
    LAB_WRITE(store_vm_take(t, back, VM_TASK_STOP, job_a, &e));
    vm_free(back);
    LAB_FAILS(store_vm_observe(t, vm.id, 3, &paused, &e), ERR_CONFLICT);
    lab_done();
}
END_TEST

START_TEST(a_change_touches_what_it_names)
{
    struct vm_change rename = { .name = "new" }, tag = { .tags = "[\"x\"]", .metadata = "{\"k\":\"v\"}" };
    struct vm vm, *back;

    open_with_image(lab_open_memory);
    vm = add("web");
    LAB_WRITE(store_vm_change(t, &vm, &rename, &e));
    LAB_FAILS(store_vm_change(t, &vm, &tag, &e), ERR_CONFLICT);
    vm.row_version = 2;
    LAB_WRITE(store_vm_change(t, &vm, &tag, &e));
    back = get(vm.id);
    ck_assert_str_eq(back->name, "new");
    ck_assert_str_eq(back->tags, tag.tags);
    ck_assert_str_eq(back->metadata, tag.metadata);
    ck_assert_int_eq(back->row_version, 3);
    vm_free(back);
    lab_done();
}
END_TEST

START_TEST(a_rename_obeys_the_rule)
{
    struct vm_change to_other = { .name = "other" }, to_twin = { .name = "twin" }, to_itself = { .name = "web" };
    struct vm vm, twin;

    open_with_image(lab_open_memory);
    vm = add("web");
    add("other");
    twin = lab_vm(&image, "twin");
    twin.is_name_unique = false;
    LAB_WRITE(store_vm_insert(t, &twin, &e));
    LAB_FAILS(store_vm_change(t, &vm, &to_other, &e), ERR_NAME_TAKEN);
    ck_assert_str_eq(e.field, "name");
    LAB_FAILS(store_vm_change(t, &vm, &to_twin, &e), ERR_NAME_TAKEN);
    LAB_WRITE(store_vm_change(t, &vm, &to_itself, &e));
    twin.row_version = 3;
    ck_assert_int_eq(store_vm_version(store), 4);
    LAB_WRITE(store_vm_change(t, &twin, &to_other, &e));
    lab_done();
}
END_TEST

START_TEST(a_delete_is_repeatable)
{
    struct vm vm, *back = NULL;
    uint64_t count = 9;

    open_with_image(lab_open_memory);
    vm = add("web");
    LAB_READ(store_vm_count_by_image(t, image.id, &count, &e));
    ck_assert_uint_eq(count, 1);
    LAB_WRITE(store_vm_delete(t, vm.id, &e));
    LAB_WRITE(store_vm_delete(t, vm.id, &e));
    LAB_FAILS(store_vm_get(t, project, vm.id, &back, &e), ERR_VM_NOT_FOUND);
    LAB_READ(store_vm_count_by_image(t, image.id, &count, &e));
    ck_assert_uint_eq(count, 0);
    lab_done();
}
END_TEST

START_TEST(an_unknown_word_is_no_guess)
{
    struct vm vm, *back = NULL;

    open_with_image(lab_open_file);
    vm = add("web");
    lab_exec("PRAGMA ignore_check_constraints = ON; UPDATE vm SET status = 'flying'");
    LAB_FAILS(store_vm_get(t, project, vm.id, &back, &e), ERR_INTERNAL);
    ck_assert_ptr_nonnull(strstr(e.detail, "flying"));
    lab_done();
}
END_TEST

UNIT_MAIN("store_vm", every_column_comes_back, what_is_absent_is_null, a_name_is_unique_in_its_project, twins_bear_one_name,
          of_eight_threads_one_wins, a_vm_is_found_by_id_or_name, a_vm_needs_its_image, pages_are_in_order,
          a_marker_outlives_its_vm, limits_are_checked, states_are_of_all, one_task_holds_a_vm, a_pause_keeps_the_status,
          a_stale_version_does_not_take, settling_ends_the_task_of_its_job, an_error_without_fault_is_refused,
          observing_never_disturbs, a_change_touches_what_it_names, a_rename_obeys_the_rule, a_delete_is_repeatable,
          an_unknown_word_is_no_guess)
