/* Roles and assignments: who has what where, and how many administrators there are. */
#include "store_lab.h"

#include "store/project.h"
#include "store/role.h"
#include "store/user.h"

static struct user add_user(const char *name, const char *password_hash)
{
    struct user u = { .name = (char *)name,
                      .description = (char *)"",
                      .is_enabled = true,
                      .password_hash = (char *)password_hash,
                      .created_at_ms = 1 };

    id_hex32(u.id);
    LAB_READ(store_domain_default(t, u.domain, &e));
    LAB_WRITE(store_user_insert(t, &u, &e));
    return u;
}

static struct role_assignment assignment(const struct user *u, enum role role)
{
    struct role_assignment a = { .role = role };

    (void)str_copy(a.user, sizeof a.user, u->id);
    (void)str_copy(a.project, sizeof a.project, project);
    return a;
}

static bool grant(const struct user *u, enum role role)
{
    struct role_assignment a = assignment(u, role);
    bool has_changed = false;

    LAB_WRITE(store_role_grant(t, &a, &has_changed, &e));
    return has_changed;
}

static bool take_away(const struct user *u, enum role role)
{
    struct role_assignment a = assignment(u, role);
    bool has_changed = false;

    LAB_WRITE(store_role_revoke(t, &a, &has_changed, &e));
    return has_changed;
}

static unsigned mask(const struct user *u)
{
    unsigned out = 99;

    LAB_READ(store_role_mask(t, u->id, project, &out, &e));
    return out;
}

static uint64_t administrators(void)
{
    uint64_t out = 99;

    LAB_READ(store_role_count_administrators(t, &out, &e));
    return out;
}

START_TEST(there_are_three_in_order)
{
    struct role_record roles[ROLE_COUNT];

    lab_open_memory();
    LAB_READ(store_role_list(t, roles, &e));
    ck_assert_int_eq(roles[0].role, ROLE_READER);
    ck_assert_int_eq(roles[1].role, ROLE_MEMBER);
    ck_assert_int_eq(roles[2].role, ROLE_ADMIN);
    ck_assert_uint_eq(strlen(roles[2].id), HEX32_LEN);
    lab_done();
}
END_TEST

START_TEST(granting_twice_is_granting_once)
{
    struct user u;

    lab_open_memory();
    u = add_user("ann", NULL);
    ck_assert_uint_eq(mask(&u), 0);
    ck_assert(grant(&u, ROLE_MEMBER));
    ck_assert(!grant(&u, ROLE_MEMBER));
    ck_assert(grant(&u, ROLE_READER));
    ck_assert_uint_eq(mask(&u), ROLE_MEMBER | ROLE_READER);
    ck_assert(take_away(&u, ROLE_MEMBER));
    ck_assert(!take_away(&u, ROLE_MEMBER));
    ck_assert_uint_eq(mask(&u), ROLE_READER);
    lab_done();
}
END_TEST

START_TEST(nobody_is_granted_anything)
{
    struct user nobody = { .name = NULL };
    struct role_assignment a;
    bool has_changed;

    lab_open_memory();
    id_hex32(nobody.id);
    a = assignment(&nobody, ROLE_READER);
    LAB_FAILS(store_role_grant(t, &a, &has_changed, &e), ERR_IN_USE);
    lab_done();
}
END_TEST

START_TEST(assignments_are_listed_with_names)
{
    AUTO_LIST(role_assignment) all = { 0 };
    AUTO_LIST(role_assignment) own = { 0 };
    AUTO_LIST(role_assignment) none = { 0 };
    struct user u;

    lab_open_memory();
    u = add_user("ann", NULL);
    (void)grant(&u, ROLE_MEMBER);
    (void)grant(&u, ROLE_READER);
    LAB_READ(store_role_assignments(t, NULL, NULL, &all, &e));
    ck_assert_uint_eq(all.count, 3); /* the first administrator's too */
    ck_assert_str_eq(all.items[0]->user_name, "admin");
    ck_assert_int_eq(all.items[0]->role, ROLE_ADMIN);
    LAB_READ(store_role_assignments(t, u.id, project, &own, &e));
    ck_assert_uint_eq(own.count, 2);
    ck_assert_int_eq(own.items[0]->role, ROLE_READER);
    ck_assert_str_eq(own.items[0]->project_name, "default");
    LAB_READ(store_role_assignments(t, u.id, u.id, &none, &e));
    ck_assert_uint_eq(none.count, 0);
    lab_done();
}
END_TEST

START_TEST(an_administrator_can_log_in)
{
    AUTO(project) p = NULL;
    struct user u, v;

    lab_open_memory();
    u = add_user("ann", "$argon2id$x");
    v = add_user("bob", NULL);
    (void)grant(&u, ROLE_MEMBER);
    ck_assert_uint_eq(administrators(), 0);
    (void)grant(&u, ROLE_ADMIN);
    (void)grant(&v, ROLE_ADMIN);
    ck_assert_uint_eq(administrators(), 1);
    LAB_READ(store_project_get(t, NULL, project, &p, &e));
    p->is_enabled = false;
    LAB_WRITE(store_project_change(t, p, &e));
    ck_assert_uint_eq(administrators(), 0);
    p->is_enabled = true;
    LAB_WRITE(store_project_change(t, p, &e));
    u.is_enabled = false;
    LAB_WRITE(store_user_change(t, &u, &e));
    ck_assert_uint_eq(administrators(), 0);
    lab_done();
}
END_TEST

UNIT_MAIN("store_role", there_are_three_in_order, granting_twice_is_granting_once, nobody_is_granted_anything,
          assignments_are_listed_with_names, an_administrator_can_log_in)
