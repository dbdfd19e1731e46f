/* Rows of jobs: every column, which one is claimed when, how they end, pages and pruning. */
#include "store_lab.h"

#include "store/job.h"

static struct job make(const char *kind, int64_t created_at_ms)
{
    struct job j = {
        .kind = (char *)kind, .params = (char *)"{}", .details = (char *)"{}", .timeout_ms = 1000, .created_at_ms = created_at_ms
    };

    id_uuid(j.id);
    id_uuid(j.target);
    (void)str_copy(j.actor.user, sizeof(j.actor.user), "ann");
    (void)str_copy(j.actor.user_id, sizeof(j.actor.user_id), "00112233445566778899aabbccddeeff");
    (void)str_copy(j.actor.project, sizeof(j.actor.project), project);
    return j;
}

static struct job add(const char *kind, int64_t created_at_ms)
{
    struct job j = make(kind, created_at_ms);

    LAB_WRITE(store_job_insert(t, &j, &e));
    return j;
}

static struct job *get(const char *id)
{
    struct job *j = NULL;

    LAB_READ(store_job_get(t, project, id, &j, &e));
    return j;
}

static enum job_status status_of(const char *id)
{
    AUTO(job) j = get(id);

    return j->status;
}

static struct job *claim(int64_t *next_ms)
{
    struct job *j = NULL;

    LAB_WRITE(store_job_claim(t, &j, next_ms, &e));
    return j;
}

/* The kind of what is claimed now, "" for none. */
static void assert_claims(const char *kind)
{
    int64_t next_ms;
    AUTO(job) j = claim(&next_ms);

    ck_assert_str_eq(j ? j->kind : "", kind);
}

static void end_job(struct job *j, enum job_status status)
{
    j->status = status;
    LAB_WRITE(store_job_end(t, j, &e));
}

START_TEST(every_column_comes_back)
{
    struct job j, *back;

    lab_open_memory();
    j = make("vm.create", 3);
    j.actor.is_admin = true;
    (void)str_copy(j.actor.request_id, sizeof(j.actor.request_id), "request");
    (void)str_copy(j.actor.address, sizeof(j.actor.address), "127.0.0.1");
    j.status = JOB_RUNNING;
    j.direction = JOB_BACKWARD;
    j.step = 5;
    j.progress = 7;
    j.attempts = 11;
    j.details = (char *)"{\"bytes\":1}";
    j.is_cancel_requested = true;
    id_uuid(j.after);
    j.timeout_ms = 13;
    j.deadline_boot_ms = 17;
    id_uuid(j.deadline_boot_id);
    j.not_before_ms = 19;
    j.error = (struct fault){ (char *)"timeout", (char *)"message", (char *)"detail" };
    j.started_at_ms = 23;
    LAB_WRITE(store_job_insert(t, &j, &e));
    back = get(j.id);
    ck_assert_str_eq(back->id, j.id);
    ck_assert_str_eq(back->kind, "vm.create");
    ck_assert_str_eq(back->actor.user, "ann");
    ck_assert_str_eq(back->actor.user_id, "00112233445566778899aabbccddeeff");
    ck_assert_str_eq(back->actor.project, project);
    ck_assert(back->actor.is_admin);
    ck_assert_str_eq(back->actor.request_id, "request");
    ck_assert_str_eq(back->actor.address, "127.0.0.1");
    ck_assert_str_eq(back->target, j.target);
    ck_assert_int_eq(back->status, JOB_RUNNING);
    ck_assert_int_eq(back->direction, JOB_BACKWARD);
    ck_assert_uint_eq(back->step, 5);
    ck_assert_uint_eq(back->progress, 7);
    ck_assert_uint_eq(back->attempts, 11);
    ck_assert_str_eq(back->params, "{}");
    ck_assert_str_eq(back->details, "{\"bytes\":1}");
    ck_assert(back->is_cancel_requested);
    ck_assert_str_eq(back->after, j.after);
    ck_assert_int_eq(back->timeout_ms, 13);
    ck_assert_int_eq(back->deadline_boot_ms, 17);
    ck_assert_str_eq(back->deadline_boot_id, j.deadline_boot_id);
    ck_assert_int_eq(back->not_before_ms, 19);
    ck_assert_str_eq(back->error.code, "timeout");
    ck_assert_str_eq(back->error.message, "message");
    ck_assert_str_eq(back->error.detail, "detail");
    ck_assert_int_eq(back->created_at_ms, 3);
    ck_assert_int_eq(back->started_at_ms, 23);
    ck_assert_int_gt(back->updated_at_ms, 1000000);
    ck_assert_int_eq(back->ended_at_ms, 0);
    job_free(back);
    lab_done();
}
END_TEST

/* In the order of the submissions, whatever the clock said. */
START_TEST(who_was_first_is_claimed_first)
{
    int64_t next_ms = 9;
    struct job *j;

    lab_open_memory();
    add("first", 2);
    add("second", 1);
    add("third", 1);
    j = claim(&next_ms);
    ck_assert_str_eq(j->kind, "first");
    ck_assert_int_eq(j->status, JOB_RUNNING);
    ck_assert_int_gt(j->started_at_ms, 0);
    ck_assert_int_eq(next_ms, 0);
    ck_assert_int_eq(status_of(j->id), JOB_RUNNING);
    job_free(j);
    assert_claims("second");
    assert_claims("third");
    assert_claims("");
    lab_done();
}
END_TEST

START_TEST(a_claim_that_is_rolled_back_is_none)
{
    struct job *j = NULL;
    int64_t next_ms;
    struct txn *t;

    lab_open_memory();
    add("one", 1);
    t = lab_write();
    unit_ok(store_job_claim(t, &j, &next_ms, &e));
    ck_assert_ptr_nonnull(j);
    job_free(j);
    txn_free(t);
    assert_claims("one");
    lab_done();
}
END_TEST

START_TEST(a_job_waits_for_the_one_before)
{
    struct job first, second;

    lab_open_memory();
    first = add("first", 2);
    second = make("second", 1);
    (void)str_copy(second.after, sizeof(second.after), first.id);
    LAB_WRITE(store_job_insert(t, &second, &e));
    assert_claims("first");
    assert_claims("");
    end_job(&first, JOB_FAILED);
    assert_claims("second");
    lab_done();
}
END_TEST

START_TEST(a_pruned_job_holds_none_up)
{
    struct job j;

    lab_open_memory();
    j = make("one", 1);
    id_uuid(j.after);
    LAB_WRITE(store_job_insert(t, &j, &e));
    assert_claims("one");
    lab_done();
}
END_TEST

START_TEST(a_deferred_job_waits_for_its_time)
{
    int64_t later = clock_wall_ms() + 60000, next_ms = 0;
    struct job *j;

    lab_open_memory();
    add("one", 1);
    j = claim(&next_ms);
    j->not_before_ms = later;
    j->attempts = 3;
    j->error.code = str_dup("hypervisor");
    j->error.message = str_dup("message");
    LAB_WRITE(store_job_defer(t, j, &e));
    LAB_FAILS(store_job_defer(t, j, &e), ERR_CONFLICT);
    ck_assert_ptr_null(claim(&next_ms));
    ck_assert_int_eq(next_ms, later);
    job_free(j);
    lab_done();
}
END_TEST

START_TEST(a_due_job_is_claimed_again)
{
    struct job first, *j;
    int64_t next_ms;

    lab_open_memory();
    first = make("one", 1);
    first.started_at_ms = 23;
    LAB_WRITE(store_job_insert(t, &first, &e));
    j = claim(&next_ms);
    j->not_before_ms = 1;
    j->attempts = 3;
    j->error.code = str_dup("hypervisor");
    LAB_WRITE(store_job_defer(t, j, &e));
    job_free(j);
    j = claim(&next_ms);
    ck_assert_uint_eq(j->attempts, 3);
    ck_assert_str_eq(j->error.code, "hypervisor");
    ck_assert_int_eq(j->started_at_ms, 23);
    job_free(j);
    lab_done();
}
END_TEST

START_TEST(progress_is_of_running_jobs)
{
    struct job j, *back;

    lab_open_memory();
    j = add("one", 1);
    j.step = 2;
    j.direction = JOB_BACKWARD;
    j.progress = 50;
    j.attempts = 4;
    j.deadline_boot_ms = 6;
    id_uuid(j.deadline_boot_id);
    LAB_FAILS(store_job_progress(t, &j, &e), ERR_CONFLICT);
    assert_claims("one");
    LAB_WRITE(store_job_progress(t, &j, &e));
    back = get(j.id);
    ck_assert_uint_eq(back->step, 2);
    ck_assert_int_eq(back->direction, JOB_BACKWARD);
    ck_assert_uint_eq(back->progress, 50);
    ck_assert_uint_eq(back->attempts, 4);
    ck_assert_int_eq(back->deadline_boot_ms, 6);
    ck_assert_str_eq(back->deadline_boot_id, j.deadline_boot_id);
    job_free(back);
    id_uuid(j.id);
    LAB_FAILS(store_job_progress(t, &j, &e), ERR_OPERATION_NOT_FOUND);
    lab_done();
}
END_TEST

START_TEST(a_job_ends_once)
{
    struct job j, *back;

    lab_open_memory();
    j = add("one", 1);
    j.status = JOB_FAILED;
    j.error = (struct fault){ (char *)"timeout", (char *)"message", (char *)"detail" };
    LAB_FAILS(store_job_end(t, &j, &e), ERR_CONFLICT);
    assert_claims("one");
    LAB_WRITE(store_job_end(t, &j, &e));
    LAB_FAILS(store_job_end(t, &j, &e), ERR_CONFLICT);
    back = get(j.id);
    ck_assert_int_eq(back->status, JOB_FAILED);
    ck_assert_str_eq(back->error.code, "timeout");
    ck_assert_str_eq(back->error.message, "message");
    ck_assert_str_eq(back->error.detail, "detail");
    ck_assert_int_gt(back->ended_at_ms, 0);
    job_free(back);
    lab_done();
}
END_TEST

START_TEST(a_success_is_whole)
{
    struct job j, *back;

    lab_open_memory();
    j = add("one", 1);
    assert_claims("one");
    end_job(&j, JOB_SUCCEEDED);
    back = get(j.id);
    ck_assert_int_eq(back->status, JOB_SUCCEEDED);
    ck_assert_uint_eq(back->progress, 100);
    job_free(back);
    lab_done();
}
END_TEST

START_TEST(a_cancel_is_a_request)
{
    bool is_requested = true;
    struct job j;

    lab_open_memory();
    j = add("one", 1);
    LAB_READ(store_job_is_cancel_requested(t, j.id, &is_requested, &e));
    ck_assert(!is_requested);
    LAB_WRITE(store_job_request_cancel(t, j.id, &e));
    LAB_READ(store_job_is_cancel_requested(t, j.id, &is_requested, &e));
    ck_assert(is_requested);
    ck_assert_int_eq(status_of(j.id), JOB_PENDING);
    assert_claims("one");
    LAB_WRITE(store_job_request_cancel(t, j.id, &e));
    end_job(&j, JOB_FAILED);
    LAB_FAILS(store_job_request_cancel(t, j.id, &e), ERR_CONFLICT);
    id_uuid(j.id);
    LAB_FAILS(store_job_request_cancel(t, j.id, &e), ERR_OPERATION_NOT_FOUND);
    LAB_FAILS(store_job_is_cancel_requested(t, j.id, &is_requested, &e), ERR_OPERATION_NOT_FOUND);
    lab_done();
}
END_TEST

static uint64_t depth_of(const struct job_depth_list *depths, const char *kind, enum job_status status)
{
    uint64_t count = 0;

    for (size_t i = 0; i < depths->count; i++)
        if (str_equal(depths->items[i]->kind, kind) && depths->items[i]->status == status)
            count += depths->items[i]->count;
    return count;
}

START_TEST(the_queue_is_counted_by_kind)
{
    AUTO_LIST(job_depth) none = { 0 }, depths = { 0 };
    struct job ended;

    lab_open_memory();
    LAB_READ(store_job_depths(t, &none, &e));
    ck_assert_uint_eq(none.count, 0);
    ended = add("one", 1);
    assert_claims("one");
    end_job(&ended, JOB_SUCCEEDED);
    add("one", 2);
    assert_claims("one");
    add("one", 3);
    add("two", 4);
    add("two", 5);
    LAB_READ(store_job_depths(t, &depths, &e));
    ck_assert_uint_eq(depths.count, 3);
    ck_assert_uint_eq(depth_of(&depths, "one", JOB_RUNNING), 1);
    ck_assert_uint_eq(depth_of(&depths, "one", JOB_PENDING), 1);
    ck_assert_uint_eq(depth_of(&depths, "two", JOB_PENDING), 2);
    lab_done();
}
END_TEST

START_TEST(the_next_life_goes_on)
{
    uint64_t count = 9;
    struct job j, *back;

    lab_open_memory();
    j = add("one", 1);
    add("two", 2);
    assert_claims("one");
    j.step = 3;
    j.direction = JOB_BACKWARD;
    LAB_WRITE(store_job_progress(t, &j, &e));
    LAB_READ(store_job_count_open(t, &count, &e));
    ck_assert_uint_eq(count, 2);
    LAB_WRITE(store_job_requeue_running(t, &count, &e));
    ck_assert_uint_eq(count, 1);
    back = get(j.id);
    ck_assert_int_eq(back->status, JOB_PENDING);
    ck_assert_uint_eq(back->step, 3);
    ck_assert_int_eq(back->direction, JOB_BACKWARD);
    job_free(back);
    assert_claims("one");
    end_job(&j, JOB_FAILED);
    LAB_READ(store_job_count_open(t, &count, &e));
    ck_assert_uint_eq(count, 1);
    lab_done();
}
END_TEST

/* The kinds on the page, joined. */
static void assert_page(struct job_filter f, const char *kinds, bool has_more)
{
    AUTO_LIST(job) list = { 0 };
    AUTO_BUF text = { 0 };
    bool more = !has_more;

    LAB_READ(store_job_list(t, &f, &list, &more, &e));
    buf_adds(&text, "");
    for (size_t i = 0; i < list.count; i++)
        buf_adds(&text, list.items[i]->kind);
    ck_assert_str_eq(text.data, kinds);
    ck_assert_int_eq(more, has_more);
}

START_TEST(pages_are_newest_first)
{
    enum job_status running = JOB_RUNNING;
    struct job jobs[4];

    lab_open_memory();
    for (int i = 0; i < 4; i++) {
        jobs[i] = make((const char *[]){ "a", "b", "c", "d" }[i], i < 2 ? 10 : 20);
        jobs[i].id[0] = (char)('a' + i);
        LAB_WRITE(store_job_insert(t, &jobs[i], &e));
    }
    assert_claims("a");
    assert_page((struct job_filter){ .limit = 4 }, "dcba", false);
    assert_page((struct job_filter){ .limit = 3 }, "dcb", true);
    assert_page((struct job_filter){ .limit = 3, .marker = jobs[1].id }, "a", false);
    assert_page((struct job_filter){ .limit = 1, .marker = jobs[3].id }, "c", true);
    assert_page((struct job_filter){ .limit = 9, .status = &running }, "a", false);
    assert_page((struct job_filter){ .limit = 9, .kind = "b", .project = project }, "b", false);
    assert_page((struct job_filter){ .limit = 9, .target = jobs[2].target }, "c", false);
    assert_page((struct job_filter){ .limit = 9, .target = jobs[2].target, .kind = "d" }, "", false);
    assert_page((struct job_filter){ .limit = 9, .project = "another" }, "", false);
    lab_done();
}
END_TEST

START_TEST(an_unknown_marker_is_refused)
{
    struct job_filter f = { .limit = 9, .marker = "c0000000-0000-4000-8000-000000000000" };
    struct job_list list = { 0 };
    bool more;

    lab_open_memory();
    LAB_FAILS(store_job_list(t, &f, &list, &more, &e), ERR_INVALID_FIELD);
    ck_assert_str_eq(e.field, "marker");
    lab_done();
}
END_TEST

START_TEST(a_project_sees_its_own)
{
    struct job j, *back = NULL;

    lab_open_memory();
    j = add("one", 1);
    LAB_FAILS(store_job_get(t, "another", j.id, &back, &e), ERR_OPERATION_NOT_FOUND);
    LAB_READ(store_job_get(t, NULL, j.id, &back, &e));
    job_free(back);
    lab_done();
}
END_TEST

START_TEST(what_ended_is_pruned)
{
    struct job jobs[4];

    lab_open_file();
    for (int i = 0; i < 4; i++)
        jobs[i] = add((const char *[]){ "a", "b", "c", "d" }[i], i + 1);
    assert_claims("a");
    assert_claims("b");
    assert_claims("c");
    for (int i = 0; i < 3; i++)
        end_job(&jobs[i], JOB_SUCCEEDED);
    lab_exec("UPDATE job SET ended_at_ms = created_at_ms * 10 WHERE ended_at_ms > 0");
    LAB_WRITE(store_job_prune(t, 0, UINT64_MAX, &e));
    LAB_ASK_EQ("SELECT kind FROM job ORDER BY kind", "a,b,c,d");
    LAB_WRITE(store_job_prune(t, 20, 100, &e));
    LAB_ASK_EQ("SELECT kind FROM job ORDER BY kind", "b,c,d");
    LAB_WRITE(store_job_prune(t, 20, 1, &e));
    LAB_ASK_EQ("SELECT kind FROM job ORDER BY kind", "c,d");
    LAB_WRITE(store_job_prune(t, INT64_MAX, 0, &e));
    LAB_ASK_EQ("SELECT kind FROM job", "d");
    lab_done();
}
END_TEST

START_TEST(only_a_running_one_reports)
{
    struct job j;
    struct job *claimed, *back;
    int64_t next_ms;

    lab_open_memory();
    j = add("image.import", 1);
    LAB_FAILS(store_job_report(t, j.id, 7, "{}", &e), ERR_CONFLICT);
    claimed = claim(&next_ms);
    LAB_WRITE(store_job_report(t, j.id, 7, "{\"bytes\":5}", &e));
    back = get(j.id);
    ck_assert_uint_eq(back->progress, 7);
    ck_assert_str_eq(back->details, "{\"bytes\":5}");
    job_free(back);
    LAB_WRITE(store_job_progress(t, claimed, &e));
    back = get(j.id);
    ck_assert_str_eq(back->details, "{\"bytes\":5}");
    job_free(back);
    end_job(claimed, JOB_SUCCEEDED);
    job_free(claimed);
    LAB_FAILS(store_job_report(t, j.id, 8, "{}", &e), ERR_CONFLICT);
    LAB_FAILS(store_job_report(t, j.target, 8, "{}", &e), ERR_OPERATION_NOT_FOUND);
    lab_done();
}
END_TEST

UNIT_MAIN("store_job", the_queue_is_counted_by_kind, only_a_running_one_reports, every_column_comes_back,
          who_was_first_is_claimed_first, a_claim_that_is_rolled_back_is_none, a_job_waits_for_the_one_before,
          a_pruned_job_holds_none_up, a_deferred_job_waits_for_its_time, a_due_job_is_claimed_again, progress_is_of_running_jobs,
          a_job_ends_once, a_success_is_whole, a_cancel_is_a_request, the_next_life_goes_on, pages_are_newest_first,
          an_unknown_marker_is_refused, a_project_sees_its_own, what_ended_is_pruned)
