/* Events: pages, followers in the ring and behind it, gaps, types, projects, and the word that there is something new. */
#include "core_lab.h"

#include "core/events.h"
#include "store/event.h"

enum { BEYOND_THE_RING = 1100 };

static const char another_project[] = "0123456789abcdef0123456789abcdef";

static void add(const char *in, const char *type)
{
    const struct event ev = { .type = type, .project = in, .resource = "r", .payload = "{}", .resource_created_at_ms = 1 };

    LAB_WRITE(store_event_add(t, &ev, &e));
}

static void add_many(int count)
{
    const struct event ev = { .type = "vm.created", .project = project, .resource = "r", .payload = "{}" };
    struct txn *t = lab_write();

    for (int i = 0; i < count; i++)
        unit_ok(store_event_add(t, &ev, &e));
    lab_commit(t);
}

static void prune(uint64_t keep)
{
    LAB_WRITE(store_event_prune(t, 0, keep, &e));
}

static struct event_follower *follow(const struct events_query *q)
{
    struct event_follower *f = NULL;

    unit_ok(events_follow(core, &who, q, &f, &e));
    return f;
}

static void expect_event(struct event_follower *f, uint64_t seq)
{
    struct event_news news;

    ck_assert_int_eq(events_next(f, &news, &e), 1);
    ck_assert_ptr_nonnull(news.event);
    ck_assert_uint_eq(news.event->seq, seq);
}

static void expect_gap(struct event_follower *f, uint64_t since, uint64_t oldest)
{
    struct event_news news;

    ck_assert_int_eq(events_next(f, &news, &e), 1);
    ck_assert_ptr_null(news.event);
    ck_assert_uint_eq(news.since, since);
    ck_assert_uint_eq(news.oldest, oldest);
}

static void expect_nothing(struct event_follower *f)
{
    struct event_news news;

    ck_assert_int_eq(events_next(f, &news, &e), 0);
}

START_TEST(a_follower_hears_what_comes)
{
    core_lab_set_up();
    add_many(3);
    AUTO(event_follower) f = follow(&(struct events_query){ .is_from_now = true });
    expect_nothing(f);
    add_many(2);
    expect_event(f, 4);
    add_many(1);
    expect_event(f, 5);
    expect_event(f, 6);
    expect_nothing(f);
    core_lab_tear_down();
}
END_TEST

/* From pages of its own into the ring, which moves on meanwhile, and again. */
START_TEST(who_is_behind_misses_nothing)
{
    core_lab_set_up();
    add_many(200);
    AUTO(event_follower) f = follow(&(struct events_query){ .since = 0 });
    for (uint64_t seq = 1; seq <= 100; seq++)
        expect_event(f, seq);
    add_many(BEYOND_THE_RING);
    for (uint64_t seq = 101; seq <= 200 + BEYOND_THE_RING; seq++)
        expect_event(f, seq);
    expect_nothing(f);
    add_many(2 * BEYOND_THE_RING);
    for (uint64_t seq = 201 + BEYOND_THE_RING; seq <= 200 + 3 * BEYOND_THE_RING; seq++)
        expect_event(f, seq);
    expect_nothing(f);
    core_lab_tear_down();
}
END_TEST

START_TEST(a_gap_is_told_once)
{
    core_lab_set_up();
    add_many(10);
    prune(4);
    AUTO(event_follower) f = follow(&(struct events_query){ .since = 2 });
    expect_gap(f, 2, 7);
    for (uint64_t seq = 7; seq <= 10; seq++)
        expect_event(f, seq);
    expect_nothing(f);
    AUTO(event_follower) just_there = follow(&(struct events_query){ .since = 6 });
    expect_event(just_there, 7);
    core_lab_tear_down();
}
END_TEST

START_TEST(nothing_left_is_a_gap_too)
{
    core_lab_set_up();
    add_many(3);
    prune(0);
    AUTO(event_follower) f = follow(&(struct events_query){ .since = 1 });
    expect_gap(f, 1, 4);
    expect_nothing(f);
    add_many(1);
    expect_event(f, 4);
    core_lab_tear_down();
}
END_TEST

START_TEST(a_project_sees_its_own)
{
    struct actor administrator;
    AUTO(event_follower) all = NULL;
    struct event_news news;

    core_lab_set_up();
    administrator = who;
    administrator.sees_all = true;
    AUTO(event_follower) f = follow(&(struct events_query){ .since = 0 });
    AUTO(event_follower) ring = follow(&(struct events_query){ .is_from_now = true });
    unit_ok(events_follow(core, &administrator, &(struct events_query){ .since = 0 }, &all, &e));
    add(another_project, "vm.created");
    add(project, "vm.created");
    add(another_project, "vm.deleted");
    expect_event(f, 2);
    expect_nothing(f);
    expect_event(ring, 2);
    expect_nothing(ring);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        ck_assert_int_eq(events_next(all, &news, &e), 1);
        ck_assert_uint_eq(news.event->seq, seq);
    }
    core_lab_tear_down();
}
END_TEST

/* In the ring and in the database the same words choose the same events. */
START_TEST(types_choose)
{
    static const char *const types[] = { "vm.created", "vm.status.changed", "vmx.created", "image.created" };
    static const struct {
        const char *types;
        unsigned mask;
    } table[] = { { NULL, 15 },
                  { "vm.*", 3 },
                  { "vm.created", 1 },
                  { "vm.status.*", 0 },
                  { "vm.status.changed", 2 },
                  { "image.created,vm.created", 9 },
                  { "vm.creat", 0 },
                  { "vmx.*,image.*", 12 },
                  { "vm.created.more", 0 } };

    core_lab_set_up();
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct events_query q = { .types = table[i].types, .is_from_now = true };
        AUTO(event_follower) in_ring = NULL;
        AUTO(event_follower) in_pages = NULL;
        uint64_t first = i * ARRAY_LEN(types) + 1;

        if (table[i].types && str_equal(table[i].types, "vm.status.*")) {
            unit_fails(events_follow(core, &who, &q, &in_ring, &e), ERR_INVALID_FIELD);
            add_many((int)ARRAY_LEN(types));
            continue;
        }
        in_ring = follow(&q);
        for (size_t k = 0; k < ARRAY_LEN(types); k++)
            add(project, types[k]);
        q = (struct events_query){ .types = table[i].types, .since = first - 1, .limit = 10 };
        __attribute__((cleanup(events_page_done))) struct events_page page = { 0 };
        unit_ok(events_read(core, &who, &q, &page, &e));
        in_pages = follow(&q);
        size_t at = 0;
        for (size_t k = 0; k < ARRAY_LEN(types); k++) {
            if (!(table[i].mask & 1u << k))
                continue;
            expect_event(in_ring, first + k);
            expect_event(in_pages, first + k);
            ck_assert_uint_lt(at, page.items.count);
            ck_assert_uint_eq(page.items.items[at++]->seq, first + k);
        }
        expect_nothing(in_ring);
        ck_assert_uint_eq(at, page.items.count);
        ck_assert_uint_eq(page.last, first + ARRAY_LEN(types) - 1);
    }
    core_lab_tear_down();
}
END_TEST

START_TEST(the_future_is_refused)
{
    __attribute__((cleanup(events_page_done))) struct events_page page = { 0 };
    AUTO(event_follower) f = NULL;

    core_lab_set_up();
    add_many(2);
    unit_fails(events_follow(core, &who, &(struct events_query){ .since = 3 }, &f, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "since");
    unit_fails(events_read(core, &who, &(struct events_query){ .since = 3, .limit = 1 }, &page, &e), ERR_INVALID_FIELD);
    unit_ok(events_read(core, &who, &(struct events_query){ .since = 2, .limit = 1 }, &page, &e));
    ck_assert_uint_eq(page.last, 2);
    core_lab_tear_down();
}
END_TEST

static void count(void *arg)
{
    ++*(int *)arg;
}

START_TEST(a_commit_is_heard_once)
{
    int heard = 0;

    core_lab_set_up();
    events_on_commit(core, count, &heard);
    add_many(5);
    ck_assert_int_eq(heard, 1);
    prune(1);
    ck_assert_int_eq(heard, 1);
    struct txn *t = lab_write();
    unit_ok(store_event_add(t, &(struct event){ .type = "a.b", .project = project, .resource = "r", .payload = "{}" }, &e));
    txn_free(t);
    ck_assert_int_eq(heard, 1);
    events_on_commit(core, NULL, NULL);
    add_many(1);
    ck_assert_int_eq(heard, 1);
    core_lab_tear_down();
}
END_TEST

UNIT_MAIN("core_events", a_follower_hears_what_comes, who_is_behind_misses_nothing, a_gap_is_told_once, nothing_left_is_a_gap_too,
          a_project_sees_its_own, types_choose, the_future_is_refused, a_commit_is_heard_once)
