/* Rows of users: every column, names, pages, and what goes with them. */
#include "store_lab.h"

#include "store/role.h"
#include "store/token.h"
#include "store/user.h"

static struct user make(const char *name, int64_t created_at_ms)
{
    struct user u = { .name = (char *)name, .description = (char *)"", .is_enabled = true, .created_at_ms = created_at_ms };

    id_hex32(u.id);
    LAB_READ(store_domain_default(t, u.domain, &e));
    return u;
}

static struct user add(const char *name, int64_t created_at_ms)
{
    struct user u = make(name, created_at_ms);

    LAB_WRITE(store_user_insert(t, &u, &e));
    return u;
}

START_TEST(every_column_comes_back)
{
    struct user u;
    AUTO(user) back = NULL;

    lab_open_memory();
    u = make("ann", 7);
    u.description = (char *)"of the north";
    u.password_hash = (char *)"$argon2id$x";
    u.is_enabled = false;
    LAB_WRITE(store_user_insert(t, &u, &e));
    LAB_READ(store_user_get(t, u.id, &back, &e));
    ck_assert_str_eq(back->id, u.id);
    ck_assert_str_eq(back->domain, u.domain);
    ck_assert_str_eq(back->name, "ann");
    ck_assert_str_eq(back->description, "of the north");
    ck_assert_str_eq(back->password_hash, "$argon2id$x");
    ck_assert(!back->is_enabled);
    ck_assert_int_eq(back->created_at_ms, 7);
    lab_done();
}
END_TEST

START_TEST(the_first_administrator_has_no_password)
{
    AUTO(user) admin = NULL;
    uint64_t administrators = 1;

    lab_open_memory();
    LAB_READ(store_user_get(t, "admin", &admin, &e));
    ck_assert(admin->is_enabled);
    ck_assert_ptr_null(admin->password_hash);
    LAB_READ(store_role_count_administrators(t, &administrators, &e));
    ck_assert_uint_eq(administrators, 0);
    lab_done();
}
END_TEST

START_TEST(a_name_is_one_user)
{
    struct user ann, twin;
    struct user *none = &ann;
    AUTO(user) back = NULL;

    lab_open_memory();
    ann = add("ann", 1);
    twin = make("ann", 2);
    LAB_FAILS(store_user_insert(t, &twin, &e), ERR_NAME_TAKEN);
    ck_assert_str_eq(e.field, "name");
    twin = add("bob", 2);
    twin.name = (char *)"ann";
    LAB_FAILS(store_user_change(t, &twin, &e), ERR_NAME_TAKEN);
    LAB_READ(store_user_get(t, "ann", &back, &e));
    ck_assert_str_eq(back->id, ann.id);
    LAB_FAILS(store_user_get(t, "eve", &none, &e), ERR_USER_NOT_FOUND);
    LAB_READ(store_user_find(t, "eve", &none, &e));
    ck_assert_ptr_null(none);
    lab_done();
}
END_TEST

START_TEST(a_change_is_kept)
{
    struct user u;
    AUTO(user) back = NULL;

    lab_open_memory();
    u = add("ann", 1);
    u.name = (char *)"anna";
    u.description = (char *)"d";
    u.is_enabled = false;
    u.password_hash = (char *)"h";
    LAB_WRITE(store_user_change(t, &u, &e));
    LAB_READ(store_user_get(t, "anna", &back, &e));
    ck_assert_str_eq(back->description, "d");
    ck_assert_str_eq(back->password_hash, "h");
    ck_assert(!back->is_enabled);
    id_hex32(u.id);
    LAB_FAILS(store_user_change(t, &u, &e), ERR_USER_NOT_FOUND);
    LAB_FAILS(store_user_delete(t, u.id, &e), ERR_USER_NOT_FOUND);
    lab_done();
}
END_TEST

static void assert_page(const char *only, const char *marker, uint32_t limit, const char *names, bool has_more)
{
    AUTO_LIST(user) list = { 0 };
    AUTO_BUF text = { 0 };
    bool more = !has_more;

    LAB_READ(store_user_list(t, only, marker, limit, &list, &more, &e));
    buf_adds(&text, "");
    for (size_t i = 0; i < list.count; i++)
        buf_adds(&text, list.items[i]->name);
    ck_assert_str_eq(text.data, names);
    ck_assert_int_eq(more, has_more);
}

START_TEST(pages_are_in_order)
{
    struct user a, b;
    AUTO_LIST(user) list = { 0 };
    bool more;

    lab_open_memory();
    b = add("b", 20);
    a = add("a", 10);
    assert_page(NULL, NULL, 9, "abadmin", false);
    assert_page(NULL, NULL, 1, "a", true);
    assert_page(NULL, a.id, 1, "b", true);
    assert_page(NULL, b.id, 9, "admin", false);
    assert_page(b.id, NULL, 9, "b", false);
    LAB_FAILS(store_user_list(t, NULL, "nobody", 9, &list, &more, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "marker");
    LAB_FAILS(store_user_list(t, b.id, a.id, 9, &list, &more, &e), ERR_INVALID_FIELD);
    LAB_FAILS(store_user_list(t, NULL, NULL, 0, &list, &more, &e), ERR_INVALID_FIELD);
    lab_done();
}
END_TEST

START_TEST(roles_and_tokens_go_with_their_user)
{
    struct user u;
    struct role_assignment a = { .role = ROLE_MEMBER };
    struct token k = { .name = (char *)"", .expires_at_ms = 100, .created_at_ms = 1 };
    struct token *back = NULL;
    unsigned mask = 7;
    bool has_changed = false;

    lab_open_memory();
    u = add("ann", 1);
    (void)str_copy(a.user, sizeof a.user, u.id);
    (void)str_copy(a.project, sizeof a.project, project);
    LAB_WRITE(store_role_grant(t, &a, &has_changed, &e));
    id_hex32(k.id);
    sha256_of("x", 1, k.sha256);
    (void)str_copy(k.user, sizeof k.user, u.id);
    (void)str_copy(k.project, sizeof k.project, project);
    LAB_WRITE(store_token_insert(t, &k, &e));
    LAB_WRITE(store_user_delete(t, u.id, &e));
    LAB_READ(store_role_mask(t, u.id, project, &mask, &e));
    ck_assert_uint_eq(mask, 0);
    LAB_FAILS(store_token_get(t, NULL, k.id, 0, &back, &e), ERR_TOKEN_NOT_FOUND);
    lab_done();
}
END_TEST

/* Whoever keeps an actor asks again when the number has changed: after a commit, and only after one that has to do with it. */
START_TEST(committed_changes_are_counted)
{
    struct user u;
    struct txn *undone = NULL;
    uint64_t before;

    lab_open_memory();
    before = store_identity_version(store);
    u = make("ann", 1);
    undone = lab_write();
    unit_ok(store_user_insert(undone, &u, &e));
    ck_assert_uint_eq(store_identity_version(store), before);
    txn_free(undone);
    ck_assert_uint_eq(store_identity_version(store), before);
    LAB_WRITE(store_user_insert(t, &u, &e));
    ck_assert_uint_eq(store_identity_version(store), before + 1);
    LAB_WRITE(store_setting_set(t, "a", "b", &e));
    ck_assert_uint_eq(store_identity_version(store), before + 1);
    lab_done();
}
END_TEST

UNIT_MAIN("store_user", every_column_comes_back, the_first_administrator_has_no_password, a_name_is_one_user, a_change_is_kept,
          pages_are_in_order, roles_and_tokens_go_with_their_user, committed_changes_are_counted)
