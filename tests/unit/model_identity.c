/* Roles as words and masks, and which records an actor finds. */
#include "unit.h"

#include "base/str.h"
#include "model/identity.h"

START_TEST(roles_have_words)
{
    enum role role = ROLE_READER;

    ck_assert_int_eq(role_from_string("member", &role), 0);
    ck_assert_int_eq(role, ROLE_MEMBER);
    ck_assert_str_eq(role_to_string(ROLE_ADMIN), "admin");
    ck_assert_int_eq(role_from_string("owner", &role), -1);
    ck_assert_int_eq(role_from_string(NULL, &role), -1);
    ck_assert_int_eq(role, ROLE_MEMBER);
    role = ROLE_READER;
    ck_assert_int_eq(role_from_string("developer", &role), 0);
    ck_assert_int_eq(role, ROLE_MEMBER);
    ck_assert_str_eq(role_to_string(ROLE_MEMBER), "member");
}
END_TEST

START_TEST(a_role_implies_those_before_it)
{
    ck_assert_uint_eq(roles_implied(0), 0);
    ck_assert_uint_eq(roles_implied(ROLE_READER), ROLE_READER);
    ck_assert_uint_eq(roles_implied(ROLE_MEMBER), ROLE_READER | ROLE_MEMBER);
    ck_assert_uint_eq(roles_implied(ROLE_ADMIN), ROLES_ALL);
}
END_TEST

START_TEST(an_actor_finds_what_its_project_has)
{
    struct actor who = { .project = "home" };

    ck_assert_str_eq(actor_scope(&who), "home");
    who.sees_all = true;
    ck_assert_ptr_null(actor_scope(&who));
}
END_TEST

START_TEST(an_actor_at_work_elsewhere_is_the_same_one)
{
    struct actor who = { .user = "root", .user_id = "1", .project = "home", .is_admin = true, .sees_all = true };
    struct actor at = actor_in(&who, "there");

    ck_assert_str_eq(at.project, "there");
    ck_assert_str_eq(actor_scope(&at), "there");
    ck_assert_str_eq(at.user, "root");
    ck_assert_str_eq(at.user_id, "1");
    ck_assert(at.is_admin);
    ck_assert_str_eq(who.project, "home");
    ck_assert(who.sees_all);
}
END_TEST

UNIT_MAIN("model_identity", roles_have_words, a_role_implies_those_before_it, an_actor_finds_what_its_project_has,
          an_actor_at_work_elsewhere_is_the_same_one)
