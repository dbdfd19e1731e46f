/* Routes and the table of actions belong together: each has what it needs of the other, and nothing is left over. */
#include "../../src/app/app.h"
#include "unit.h"

#include "api/api.h"
#include "base/str.h"
#include "core/policy.h"

static struct err e = ERR_INIT;

static bool is_used(const char *action, const struct door *const *doors)
{
    for (; *doors; doors++)
        for (size_t i = 0; i < (*doors)->route_count; i++)
            if (str_equal((*doors)->routes[i].action, action))
                return true;
    return false;
}

START_TEST(every_route_has_its_row)
{
    unit_ok(app_check_routes(&e));
}
END_TEST

START_TEST(every_row_has_its_route)
{
    for (size_t i = 0; policy_action(i); i++)
        ck_assert_msg(is_used(policy_action(i), api_doors) || is_used(policy_action(i), guest_doors), "no route is for %s",
                      policy_action(i));
}
END_TEST

UNIT_MAIN("app_routes", every_route_has_its_row, every_row_has_its_route)
