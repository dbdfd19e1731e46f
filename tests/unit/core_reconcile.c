/* What a row should say for each state that libvirt can report. */
#include <stdio.h>

#include "../../src/core/reconcile.h"
#include "unit.h"

static struct vm_state row(enum vm_status status, const char *reason, const char *fault)
{
    struct vm_state r = { .status = status };

    snprintf(r.reason, sizeof r.reason, "%s", reason);
    snprintf(r.fault_code, sizeof r.fault_code, "%s", fault);
    return r;
}

START_TEST(power_becomes_status)
{
    static const struct {
        struct virt_state now;
        enum vm_status status;
        const char *reason;
    } table[] = {
        { { VIRT_RUNNING, NULL }, VM_RUNNING, NULL },           { { VIRT_PAUSED, "ioerror" }, VM_PAUSED, "ioerror" },
        { { VIRT_STOPPED, "crashed" }, VM_STOPPED, "crashed" }, { { VIRT_CRASHED, NULL }, VM_STOPPED, "crashed" },
        { { VIRT_SUSPENDED, NULL }, VM_SUSPENDED, NULL },       { { VIRT_ABSENT, NULL }, VM_ERROR, "domain_missing" },
    };
    struct vm_state from = row(VM_STARTING, "", "");

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct vm_settled out = { 0 };

        ck_assert(reconcile_judge(&from, &table[i].now, &out));
        ck_assert_int_eq(out.status, table[i].status);
        ck_assert_pstr_eq(out.reason, table[i].reason);
    }
}
END_TEST

START_TEST(agreement_writes_nothing)
{
    struct vm_state running = row(VM_RUNNING, "", ""), paused = row(VM_PAUSED, "ioerror", "");
    struct virt_state is_running = { VIRT_RUNNING, NULL }, is_paused = { VIRT_PAUSED, "ioerror" },
                      is_paused_by_hand = { VIRT_PAUSED, "user" };
    struct vm_settled out;

    ck_assert(!reconcile_judge(&running, &is_running, &out));
    ck_assert(!reconcile_judge(&paused, &is_paused, &out));
    ck_assert(reconcile_judge(&paused, &is_paused_by_hand, &out));
}
END_TEST

START_TEST(a_task_holds_the_row)
{
    struct vm_state starting = row(VM_STARTING, "", "");
    struct virt_state off = { VIRT_STOPPED, NULL };
    struct vm_settled out;

    starting.task = VM_TASK_START;
    ck_assert(!reconcile_judge(&starting, &off, &out));
}
END_TEST

START_TEST(a_fault_outlives_what_is_off)
{
    struct vm_state failed = row(VM_ERROR, "hypervisor", "hypervisor_error"),
                    missing = row(VM_ERROR, "domain_missing", "domain_missing");
    struct virt_state off = { VIRT_STOPPED, NULL }, gone = { VIRT_ABSENT, NULL }, on = { VIRT_RUNNING, NULL };
    struct vm_settled out;

    ck_assert(!reconcile_judge(&failed, &off, &out));
    ck_assert(!reconcile_judge(&failed, &gone, &out));
    ck_assert(!reconcile_judge(&missing, &gone, &out));
    ck_assert(reconcile_judge(&failed, &on, &out));
    ck_assert_int_eq(out.status, VM_RUNNING);
    ck_assert_ptr_null(out.fault_code);
    ck_assert(reconcile_judge(&missing, &off, &out));
    ck_assert_int_eq(out.status, VM_STOPPED);
}
END_TEST

START_TEST(a_missing_domain_is_a_fault_with_advice)
{
    struct vm_state running = row(VM_RUNNING, "", "");
    struct virt_state gone = { VIRT_ABSENT, NULL };
    struct vm_settled out;

    ck_assert(reconcile_judge(&running, &gone, &out));
    ck_assert_str_eq(out.fault_code, "domain_missing");
    ck_assert_ptr_nonnull(out.fault_message);
}
END_TEST

UNIT_MAIN("core_reconcile", power_becomes_status, agreement_writes_nothing, a_task_holds_the_row, a_fault_outlives_what_is_off,
          a_missing_domain_is_a_fault_with_advice)
