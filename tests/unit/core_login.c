/* Logging in: what lets in, what does not and how it says so, how much it costs, and how often one may be wrong. */
#include <sodium.h>
#include <time.h>

#include "../../src/core/login_guard.h"
#include "../../src/core/password.h"
#include "identity_lab.h"

START_TEST(a_right_password_makes_a_token)
{
    struct login_result made;
    struct actor actor = { .user = "" };

    identity_lab_set_up();
    lab_add_user("ann", "default", "member");
    unit_ok(lab_login("ann", LAB_PASSWORD, &made));
    ck_assert(str_starts_with(made.text, "ct_"));
    ck_assert_uint_eq(strlen(made.text), 46);
    ck_assert_uint_eq(strspn(made.text + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    unit_ok(identity_by_token(core, made.text, &actor, &e));
    ck_assert_str_eq(actor.user, "ann");
    ck_assert_str_eq(actor.user_id, made.actor.user_id);
    ck_assert_str_eq(actor.token, made.actor.token);
    ck_assert_str_eq(actor.project, project);
    ck_assert_uint_eq(actor.roles, ROLE_MEMBER | ROLE_READER);
    ck_assert(!actor.is_admin);
    lab_audited("login", "succeeded", 1);
    core_lab_tear_down();
}
END_TEST

/* Neither the words nor the log say which of the two was wrong to who asks. */
START_TEST(a_wrong_user_is_a_wrong_password)
{
    struct err first;

    identity_lab_set_up();
    lab_add_user("ann", "default", "member");
    unit_fails(lab_login("ann", "wrong password", NULL), ERR_UNAUTHORIZED);
    first = e;
    unit_fails(lab_login("eve", "wrong password", NULL), ERR_UNAUTHORIZED);
    ck_assert_str_eq(e.msg, first.msg);
    unit_fails(lab_login("admin", LAB_PASSWORD, NULL), ERR_UNAUTHORIZED); /* it has none yet */
    ck_assert_str_eq(e.msg, first.msg);
    unit_ok(lab_write_user(&who, "ann", &(struct user_change){ .is_enabled = &(bool){ false } }, NULL));
    unit_fails(lab_login("ann", LAB_PASSWORD, NULL), ERR_UNAUTHORIZED);
    ck_assert_str_eq(e.msg, first.msg);
    core_lab_tear_down();
}
END_TEST

/* The hash that a wrong user's password is held against costs what everybody's does. */
START_TEST(nobodys_hash_costs_as_much)
{
    AUTO_FREE char *made = NULL;
    struct passwords *room = NULL;
    struct waiter w;
    struct password_work nobody = { .given = str_dup(LAB_PASSWORD) };

    waiter_init(&w);
    unit_ok(passwords_new(&room, &e));
    unit_ok(passwords_start(room, &e));
    unit_ok(password_hash(LAB_PASSWORD, &made, &e));
    ck_assert(str_starts_with(made, "$argon2id$v=19$m=65536,t=2,p=1$"));
    nobody.task.done = on_done;
    nobody.task.arg = &w;
    clock_t began = clock();
    ck_assert_int_eq(crypto_pwhash_str_verify(made, "wrong", 5), -1);
    clock_t somebodys = clock() - began;
    began = clock();
    unit_ok(password_begin(room, &nobody, &e));
    wait_done(&w, 1);
    clock_t nobodys = clock() - began;
    ck_assert(!nobody.is_right);
    ck_assert_int_eq(nobody.task.err.code, ERR_NONE);
    /* A hash that could not be read would be refused in no time. */
    ck_assert_msg(nobodys * 4 > somebodys, "%ld and %ld µs of CPU", (long)nobodys, (long)somebodys);
    passwords_free(room);
    password_work_done(&nobody);
    waiter_end(&w);
}
END_TEST

START_TEST(right_ones_are_cheap_for_a_while)
{
    int64_t began;

    identity_lab_set_up();
    lab_add_user("ann", "default", "member");
    unit_ok(lab_login("ann", LAB_PASSWORD, NULL));
    began = clock_boot_ms();
    for (int i = 0; i < 300; i++)
        unit_ok(lab_login("ann", LAB_PASSWORD, NULL));
    ck_assert_int_lt(clock_boot_ms() - began, 15000); /* hashing them all would take half a minute */
    unit_fails(lab_login("ann", LAB_PASSWORD "!", NULL), ERR_UNAUTHORIZED);
    core_lab_tear_down();
}
END_TEST

/* What was right with the old password is remembered by its hash, and so forgotten with it. */
START_TEST(a_new_password_ends_the_old_one)
{
    struct login_result made;
    struct actor actor = { .user = "" };

    identity_lab_set_up();
    lab_add_user("ann", "default", "member");
    unit_ok(lab_login("ann", LAB_PASSWORD, &made));
    unit_ok(lab_write_user(&who, "ann", &(struct user_change){ .password = "another one" }, NULL));
    unit_fails(lab_login("ann", LAB_PASSWORD, NULL), ERR_UNAUTHORIZED);
    unit_fails(identity_by_token(core, made.text, &actor, &e), ERR_UNAUTHORIZED);
    unit_ok(lab_login("ann", "another one", NULL));
    core_lab_tear_down();
}
END_TEST

START_TEST(the_project_is_the_only_one_or_named)
{
    struct login_request want = { .user = "ann", .password = LAB_PASSWORD, .address = "192.0.2.1" };
    struct login_result made;
    AUTO(project) p = NULL;

    identity_lab_set_up();
    lab_new_project("north");
    lab_new_project("south");
    lab_add_user("ann", NULL, NULL);
    unit_fails(lab_login_with(&want, NULL), ERR_FORBIDDEN);
    ck_assert_str_eq(e.field, "project");
    unit_ok(role_grant(core, &who, "ann", "north", "reader", &e));
    unit_ok(lab_login_with(&want, &made));
    ck_assert_uint_eq(made.actor.roles, ROLE_READER);
    unit_ok(role_grant(core, &who, "ann", "south", "member", &e));
    unit_fails(lab_login_with(&want, NULL), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "project");
    want.project = "south";
    unit_ok(lab_login_with(&want, &made));
    ck_assert_uint_eq(made.actor.roles, ROLE_READER | ROLE_MEMBER);
    want.project = "default";
    unit_fails(lab_login_with(&want, NULL), ERR_FORBIDDEN);
    want.project = "nowhere";
    unit_fails(lab_login_with(&want, NULL), ERR_FORBIDDEN); /* as if it were there */
    want.project = "south";
    unit_ok(project_update(core, &who, "south", &(struct project_change){ .is_enabled = &(bool){ false } }, &p, &e));
    unit_fails(lab_login_with(&want, NULL), ERR_FORBIDDEN);
    want.project = NULL;
    unit_ok(lab_login_with(&want, NULL)); /* one is left */
    core_lab_tear_down();
}
END_TEST

START_TEST(roles_and_lifetime_may_be_less)
{
    struct login_request want = { .user = "ann", .password = LAB_PASSWORD, .address = "192.0.2.1", .roles = ROLE_READER };
    struct login_result made;

    identity_lab_set_up();
    lab_add_user("ann", "default", "member");
    unit_ok(lab_login_with(&want, &made));
    ck_assert_uint_eq(made.actor.roles, ROLE_READER);
    want.roles = ROLE_ADMIN;
    unit_fails(lab_login_with(&want, NULL), ERR_FORBIDDEN);
    ck_assert_str_eq(e.field, "roles");
    want.roles = 0;
    want.lifetime_ms = 366LL * 24 * 3600 * 1000;
    unit_fails(lab_login_with(&want, NULL), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "lifetime_s");
    want.lifetime_ms = 1;
    want.name = "a name that is longer than sixty-four bytes is not what a token can have";
    unit_fails(lab_login_with(&want, NULL), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "name");
    core_lab_tear_down();
}
END_TEST

/* Nothing takes work up before core_start: the queue fills, and the stop answers all who wait. */
START_TEST(a_storm_is_refused)
{
    struct login_request want = { .user = "eve", .password = "wrong password" };
    struct login *waiting[64] = { NULL }, *one_more = NULL;
    const struct login_result *made;
    unsigned count = 0;
    struct waiter w;

    core_lab_set_up();
    waiter_init(&w);
    while (login_begin(core, &want, on_done, &w, &waiting[count], &e) == 0)
        ck_assert_uint_lt(++count, 64);
    ck_assert_str_eq(err_code_word(e.code), err_code_word(ERR_UNAVAILABLE));
    ck_assert_uint_ge(count, 8);
    unit_fails(login_begin(core, &want, on_done, &w, &one_more, &e), ERR_UNAVAILABLE);
    ck_assert_ptr_null(one_more);
    ck_assert(core_stop(core, LAB_DEADLINE_MS));
    ck_assert_uint_eq(w.calls, count);
    for (unsigned i = 0; i < count; i++) {
        unit_fails(login_finish(waiting[i], &made, &e), ERR_UNAVAILABLE);
        login_free(waiting[i]);
    }
    waiter_end(&w);
    core_lab_tear_down();
}
END_TEST

START_TEST(who_is_wrong_too_often_waits)
{
    identity_lab_set_up();
    lab_add_user("ann", "default", "member");
    for (int i = 0; i < 5; i++)
        unit_fails(lab_login("ann", "wrong password", NULL), ERR_UNAUTHORIZED);
    /* On a slow machine the bucket may have got one back meanwhile. */
    for (int i = 0; i < 20 && lab_login("ann", "wrong password", NULL) < 0 && e.code == ERR_UNAUTHORIZED; i++)
        continue;
    unit_fails(lab_login("ann", LAB_PASSWORD, NULL), ERR_TOO_MANY_REQUESTS);
    ck_assert_int_ge(e.retry_after_s, 1);
    ck_assert_int_le(e.retry_after_s, 5);
    /* From elsewhere she gets in. */
    unit_ok(lab_login_with(&(struct login_request){ .user = "ann", .password = LAB_PASSWORD, .address = "192.0.2.2" }, NULL));
    core_lab_tear_down();
}
END_TEST

/* ---- the guard alone ---- */

static void fail_times(struct login_guard *g, const char *user, const char *address, int times)
{
    for (int i = 0; i < times; i++)
        login_guard_failed(g, user, address);
}

START_TEST(the_guard_counts_users_and_addresses)
{
    struct login_guard *g = NULL;

    unit_ok(login_guard_new(&g, &e));
    fail_times(g, "ann", "192.0.2.1", 4);
    unit_ok(login_guard_check(g, "ann", "192.0.2.1", &e));
    fail_times(g, "ann", "192.0.2.1", 1);
    unit_fails(login_guard_check(g, "ann", "192.0.2.1", &e), ERR_TOO_MANY_REQUESTS);
    unit_ok(login_guard_check(g, "bob", "192.0.2.1", &e));
    unit_ok(login_guard_check(g, "ann", "192.0.2.2", &e));
    login_guard_forgive(g, "ann", "192.0.2.1");
    unit_ok(login_guard_check(g, "ann", "192.0.2.1", &e));
    /* One failure for each of many names: the address is full. */
    for (int i = 0; i < 15; i++) {
        char name[24];

        (void)snprintf(name, sizeof name, "user-%d", i);
        fail_times(g, name, "192.0.2.1", 1);
    }
    unit_fails(login_guard_check(g, "somebody else", "192.0.2.1", &e), ERR_TOO_MANY_REQUESTS);
    ck_assert_int_le(e.retry_after_s, 2);
    login_guard_free(g);
}
END_TEST

START_TEST(a_network_of_addresses_is_one)
{
    struct login_guard *g = NULL;

    unit_ok(login_guard_new(&g, &e));
    fail_times(g, "ann", "2001:db8::1", 3);
    fail_times(g, "ann", "2001:db8::ffff:2", 2);
    unit_fails(login_guard_check(g, "ann", "2001:db8:0:0:1::", &e), ERR_TOO_MANY_REQUESTS);
    unit_ok(login_guard_check(g, "ann", "2001:db8:0:1::1", &e));
    login_guard_free(g);
}
END_TEST

/* The table is bounded: those who come do not take the place of who owes most. */
START_TEST(many_names_do_not_hide_one)
{
    struct login_guard *g = NULL;

    unit_ok(login_guard_new(&g, &e));
    fail_times(g, "ann", "192.0.2.1", 100);
    for (int i = 0; i < 20000; i++) {
        char name[24];

        (void)snprintf(name, sizeof name, "user-%d", i);
        fail_times(g, name, "192.0.2.2", 1);
    }
    unit_fails(login_guard_check(g, "ann", "192.0.2.1", &e), ERR_TOO_MANY_REQUESTS);
    login_guard_free(g);
}
END_TEST

UNIT_MAIN("core_login", a_right_password_makes_a_token, a_wrong_user_is_a_wrong_password, nobodys_hash_costs_as_much,
          right_ones_are_cheap_for_a_while, a_new_password_ends_the_old_one, the_project_is_the_only_one_or_named,
          roles_and_lifetime_may_be_less, a_storm_is_refused, who_is_wrong_too_often_waits, the_guard_counts_users_and_addresses,
          a_network_of_addresses_is_one, many_names_do_not_hide_one)
