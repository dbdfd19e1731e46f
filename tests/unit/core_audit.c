/* Refusals in the audit log: what a line says and does not say, that none is lost at an orderly end, and that a flood of them is
 * counted where it is not kept. */
#include "core_lab.h"

#include "core/audit.h"

enum { QUEUE_MAX = 1024 }; /* audit.c's */

static void refuse(const char *action, const char *resource, enum err_code code)
{
    const struct err why = { .code = code };

    audit_refusal(core, &who, action, resource, &why);
}

static void refuse_many(int count)
{
    for (int i = 0; i < count; i++)
        refuse("vm:create", NULL, ERR_FORBIDDEN);
}

/* At most: a page of what is written. */
static struct audit_line_list lines(void)
{
    const struct audit_query q = { .limit = 1000 };
    struct audit_line_list list = { 0 };
    bool has_more;

    unit_ok(audit_list(core, &who, &q, &list, &has_more, &e));
    return list;
}

START_TEST(a_refusal_says_who_and_what)
{
    core_lab_set_up();
    (void)str_copy(who.user, sizeof who.user, "ann");
    (void)str_copy(who.user_id, sizeof who.user_id, "0123456789abcdef0123456789abcdef");
    (void)str_copy(who.request_id, sizeof who.request_id, "req");
    (void)str_copy(who.address, sizeof who.address, "127.0.0.1");
    refuse("vm:delete", "web-1", ERR_FORBIDDEN);
    audit_writer_stop(core->audit);
    LAB_ASK_EQ(
        "SELECT user || '|' || user_id || '|' || action || '|' || resource_type || '|' || resource || '|' || outcome || '|'"
        " || request_id || '|' || address FROM audit",
        "ann|0123456789abcdef0123456789abcdef|vm:delete|vm|web-1|refused:forbidden|req|127.0.0.1");
    core_lab_tear_down();
}
END_TEST

START_TEST(a_name_that_nobody_bears_is_not_shown)
{
    core_lab_set_up();
    who = (struct actor){ .user = "hunter2", .address = "127.0.0.1" };
    refuse("login", "", ERR_UNAUTHORIZED);
    refuse("login", NULL, ERR_UNAUTHORIZED);
    (void)str_copy(who.user, sizeof who.user, "ann");
    refuse("login", "0123456789abcdef0123456789abcdef", ERR_UNAUTHORIZED);
    audit_writer_stop(core->audit);
    LAB_ASK_EQ("SELECT '<' || user || '>' || address FROM audit ORDER BY seq", "<>127.0.0.1,<>127.0.0.1,<ann>127.0.0.1");
    core_lab_tear_down();
}
END_TEST

/* A path may hold what its sender took for a name. */
START_TEST(what_may_be_a_secret_is_not_shown)
{
    static const char secret[] = "x8dJ2nQvWm0s7Ue3Lr5Tz1Yb9Ka4Gc6Hf_P-oXiN2aE";

    core_lab_set_up();
    refuse("token:revoke", secret, ERR_FORBIDDEN);
    refuse("token:revoke", "0123456789abcdef0123456789abcdef", ERR_FORBIDDEN);
    refuse("vm:delete", "10000000-0000-4000-8000-000000000000", ERR_FORBIDDEN);
    refuse("vm:delete", "a name with blanks", ERR_FORBIDDEN);
    refuse("vm:delete", "0123456789012345678901234567890123456789012345678901234567890123", ERR_FORBIDDEN);
    audit_writer_stop(core->audit);
    LAB_ASK_EQ("SELECT '<' || resource || '>' FROM audit ORDER BY seq",
               "<>,<0123456789abcdef0123456789abcdef>,<10000000-0000-4000-8000-000000000000>,<>,<>");
    core_lab_tear_down();
}
END_TEST

START_TEST(a_stop_writes_what_waits)
{
    core_lab_set_up();
    unit_ok(audit_writer_start(core->audit, &e));
    refuse_many(300);
    audit_writer_stop(core->audit);
    LAB_ASK_EQ("SELECT count(*) FROM audit WHERE outcome = 'refused:forbidden'", "300");
    LAB_ASK_EQ("SELECT count(*) FROM audit", "300");
    /* Late ones, of requests that end behind it, wait for the end of the core. */
    refuse("vm:late", NULL, ERR_UNAUTHORIZED);
    audit_writer_stop(core->audit); /* as the core's end does */
    LAB_ASK_EQ("SELECT action || outcome FROM audit ORDER BY seq DESC LIMIT 1", "vm:laterefused:unauthorized");
    core_lab_tear_down();
}
END_TEST

START_TEST(a_flood_is_counted)
{
    core_lab_set_up();
    refuse_many(QUEUE_MAX + 77);
    audit_writer_stop(core->audit);
    LAB_ASK_EQ("SELECT count(*) FROM audit WHERE outcome = 'refused:forbidden'", "1024");
    LAB_ASK_EQ("SELECT action || '|' || outcome || '|' || user FROM audit WHERE outcome NOT LIKE 'refused%'",
               "audit:overflow|left out:77|");
    core_lab_tear_down();
}
END_TEST

/* As it is while the daemon runs: lines come without a stop. */
START_TEST(lines_come_by_themselves)
{
    struct audit_line_list list = { 0 };

    core_lab_set_up();
    unit_ok(audit_writer_start(core->audit, &e));
    refuse("vm:create", NULL, ERR_QUOTA_EXCEEDED);
    for (int64_t until_ms = clock_boot_ms() + LAB_DEADLINE_MS; list.count == 0 && clock_boot_ms() < until_ms; list = lines()) {
        audit_line_list_done(&list);
        (void)usleep(5000);
    }
    ck_assert_uint_eq(list.count, 1);
    ck_assert_str_eq(list.items[0]->outcome, "refused:quota_exceeded");
    audit_line_list_done(&list);
    core_lab_tear_down();
}
END_TEST

/* The database is locked: the line waits for it, and nobody waits for the line. */
START_TEST(a_locked_database_loses_nothing)
{
    sqlite3 *db;

    core_lab_set_up();
    db = lab_sqlite();
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    unit_ok(audit_writer_start(core->audit, &e));
    int64_t before_ms = clock_boot_ms();
    refuse_many(100);
    ck_assert_int_lt(clock_boot_ms() - before_ms, 1000);
    ck_assert_int_eq(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    audit_writer_stop(core->audit);
    LAB_ASK_EQ("SELECT count(*) FROM audit", "100");
    core_lab_tear_down();
}
END_TEST

START_TEST(a_list_is_of_ones_project)
{
    struct audit_line_list list;

    core_lab_set_up();
    refuse("vm:create", NULL, ERR_FORBIDDEN);
    (void)str_copy(who.project, sizeof who.project, "00000000000000000000000000000001");
    refuse("vm:delete", NULL, ERR_FORBIDDEN);
    audit_writer_stop(core->audit);
    list = lines();
    ck_assert_uint_eq(list.count, 1);
    ck_assert_str_eq(list.items[0]->action, "vm:delete");
    audit_line_list_done(&list);
    who.sees_all = true;
    list = lines();
    ck_assert_uint_eq(list.count, 2);
    audit_line_list_done(&list);
    core_lab_tear_down();
}
END_TEST

UNIT_MAIN("core_audit", a_refusal_says_who_and_what, a_name_that_nobody_bears_is_not_shown, what_may_be_a_secret_is_not_shown,
          a_stop_writes_what_waits, a_flood_is_counted, lines_come_by_themselves, a_locked_database_loses_nothing,
          a_list_is_of_ones_project)
