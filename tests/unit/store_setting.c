/* Settings, and first answers to idempotency keys. */
#include "store_lab.h"

START_TEST(a_setting_is_found_as_set)
{
    char *value = (char *)"not touched yet";

    lab_open_memory();
    LAB_READ(store_setting_find(t, "k", &value, &e));
    ck_assert_ptr_null(value);
    LAB_WRITE(store_setting_set(t, "k", "one", &e));
    LAB_WRITE(store_setting_set(t, "k", "two", &e));
    LAB_READ(store_setting_find(t, "k", &value, &e));
    ck_assert_str_eq(value, "two");
    free(value);
    lab_done();
}
END_TEST

static struct idempotency answer_to(const char *key, const char *body)
{
    struct idempotency i = { .project = project, .user_id = "", .key = key, .request = "POST /v1/vms", .status = 202 };

    sha256_of(body, strlen(body), i.body_sha256);
    i.answer = (char *)"{}";
    i.location = (char *)"/v1/operations/1";
    return i;
}

START_TEST(the_first_answer_comes_again)
{
    struct idempotency first, again;

    lab_open_memory();
    first = again = answer_to("key", "body");
    LAB_READ(store_idempotency_find(t, &again, &e));
    ck_assert_int_eq(again.status, 0);
    ck_assert_ptr_null(again.answer);
    ck_assert_ptr_null(again.location);
    LAB_WRITE(store_idempotency_insert(t, &first, &e));
    LAB_READ(store_idempotency_find(t, &again, &e));
    ck_assert_int_eq(again.status, 202);
    ck_assert_str_eq(again.answer, "{}");
    ck_assert_str_eq(again.location, "/v1/operations/1");
    free(again.answer);
    free(again.location);
    LAB_FAILS(store_idempotency_insert(t, &first, &e), ERR_CONFLICT);
    lab_done();
}
END_TEST

START_TEST(an_answer_needs_no_location)
{
    struct idempotency i;

    lab_open_memory();
    i = answer_to("key", "body");
    i.location = NULL;
    LAB_WRITE(store_idempotency_insert(t, &i, &e));
    LAB_READ(store_idempotency_find(t, &i, &e));
    ck_assert_ptr_null(i.location);
    free(i.answer);
    lab_done();
}
END_TEST

START_TEST(a_key_is_for_one_request)
{
    struct idempotency first, body, request, other;

    lab_open_memory();
    first = answer_to("key", "body");
    LAB_WRITE(store_idempotency_insert(t, &first, &e));
    body = answer_to("key", "other body");
    LAB_FAILS(store_idempotency_find(t, &body, &e), ERR_IDEMPOTENCY_KEY_REUSED);
    request = answer_to("key", "body");
    request.request = "POST /v1/images";
    LAB_FAILS(store_idempotency_find(t, &request, &e), ERR_IDEMPOTENCY_KEY_REUSED);
    other = answer_to("key", "body");
    other.project = "another";
    LAB_READ(store_idempotency_find(t, &other, &e));
    ck_assert_int_eq(other.status, 0);
    other = answer_to("key", "body");
    other.user_id = "somebody else";
    LAB_READ(store_idempotency_find(t, &other, &e));
    ck_assert_int_eq(other.status, 0);
    lab_done();
}
END_TEST

START_TEST(old_answers_are_pruned)
{
    struct idempotency i;

    lab_open_memory();
    i = answer_to("key", "body");
    LAB_WRITE(store_idempotency_insert(t, &i, &e));
    LAB_WRITE(store_idempotency_prune(t, clock_wall_ms() - 60000, &e));
    LAB_FAILS(store_idempotency_insert(t, &i, &e), ERR_CONFLICT);
    LAB_WRITE(store_idempotency_prune(t, clock_wall_ms() + 60000, &e));
    LAB_WRITE(store_idempotency_insert(t, &i, &e));
    lab_done();
}
END_TEST

UNIT_MAIN("store_setting", a_setting_is_found_as_set, the_first_answer_comes_again, an_answer_needs_no_location,
          a_key_is_for_one_request, old_answers_are_pruned)
