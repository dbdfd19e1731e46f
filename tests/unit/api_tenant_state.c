/* The tenant door's words for the core's states: each of them, as its contract says. */
#include <string.h>

#include "../../src/api/tenant/state.h"
#include "unit.h"

static const struct {
    const char *core, *tenant;
} contract[] = {
    { "pending", "creating" }, { "running", "running" },      { "stopping", "running" }, { "stopped", "stopped" },
    { "starting", "running" }, { "rebooting", "restarting" }, { "paused", "running" },   { "suspended", "stopped" },
    { "deleting", "running" }, { "error", "error" },
};

START_TEST(every_state_has_its_word)
{
    bool is_seen[VM_STATUS_COUNT] = { false };

    ck_assert_uint_eq(ARRAY_LEN(contract), VM_STATUS_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(contract); i++) {
        enum vm_status s;

        ck_assert_int_eq(vm_status_from_string(contract[i].core, &s), 0);
        ck_assert_str_eq(tenant_state_to_string(tenant_state_of(s)), contract[i].tenant);
        is_seen[s] = true;
    }
    for (size_t i = 0; i < VM_STATUS_COUNT; i++)
        ck_assert_msg(is_seen[i], "nothing is said of %s", vm_status_to_string((enum vm_status)i));
}
END_TEST

UNIT_MAIN("api_tenant_state", every_state_has_its_word)
