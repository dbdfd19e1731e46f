/* Events: in order, without a hole, written with their change or not at all, cut at the old end. */
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

START_TEST(old_ones_are_pruned_and_numbers_go_on)
{
    lab_open_file();
    add_many(5);
    LAB_WRITE(store_event_prune(t, 0, UINT64_MAX, &e));
    LAB_ASK_EQ("SELECT seq FROM event ORDER BY seq", "1,2,3,4,5");
    lab_exec("UPDATE event SET at_ms = 10 WHERE seq IN (1, 2)");
    LAB_WRITE(store_event_prune(t, 11, 100, &e));
    LAB_ASK_EQ("SELECT seq FROM event ORDER BY seq", "3,4,5");
    LAB_WRITE(store_event_prune(t, 11, 2, &e));
    LAB_ASK_EQ("SELECT seq FROM event ORDER BY seq", "4,5");
    LAB_WRITE(store_event_prune(t, INT64_MAX, 2, &e));
    LAB_ASK_EQ("SELECT count(*) FROM event", "0");
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

static void expect_range(uint64_t first, uint64_t last)
{
    uint64_t oldest = 0, newest = 0;

    LAB_READ(store_event_range(t, &oldest, &newest, &e));
    ck_assert_uint_eq(oldest, first);
    ck_assert_uint_eq(newest, last);
}

START_TEST(the_range_is_known_when_nothing_is_left)
{
    lab_open_file();
    expect_range(1, 0);
    add_many(3);
    expect_range(1, 3);
    LAB_WRITE(store_event_prune(t, 0, 2, &e));
    expect_range(2, 3);
    LAB_WRITE(store_event_prune(t, INT64_MAX, 2, &e));
    expect_range(4, 3);
    lab_done();
}
END_TEST

START_TEST(they_are_read_in_order_behind_a_number)
{
    const struct event ev = { .type = "vm.created", .project = "p", .resource = "r", .payload = "{\"a\":1}" };
    AUTO_LIST(event_record) list = { 0 };
    struct event_query q = { .since = 1, .limit = 2 };
    bool has_more;

    lab_open_file();
    add_many(3);
    LAB_WRITE(store_event_add(t, &ev, &e));
    LAB_READ(store_event_list(t, &q, &list, &has_more, &e));
    ck_assert_uint_eq(list.count, 2);
    ck_assert(has_more);
    ck_assert_uint_eq(list.items[0]->seq, 2);
    ck_assert_uint_eq(list.items[1]->seq, 3);
    event_record_list_done(&list);
    q = (struct event_query){ .project = "p", .limit = 1 };
    LAB_READ(store_event_list(t, &q, &list, &has_more, &e));
    ck_assert_uint_eq(list.count, 1);
    ck_assert(!has_more);
    const struct event_record *r = list.items[0];
    ck_assert_uint_eq(r->seq, 4);
    ck_assert_int_gt(r->at_ms, 1000000);
    ck_assert_str_eq(r->type, "vm.created");
    ck_assert_str_eq(r->project, "p");
    ck_assert_str_eq(r->resource, "r");
    ck_assert_str_eq(r->payload, "{\"a\":1}");
    lab_done();
}
END_TEST

UNIT_MAIN("store_event", the_range_is_known_when_nothing_is_left, they_are_read_in_order_behind_a_number,
          a_rollback_leaves_no_hole, an_event_is_written_as_given, old_ones_are_pruned_and_numbers_go_on, pruning_cuts_one_end)
