/* The table of errors: every code has its place in HTTP; and the native door's problem documents, byte for byte. */
#include "unit.h"

#include "api/api.h"
#include "base/json.h"

/* The contract's list of statuses. */
static bool is_listed(int status)
{
    static const int statuses[] = { 400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 429, 500, 503, 507 };

    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i] == status)
            return true;
    return false;
}

static char *problem_of(const struct err *e, bool is_admin)
{
    char *text = api_error_problem(e, "req-1", is_admin);

    ck_assert_ptr_nonnull(text);
    return text;
}

START_TEST(every_code_has_a_status)
{
    for (unsigned code = 0; code < ERR_CODE_COUNT; code++)
        ck_assert_msg(is_listed(api_error_status((enum err_code)code)), "%s: %d", err_code_word((enum err_code)code),
                      api_error_status((enum err_code)code));
    ck_assert_int_eq(api_error_status(ERR_CODE_COUNT), 500);
}
END_TEST

START_TEST(every_code_has_a_problem)
{
    for (unsigned code = 0; code < ERR_CODE_COUNT; code++) {
        struct err e = ERR_INIT;
        (void)err_set(&e, (enum err_code)code, "words");
        AUTO_FREE char *text = problem_of(&e, false);
        AUTO_JSON j = NULL;
        unit_ok(json_parse(text, strlen(text), &j, &e));
        ck_assert_int_gt((int)json_string_length(json_object_get(j, "title")), 0);
        ck_assert_str_eq(json_string_value(json_object_get(j, "code")), err_code_word((enum err_code)code));
        ck_assert_int_eq(json_integer_value(json_object_get(j, "status")), api_error_status((enum err_code)code));
    }
}
END_TEST

START_TEST(statuses_of_the_contract)
{
    static const struct {
        enum err_code code;
        int status;
    } cases[] = {
        { ERR_INVALID_FIELD, 400 },     { ERR_INVALID_JSON, 400 },       { ERR_UNAUTHORIZED, 401 },
        { ERR_FORBIDDEN, 403 },         { ERR_HOST_REFUSED, 403 },       { ERR_IMAGE_NOT_FOUND, 404 },
        { ERR_VM_NOT_FOUND, 404 },      { ERR_METHOD_NOT_ALLOWED, 405 }, { ERR_NOT_ACCEPTABLE, 406 },
        { ERR_NAME_TAKEN, 409 },        { ERR_INVALID_STATE, 409 },      { ERR_NO_CAPACITY, 409 },
        { ERR_NAME_AMBIGUOUS, 409 },    { ERR_TOO_LARGE, 413 },          { ERR_IN_USE, 409 },
        { ERR_UNSUPPORTED_MEDIA, 415 }, { ERR_TOO_MANY_REQUESTS, 429 },  { ERR_IDEMPOTENCY_KEY_REUSED, 422 },
        { ERR_UNAVAILABLE, 503 },       { ERR_DISK_FULL, 507 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_int_eq(api_error_status(cases[i].code), cases[i].status);
}
END_TEST

START_TEST(a_problem_names_the_field)
{
    struct err e = ERR_INIT;

    (void)err_set_field(&e, ERR_IMAGE_NOT_FOUND, "image", "there is no image \"a\tb\"");
    (void)err_detail(&e, "/var/lib/computed/images");
    AUTO_FREE char *text = problem_of(&e, false);
    ck_assert_str_eq(text, "{\"type\":\"urn:computed:error:image_not_found\",\"title\":\"Image not found\",\"status\":404,"
                           "\"detail\":\"there is no image \\\"a\\tb\\\"\",\"request_id\":\"req-1\",\"code\":\"image_not_found\","
                           "\"field\":\"image\"}");
}
END_TEST

START_TEST(administrators_see_the_inside)
{
    struct err e = ERR_INIT;

    (void)err_set(&e, ERR_UNAVAILABLE, "libvirt does not answer");
    (void)err_detail(&e, "Failed to connect socket to '/run/libvirt/libvirt-sock'");
    AUTO_FREE char *text = problem_of(&e, true);
    ck_assert_str_eq(text, "{\"type\":\"urn:computed:error:unavailable\",\"title\":\"Unavailable\",\"status\":503,"
                           "\"detail\":\"libvirt does not answer\",\"request_id\":\"req-1\",\"code\":\"unavailable\","
                           "\"admin_detail\":\"Failed to connect socket to '/run/libvirt/libvirt-sock'\"}");
}
END_TEST

START_TEST(a_failure_of_ours_tells_strangers_nothing)
{
    struct err e = ERR_INIT;

    (void)err_set(&e, ERR_INTERNAL, "row 17 is corrupt");
    AUTO_FREE char *stranger = problem_of(&e, false);
    AUTO_FREE char *admin = problem_of(&e, true);
    ck_assert_str_eq(stranger, "{\"type\":\"urn:computed:error:internal\",\"title\":\"Internal error\",\"status\":500,"
                               "\"detail\":\"The daemon failed; its log tells why under this request id.\","
                               "\"request_id\":\"req-1\",\"code\":\"internal\"}");
    ck_assert_ptr_nonnull(strstr(admin, "\"admin_detail\":\"row 17 is corrupt\""));
}
END_TEST

UNIT_MAIN("api_errors", every_code_has_a_status, every_code_has_a_problem, statuses_of_the_contract, a_problem_names_the_field,
          administrators_see_the_inside, a_failure_of_ours_tells_strangers_nothing)
