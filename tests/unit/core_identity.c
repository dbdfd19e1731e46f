/* Tokens at work: whom they let in, until when, where to, and what further ones they make. */
#include "identity_lab.h"

#include "store/token.h"
#include "store/user.h"

static struct login_result ann;

/* The lab, with ann at work in the project north, and whatever else the test adds. */
static void set_up(const char *role)
{
    identity_lab_set_up();
    lab_new_project("north");
    lab_add_user("ann", "north", role);
    unit_ok(lab_login("ann", LAB_PASSWORD, &ann));
}

static bool lets_in(const char *text)
{
    struct actor actor = { .user = "" };
    int rc;

    err_clear(&e);
    rc = identity_by_token(core, text, &actor, &e);
    if (rc < 0)
        ck_assert_str_eq(e.msg, "the token is not valid");
    return rc == 0;
}

static void set_enabled(bool is_enabled)
{
    unit_ok(lab_write_user(&who, "ann", &(struct user_change){ .is_enabled = &is_enabled }, NULL));
}

START_TEST(what_is_no_token_lets_nobody_in)
{
    static const char *const texts[] = { "", "ct_", "x", "ct_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };

    set_up("member");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        ck_assert(!lets_in(texts[i]));
    ck_assert(!lets_in(ann.actor.token)); /* its id is no secret */
    ck_assert(lets_in(ann.text));
    core_lab_tear_down();
}
END_TEST

START_TEST(taking_away_takes_effect_at_once)
{
    uint64_t before;
    AUTO(project) p = NULL;

    set_up("member");
    before = identity_version(core);
    ck_assert(identity_is_valid(core, &ann.actor));
    set_enabled(false);
    ck_assert_uint_gt(identity_version(core), before);
    ck_assert(!lets_in(ann.text));
    ck_assert(!identity_is_valid(core, &ann.actor));
    set_enabled(true);
    ck_assert(!lets_in(ann.text)); /* tokens do not come back */
    unit_ok(lab_login("ann", LAB_PASSWORD, &ann));
    unit_ok(project_update(core, &who, "north", &(struct project_change){ .is_enabled = &(bool){ false } }, &p, &e));
    ck_assert(!identity_is_valid(core, &ann.actor));
    core_lab_tear_down();
}
END_TEST

/* A stream that was let in as a member does not go on as a reader. */
START_TEST(fewer_roles_are_not_what_it_was_let_in_with)
{
    struct actor actor = { .user = "" };

    set_up("member");
    unit_ok(role_grant(core, &who, "ann", "north", "reader", &e));
    ck_assert(identity_is_valid(core, &ann.actor));
    unit_ok(role_revoke(core, &who, "ann", "north", "member", &e));
    ck_assert(!identity_is_valid(core, &ann.actor));
    unit_ok(identity_by_token(core, ann.text, &actor, &e));
    ck_assert_uint_eq(actor.roles, ROLE_READER);
    unit_ok(role_revoke(core, &who, "ann", "north", "reader", &e));
    ck_assert(!lets_in(ann.text));
    core_lab_tear_down();
}
END_TEST

START_TEST(those_without_a_token_are_administrators)
{
    struct actor implicit = { .user = "" }, local = { .user = "" };

    core_lab_set_up();
    identity_implicit(core, &implicit);
    identity_local(core, 1000, &local);
    ck_assert_str_eq(implicit.user, "admin");
    ck_assert_str_eq(local.user, "uid:1000");
    ck_assert_str_eq(local.user_id, "");
    ck_assert_str_eq(local.project, project);
    ck_assert(implicit.is_admin && local.is_admin);
    ck_assert_uint_eq(local.roles, ROLES_ALL);
    ck_assert(identity_is_valid(core, &local));
    core_lab_tear_down();
}
END_TEST

START_TEST(a_scope_is_one_project_or_all)
{
    struct actor admin = { .user = "" };
    AUTO(project) north = NULL;

    set_up("member");
    lab_new_project("south");
    unit_ok(role_grant(core, &who, "ann", "south", "member", &e));
    unit_ok(project_get(core, &who, "north", &north, &e));
    identity_implicit(core, &admin);
    unit_ok(identity_scope(core, &admin, "north", &e));
    ck_assert_str_eq(admin.project, north->id);
    ck_assert_str_eq(actor_scope(&admin), north->id);
    unit_fails(identity_scope(core, &admin, "nowhere", &e), ERR_PROJECT_NOT_FOUND);
    unit_ok(identity_scope(core, &admin, "*", &e));
    ck_assert_ptr_null(actor_scope(&admin));
    /* Who is no administrator stays where the token is for, and learns of no project that is others'. */
    unit_ok(identity_scope(core, &ann.actor, "north", &e));
    unit_ok(identity_scope(core, &ann.actor, north->id, &e));
    unit_fails(identity_scope(core, &ann.actor, "south", &e), ERR_FORBIDDEN);
    unit_fails(identity_scope(core, &ann.actor, "default", &e), ERR_PROJECT_NOT_FOUND);
    unit_fails(identity_scope(core, &ann.actor, "nowhere", &e), ERR_PROJECT_NOT_FOUND);
    unit_fails(identity_scope(core, &ann.actor, "*", &e), ERR_FORBIDDEN);
    ck_assert_str_eq(actor_scope(&ann.actor), north->id);
    core_lab_tear_down();
}
END_TEST

/* ---- other projects ---- */

START_TEST(entering_takes_a_role_there)
{
    struct actor actor;
    AUTO(project) south = NULL;
    AUTO(project) off = NULL;

    set_up("member");
    lab_new_project("south");
    unit_ok(project_get(core, &who, "south", &south, &e));
    actor = ann.actor;
    unit_fails(identity_enter(core, &actor, "south", &e), ERR_PROJECT_NOT_FOUND);
    unit_fails(identity_enter(core, &actor, "nowhere", &e), ERR_PROJECT_NOT_FOUND);
    ck_assert_str_eq(actor.project, ann.actor.project);
    unit_ok(role_grant(core, &who, "ann", "south", "reader", &e));
    unit_ok(identity_enter(core, &actor, south->id, &e));
    ck_assert_str_eq(actor.project, south->id);
    ck_assert_uint_eq(actor.roles, ROLE_READER);
    unit_ok(project_update(core, &who, "south", &(struct project_change){ .is_enabled = &(bool){ false } }, &off, &e));
    actor = ann.actor;
    unit_fails(identity_enter(core, &actor, "south", &e), ERR_PROJECT_NOT_FOUND);
    core_lab_tear_down();
}
END_TEST

/* Whoever came with few roles has no more anywhere, and nobody becomes an administrator on the way. */
START_TEST(entering_gives_no_more_roles)
{
    struct actor actor;

    set_up("reader");
    lab_new_project("south");
    unit_ok(role_grant(core, &who, "ann", "south", "admin", &e));
    actor = ann.actor;
    unit_ok(identity_enter(core, &actor, "south", &e));
    ck_assert_uint_eq(actor.roles, ROLE_READER);
    ck_assert(!actor.is_admin);
    core_lab_tear_down();
}
END_TEST

START_TEST(administrators_enter_what_is_there)
{
    struct actor admin = { .user = "" };
    AUTO(project) north = NULL;

    set_up("member");
    unit_ok(project_get(core, &who, "north", &north, &e));
    identity_implicit(core, &admin);
    admin.sees_all = true;
    unit_ok(identity_enter(core, &admin, "north", &e));
    ck_assert_str_eq(actor_scope(&admin), north->id);
    ck_assert_uint_eq(admin.roles, ROLES_ALL);
    unit_fails(identity_enter(core, &admin, "nowhere", &e), ERR_PROJECT_NOT_FOUND);
    core_lab_tear_down();
}
END_TEST

/* ---- further tokens ---- */

static int another(const struct actor *by, const struct token_spec *spec, struct actor *out)
{
    struct login_result made = { .token = NULL };

    if (token_create(core, by, spec, &made, &e) < 0)
        return -1;
    ck_assert(lets_in(made.text));
    *out = made.actor;
    login_result_done(&made);
    return 0;
}

START_TEST(a_token_makes_no_more_than_itself)
{
    struct actor second = { .user = "" }, third;
    AUTO(token) first_row = NULL;
    AUTO(token) second_row = NULL;

    set_up("member");
    lab_new_project("south");
    unit_ok(role_grant(core, &who, "ann", "south", "admin", &e));
    unit_fails(another(&ann.actor, &(struct token_spec){ .roles = ROLE_ADMIN }, &second), ERR_FORBIDDEN);
    unit_ok(another(&ann.actor, &(struct token_spec){ .roles = ROLE_READER, .lifetime_ms = 365LL * 24 * 3600 * 1000 }, &second));
    ck_assert_uint_eq(second.roles, ROLE_READER);
    unit_ok(token_get(core, &ann.actor, ann.actor.token, &first_row, &e));
    unit_ok(token_get(core, &ann.actor, second.token, &second_row, &e));
    ck_assert_int_eq(second_row->expires_at_ms, first_row->expires_at_ms);
    /* What has some roles only passes on no other, here and elsewhere. */
    unit_ok(another(&second, &(struct token_spec){ .roles = 0 }, &third));
    ck_assert_uint_eq(third.roles, ROLE_READER);
    unit_fails(another(&second, &(struct token_spec){ .roles = ROLE_MEMBER }, &third), ERR_FORBIDDEN);
    unit_fails(another(&second, &(struct token_spec){ .project = "south" }, &third), ERR_FORBIDDEN);
    unit_ok(another(&ann.actor, &(struct token_spec){ .project = "south" }, &third));
    ck_assert(third.is_admin);
    unit_fails(another(&ann.actor, &(struct token_spec){ .project = "default" }, &third), ERR_PROJECT_NOT_FOUND);
    unit_fails(another(&who, &(struct token_spec){ .roles = 0 }, &third), ERR_CONFLICT); /* nobody's */
    core_lab_tear_down();
}
END_TEST

START_TEST(a_revoked_token_is_gone)
{
    struct actor second = { .user = "" };
    struct actor all = who;
    AUTO(token) k = NULL;
    AUTO_LIST(token) own = { 0 };
    AUTO_LIST(token) every = { 0 };
    AUTO_LIST(token) none = { 0 };
    bool has_more;

    set_up("member");
    unit_ok(another(&ann.actor, &(struct token_spec){ .name = "ci" }, &second));
    unit_ok(token_list(core, &ann.actor, NULL, 9, &own, &has_more, &e));
    ck_assert_uint_eq(own.count, 2);
    unit_ok(token_list(core, &who, NULL, 9, &none, &has_more, &e));
    ck_assert_uint_eq(none.count, 0); /* of nobody's own */
    unit_fails(token_revoke(core, &who, second.token, &e), ERR_TOKEN_NOT_FOUND);
    all = who;
    all.sees_all = true;
    unit_ok(token_list(core, &all, NULL, 9, &every, &has_more, &e));
    ck_assert_uint_eq(every.count, 2);
    unit_ok(token_revoke(core, &ann.actor, second.token, &e));
    ck_assert(!identity_is_valid(core, &second));
    ck_assert(identity_is_valid(core, &ann.actor));
    unit_fails(token_get(core, &ann.actor, second.token, &k, &e), ERR_TOKEN_NOT_FOUND);
    unit_ok(token_revoke(core, &all, ann.actor.token, &e));
    ck_assert(!lets_in(ann.text));
    lab_audited("token:create", "accepted", 1);
    lab_audited("token:revoke", "accepted", 2);
    core_lab_tear_down();
}
END_TEST

START_TEST(secrets_are_kept_nowhere)
{
    AUTO_FREE char *tokens = NULL;
    AUTO_FREE char *found = NULL;
    AUTO_FREE char *sql = NULL;
    sha256_text sha256;

    set_up("member");
    sha256_of(ann.text, strlen(ann.text), sha256);
    tokens = lab_ask(lab_path, "SELECT sha256 FROM token");
    ck_assert_str_eq(tokens, sha256);
    sql = str_printf("SELECT count(*) FROM audit WHERE user || resource || outcome LIKE '%%%s%%'", ann.text);
    found = lab_ask(lab_path, sql);
    ck_assert_str_eq(found, "0");
    core_lab_tear_down();
}
END_TEST

/* ---- tenants ---- */

static void project_names(const char *name, unsigned count)
{
    AUTO_FREE char *sql = str_printf("SELECT count(*) FROM project WHERE name = '%s'", name);
    AUTO_FREE char *found = lab_ask(lab_path, sql);
    AUTO_FREE char *wanted = str_printf("%u", count);

    ck_assert_str_eq(found, wanted);
}

START_TEST(a_tenant_is_where_one_has_a_role)
{
    struct actor actor;

    set_up("member");
    lab_new_project("south");
    lab_new_project("west");
    unit_ok(role_grant(core, &who, "ann", "south", "reader", &e));
    static const char *const own[] = { NULL, "", "north" };
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        actor = ann.actor;
        unit_ok(identity_as_tenant(core, &actor, own[i], false, &e));
        ck_assert_str_eq(actor.project, ann.actor.project);
        ck_assert_uint_eq(actor.roles, ann.actor.roles);
    }
    unit_ok(identity_as_tenant(core, &actor, "south", false, &e));
    ck_assert_str_ne(actor.project, ann.actor.project);
    ck_assert_uint_eq(actor.roles, ROLE_READER);
    static const char *const foreign[] = { "west", "nowhere", "ffffffffffffffffffffffffffffffff", "*" };
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        actor = ann.actor;
        unit_fails(identity_as_tenant(core, &actor, foreign[i], false, &e), ERR_FORBIDDEN);
        ck_assert_str_eq(e.msg, "the credentials are not this tenant's");
        ck_assert_str_eq(actor.project, ann.actor.project);
    }
    core_lab_tear_down();
}
END_TEST

START_TEST(without_credentials_a_tenant_is_made_by_a_write)
{
    static const char *const bad[] = { "a b",
                                       "a/b",
                                       "..",
                                       "*",
                                       "-a",
                                       "\x01",
                                       "\xff",
                                       "ffffffffffffffffffffffffffffffff",
                                       "a123456789a123456789a123456789a123456789a123456789a123456789abcde" };
    struct actor actor = who;

    identity_lab_set_up();
    identity_implicit(core, &actor);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        unit_fails(identity_as_tenant(core, &actor, bad[i], true, &e), ERR_INVALID_FIELD);
    unit_ok(identity_as_tenant(core, &actor, "acme", true, &e));
    ck_assert_str_eq(actor.project, "");
    project_names("acme", 0);
    unit_ok(project_open(core, &actor, "acme", &e));
    ck_assert_uint_eq(strlen(actor.project), HEX32_LEN);
    unit_ok(project_open(core, &actor, "acme", &e));
    project_names("acme", 1);
    lab_audited("project:create", "accepted", 1);
    core_lab_tear_down();
}
END_TEST

UNIT_MAIN("core_identity", what_is_no_token_lets_nobody_in, taking_away_takes_effect_at_once,
          fewer_roles_are_not_what_it_was_let_in_with, those_without_a_token_are_administrators, a_scope_is_one_project_or_all,
          entering_takes_a_role_there, entering_gives_no_more_roles, administrators_enter_what_is_there,
          a_token_makes_no_more_than_itself, a_revoked_token_is_gone, secrets_are_kept_nowhere, a_tenant_is_where_one_has_a_role,
          without_credentials_a_tenant_is_made_by_a_write)
