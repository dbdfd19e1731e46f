/* Events and audit lines: in order, without a hole, written with their change or not at all, cut at the old end. */
#include "store_lab.h"

#include "store/event.h"

static void add(struct txn *t, const char *type)
{
    const struct event ev = { .type = type, .project = project, .resource = "r", .payload = "{}", .resource_created_at_ms = 1 };

    unit_ok(store_event_add(t, &ev, &e));
}

static void add_many(int count)
{
    struct txn *t = lab_write();

    for (int i = 0; i < count; i++)
        add(t, "vm.created");
    lab_commit(t);
}

START_TEST(a_rollback_leaves_no_hole)
{
    struct txn *t;

    lab_open_file();
    t = lab_write();
    add(t, "first");
    add(t, "second");
    lab_commit(t);
    t = lab_write();
    add(t, "never");
    add(t, "never");
    txn_free(t);
    t = lab_write();
    add(t, "third");
    lab_commit(t);
    LAB_ASK_EQ("SELECT seq || type FROM event ORDER BY seq", "1first,2second,3third");
    lab_done();
}
END_TEST

START_TEST(an_event_is_written_as_given)
{
    const struct event ev = {
        .type = "vm.created", .project = "p", .resource = "r", .payload = "{\"a\":1}", .resource_created_at_ms = 7
    };

    lab_open_file();
    LAB_WRITE(store_event_add(t, &ev, &e));
    LAB_ASK_EQ("SELECT type || project || resource || payload || resource_created_at_ms || (at_ms > 1000000) FROM event",
               "vm.createdpr{\"a\":1}71");
    lab_done();
}
END_TEST

START_TEST(an_audit_line_says_who)
{
    const struct actor actor = { .user = "ann", .project = "p", .request_id = "req", .address = "127.0.0.1" };
    const struct audit a = {
        .actor = &actor, .action = "vm:create", .resource_type = "vm", .resource = "r", .outcome = "accepted"
    };

    lab_open_file();
    LAB_WRITE(store_audit_add(t, &a, &e));
    LAB_ASK_EQ(
        "SELECT concat FROM (SELECT user || '|' || project || '|' || action || '|' || resource_type || '|' || resource || '|'"
        " || request_id || '|' || address || '|' || outcome AS concat FROM audit)",
        "ann|p|vm:create|vm|r|req|127.0.0.1|accepted");
    lab_done();
}
END_TEST

START_TEST(old_ones_are_pruned_and_numbers_go_on)
{
    const struct actor actor = { .user = "ann" };
    const struct audit a = {
        .actor = &actor, .action = "vm:create", .resource_type = "vm", .resource = "r", .outcome = "accepted"
    };

    lab_open_file();
    add_many(5);
    LAB_WRITE(store_audit_add(t, &a, &e));
    LAB_WRITE(store_event_prune(t, 0, UINT64_MAX, &e));
    LAB_ASK_EQ("SELECT seq FROM event ORDER BY seq", "1,2,3,4,5");
    lab_exec("UPDATE event SET at_ms = 10 WHERE seq IN (1, 2)");
    LAB_WRITE(store_event_prune(t, 11, 100, &e));
    LAB_ASK_EQ("SELECT seq FROM event ORDER BY seq", "3,4,5");
    LAB_WRITE(store_event_prune(t, 11, 2, &e));
    LAB_ASK_EQ("SELECT seq FROM event ORDER BY seq", "4,5");
    LAB_ASK_EQ("SELECT count(*) FROM audit", "1");
    LAB_WRITE(store_event_prune(t, INT64_MAX, 2, &e));
    LAB_ASK_EQ("SELECT count(*) FROM event", "0");
    LAB_ASK_EQ("SELECT count(*) FROM audit", "0");
    add_many(1);
    LAB_ASK_EQ("SELECT seq FROM event", "6");
    lab_done();
}
END_TEST

/* A clock that jumped must not tear a hole into what readers follow. */
START_TEST(pruning_cuts_one_end)
{
    lab_open_file();
    add_many(4);
    lab_exec("UPDATE event SET at_ms = 10 WHERE seq IN (1, 3)");
    LAB_WRITE(store_event_prune(t, 11, 100, &e));
    LAB_ASK_EQ("SELECT seq FROM event ORDER BY seq", "2,3,4");
    lab_done();
}
END_TEST

UNIT_MAIN("store_event", a_rollback_leaves_no_hole, an_event_is_written_as_given, an_audit_line_says_who,
          old_ones_are_pruned_and_numbers_go_on, pruning_cuts_one_end)
