/* Audit lines: every column, pages from the newest on, filters, and the old end that goes. */
#include "store_lab.h"

#include "store/audit.h"

static const char other_project[] = "00000000000000000000000000000001";
static const char ann_id[] = "0123456789abcdef0123456789abcdef";

/* What a line is asked by; the rest of it is the same in all. */
struct said {
    const char *user, *project, *action, *resource, *outcome, *request_id;
    int64_t at_ms;
};

static void add(const struct said *s)
{
    struct actor who = { .address = "127.0.0.1" };
    const struct audit a = {
        .actor = &who, .action = s->action, .resource_type = "vm", .resource = s->resource, .outcome = s->outcome
    };

    (void)str_copy(who.user, sizeof who.user, s->user);
    (void)str_copy(who.user_id, sizeof who.user_id, str_equal(s->user, "ann") ? ann_id : "");
    (void)str_copy(who.project, sizeof who.project, s->project);
    (void)str_copy(who.request_id, sizeof who.request_id, s->request_id);
    LAB_WRITE(store_audit_add_at(t, &a, s->at_ms, &e));
}

static void add_five(void)
{
    const struct said lines[] = {
        { "ann", project, "vm:create", "v1", "accepted", "r1", 10 },
        { "ben", project, "vm:delete", "v1", "refused:forbidden", "r2", 20 },
        { "ann", other_project, "image:create", "i1", "accepted", "r3", 30 },
        { "ann", project, "vm:start", "v1", "refused:quota_exceeded", "r4", 40 },
        { "", project, "vmx:list", "", "failed", "", 50 },
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        add(&lines[i]);
}

/* The numbers of what a query finds, and whether there is more: "5,4+". */
static void assert_finds(struct audit_query q, const char *expected)
{
    AUTO_LIST(audit_line) list = { 0 };
    AUTO_BUF seen = { 0 };
    bool has_more = false;

    q.limit = q.limit ? q.limit : 100;
    LAB_READ(store_audit_list(t, &q, &list, &has_more, &e));
    buf_adds(&seen, "");
    for (size_t i = 0; i < list.count; i++)
        buf_addf(&seen, "%s%llu", i > 0 ? "," : "", (unsigned long long)list.items[i]->seq);
    buf_adds(&seen, has_more ? "+" : "");
    ck_assert_str_eq(seen.data, expected);
}

START_TEST(every_column_comes_back)
{
    AUTO_LIST(audit_line) list = { 0 };
    const struct audit_query q = { .limit = 1 };
    const struct audit_line *l;
    bool has_more = true;

    lab_open_memory();
    add(&(struct said){ "ann", project, "vm:create", "v1", "accepted", "r1", 77 });
    LAB_READ(store_audit_list(t, &q, &list, &has_more, &e));
    ck_assert_uint_eq(list.count, 1);
    ck_assert(!has_more);
    l = list.items[0];
    ck_assert_uint_eq(l->seq, 1);
    ck_assert_int_eq(l->at_ms, 77);
    ck_assert_str_eq(l->user, "ann");
    ck_assert_str_eq(l->user_id, ann_id);
    ck_assert_str_eq(l->project, project);
    ck_assert_str_eq(l->action, "vm:create");
    ck_assert_str_eq(l->resource_type, "vm");
    ck_assert_str_eq(l->resource, "v1");
    ck_assert_str_eq(l->request_id, "r1");
    ck_assert_str_eq(l->address, "127.0.0.1");
    ck_assert_str_eq(l->outcome, "accepted");
    lab_done();
}
END_TEST

START_TEST(a_line_is_of_now)
{
    const struct actor who = { .user = "ann" };
    const struct audit a = { .actor = &who, .action = "a", .resource_type = "vm", .resource = "r", .outcome = "accepted" };
    AUTO_LIST(audit_line) list = { 0 };
    int64_t before_ms = clock_wall_ms();
    bool has_more;

    lab_open_memory();
    LAB_WRITE(store_audit_add(t, &a, &e));
    LAB_READ(store_audit_list(t, &(struct audit_query){ .limit = 1 }, &list, &has_more, &e));
    ck_assert_int_ge(list.items[0]->at_ms, before_ms);
    ck_assert_int_le(list.items[0]->at_ms, clock_wall_ms());
    ck_assert_str_eq(list.items[0]->user_id, "");
    ck_assert_ptr_null(list.items[0]->request_id);
    ck_assert_ptr_null(list.items[0]->address);
    lab_done();
}
END_TEST

START_TEST(pages_go_back_in_time)
{
    AUTO_LIST(audit_line) list = { 0 };
    bool has_more;

    lab_open_memory();
    assert_finds((struct audit_query){ .limit = 2 }, "");
    add_five();
    assert_finds((struct audit_query){ .limit = 2 }, "5,4+");
    assert_finds((struct audit_query){ .limit = 2, .before = 4 }, "3,2+");
    assert_finds((struct audit_query){ .limit = 2, .before = 2 }, "1");
    assert_finds((struct audit_query){ .limit = 2, .before = 1 }, "");
    assert_finds((struct audit_query){ .limit = 5 }, "5,4,3,2,1");
    LAB_FAILS(store_audit_list(t, &(struct audit_query){ .limit = 0 }, &list, &has_more, &e), ERR_INVALID_FIELD);
    LAB_FAILS(store_audit_list(t, &(struct audit_query){ .limit = 1001 }, &list, &has_more, &e), ERR_INVALID_FIELD);
    lab_done();
}
END_TEST

START_TEST(filters_narrow)
{
    lab_open_memory();
    add_five();
    assert_finds((struct audit_query){ .project = project }, "5,4,2,1");
    assert_finds((struct audit_query){ .project = other_project }, "3");
    assert_finds((struct audit_query){ .project = "none" }, "");
    assert_finds((struct audit_query){ .project = project, .limit = 2, .before = 5 }, "4,2+");
    assert_finds((struct audit_query){ .user = "ann" }, "4,3,1");
    assert_finds((struct audit_query){ .user = ann_id }, "4,3,1");
    assert_finds((struct audit_query){ .action = "vm:start" }, "4");
    assert_finds((struct audit_query){ .action = "vm" }, "4,2,1");
    assert_finds((struct audit_query){ .action = "v" }, "");
    assert_finds((struct audit_query){ .resource = "v1" }, "4,2,1");
    assert_finds((struct audit_query){ .outcome = "refused" }, "4,2");
    assert_finds((struct audit_query){ .outcome = "refused:forbidden" }, "2");
    assert_finds((struct audit_query){ .outcome = "%" }, "");
    assert_finds((struct audit_query){ .request_id = "r3" }, "3");
    assert_finds((struct audit_query){ .since_ms = 20 }, "5,4,3,2");
    assert_finds((struct audit_query){ .until_ms = 20 }, "1");
    assert_finds((struct audit_query){ .since_ms = 20, .until_ms = 40, .project = project }, "2");
    assert_finds((struct audit_query){ .user = "ann", .outcome = "accepted", .action = "image" }, "3");
    lab_done();
}
END_TEST

START_TEST(the_old_end_goes)
{
    lab_open_file();
    add_five();
    LAB_WRITE(store_audit_prune(t, 0, UINT64_MAX, &e));
    assert_finds((struct audit_query){ 0 }, "5,4,3,2,1");
    LAB_WRITE(store_audit_prune(t, 20, 100, &e));
    assert_finds((struct audit_query){ 0 }, "5,4,3,2");
    LAB_WRITE(store_audit_prune(t, 20, 3, &e));
    assert_finds((struct audit_query){ 0 }, "5,4,3");
    /* A clock that jumped back tears no hole. */
    lab_exec("UPDATE audit SET at_ms = 10 WHERE seq = 4");
    LAB_WRITE(store_audit_prune(t, 20, 100, &e));
    assert_finds((struct audit_query){ 0 }, "5,4,3");
    LAB_WRITE(store_audit_prune(t, INT64_MAX, 100, &e));
    assert_finds((struct audit_query){ 0 }, "");
    add(&(struct said){ "ann", project, "a", "r", "accepted", "", 60 });
    assert_finds((struct audit_query){ 0 }, "6");
    lab_done();
}
END_TEST

UNIT_MAIN("store_audit", every_column_comes_back, a_line_is_of_now, pages_go_back_in_time, filters_narrow, the_old_end_goes)
