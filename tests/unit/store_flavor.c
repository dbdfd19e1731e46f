/* Rows of flavors: the first four, and those that come and go. */
#include "store_lab.h"

#include "store/flavor.h"

START_TEST(the_first_four_are_there)
{
    static const struct flavor wanted[] = {
        { .name = (char *)"small", .vcpus = 1, .memory_mib = 1024, .disk_gib = 10 },
        { .name = (char *)"medium", .vcpus = 2, .memory_mib = 4096, .disk_gib = 40 },
        { .name = (char *)"large", .vcpus = 4, .memory_mib = 8192, .disk_gib = 80 },
        { .name = (char *)"xlarge", .vcpus = 8, .memory_mib = 16384, .disk_gib = 160 },
    };
    AUTO_LIST(flavor) list = { 0 };

    lab_open_memory();
    LAB_READ(store_flavor_list(t, &list, &e));
    ck_assert_uint_eq(list.count, ARRAY_LEN(wanted));
    for (size_t i = 0; i < list.count; i++) {
        ck_assert_str_eq(list.items[i]->name, wanted[i].name);
        ck_assert_uint_eq(list.items[i]->vcpus, wanted[i].vcpus);
        ck_assert_uint_eq(list.items[i]->memory_mib, wanted[i].memory_mib);
        ck_assert_uint_eq(list.items[i]->disk_gib, wanted[i].disk_gib);
        ck_assert(str_starts_with(list.items[i]->description, "Suitable for "));
        ck_assert(id_is_uuid(list.items[i]->id));
        ck_assert_int_gt(list.items[i]->created_at_ms, 0);
    }
    lab_done();
}
END_TEST

START_TEST(a_flavor_comes_and_goes)
{
    struct flavor tiny = { .name = (char *)"tiny", .vcpus = 1, .memory_mib = 128, .disk_gib = 1, .description = (char *)"d" },
                  *back;

    lab_open_memory();
    id_uuid(tiny.id);
    tiny.created_at_ms = 5;
    LAB_WRITE(store_flavor_insert(t, &tiny, &e));
    LAB_READ(store_flavor_resolve(t, "tiny", &back, &e));
    ck_assert_str_eq(back->id, tiny.id);
    ck_assert_str_eq(back->description, "d");
    ck_assert_int_eq(back->created_at_ms, 5);
    flavor_free(back);
    LAB_READ(store_flavor_resolve(t, tiny.id, &back, &e));
    flavor_free(back);
    id_uuid(tiny.id);
    LAB_FAILS(store_flavor_insert(t, &tiny, &e), ERR_NAME_TAKEN);
    LAB_FAILS(store_flavor_delete(t, tiny.id, &e), ERR_FLAVOR_NOT_FOUND);
    lab_done();
}
END_TEST

START_TEST(a_deleted_flavor_is_not_found)
{
    struct flavor *back;

    lab_open_memory();
    LAB_READ(store_flavor_resolve(t, "small", &back, &e));
    LAB_WRITE(store_flavor_delete(t, back->id, &e));
    flavor_free(back);
    LAB_FAILS(store_flavor_resolve(t, "small", &back, &e), ERR_FLAVOR_NOT_FOUND);
    LAB_READ(store_flavor_resolve(t, "large", &back, &e));
    flavor_free(back);
    lab_done();
}
END_TEST

UNIT_MAIN("store_flavor", the_first_four_are_there, a_flavor_comes_and_goes, a_deleted_flavor_is_not_found)
