/* VMs as records: words both ways, what a task shows, and that the ends of records free all of it (the leak sanitizer judges). */
#include "unit.h"

#include "base/str.h"
#include "model/network.h"
#include "model/vm.h"

START_TEST(words_come_back)
{
    enum vm_status status = VM_STATUS_COUNT;
    enum vm_task task = VM_TASK_COUNT;
    enum vm_restore restore = VM_RESTORE_COUNT;

    for (int i = 0; i < VM_STATUS_COUNT; i++) {
        ck_assert_int_eq(vm_status_from_string(vm_status_to_string((enum vm_status)i), &status), 0);
        ck_assert_int_eq(status, i);
    }
    for (int i = 0; i < VM_TASK_COUNT; i++) {
        ck_assert_int_eq(vm_task_from_string(vm_task_to_string((enum vm_task)i), &task), 0);
        ck_assert_int_eq(task, i);
    }
    for (int i = 0; i < VM_RESTORE_COUNT; i++) {
        ck_assert_int_eq(vm_restore_from_string(vm_restore_to_string((enum vm_restore)i), &restore), 0);
        ck_assert_int_eq(restore, i);
    }
    ck_assert_ptr_null(vm_restore_to_string(VM_RESTORE_NONE));
    ck_assert_int_eq(vm_restore_from_string("stopped", &restore), -1);
    ck_assert_ptr_null(vm_task_to_string(VM_TASK_NONE));
    ck_assert_int_eq(vm_task_from_string("vm.dance", &task), -1);
    ck_assert_int_eq(vm_status_from_string("dancing", &status), -1);
}
END_TEST

START_TEST(a_task_shows_its_status)
{
    static const enum vm_task quiet[] = { VM_TASK_NONE, VM_TASK_PAUSE, VM_TASK_RESUME, VM_TASK_SUSPEND, VM_TASK_IMAGE };

    for (size_t i = 0; i < ARRAY_LEN(quiet); i++)
        ck_assert_int_eq(vm_task_status(quiet[i], VM_RUNNING), VM_RUNNING);
    ck_assert_int_eq(vm_task_status(VM_TASK_CREATE, VM_STOPPED), VM_PENDING);
    ck_assert_int_eq(vm_task_status(VM_TASK_DELETE, VM_RUNNING), VM_DELETING);
    ck_assert_int_eq(vm_task_status(VM_TASK_START, VM_STOPPED), VM_STARTING);
    ck_assert_int_eq(vm_task_status(VM_TASK_STOP, VM_RUNNING), VM_STOPPING);
    ck_assert_int_eq(vm_task_status(VM_TASK_REBOOT, VM_RUNNING), VM_REBOOTING);
}
END_TEST

static struct port *new_port(void)
{
    struct port *p = calloc(1, sizeof(*p));

    p->network_name = str_dup("lan");
    return p;
}

START_TEST(a_vm_frees_its_ports)
{
    struct vm *vm = calloc(1, sizeof(*vm));

    vm->keypair = str_dup("me");
    vm->ports.items = calloc(2, sizeof(*vm->ports.items));
    vm->ports.items[vm->ports.count++] = new_port();
    vm->ports.items[vm->ports.count++] = new_port();
    vm_free(vm);
    vm_free(NULL);
    port_free(NULL);
}
END_TEST

START_TEST(a_spec_and_a_seed_free_all)
{
    struct vm_seed *seed = calloc(1, sizeof(*seed));
    struct vm_spec spec = { .name = str_dup("web"),
                            .keypair = str_dup("me"),
                            .ssh_keys = str_dup("[]"),
                            .user_data = str_dup("#!"),
                            .nics = calloc(2, sizeof(*spec.nics)),
                            .nic_count = 2 };

    spec.nics[0] = (struct nic_spec){ str_dup("lan"), str_dup("10.77.3.2") };
    spec.nics[1] = (struct nic_spec){ str_dup("wan"), NULL };
    vm_spec_done(&spec);
    ck_assert_ptr_null(spec.nics);
    ck_assert_uint_eq(spec.nic_count, 0);
    seed->ssh_keys = str_dup("[]");
    seed->user_data = str_dup("#!");
    vm_seed_free(seed);
    vm_seed_free(NULL);
}
END_TEST

UNIT_MAIN("model_vm", words_come_back, a_task_shows_its_status, a_vm_frees_its_ports, a_spec_and_a_seed_free_all)
