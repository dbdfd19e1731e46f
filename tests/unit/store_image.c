/* Rows of images: who sees which, states by compare-and-set, and that an image in use stays. */
#include "store_lab.h"

#include "store/event.h"

static const char other_project[] = "00000000000000000000000000000001";
static const char job[] = "aaaaaaaa-0000-4000-8000-000000000000";

static struct image queued(const char *name)
{
    struct image i = lab_image(name);

    i.status = IMAGE_QUEUED;
    i.sha256[0] = '\0';
    return i;
}

static struct image *get(const char *id)
{
    struct image *i = NULL;

    LAB_READ(store_image_get(t, project, id, &i, &e));
    return i;
}

/* An image of the other project. */
static struct image foreign(const char *name, bool is_public)
{
    struct image i = lab_image(name);

    i.is_public = is_public;
    (void)str_copy(i.project, sizeof(i.project), other_project);
    LAB_WRITE(store_image_insert(t, &i, &e));
    return i;
}

START_TEST(every_column_comes_back)
{
    struct image i, *back;

    lab_open_memory();
    i = lab_image("debian");
    i.is_public = false;
    i.disk_format = DISK_FORMAT_RAW;
    i.status = IMAGE_SAVING;
    i.status_reason = (char *)"reason";
    i.size_bytes = 3;
    i.virtual_size_bytes = 5;
    i.min_disk_gib = 11;
    i.min_memory_mib = 13;
    i.properties = (char *)"{\"os\":\"debian\"}";
    i.created_at_ms = 7;
    (void)str_copy(i.job, sizeof(i.job), job);
    LAB_WRITE(store_image_insert(t, &i, &e));
    back = get(i.id);
    ck_assert_str_eq(back->id, i.id);
    ck_assert_str_eq(back->name, "debian");
    ck_assert_str_eq(back->project, project);
    ck_assert(!back->is_public);
    ck_assert_int_eq(back->disk_format, DISK_FORMAT_RAW);
    ck_assert_int_eq(back->status, IMAGE_SAVING);
    ck_assert_str_eq(back->status_reason, "reason");
    ck_assert_uint_eq(back->size_bytes, 3);
    ck_assert_uint_eq(back->min_disk_gib, 11);
    ck_assert_uint_eq(back->min_memory_mib, 13);
    ck_assert_str_eq(back->properties, "{\"os\":\"debian\"}");
    ck_assert_uint_eq(back->virtual_size_bytes, 5);
    ck_assert_str_eq(back->sha256, i.sha256);
    ck_assert_str_eq(back->job, job);
    ck_assert_int_eq(back->created_at_ms, 7);
    ck_assert_int_gt(back->updated_at_ms, 1000000);
    image_free(back);
    lab_done();
}
END_TEST

START_TEST(a_name_is_unique_in_its_project)
{
    struct image i;

    lab_open_file();
    lab_add_project(other_project);
    i = lab_image("debian");
    LAB_WRITE(store_image_insert(t, &i, &e));
    id_uuid(i.id);
    LAB_FAILS(store_image_insert(t, &i, &e), ERR_NAME_TAKEN);
    ck_assert_str_eq(e.field, "name");
    (void)foreign("debian", true);
    lab_done();
}
END_TEST

START_TEST(a_project_sees_its_own_and_public_ones)
{
    AUTO_LIST(image) list = { 0 }, all = { 0 };
    struct image *back = NULL, hidden, shown;
    bool more;

    lab_open_file();
    lab_add_project(other_project);
    hidden = foreign("hidden", false);
    shown = foreign("shown", true);
    LAB_FAILS(store_image_get(t, project, hidden.id, &back, &e), ERR_IMAGE_NOT_FOUND);
    LAB_FAILS(store_image_resolve(t, project, "hidden", &back, &e), ERR_IMAGE_NOT_FOUND);
    LAB_READ(store_image_resolve(t, NULL, "hidden", &back, &e));
    image_free(back);
    LAB_READ(store_image_resolve(t, project, shown.id, &back, &e));
    image_free(back);
    LAB_READ(store_image_list(t, project, NULL, 10, &list, &more, &e));
    ck_assert_uint_eq(list.count, 1);
    ck_assert_str_eq(list.items[0]->name, "shown");
    LAB_READ(store_image_list(t, NULL, NULL, 10, &all, &more, &e));
    ck_assert_uint_eq(all.count, 2);
    lab_done();
}
END_TEST

START_TEST(the_own_comes_before_a_public_one)
{
    static const char third[] = "00000000000000000000000000000002";
    struct image *back = NULL, own;

    lab_open_file();
    lab_add_project(other_project);
    lab_exec("INSERT INTO project SELECT '00000000000000000000000000000002', id, 'third', '', 1, 1 FROM domain");
    (void)foreign("debian", true);
    own = lab_image("debian");
    LAB_WRITE(store_image_insert(t, &own, &e));
    LAB_READ(store_image_resolve(t, project, "debian", &back, &e));
    ck_assert_str_eq(back->id, own.id);
    image_free(back);
    LAB_FAILS(store_image_resolve(t, third, "debian", &back, &e), ERR_NAME_AMBIGUOUS);
    LAB_FAILS(store_image_resolve(t, NULL, "debian", &back, &e), ERR_NAME_AMBIGUOUS);
    lab_done();
}
END_TEST

START_TEST(states_are_compared_and_set)
{
    struct image i, *back;

    lab_open_memory();
    i = queued("debian");
    LAB_WRITE(store_image_insert(t, &i, &e));
    LAB_WRITE(store_image_set_status(t, &i, IMAGE_SAVING, job, NULL, &e));
    LAB_FAILS(store_image_set_status(t, &i, IMAGE_SAVING, job, NULL, &e), ERR_CONFLICT);
    back = get(i.id);
    ck_assert_int_eq(back->status, IMAGE_SAVING);
    ck_assert_str_eq(back->job, job);
    LAB_WRITE(store_image_set_status(t, back, IMAGE_QUEUED, "", "the upload broke off", &e));
    image_free(back);
    back = get(i.id);
    ck_assert_str_eq(back->job, "");
    ck_assert_str_eq(back->status_reason, "the upload broke off");
    image_free(back);
    LAB_WRITE(store_image_delete(t, i.id, &e));
    LAB_FAILS(store_image_set_status(t, &i, IMAGE_SAVING, job, NULL, &e), ERR_IMAGE_NOT_FOUND);
    lab_done();
}
END_TEST

START_TEST(activating_writes_what_was_found)
{
    struct image i, *back;

    lab_open_memory();
    i = queued("debian");
    LAB_WRITE(store_image_insert(t, &i, &e));
    LAB_WRITE(store_image_set_status(t, &i, IMAGE_SAVING, job, "reason", &e));
    i.size_bytes = 11;
    i.virtual_size_bytes = 13;
    sha256_of("x", 1, i.sha256);
    LAB_WRITE(store_image_activate(t, &i, &e));
    LAB_FAILS(store_image_activate(t, &i, &e), ERR_CONFLICT);
    back = get(i.id);
    ck_assert_int_eq(back->status, IMAGE_ACTIVE);
    ck_assert_uint_eq(back->size_bytes, 11);
    ck_assert_uint_eq(back->virtual_size_bytes, 13);
    ck_assert_str_eq(back->sha256, i.sha256);
    ck_assert_str_eq(back->job, "");
    ck_assert_ptr_null(back->status_reason);
    image_free(back);
    lab_done();
}
END_TEST

START_TEST(an_image_in_use_stays)
{
    struct image i, *back;
    struct vm vm;

    lab_open_memory();
    i = lab_image("debian");
    LAB_WRITE(store_image_insert(t, &i, &e));
    vm = lab_vm(&i, "web");
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    LAB_FAILS(store_image_delete(t, i.id, &e), ERR_IN_USE);
    back = get(i.id);
    image_free(back);
    LAB_WRITE(store_vm_delete(t, vm.id, &e));
    LAB_WRITE(store_image_delete(t, i.id, &e));
    LAB_WRITE(store_image_delete(t, i.id, &e));
    lab_done();
}
END_TEST

START_TEST(pages_go_on_behind_a_deleted_marker)
{
    AUTO_LIST(image) list = { 0 }, rest = { 0 };
    struct event deleted = { .type = "image.deleted", .payload = "{}", .resource_created_at_ms = 2 };
    struct image images[3];
    struct image_list none = { 0 };
    bool more = false;

    lab_open_memory();
    deleted.project = project;
    for (int i = 0; i < 3; i++) {
        images[i] = lab_image((const char *[]){ "a", "b", "c" }[i]);
        images[i].created_at_ms = i + 1;
        LAB_WRITE(store_image_insert(t, &images[i], &e));
    }
    LAB_READ(store_image_list(t, project, NULL, 2, &list, &more, &e));
    ck_assert_uint_eq(list.count, 2);
    ck_assert(more);
    deleted.resource = images[1].id;
    LAB_WRITE(store_image_delete(t, images[1].id, &e));
    LAB_FAILS(store_image_list(t, project, images[1].id, 2, &none, &more, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "marker");
    LAB_WRITE(store_event_add(t, &deleted, &e));
    LAB_READ(store_image_list(t, project, images[1].id, 2, &rest, &more, &e));
    ck_assert_uint_eq(rest.count, 1);
    ck_assert_str_eq(rest.items[0]->name, "c");
    ck_assert(!more);
    lab_done();
}
END_TEST

START_TEST(a_format_is_found_later)
{
    struct image i, *back;

    lab_open_memory();
    i = lab_image("debian");
    LAB_WRITE(store_image_insert(t, &i, &e));
    for (int f = 0; f < DISK_FORMAT_COUNT; f++) {
        LAB_WRITE(store_image_set_format(t, i.id, (enum disk_format)f, &e));
        back = get(i.id);
        ck_assert_int_eq(back->disk_format, f);
        image_free(back);
    }
    LAB_FAILS(store_image_set_format(t, job, DISK_FORMAT_RAW, &e), ERR_IMAGE_NOT_FOUND);
    lab_done();
}
END_TEST

START_TEST(a_change_changes_what_is_named)
{
    const uint64_t disk = 3, memory = 5;
    const struct image_change all = { "other", "{\"a\":\"b\"}", &disk, &memory }, none = { 0 }, taken = { .name = "free" };
    struct image i, second, *back;

    lab_open_memory();
    i = lab_image("debian");
    second = lab_image("free");
    LAB_WRITE(store_image_insert(t, &i, &e));
    LAB_WRITE(store_image_insert(t, &second, &e));
    LAB_WRITE(store_image_change(t, i.id, &all, &e));
    LAB_WRITE(store_image_change(t, i.id, &none, &e));
    back = get(i.id);
    ck_assert_str_eq(back->name, "other");
    ck_assert_str_eq(back->properties, "{\"a\":\"b\"}");
    ck_assert_uint_eq(back->min_disk_gib, 3);
    ck_assert_uint_eq(back->min_memory_mib, 5);
    image_free(back);
    LAB_FAILS(store_image_change(t, i.id, &taken, &e), ERR_NAME_TAKEN);
    ck_assert_str_eq(e.msg, "the name 'free' is taken");
    LAB_FAILS(store_image_change(t, job, &all, &e), ERR_IMAGE_NOT_FOUND);
    lab_done();
}
END_TEST

UNIT_MAIN("store_image", a_format_is_found_later, a_change_changes_what_is_named, every_column_comes_back,
          a_name_is_unique_in_its_project, a_project_sees_its_own_and_public_ones, the_own_comes_before_a_public_one,
          states_are_compared_and_set, activating_writes_what_was_found, an_image_in_use_stays,
          pages_go_on_behind_a_deleted_marker)
