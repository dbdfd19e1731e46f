/* Answers, and requests that wait: resumed before and after they are suspended, by any thread, by nobody; clients that leave. */
#include "../../src/http/server.h"
#include "http_lab.h"

enum { ROUNDS = 1000, SHORT_GRACE_MS = 100 };

/* Whoever resumes: a thread that takes requests from a slot. */
static struct lock slot_lock;
static struct cond slot_changed;
static struct request *slot;
static bool is_resumer_over;
static pthread_t resumer;

static void hand_over(struct request *r)
{
    HOLD(&slot_lock);

    ck_assert_ptr_null(slot);
    slot = r;
    cond_broadcast(&slot_changed);
}

static struct request *take_over(void)
{
    struct request *r;
    HOLD(&slot_lock);

    while (!slot && !is_resumer_over)
        ck_assert(cond_wait_ms(&slot_changed, &slot_lock, LAB_PATIENCE_MS));
    r = slot;
    slot = NULL;
    return r;
}

static void *resume_all(void *arg)
{
    struct request *r;

    while ((r = take_over())) {
        *(int *)request_data(r) += 1; /* what the resumer writes, `then` reads */
        request_resume(r);
    }
    return arg;
}

static void start_resumer(void)
{
    lock_init(&slot_lock, RANK_LEAF);
    cond_init(&slot_changed);
    ck_assert_int_eq(pthread_create(&resumer, NULL, resume_all, NULL), 0);
}

static void stop_resumer(void)
{
    lock_take(&slot_lock);
    is_resumer_over = true;
    cond_broadcast(&slot_changed);
    lock_drop(&slot_lock);
    ck_assert_int_eq(pthread_join(resumer, NULL), 0);
    cond_done(&slot_changed);
    lock_done(&slot_lock);
}

static int tell(struct request *r, struct err *err)
{
    char *text = str_printf("resumed %d", *(int *)request_data(r));

    lab_handled++;
    return request_reply(r, 200, "text/plain", text, strlen(text), err);
}

/* The resumer races with the rest of this function and with libmicrohttpd. */
static int wait_for_another_thread(struct request *r, struct err *err)
{
    request_set_data(r, calloc(1, sizeof(int)), free);
    if (request_suspend(r, tell, err) < 0)
        return -1;
    hand_over(r);
    return 0;
}

static int wait_in_vain_for_nobody(struct request *r, struct err *err)
{
    request_set_data(r, calloc(1, sizeof(int)), free);
    if (request_suspend(r, tell, err) < 0)
        return -1;
    request_resume(r); /* before libmicrohttpd has heard of it */
    return 0;
}

static int resume_first(struct request *r, struct err *err)
{
    request_set_data(r, calloc(1, sizeof(int)), free);
    request_resume(r);
    return request_suspend(r, tell, err);
}

static int wait_thrice(struct request *r, struct err *err)
{
    if (*(int *)request_data(r) == 3)
        return tell(r, err);
    if (request_suspend(r, wait_thrice, err) < 0)
        return -1;
    hand_over(r);
    return 0;
}

static int chain(struct request *r, struct err *err)
{
    request_set_data(r, calloc(1, sizeof(int)), free);
    return wait_thrice(r, err);
}

static int fail_after_suspending(struct request *r, struct err *err)
{
    if (request_suspend(r, tell, err) < 0)
        return -1;
    return err_set(err, ERR_CONFLICT, "nobody was told");
}

static int fail_late(struct request *r, struct err *err)
{
    (void)r;
    return err_set(err, ERR_CONFLICT, "late");
}

static int wait_and_fail(struct request *r, struct err *err)
{
    if (request_suspend(r, fail_late, err) < 0)
        return -1;
    request_resume(r);
    return 0;
}

/* The test resumes it. */
static _Atomic(struct request *) kept;

static int wait_for_the_test(struct request *r, struct err *err)
{
    request_set_data(r, calloc(1, sizeof(int)), free);
    if (request_suspend(r, tell, err) < 0)
        return -1;
    HOLD(&lab_lock);
    kept = r;
    cond_broadcast(&lab_changed);
    return 0;
}

static struct request *take_kept(void)
{
    HOLD(&lab_lock);

    while (!kept)
        ck_assert(cond_wait_ms(&lab_changed, &lab_lock, LAB_PATIENCE_MS));
    return atomic_exchange(&kept, NULL);
}

static struct request *ask_to_be_kept(int fd)
{
    lab_send(fd, GET("/kept"));
    return take_kept();
}

static int say_nothing(struct request *r, struct err *err)
{
    (void)r;
    (void)err;
    return 0;
}

static int answer_twice(struct request *r, struct err *err)
{
    struct err second = ERR_INIT;

    if (lab_text(r, "first", err) < 0)
        return -1;
    ck_assert_int_eq(lab_text(r, "second", &second), -1);
    ck_assert_int_eq(request_suspend(r, tell, &second), -1);
    return err_set(err, ERR_CONFLICT, "too late to matter");
}

static int add_headers(struct request *r, struct err *err)
{
    struct err refused = ERR_INIT;

    ck_assert_int_eq(request_add_header(r, "X-Evil", "a\r\nSet-Cookie: b", &refused), -1);
    ck_assert_int_eq(request_add_header(r, "X-Evil", "a\nb", &refused), -1);
    ck_assert_int_eq(request_add_header(r, "X:Evil", "a", &refused), -1);
    ck_assert_int_eq(request_add_header(r, "", "a", &refused), -1);
    if (request_add_header(r, "Location", "/v1/things/1", err) < 0 ||
        request_add_header(r, "Cache-Control", "max-age=5", err) < 0)
        return -1;
    return request_reply_empty(r, 204, err);
}

static const struct route routes[] = {
    { "GET", "/wait", "thing:wait", .handle = wait_for_another_thread },
    { "GET", "/early", "thing:wait", .handle = wait_in_vain_for_nobody },
    { "GET", "/first", "thing:wait", .handle = resume_first },
    { "GET", "/chain", "thing:wait", .handle = chain },
    { "GET", "/fails", "thing:wait", .handle = fail_after_suspending },
    { "GET", "/late", "thing:wait", .handle = wait_and_fail },
    { "GET", "/kept", "thing:wait", .handle = wait_for_the_test },
    { "GET", "/mute", "thing:wait", .handle = say_nothing },
    { "GET", "/twice", "thing:wait", .handle = answer_twice },
    { "GET", "/headers", "thing:wait", .handle = add_headers },
};
static const struct door door = { "", routes, sizeof(routes) / sizeof(routes[0]), lab_error, NULL, NULL };

static void ask_often(const char *request, const char *expected)
{
    int fd = lab_connect();

    for (int i = 0; i < ROUNDS; i++) {
        LAB_ANSWER a = lab_ask(fd, request);
        ck_assert_msg(a.status == 200 && strcmp(a.body.data, expected) == 0, "round %d: %d %s", i, a.status, a.body.data);
    }
    (void)close(fd);
}

START_TEST(resumes_from_another_thread)
{
    lab_start(&door);
    start_resumer();
    ask_often(GET("/wait"), "resumed 1");
    stop_resumer();
    lab_stop();
    ck_assert_int_eq(lab_handled, ROUNDS);
}
END_TEST

START_TEST(resumes_before_it_is_suspended)
{
    lab_start(&door);
    ask_often(GET("/early"), "resumed 0");
    ask_often(GET("/first"), "resumed 0");
    lab_stop();
    ck_assert_int_eq(lab_handled, 2 * ROUNDS);
}
END_TEST

START_TEST(waits_in_a_chain)
{
    lab_start(&door);
    start_resumer();
    ask_often(GET("/chain"), "resumed 3");
    stop_resumer();
    lab_stop();
    ck_assert_int_eq(lab_handled, ROUNDS);
}
END_TEST

START_TEST(a_failure_ends_the_waiting)
{
    lab_start(&door);
    LAB_ANSWER early = lab_ask_once(GET("/fails"));
    ck_assert_int_eq(early.status, 409);
    LAB_ANSWER late = lab_ask_once(GET("/late"));
    ck_assert_int_eq(late.status, 409);
    lab_stop();
}
END_TEST

/* A waiting request holds no thread: with one thread others go on, and the next on its connection waits for its turn. */
START_TEST(others_go_on_while_one_waits)
{
    int fd;

    lab_config.threads = 1;
    lab_start(&door);
    fd = lab_connect();
    lab_send(fd, GET("/kept") GET("/early"));
    struct request *r = take_kept();
    LAB_ANSWER other = lab_ask_once(GET("/early"));
    ck_assert_int_eq(other.status, 200);
    ck_assert_int_eq(lab_handled, 1);
    request_resume(r);
    LAB_ANSWER first = lab_read(fd);
    LAB_ANSWER second = lab_read(fd);
    ck_assert_int_eq(first.status, 200);
    ck_assert_int_eq(second.status, 200);
    (void)close(fd);
    lab_stop();
}
END_TEST

static void leave_by_close(int fd)
{
    (void)close(fd);
}

static void leave_by_reset(int fd)
{
    struct linger reset = { .l_onoff = 1 };

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    (void)close(fd);
}

static void resume_and_read(struct request *r, int fd)
{
    request_resume(r);
    LAB_ANSWER a = lab_read(fd);
    ck_assert_int_eq(a.status, 200);
    (void)close(fd);
}

/* A resumed connection is read from before its handler is called, and its end seen, unless it is the one longest idle of its
 * thread: hence one thread, and a connection that is idle before the others come. */
static int start_with_an_idle_connection(void)
{
    lab_config.threads = 1;
    lab_start(&door);
    return lab_connect();
}

/* The one that leaves is in the list of those who wait, before another; the next one comes before its place. While it is
 * suspended nothing ends it: whoever is to resume it still has it. */
static void check_who_leaves_while_waiting(void (*leave)(int fd))
{
    int next_fd = start_with_an_idle_connection(), staying_fd = lab_connect(), leaving_fd = lab_connect();

    struct request *staying = ask_to_be_kept(staying_fd), *leaving = ask_to_be_kept(leaving_fd);
    leave(leaving_fd);
    LAB_ANSWER other = lab_ask_once(GET("/early")); /* the thread has been round after the client left */
    ck_assert_int_eq(other.status, 200);
    ck_assert_int_eq(lab_wait_record(0).status, 200);
    ck_assert_int_eq(lab_record_count, 1);
    request_resume(leaving);
    ck_assert_int_eq(lab_wait_record(1).status, 0);
    ck_assert_int_eq(lab_handled, 1); /* the other */
    struct request *next = ask_to_be_kept(next_fd);
    resume_and_read(next, next_fd);
    resume_and_read(staying, staying_fd);
    lab_stop();
}

START_TEST(survives_a_client_that_closes_while_waiting)
{
    check_who_leaves_while_waiting(leave_by_close);
}
END_TEST

START_TEST(survives_a_client_that_resets_while_waiting)
{
    check_who_leaves_while_waiting(leave_by_reset);
}
END_TEST

static void *resume_kept(void *arg)
{
    while (lab_try_connect(0) >= 0) /* until the server has begun to stop */
        continue;
    request_resume(arg);
    return NULL;
}

/* http_free() waits for what is under way, and the client gets its answer. */
START_TEST(the_end_waits_for_who_waits)
{
    pthread_t thread;
    int fd;

    lab_start(&door);
    fd = lab_connect();
    struct request *r = ask_to_be_kept(fd);
    http_quiesce(lab_http);
    ck_assert_int_eq(pthread_create(&thread, NULL, resume_kept, r), 0);
    http_free(lab_http);
    lab_http = NULL;
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    LAB_ANSWER a = lab_read(fd);
    ck_assert_int_eq(a.status, 200);
    ck_assert(lab_header_is(&a, "Connection", "close"));
    (void)close(fd);
    lab_stop();
}
END_TEST

/* Whoever forgets to resume makes the end slow, but not fatal. */
START_TEST(the_end_answers_for_who_was_forgotten)
{
    int fd;

    lab_start(&door);
    fd = lab_connect();
    (void)ask_to_be_kept(fd);
    lab_http->grace_ms = SHORT_GRACE_MS;
    lab_stop();
    ck_assert_int_eq(lab_handled, 0);
    LAB_ANSWER a = lab_read(fd);
    ck_assert_int_eq(a.status, 503);
    (void)close(fd);
}
END_TEST

START_TEST(the_end_comes_for_who_was_forgotten_and_left)
{
    int idle_fd = start_with_an_idle_connection(), leaving_fd = lab_connect();

    (void)ask_to_be_kept(leaving_fd);
    leave_by_reset(leaving_fd);
    lab_http->grace_ms = SHORT_GRACE_MS;
    lab_stop();
    ck_assert_int_eq(lab_handled, 0);
    ck_assert_int_eq(lab_record_count, 1);
    ck_assert_int_eq(lab_records[0].status, 0);
    (void)close(idle_fd);
}
END_TEST

START_TEST(a_handler_that_says_nothing_is_our_bug)
{
    lab_start(&door);
    LAB_ANSWER a = lab_ask_once(GET("/mute"));
    ck_assert_int_eq(a.status, 500);
    ck_assert_str_eq(a.body.data, "internal ");
    lab_stop();
}
END_TEST

static void mute_error(struct request *r, const struct err *err)
{
    (void)r;
    (void)err;
}

START_TEST(a_door_that_says_nothing_too)
{
    static const struct door mute = { "", routes, sizeof(routes) / sizeof(routes[0]), mute_error, NULL, NULL };

    lab_start(&mute);
    LAB_ANSWER a = lab_ask_once(GET("/nothing"));
    ck_assert_int_eq(a.status, 500);
    ck_assert_uint_eq(a.body.len, 0);
    lab_stop();
}
END_TEST

START_TEST(the_first_answer_counts)
{
    lab_start(&door);
    LAB_ANSWER a = lab_ask_once(GET("/twice"));
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(a.body.data, "first");
    lab_stop();
}
END_TEST

START_TEST(headers_of_answers_cannot_be_split)
{
    lab_start(&door);
    LAB_ANSWER a = lab_ask_once(GET("/headers"));
    ck_assert_int_eq(a.status, 204);
    ck_assert(lab_header_is(&a, "Location", "/v1/things/1"));
    ck_assert(lab_header_is(&a, "Cache-Control", "max-age=5"));
    ck_assert_ptr_null(strstr(a.head.data, "no-store"));
    ck_assert_ptr_null(strstr(a.head.data, "Evil"));
    lab_stop();
}
END_TEST

UNIT_MAIN("http_response", resumes_from_another_thread, resumes_before_it_is_suspended, waits_in_a_chain,
          a_failure_ends_the_waiting, others_go_on_while_one_waits, survives_a_client_that_closes_while_waiting,
          survives_a_client_that_resets_while_waiting, the_end_waits_for_who_waits, the_end_answers_for_who_was_forgotten,
          the_end_comes_for_who_was_forgotten_and_left, a_handler_that_says_nothing_is_our_bug, a_door_that_says_nothing_too,
          the_first_answer_counts, headers_of_answers_cannot_be_split)
