/* The workspace door's table of states: every state of the core has its word, and every word its states. */
#include "../../src/api/workspace/states.h"
#include "unit.h"

#include "base/cleanup.h"

static struct err e = ERR_INIT;

static const char *const words[VM_STATUS_COUNT] = {
    [VM_PENDING] = "pending",     [VM_RUNNING] = "running",    [VM_STOPPING] = "stopping", [VM_STOPPED] = "stopped",
    [VM_STARTING] = "starting",   [VM_REBOOTING] = "starting", [VM_PAUSED] = "running",    [VM_SUSPENDED] = "stopped",
    [VM_DELETING] = "terminated", [VM_ERROR] = "error",
};

START_TEST(every_state_has_its_word)
{
    for (int s = 0; s < VM_STATUS_COUNT; s++) {
        ck_assert_ptr_nonnull(words[s]);
        ck_assert_str_eq(workspace_state_to_string(workspace_state((enum vm_status)s)), words[s]);
    }
}
END_TEST

START_TEST(every_word_has_its_states)
{
    unsigned all = 0;

    for (int s = 0; s < WORKSPACE_STATE_COUNT; s++) {
        enum workspace_state back = WORKSPACE_STATE_COUNT;
        unsigned statuses = workspace_state_statuses((enum workspace_state)s);

        ck_assert_int_eq(workspace_state_from_string(workspace_state_to_string((enum workspace_state)s), &back), 0);
        ck_assert_int_eq(back, s);
        ck_assert_uint_ne(statuses, 0);
        ck_assert_uint_eq(all & statuses, 0);
        all |= statuses;
    }
    ck_assert_uint_eq(all, (1u << VM_STATUS_COUNT) - 1);
}
END_TEST

START_TEST(other_words_are_none)
{
    static const char *const others[] = { "", "rebooting", "paused", "RUNNING", "running " };
    enum workspace_state s = WORKSPACE_ERROR;

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        ck_assert_int_eq(workspace_state_from_string(others[i], &s), -1);
    ck_assert_int_eq(s, WORKSPACE_ERROR);
}
END_TEST

START_TEST(a_refusal_says_the_state)
{
    const struct vm vm = { .status = VM_PAUSED };

    unit_ok(workspace_state_check(&vm, WORKSPACE_IN(RUNNING), "stopped", &e));
    ck_assert_int_eq(workspace_state_check(&vm, WORKSPACE_IN(STOPPED) | WORKSPACE_IN(ERROR), "started", &e), -1);
    ck_assert_int_eq(e.code, ERR_INVALID_STATE);
    ck_assert_str_eq(e.msg, "VM cannot be started in current status: running");
}
END_TEST

UNIT_MAIN("api_workspace_states", every_state_has_its_word, every_word_has_its_states, other_words_are_none,
          a_refusal_says_the_state)
