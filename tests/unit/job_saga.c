/* One job's walk: forward, backward, cancelled, too late, parked and taken up again, tried again. Deaths are job_crash.c's, the
 * queue job_queue.c's. */
#include "job_world.h"

static void open_in_memory(void)
{
    world_open(":memory:");
}

static struct job *run(const char *kind)
{
    uuid_text id;

    world_start();
    world_submit(kind, "", id);
    return world_await_end(id);
}

static void run_to_success(const char *kind)
{
    AUTO(job) j = run(kind);

    ck_assert_str_eq(job_status_to_string(j->status), "succeeded");
}

START_TEST(runs_all_steps_in_order)
{
    open_in_memory();
    AUTO(job) j = run("test.make");

    world_assert_trace("+a+b+c=ok");
    ck_assert_str_eq(job_status_to_string(j->status), "succeeded");
    ck_assert_uint_eq(j->progress, 100);
    ck_assert_uint_eq(j->step, 2);
    ck_assert_ptr_null(j->error.code);
    ck_assert_int_gt(j->started_at_ms, 0);
    ck_assert_int_ge(j->ended_at_ms, j->started_at_ms);
    ck_assert_uint_eq(world_counted("settled", j->id), 1);
    world_close();
    ck_assert_int_eq(world.prepared, 1);
}
END_TEST

START_TEST(undoes_from_the_failed_step_downward)
{
    open_in_memory();
    world.fault = (struct world_fault){ "+c", 1, ERR_HYPERVISOR };
    AUTO(job) j = run("test.make");

    world_assert_trace("+a+b+c-c-b-a=hypervisor");
    world_assert_failed(j, ERR_HYPERVISOR);
    ck_assert_str_eq(j->error.message, "+c was told to fail");
    ck_assert_str_eq(j->error.detail, "detail of +c");
    ck_assert_uint_eq(world_counted("settled", j->id), 1);
    world_close();
}
END_TEST

START_TEST(undoes_only_what_had_begun)
{
    open_in_memory();
    world.fault = (struct world_fault){ "+a", 1, ERR_DISK_FULL };
    AUTO(job) j = run("test.make");

    world_assert_trace("+a-a=disk_full");
    world_assert_failed(j, ERR_DISK_FULL);
    world_close();
}
END_TEST

START_TEST(undoes_nothing_when_it_could_not_prepare)
{
    open_in_memory();
    world.fault = (struct world_fault){ "prepare", 1, ERR_NO_MEMORY };
    AUTO(job) j = run("test.make");

    world_assert_trace("=no_memory");
    world_assert_failed(j, ERR_NO_MEMORY);
    world_close();
}
END_TEST

START_TEST(ends_between_steps_when_cancelled)
{
    struct err e = ERR_INIT;
    uuid_text id;

    open_in_memory();
    world.hold = "+b";
    world_start();
    world_submit("test.make", "", id);
    world_await_hold();
    unit_ok(world_cancel(id, &e));
    world_release();
    AUTO(job) j = world_await_end(id);

    world_assert_trace("+a+b-b-a=cancelled");
    world_assert_failed(j, ERR_CANCELLED);
    ck_assert(world.saw_cancel);
    world_close();
}
END_TEST

START_TEST(shows_no_cancel_to_a_step_that_was_not_cancelled)
{
    uuid_text id;

    open_in_memory();
    world.hold = "+b";
    world_start();
    world_submit("test.make", "", id);
    world_await_hold();
    world_release();
    world_await_success(id);

    world_assert_trace("+a+b+c=ok");
    ck_assert(!world.saw_cancel);
    world_close();
}
END_TEST

/* All its work is done, and to undo it would help nobody. */
START_TEST(succeeds_when_cancelled_in_its_last_step)
{
    struct err e = ERR_INIT;
    uuid_text id;

    open_in_memory();
    world.hold = "+c";
    world_start();
    world_submit("test.make", "", id);
    world_await_hold();
    unit_ok(world_cancel(id, &e));
    world_release();
    world_await_success(id);

    world_assert_trace("+a+b+c=ok");
    unit_fails(world_cancel(id, &e), ERR_CONFLICT);
    world_close();
}
END_TEST

START_TEST(never_begins_when_cancelled_before)
{
    struct err e = ERR_INIT;
    uuid_text id;

    open_in_memory();
    world_submit("test.make", "", id);
    unit_ok(world_cancel(id, &e));
    world_start();
    AUTO(job) j = world_await_end(id);

    world_assert_trace("=cancelled");
    world_assert_failed(j, ERR_CANCELLED);
    ck_assert_uint_eq(world_counted("settled", id), 1);
    world_close();
    ck_assert_int_eq(world.prepared, 1); /* settle wants the scratch, too */
}
END_TEST

START_TEST(unwinds_past_its_deadline_and_gives_the_undo_time)
{
    open_in_memory();
    world.timeout_ms = 50;
    world.waits_for_deadline = true;
    AUTO(job) j = run("test.make");

    world_assert_trace("+a-a=timeout");
    world_assert_failed(j, ERR_TIMEOUT);
    ck_assert_int_gt(world.undo_remaining_ms, 1000);
    world_close();
}
END_TEST

START_TEST(tries_an_undo_again_and_keeps_the_first_reason)
{
    open_in_memory();
    world.fault = (struct world_fault){ "+c", 1, ERR_HYPERVISOR };
    world.undo_fault = (struct world_fault){ "-b", 2, ERR_UNAVAILABLE };
    AUTO(job) j = run("test.make");

    world_assert_trace("+a+b+c-c-b-b-b-a=hypervisor");
    world_assert_failed(j, ERR_HYPERVISOR);
    ck_assert_str_eq(j->error.detail, "detail of +c");
    ck_assert_uint_eq(world_counted("deferred", j->id), 0);
    world_close();
}
END_TEST

START_TEST(gives_up_an_undo_that_never_works)
{
    open_in_memory();
    world.fault = (struct world_fault){ "+b", 1, ERR_HYPERVISOR };
    world.undo_fault = (struct world_fault){ "-b", WORLD_ALWAYS, ERR_UNAVAILABLE };
    AUTO(job) j = run("test.make");

    world_assert_trace("+a+b-b-b-b-b-b-b-b-b=hypervisor");
    world_assert_failed(j, ERR_HYPERVISOR);
    ck_assert_str_eq(j->error.detail, "detail of +b; undo of b failed: -b was told to fail: detail of -b");
    ck_assert_uint_eq(world_counted("settled", j->id), 1);
    world_close();
}
END_TEST

START_TEST(settles_until_it_works)
{
    open_in_memory();
    world.fault = (struct world_fault){ "=", 3, ERR_DISK_FULL };
    AUTO(job) j = run("test.make");

    world_assert_trace("+a+b+c=ok");
    ck_assert_uint_eq(world_counted("settled", j->id), 1);
    world_close();
}
END_TEST

START_TEST(leaves_an_unsettled_job_to_the_next_life)
{
    uuid_text id;

    open_in_memory();
    world.hold = "+c";
    world.fault = (struct world_fault){ "=", WORLD_ALWAYS, ERR_DISK_FULL };
    world_start();
    world_submit("test.make", "", id);
    world_await_hold();
    ck_assert(!jobs_stop(world.jobs, 0));
    world_release();
    ck_assert(jobs_stop(world.jobs, WORLD_PATIENCE_MS));
    AUTO(job) left = world_job(id);
    ck_assert_str_eq(job_status_to_string(left->status), "running");
    ck_assert_uint_eq(world_counted("settled", id), 0);

    world.fault.times = 0;
    world_restart();
    world_await_success(id);
    world_assert_trace("+c=ok");
    ck_assert_uint_eq(world_counted("settled", id), 1);
    world_close();
}
END_TEST

/* Stops the engine while the act is held; the job must then be pending. */
static void park_at(const char *act, char *id)
{
    world.hold = act;
    world_start();
    world_submit("test.make", "", id);
    world_await_hold();
    ck_assert(!jobs_stop(world.jobs, 0));
    world_release();
    ck_assert(jobs_stop(world.jobs, WORLD_PATIENCE_MS));
    AUTO(job) j = world_job(id);
    ck_assert_str_eq(job_status_to_string(j->status), "pending");
    ck_assert_uint_eq(j->attempts, 0);
}

START_TEST(goes_on_forward_after_a_stop)
{
    uuid_text id;

    open_in_memory();
    park_at("+b", id);
    world_assert_trace("+a+b");
    ck_assert(world.saw_cancel);
    world_restart();
    AUTO(job) j = world_await_end(id);

    world_assert_trace("+b+c=ok");
    ck_assert_str_eq(job_status_to_string(j->status), "succeeded");
    world_close();
}
END_TEST

START_TEST(goes_on_backward_after_a_stop)
{
    uuid_text id;

    open_in_memory();
    world.fault = (struct world_fault){ "+c", 1, ERR_HYPERVISOR };
    park_at("-b", id);
    world_assert_trace("+a+b+c-c-b");
    world_restart();
    AUTO(job) j = world_await_end(id);

    world_assert_trace("-b-a=hypervisor");
    world_assert_failed(j, ERR_HYPERVISOR);
    ck_assert_str_eq(j->error.message, "+c was told to fail");
    world_close();
}
END_TEST

START_TEST(a_step_that_gives_up_for_a_stop_has_not_failed)
{
    uuid_text id;

    open_in_memory();
    world.fault = (struct world_fault){ "+b", 1, ERR_CANCELLED };
    park_at("+b", id);
    world_restart();
    world_await_success(id);

    world_assert_trace("+b+c=ok");
    world_close();
}
END_TEST

START_TEST(a_cancel_of_a_parked_job_undoes_the_step_it_was_in)
{
    struct err e = ERR_INIT;
    uuid_text id;

    open_in_memory();
    park_at("+b", id);
    unit_ok(world_cancel(id, &e));
    world_restart();
    AUTO(job) j = world_await_end(id);

    world_assert_trace("-b-a=cancelled");
    world_assert_failed(j, ERR_CANCELLED);
    world_close();
}
END_TEST

START_TEST(tries_a_retried_kind_until_it_works)
{
    open_in_memory();
    world.fault = (struct world_fault){ "+b", 3, ERR_HYPERVISOR };
    AUTO(job) j = run("test.drop");

    world_assert_trace("+a+b~+b~+b~+b+c=ok");
    ck_assert_str_eq(job_status_to_string(j->status), "succeeded");
    ck_assert_uint_eq(j->attempts, 3);
    ck_assert_ptr_null(j->error.code);
    ck_assert_uint_eq(world_counted("deferred", j->id), 3);
    world_close();
}
END_TEST

START_TEST(tries_again_to_prepare_a_retried_kind)
{
    open_in_memory();
    world.fault = (struct world_fault){ "prepare", 2, ERR_UNAVAILABLE };
    run_to_success("test.drop");
    world_assert_trace("~~+a+b+c=ok");
    world_close();
}
END_TEST

START_TEST(goes_on_trying_past_the_deadline_with_time_to_work)
{
    open_in_memory();
    world.timeout_ms = 1;
    world.fault = (struct world_fault){ "+c", 4, ERR_HYPERVISOR };
    run_to_success("test.drop");

    world_assert_trace("+a+b+c~+c~+c~+c~+c=ok");
    world_close();
}
END_TEST

START_TEST(shows_why_a_retried_kind_waits)
{
    uuid_text id;

    world.config.retry_min_ms = world.config.retry_max_ms = 600 * 1000;
    open_in_memory();
    world.fault = (struct world_fault){ "+b", WORLD_ALWAYS, ERR_HYPERVISOR };
    world_start();
    world_submit("test.drop", "", id);
    lock_take(&world.lock);
    while (world.deferred == 0)
        ck_assert(cond_wait_ms(&world.changed, &world.lock, WORLD_PATIENCE_MS));
    lock_drop(&world.lock);
    ck_assert(jobs_stop(world.jobs, WORLD_PATIENCE_MS));

    AUTO(job) j = world_job(id);
    ck_assert_str_eq(job_status_to_string(j->status), "pending");
    ck_assert_str_eq(j->error.code, "hypervisor");
    ck_assert_uint_eq(j->attempts, 1);
    ck_assert_int_gt(j->not_before_ms, clock_wall_ms() + 60 * 1000);
    world_assert_trace("+a+b~");
    world_close();
}
END_TEST

START_TEST(does_not_cancel_a_retried_kind)
{
    struct err e = ERR_INIT;
    uuid_text id;

    open_in_memory();
    world_submit("test.drop", "", id);
    unit_fails(world_cancel(id, &e), ERR_CONFLICT);
    world_start();
    world_await_success(id);
    world_assert_trace("+a+b+c=ok");
    world_close();
}
END_TEST

static void insert_row(struct job *j)
{
    struct err e = ERR_INIT;
    AUTO(txn) t = NULL;

    id_uuid(j->id);
    id_uuid(j->target);
    id_hex32(j->actor.project);
    j->created_at_ms = j->updated_at_ms = clock_wall_ms();
    unit_ok(txn_write(world.store, &t, &e));
    unit_ok(store_job_insert(t, j, &e));
    unit_ok(txn_commit(t, &e));
}

static char *literal(const char *s)
{
    return (char *)(uintptr_t)s;
}

START_TEST(ends_what_another_version_left)
{
    struct job unknown_kind = { .kind = literal("test.future"), .params = literal("{}"), .details = literal("{}") };
    struct job unknown_step = {
        .kind = literal("test.make"), .params = literal("{}"), .details = literal("{}"), .step = 7, .timeout_ms = 1000
    };

    open_in_memory();
    insert_row(&unknown_kind);
    insert_row(&unknown_step);
    world_start();
    AUTO(job) kind = world_await_end(unknown_kind.id);
    AUTO(job) step = world_await_end(unknown_step.id);

    world_assert_failed(kind, ERR_INTERNAL);
    world_assert_failed(step, ERR_INTERNAL);
    world_assert_trace("=internal");
    world_close();
}
END_TEST

/* Boot time of another boot means nothing: the allowance begins anew. */
START_TEST(counts_the_deadline_in_this_boot)
{
    struct job j = { .kind = literal("test.make"),
                     .params = literal("{}"),
                     .details = literal("{}"),
                     .step = 1,
                     .timeout_ms = 600 * 1000,
                     .deadline_boot_ms = 1,
                     .deadline_boot_id = "00000000-0000-4000-8000-000000000000" };

    open_in_memory();
    insert_row(&j);
    world_start();
    AUTO(job) ended = world_await_end(j.id);

    world_assert_trace("+b+c=ok");
    ck_assert_str_eq(ended->deadline_boot_id, clock_boot_id());
    world_close();
}
END_TEST

UNIT_MAIN("job_saga", runs_all_steps_in_order, undoes_from_the_failed_step_downward, undoes_only_what_had_begun,
          undoes_nothing_when_it_could_not_prepare, ends_between_steps_when_cancelled,
          shows_no_cancel_to_a_step_that_was_not_cancelled, succeeds_when_cancelled_in_its_last_step,
          never_begins_when_cancelled_before, unwinds_past_its_deadline_and_gives_the_undo_time,
          tries_an_undo_again_and_keeps_the_first_reason, gives_up_an_undo_that_never_works, settles_until_it_works,
          leaves_an_unsettled_job_to_the_next_life, goes_on_forward_after_a_stop, goes_on_backward_after_a_stop,
          a_step_that_gives_up_for_a_stop_has_not_failed, a_cancel_of_a_parked_job_undoes_the_step_it_was_in,
          tries_a_retried_kind_until_it_works, tries_again_to_prepare_a_retried_kind,
          goes_on_trying_past_the_deadline_with_time_to_work, shows_why_a_retried_kind_waits, does_not_cancel_a_retried_kind,
          ends_what_another_version_left, counts_the_deadline_in_this_boot)
