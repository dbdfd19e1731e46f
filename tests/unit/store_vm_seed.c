/* Rows of seeds: bytes come back as they were, and the row goes with its VM. */
#include "store_lab.h"

#include "store/vm_seed.h"

static struct vm vm;

static void open_with_vm(void (*open_lab)(void))
{
    struct image image;

    open_lab();
    image = lab_image("tiny");
    vm = lab_vm(&image, "web");
    LAB_WRITE(store_image_insert(t, &image, &e));
    LAB_WRITE(store_vm_insert(t, &vm, &e));
}

static struct vm_seed make(void *user_data, size_t len)
{
    struct vm_seed s = {
        .is_config_drive = true, .ssh_keys = (char *)"[\"ssh-ed25519 AAAA\"]", .user_data = user_data, .user_data_len = len
    };

    memcpy(s.vm, vm.id, sizeof(s.vm));
    id_hex32(s.token);
    return s;
}

static struct vm_seed *get(void)
{
    struct vm_seed *s = NULL;

    LAB_READ(store_vm_seed_get(t, vm.id, &s, &e));
    return s;
}

START_TEST(every_column_comes_back)
{
    char bytes[] = "#!/bin/sh\n\0\xff\x80 end";
    struct vm_seed s, *back;

    open_with_vm(lab_open_memory);
    s = make(bytes, sizeof(bytes));
    LAB_WRITE(store_vm_seed_insert(t, &s, &e));
    back = get();
    ck_assert_str_eq(back->vm, vm.id);
    ck_assert(back->is_config_drive);
    ck_assert_str_eq(back->ssh_keys, s.ssh_keys);
    ck_assert_uint_eq(back->user_data_len, sizeof(bytes));
    ck_assert_mem_eq(back->user_data, bytes, sizeof(bytes));
    ck_assert_str_eq(back->token, s.token);
    vm_seed_free(back);
    LAB_FAILS(store_vm_seed_insert(t, &s, &e), ERR_CONFLICT);
    lab_done();
}
END_TEST

START_TEST(no_user_data_is_null)
{
    struct vm_seed s, *back;

    open_with_vm(lab_open_memory);
    s = make(NULL, 0);
    s.token[0] = '\0';
    LAB_WRITE(store_vm_seed_insert(t, &s, &e));
    back = get();
    ck_assert_ptr_null(back->user_data);
    ck_assert_str_eq(back->token, "");
    vm_seed_free(back);
    lab_done();
}
END_TEST

START_TEST(empty_user_data_is_kept)
{
    struct vm_seed s, *back;

    open_with_vm(lab_open_memory);
    s = make((char *)"", 0);
    LAB_WRITE(store_vm_seed_insert(t, &s, &e));
    back = get();
    ck_assert_ptr_nonnull(back->user_data);
    ck_assert_uint_eq(back->user_data_len, 0);
    vm_seed_free(back);
    lab_done();
}
END_TEST

START_TEST(goes_with_its_vm)
{
    struct vm_seed s, *back = NULL;

    open_with_vm(lab_open_file);
    s = make(NULL, 0);
    LAB_WRITE(store_vm_seed_insert(t, &s, &e));
    LAB_WRITE(store_vm_delete(t, vm.id, &e));
    LAB_ASK_EQ("SELECT count(*) FROM vm_seed", "0");
    LAB_FAILS(store_vm_seed_get(t, vm.id, &back, &e), ERR_VM_NOT_FOUND);
    LAB_FAILS(store_vm_seed_insert(t, &s, &e), ERR_VM_NOT_FOUND);
    lab_done();
}
END_TEST

UNIT_MAIN("store_vm_seed", every_column_comes_back, no_user_data_is_null, empty_user_data_is_kept, goes_with_its_vm)
