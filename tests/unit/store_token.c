/* Rows of tokens and roles: what a token is good for, until when, and for whom. */
#include "store_lab.h"

#include "store/project.h"
#include "store/role.h"
#include "store/token.h"
#include "store/user.h"

static struct user ann;

/* A user with these roles in the default project. */
static void add_ann(unsigned roles)
{
    static const enum role every[] = { ROLE_READER, ROLE_MEMBER, ROLE_ADMIN };
    struct role_assignment a = { .role = ROLE_READER };
    bool has_changed = false;

    ann = (struct user){ .name = (char *)"ann", .description = (char *)"", .is_enabled = true, .created_at_ms = 1 };
    id_hex32(ann.id);
    LAB_READ(store_domain_default(t, ann.domain, &e));
    LAB_WRITE(store_user_insert(t, &ann, &e));
    (void)str_copy(a.user, sizeof a.user, ann.id);
    (void)str_copy(a.project, sizeof a.project, project);
    for (size_t i = 0; i < ARRAY_LEN(every); i++) {
        a.role = every[i];
        if (roles & every[i])
            LAB_WRITE(store_role_grant(t, &a, &has_changed, &e));
    }
}

static struct token add(const char *secret, unsigned roles, int64_t expires_at_ms)
{
    struct token k = { .name = (char *)"ci", .roles = roles, .expires_at_ms = expires_at_ms, .created_at_ms = secret[0] };

    id_hex32(k.id);
    sha256_of(secret, strlen(secret), k.sha256);
    (void)str_copy(k.user, sizeof k.user, ann.id);
    (void)str_copy(k.project, sizeof k.project, project);
    LAB_WRITE(store_token_insert(t, &k, &e));
    return k;
}

static bool is_good(const struct token *k, int64_t now_ms)
{
    AUTO_TOKEN_GRANT by_hash = { 0 };
    AUTO_TOKEN_GRANT by_id = { 0 };
    bool is_found = false, is_found_by_id = false;

    LAB_READ(store_token_grant(t, k->sha256, now_ms, &by_hash, &is_found, &e));
    LAB_READ(store_token_grant_by_id(t, k->id, now_ms, &by_id, &is_found_by_id, &e));
    ck_assert_int_eq(is_found, is_found_by_id);
    if (is_found)
        ck_assert_str_eq(by_hash.token, by_id.token);
    return is_found;
}

START_TEST(a_token_tells_user_project_and_roles)
{
    struct token k;
    AUTO_TOKEN_GRANT g = { 0 };
    AUTO(token) back = NULL;
    bool is_found = false;

    lab_open_memory();
    add_ann(ROLE_READER | ROLE_ADMIN);
    k = add("x", ROLE_MEMBER, 100);
    LAB_READ(store_token_grant(t, k.sha256, 99, &g, &is_found, &e));
    ck_assert(is_found);
    ck_assert_str_eq(g.token, k.id);
    ck_assert_str_eq(g.user, ann.id);
    ck_assert_str_eq(g.user_name, "ann");
    ck_assert_str_eq(g.project, project);
    ck_assert_uint_eq(g.roles, ROLE_MEMBER);
    ck_assert_uint_eq(g.assigned, ROLE_READER | ROLE_ADMIN);
    ck_assert_int_eq(g.expires_at_ms, 100);
    LAB_READ(store_token_get(t, ann.id, k.id, 99, &back, &e));
    ck_assert_str_eq(back->sha256, k.sha256);
    ck_assert_str_eq(back->name, "ci");
    ck_assert_uint_eq(back->roles, ROLE_MEMBER);
    lab_done();
}
END_TEST

START_TEST(it_ends_at_its_time)
{
    struct token k, later;
    struct token *back = NULL;

    lab_open_memory();
    add_ann(ROLE_READER);
    k = add("x", 0, 100);
    later = add("y", 0, 200);
    ck_assert(is_good(&k, 99));
    ck_assert(!is_good(&k, 100));
    LAB_FAILS(store_token_get(t, NULL, k.id, 100, &back, &e), ERR_TOKEN_NOT_FOUND);
    LAB_WRITE(store_token_prune(t, 100, &e));
    LAB_FAILS(store_token_get(t, NULL, k.id, 0, &back, &e), ERR_TOKEN_NOT_FOUND);
    ck_assert(is_good(&later, 100));
    lab_done();
}
END_TEST

START_TEST(whatever_is_taken_away_ends_it)
{
    struct role_assignment a = { .role = ROLE_READER };
    struct token k;
    AUTO(project) p = NULL;
    bool has_changed = false;

    lab_open_file();
    add_ann(ROLE_READER);
    k = add("x", 0, 100);
    ck_assert(is_good(&k, 1));
    ann.is_enabled = false;
    LAB_WRITE(store_user_change(t, &ann, &e));
    ck_assert(!is_good(&k, 1));
    ann.is_enabled = true;
    LAB_WRITE(store_user_change(t, &ann, &e));
    ck_assert(is_good(&k, 1));
    LAB_READ(store_project_get(t, NULL, project, &p, &e));
    p->is_enabled = false;
    LAB_WRITE(store_project_change(t, p, &e));
    ck_assert(!is_good(&k, 1));
    p->is_enabled = true;
    LAB_WRITE(store_project_change(t, p, &e));
    lab_exec("UPDATE domain SET is_enabled = 0");
    ck_assert(!is_good(&k, 1));
    lab_exec("UPDATE domain SET is_enabled = 1");
    ck_assert(is_good(&k, 1));
    (void)str_copy(a.user, sizeof a.user, ann.id);
    (void)str_copy(a.project, sizeof a.project, project);
    LAB_WRITE(store_role_revoke(t, &a, &has_changed, &e));
    ck_assert(has_changed);
    ck_assert(!is_good(&k, 1));
    LAB_WRITE(store_role_revoke(t, &a, &has_changed, &e));
    ck_assert(!has_changed);
    lab_done();
}
END_TEST

static void assert_page(const char *user, const char *marker, uint32_t limit, size_t count, bool has_more)
{
    const struct token_filter f = { .user = user, .now_ms = 50, .marker = marker, .limit = limit };
    AUTO_LIST(token) list = { 0 };
    bool more = !has_more;

    LAB_READ(store_token_list(t, &f, &list, &more, &e));
    ck_assert_uint_eq(list.count, count);
    ck_assert_int_eq(more, has_more);
}

START_TEST(each_owner_sees_its_own)
{
    struct token a, b;
    AUTO_LIST(token) list = { 0 };
    struct token *back = NULL;
    bool more;

    lab_open_memory();
    add_ann(ROLE_READER);
    a = add("a", 0, 100);
    b = add("b", 0, 100);
    (void)add("c", 0, 50); /* is over */
    assert_page(NULL, NULL, 9, 2, false);
    assert_page(ann.id, NULL, 1, 1, true);
    assert_page(ann.id, a.id, 9, 1, false);
    assert_page(project, NULL, 9, 0, false);
    LAB_FAILS(store_token_get(t, project, a.id, 1, &back, &e), ERR_TOKEN_NOT_FOUND);
    LAB_FAILS(store_token_list(t, &(struct token_filter){ .user = project, .marker = a.id, .limit = 9 }, &list, &more, &e),
              ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "marker");
    LAB_WRITE(store_token_delete_others(t, ann.id, b.id, &e));
    ck_assert(!is_good(&a, 1));
    ck_assert(is_good(&b, 1));
    LAB_WRITE(store_token_delete(t, b.id, &e));
    ck_assert(!is_good(&b, 1));
    LAB_FAILS(store_token_delete(t, b.id, &e), ERR_TOKEN_NOT_FOUND);
    lab_done();
}
END_TEST

START_TEST(losing_a_token_is_counted)
{
    struct token k;
    uint64_t before;

    lab_open_memory();
    add_ann(ROLE_READER);
    k = add("a", 0, 100);
    before = store_identity_version(store);
    LAB_WRITE(store_token_delete(t, k.id, &e));
    ck_assert_uint_eq(store_identity_version(store), before + 1);
    lab_done();
}
END_TEST

UNIT_MAIN("store_token", a_token_tells_user_project_and_roles, it_ends_at_its_time, whatever_is_taken_away_ends_it,
          each_owner_sees_its_own, losing_a_token_is_counted)
