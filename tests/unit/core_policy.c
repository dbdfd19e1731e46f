/* The table of actions: what each role may, in which words it is refused, and what cannot be asked of all projects. */
#include "unit.h"

#include "base/str.h"
#include "core/policy.h"

static struct err e = ERR_INIT;

static struct actor actor_with(unsigned roles)
{
    struct actor who = { .roles = roles, .is_admin = (roles & ROLE_ADMIN) != 0 };

    (void)str_copy(who.project, sizeof who.project, "0123456789abcdef0123456789abcdef");
    return who;
}

static void check_may(unsigned roles, const char *action, bool expected)
{
    struct actor who = actor_with(roles);

    err_clear(&e);
    if (expected) {
        unit_ok(policy_check(&who, action, &e));
    } else {
        unit_fails(policy_check(&who, action, &e), ERR_FORBIDDEN);
        ck_assert_msg(str_starts_with(e.msg, action), "%s", e.msg);
    }
}

/* An action of each role, and the one role after the other. */
START_TEST(a_role_may_what_it_may)
{
    static const struct {
        const char *action, *role;
        enum role least;
    } rows[] = { { "vm:list", "reader", ROLE_READER },
                 { "vm:create", "member", ROLE_MEMBER },
                 { "flavor:create", "admin", ROLE_ADMIN } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_str_eq(policy_role(rows[i].action), rows[i].role);
        ck_assert(!policy_is_public(rows[i].action));
        check_may(0, rows[i].action, false);
        check_may(roles_implied(ROLE_READER), rows[i].action, rows[i].least <= ROLE_READER);
        check_may(roles_implied(ROLE_MEMBER), rows[i].action, rows[i].least <= ROLE_MEMBER);
        check_may(roles_implied(ROLE_ADMIN), rows[i].action, true);
    }
}
END_TEST

START_TEST(anybody_may_what_is_public)
{
    ck_assert(policy_is_public("health:read"));
    ck_assert_str_eq(policy_role("health:read"), "public");
    check_may(0, "health:read", true);
    check_may(ROLES_ALL, "health:read", true);
}
END_TEST

/* The daemon itself, at work for somebody who is gone, is an administrator without roles. */
START_TEST(an_administrator_needs_no_role)
{
    struct actor who = { .is_admin = true };

    unit_ok(policy_check(&who, "vm:delete", &e));
    unit_ok(policy_check(&who, "doctor:read", &e));
}
END_TEST

START_TEST(a_refusal_says_what_is_missing)
{
    struct actor reader = actor_with(ROLE_READER), nobody = actor_with(0);

    unit_fails(policy_check(&reader, "vm:create", &e), ERR_FORBIDDEN);
    ck_assert_str_eq(e.msg, "vm:create needs the role member in project '0123456789abcdef0123456789abcdef'");
    unit_fails(policy_check(&reader, "host:read", &e), ERR_FORBIDDEN);
    ck_assert_str_eq(e.msg, "host:read needs the role admin");
    nobody.project[0] = '\0';
    unit_fails(policy_check(&nobody, "vm:list", &e), ERR_FORBIDDEN);
    ck_assert_str_eq(e.msg, "vm:list needs the role reader in a project, and the token is of none");
}
END_TEST

START_TEST(what_is_in_no_row_is_for_nobody)
{
    struct actor admin = actor_with(ROLES_ALL);

    ck_assert(!policy_knows("vm:fly"));
    ck_assert(!policy_knows(NULL));
    ck_assert(!policy_is_public("vm:fly"));
    ck_assert_ptr_null(policy_role("vm:fly"));
    unit_fails(policy_check(&admin, "vm:fly", &e), ERR_FORBIDDEN);
}
END_TEST

START_TEST(something_is_made_in_one_project)
{
    static const char *const in_one[] = { "vm:create", "image:create", "image:import", "keypair:create", "network:create" };
    struct actor all = actor_with(ROLES_ALL), reader = actor_with(ROLE_READER);

    all.sees_all = reader.sees_all = true;
    for (size_t i = 0; i < ARRAY_LEN(in_one); i++) {
        err_clear(&e);
        unit_fails(policy_check(&all, in_one[i], &e), ERR_INVALID_FIELD);
        ck_assert_str_eq(e.field, "project");
        unit_fails(policy_check(&reader, in_one[i], &e), ERR_FORBIDDEN); /* who may not is told that, and no more */
    }
    err_clear(&e);
    unit_ok(policy_check(&all, "vm:list", &e));
    unit_ok(policy_check(&all, "vm:image", &e));
    unit_ok(policy_check(&all, "flavor:create", &e));
}
END_TEST

START_TEST(no_action_has_two_rows)
{
    size_t count = 0;

    for (; policy_action(count); count++)
        for (size_t i = 0; i < count; i++)
            ck_assert_str_ne(policy_action(i), policy_action(count));
    ck_assert_uint_gt(count, 40);
}
END_TEST

START_TEST(a_visitor_may_what_is_for_visitors_only)
{
    struct actor visitor = { .is_visitor = true };

    for (size_t i = 0; policy_action(i); i++) {
        const char *action = policy_action(i);
        bool may = policy_is_public(action) || policy_is_for_visitors(action);

        err_clear(&e);
        ck_assert_msg(policy_check(&visitor, action, &e) == (may ? 0 : -1), "%s", action);
        ck_assert_msg(policy_is_for_visitors(action) == str_equal(action, "metrics:show"), "%s", action);
    }
    ck_assert(!policy_is_for_visitors("no:such"));
    check_may(ROLE_MEMBER, "metrics:show", false);
    check_may(ROLE_ADMIN, "metrics:show", true);
}
END_TEST

UNIT_MAIN("core_policy", a_visitor_may_what_is_for_visitors_only, a_role_may_what_it_may, anybody_may_what_is_public,
          an_administrator_needs_no_role, a_refusal_says_what_is_missing, what_is_in_no_row_is_for_nobody,
          something_is_made_in_one_project, no_action_has_two_rows)
