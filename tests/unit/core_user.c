/* Users, projects and roles: who may change what, names, what goes with them, and that somebody is always left who can. */
#include "identity_lab.h"

#include "store/role.h"
#include "store/user.h"

static int make_user(const char *name, const char *password)
{
    return lab_write_user(&who, NULL, &(struct user_change){ .name = name, .password = password }, NULL);
}

static int change_user(const struct actor *by, const char *ref, struct user_change change)
{
    return lab_write_user(by, ref, &change, NULL);
}

static int enable_user(const char *ref, bool is_enabled)
{
    return change_user(&who, ref, (struct user_change){ .is_enabled = &is_enabled });
}

static int enable_project(const char *ref, bool is_enabled)
{
    AUTO(project) p = NULL;

    return project_update(core, &who, ref, &(struct project_change){ .is_enabled = &is_enabled }, &p, &e);
}

static int make_project(const char *name)
{
    AUTO(project) p = NULL;

    return project_create(core, &who, &(struct project_change){ .name = name }, &p, &e);
}

static int rename_project(const char *ref, const char *name)
{
    AUTO(project) p = NULL;

    return project_update(core, &who, ref, &(struct project_change){ .name = name }, &p, &e);
}

START_TEST(names_are_fit_for_a_path)
{
    static const char *const bad[] = {
        "", " a", "a ", "a/b", "*", ".", "..", "a\nb", "\xff", "00000000000000000000000000000001"
    };
    static const char *const good[] = { "ann@example.org", "Zo\xc3\xab", "with a space", "-", "a.b" };
    char too_long[USER_NAME_MAX + 2];

    identity_lab_set_up();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        unit_fails(make_user(bad[i], NULL), ERR_INVALID_FIELD);
        ck_assert_str_eq(e.field, "name");
        unit_fails(make_project(bad[i]), ERR_INVALID_FIELD);
        ck_assert_str_eq(e.field, "name");
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        unit_ok(make_user(good[i], NULL));
        unit_fails(make_user(good[i], NULL), ERR_NAME_TAKEN);
        unit_ok(make_project(good[i]));
        unit_fails(make_project(good[i]), ERR_NAME_TAKEN);
    }
    memset(too_long, 'a', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    unit_fails(make_user(too_long, NULL), ERR_INVALID_FIELD);
    unit_ok(make_user(too_long + 1, NULL));
    unit_fails(make_project(too_long), ERR_INVALID_FIELD);
    core_lab_tear_down();
}
END_TEST

START_TEST(passwords_have_a_length)
{
    char too_long[PASSWORD_MAX + 2];

    identity_lab_set_up();
    unit_fails(make_user("ann", "seven77"), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "password");
    memset(too_long, 'a', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    unit_fails(make_user("ann", too_long), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "password");
    unit_ok(make_user("ann", too_long + 1));
    core_lab_tear_down();
}
END_TEST

START_TEST(somebody_changes_its_own_password_alone)
{
    struct login_result first, second;
    AUTO(user) ann = NULL;
    AUTO(user) none = NULL;

    identity_lab_set_up();
    lab_add_user("ann", "default", "member");
    lab_add_user("bob", "default", "member");
    unit_ok(lab_login("ann", LAB_PASSWORD, &first));
    unit_ok(lab_login("ann", LAB_PASSWORD, &second));
    unit_ok(user_get(core, &first.actor, "ann", &ann, &e));
    unit_fails(user_get(core, &first.actor, "bob", &none, &e), ERR_USER_NOT_FOUND);
    unit_fails(change_user(&first.actor, "ann", (struct user_change){ .name = "anna" }), ERR_FORBIDDEN);
    unit_fails(change_user(&first.actor, "bob", (struct user_change){ .password = "another one" }), ERR_USER_NOT_FOUND);
    unit_fails(change_user(&first.actor, NULL, (struct user_change){ .name = "eve" }), ERR_FORBIDDEN);
    unit_fails(change_user(&first.actor, "ann", (struct user_change){ .password = "another one" }), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "original_password");
    unit_fails(change_user(&first.actor, "ann",
                           (struct user_change){ .password = "another one", .original_password = "wrong password" }),
               ERR_UNAUTHORIZED);
    unit_ok(
        change_user(&first.actor, ann->id, (struct user_change){ .password = "another one", .original_password = LAB_PASSWORD }));
    /* Who asks goes on; whoever else came by the old one does not. */
    ck_assert(identity_is_valid(core, &first.actor));
    ck_assert(!identity_is_valid(core, &second.actor));
    unit_ok(lab_login("ann", "another one", NULL));
    core_lab_tear_down();
}
END_TEST

START_TEST(an_original_is_not_guessed)
{
    struct login_result made;
    const struct user_change guess = { .password = "another one", .original_password = "wrong password" };

    identity_lab_set_up();
    lab_add_user("ann", "default", "member");
    unit_ok(lab_login("ann", LAB_PASSWORD, &made));
    for (int i = 0; i < 5; i++)
        unit_fails(change_user(&made.actor, "ann", guess), ERR_UNAUTHORIZED);
    /* On a slow machine the bucket may have got one back meanwhile. */
    for (int i = 0; i < 20 && change_user(&made.actor, "ann", guess) < 0 && e.code == ERR_UNAUTHORIZED; i++)
        continue;
    unit_fails(change_user(&made.actor, "ann", guess), ERR_TOO_MANY_REQUESTS);
    core_lab_tear_down();
}
END_TEST

START_TEST(each_sees_what_it_may)
{
    struct login_result made;
    AUTO_LIST(user) users = { 0 };
    AUTO_LIST(project) projects = { 0 };
    AUTO_LIST(role_assignment) roles = { 0 };
    AUTO(project) p = NULL;
    bool has_more;

    identity_lab_set_up();
    lab_new_project("north");
    lab_add_user("ann", "north", "member");
    unit_ok(lab_login("ann", LAB_PASSWORD, &made));
    unit_ok(user_list(core, &made.actor, NULL, 9, &users, &has_more, &e));
    ck_assert_uint_eq(users.count, 1);
    unit_ok(project_list(core, &made.actor, NULL, 9, &projects, &has_more, &e));
    ck_assert_uint_eq(projects.count, 1);
    ck_assert_str_eq(projects.items[0]->name, "north");
    unit_fails(project_get(core, &made.actor, "default", &p, &e), ERR_PROJECT_NOT_FOUND);
    unit_ok(role_assignments(core, &made.actor, NULL, NULL, &roles, &e));
    ck_assert_uint_eq(roles.count, 1);
    role_assignment_list_done(&roles);
    unit_fails(role_assignments(core, &made.actor, "admin", NULL, &roles, &e), ERR_USER_NOT_FOUND);
    unit_fails(role_assignments(core, &made.actor, NULL, "default", &roles, &e), ERR_PROJECT_NOT_FOUND);
    unit_ok(role_assignments(core, &who, "ann", "north", &roles, &e));
    ck_assert_uint_eq(roles.count, 1);
    core_lab_tear_down();
}
END_TEST

/* boss is the only one who is enabled, has a password, and is an administrator. */
START_TEST(the_last_administrator_stays)
{
    identity_lab_set_up();
    unit_ok(make_project("hall"));
    lab_add_user("boss", "hall", "admin");
    unit_fails(enable_user("boss", false), ERR_CONFLICT);
    unit_fails(user_delete(core, &who, "boss", &e), ERR_CONFLICT);
    unit_fails(role_revoke(core, &who, "boss", "hall", "admin", &e), ERR_CONFLICT);
    unit_fails(enable_project("hall", false), ERR_CONFLICT);
    unit_fails(project_delete(core, &who, "hall", &e), ERR_CONFLICT);
    unit_ok(lab_login("boss", LAB_PASSWORD, NULL)); /* nothing of it has happened */
    lab_add_user("second", "default", "admin");
    unit_ok(enable_user("boss", false));
    unit_fails(role_revoke(core, &who, "second", "default", "admin", &e), ERR_CONFLICT);
    unit_ok(enable_user("boss", true));
    unit_ok(user_delete(core, &who, "second", &e));
    core_lab_tear_down();
}
END_TEST

START_TEST(the_default_project_stays)
{
    AUTO(project) p = NULL;

    identity_lab_set_up();
    unit_fails(project_delete(core, &who, "default", &e), ERR_CONFLICT);
    unit_fails(rename_project("default", "other"), ERR_CONFLICT);
    unit_fails(enable_project("default", false), ERR_CONFLICT);
    unit_ok(project_update(core, &who, "default", &(struct project_change){ .description = "d", .name = "default" }, &p, &e));
    ck_assert_str_eq(p->description, "d");
    core_lab_tear_down();
}
END_TEST

START_TEST(a_project_with_something_in_it_stays)
{
    struct login_result made;
    struct image i;

    identity_lab_set_up();
    unit_ok(make_project("north"));
    lab_add_user("ann", "north", "member");
    unit_ok(lab_login("ann", LAB_PASSWORD, &made));
    i = lab_image("theirs");
    (void)str_copy(i.project, sizeof i.project, made.actor.project);
    LAB_WRITE(store_image_insert(t, &i, &e));
    unit_fails(project_delete(core, &who, "north", &e), ERR_IN_USE);
    ck_assert_ptr_nonnull(strstr(e.msg, "images (1)"));
    LAB_WRITE(store_image_delete(t, i.id, &e));
    unit_ok(project_delete(core, &who, "north", &e));
    ck_assert(!identity_is_valid(core, &made.actor)); /* roles and tokens go with it */
    unit_fails(project_delete(core, &who, "north", &e), ERR_PROJECT_NOT_FOUND);
    core_lab_tear_down();
}
END_TEST

START_TEST(roles_name_what_is_there)
{
    struct role_record roles[3];

    identity_lab_set_up();
    lab_add_user("ann", NULL, NULL);
    unit_ok(role_list(core, roles, &e));
    ck_assert_int_eq(roles[2].role, ROLE_ADMIN);
    unit_fails(role_grant(core, &who, "eve", "default", "member", &e), ERR_USER_NOT_FOUND);
    unit_fails(role_grant(core, &who, "ann", "nowhere", "member", &e), ERR_PROJECT_NOT_FOUND);
    unit_fails(role_grant(core, &who, "ann", "default", "emperor", &e), ERR_ROLE_NOT_FOUND);
    unit_ok(role_revoke(core, &who, "ann", "default", "member", &e));
    unit_ok(role_grant(core, &who, "ann", "default", "member", &e));
    unit_ok(role_grant(core, &who, "ann", "default", "member", &e));
    lab_audited("role:grant", "accepted", 1); /* what changes nothing leaves no line */
    lab_audited("role:revoke", "accepted", 0);
    core_lab_tear_down();
}
END_TEST

START_TEST(the_first_administrator_gets_a_password_once)
{
    char first[32] = "", second[32] = "";

    identity_lab_set_up();
    unit_ok(user_init_admin(store, false, first, &e));
    ck_assert_uint_eq(strlen(first), 24);
    unit_ok(lab_login("admin", first, NULL));
    unit_fails(user_init_admin(store, false, second, &e), ERR_CONFLICT);
    unit_ok(user_init_admin(store, true, second, &e));
    ck_assert_str_ne(first, second);
    unit_fails(lab_login("admin", first, NULL), ERR_UNAUTHORIZED);
    unit_ok(lab_login("admin", second, NULL));
    core_lab_tear_down();
}
END_TEST

UNIT_MAIN("core_user", names_are_fit_for_a_path, passwords_have_a_length, somebody_changes_its_own_password_alone,
          an_original_is_not_guessed, each_sees_what_it_may, the_last_administrator_stays, the_default_project_stays,
          a_project_with_something_in_it_stays, roles_name_what_is_there, the_first_administrator_gets_a_password_once)
