/* JSON: what the parser refuses and where, the decode table, lists. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/json.h"

static int parse(const char *text, json_t **out, struct err *e)
{
    return json_parse(text, strlen(text), out, e);
}

static json_t *parsed(const char *text)
{
    struct err e = ERR_INIT;
    json_t *j = NULL;

    unit_ok(parse(text, &j, &e));
    return j;
}

START_TEST(refusals_name_the_place)
{
    static const struct {
        const char *text, *place, *reason;
    } cases[] = {
        { "", "line 1, column 0", "ends too early" },
        { "{\"a\":1,\n \"a\":2}", "line 2, column", "same key twice" },
        { "{} {}", "line 1, column 4", "after the end" },
        { "{\"a\":\"x\\u0000y\"}", "line 1", "NUL" },
        { "{\"a\\u0000\":1}", "line 1", "NUL" },
        { "[\"\xFF\"]", "line 1", "UTF-8" },
        { "[\"\xED\xA0\x80\"]", "line 1", "UTF-8" },
        { "[\"\\ud800\"]", "line 1", "syntax" },
        { "[1,]", "line 1, column 4", "syntax" },
        { "{'a':1}", "line 1", "syntax" },
        { "[\"secret-password", "line 1", "too early" },
        { "[\"a\nb\"]", "line 1", "syntax" },
        { "[99999999999999999999]", "line 1", "too large" },
        { "[1e999]", "line 1", "too large" },
        { "[NaN]", "line 1", "syntax" },
        { "// no\n[]", "line 1", "syntax" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        json_t *j = NULL;
        unit_fails(parse(cases[i].text, &j, &e), ERR_INVALID_JSON);
        ck_assert_msg(strstr(e.msg, cases[i].place) && strstr(e.msg, cases[i].reason), "%zu: %s", i, e.msg);
        ck_assert_ptr_null(strstr(e.msg, "secret"));
        ck_assert_str_eq(e.detail, "");
        ck_assert_ptr_null(j);
    }
}
END_TEST

START_TEST(a_raw_nul_ends_nothing)
{
    struct err e = ERR_INIT;
    json_t *j = NULL;

    unit_fails(json_parse("{}\0{}", 5, &j, &e), ERR_INVALID_JSON);
    unit_fails(json_parse("[\"a\0b\"]", 7, &j, &e), ERR_INVALID_JSON);
    unit_fails(json_parse(NULL, 0, &j, &e), ERR_INVALID_JSON);
}
END_TEST

START_TEST(depth_ends_at_32)
{
    char text[200];
    struct err e = ERR_INIT;
    json_t *j = NULL;

    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    unit_fails(json_parse(text, 66, &j, &e), ERR_INVALID_JSON);
    ck_assert_str_eq(e.msg, "invalid JSON at line 1, column 33: it is nested too deeply");
    unit_ok(json_parse(text + 1, 64, &j, &e));
    json_decref(j);
}
END_TEST

START_TEST(brackets_in_strings_are_text)
{
    AUTO_BUF text = { 0 };
    struct err e = ERR_INIT;
    AUTO_JSON j = NULL;

    buf_adds(&text, "[\"\\\"");
    for (int i = 0; i < 100; i++)
        buf_adds(&text, "[{");
    buf_adds(&text, "\\\\\"]");
    unit_ok(json_parse(text.data, text.len, &j, &e));
}
END_TEST

START_TEST(texts_keep_or_sort_keys)
{
    AUTO_JSON j = parsed(" { \"b\": [1, true], \"a\": null }\n");
    AUTO_FREE char *text = json_text(j);
    AUTO_FREE char *sorted = json_text_sorted(j);

    ck_assert_str_eq(text, "{\"b\":[1,true],\"a\":null}");
    ck_assert_str_eq(sorted, "{\"a\":null,\"b\":[1,true]}");
}
END_TEST

struct sample {
    uint64_t count;
    char *name, *data;
    bool is_on, count_seen;
    json_t *tags, *extra, *items;
};

static const struct json_field sample_fields[] = {
    { .name = "name",
      .kind = JSON_FIELD_STRING,
      .offset = offsetof(struct sample, name),
      .is_required = true,
      .min = 1,
      .max = 3 },
    { .name = "data", .kind = JSON_FIELD_STRING, .offset = offsetof(struct sample, data), .is_text = true, .max = 9 },
    { .name = "count",
      .kind = JSON_FIELD_U64,
      .offset = offsetof(struct sample, count),
      .min = 2,
      .max = 5,
      .seen_offset = offsetof(struct sample, count_seen) },
    { .name = "on", .kind = JSON_FIELD_BOOL, .offset = offsetof(struct sample, is_on) },
    { .name = "tags", .kind = JSON_FIELD_STRINGS, .offset = offsetof(struct sample, tags), .max = 2 },
    { .name = "extra", .kind = JSON_FIELD_OBJECT, .offset = offsetof(struct sample, extra), .max = 1 },
    { .name = "items", .kind = JSON_FIELD_ARRAY, .offset = offsetof(struct sample, items), .max = 3 },
};

static void sample_done(struct sample *s)
{
    free(s->name);
    free(s->data);
    json_decref(s->tags);
    json_decref(s->extra);
    json_decref(s->items);
}
#define AUTO_SAMPLE __attribute__((cleanup(sample_done))) struct sample

static int decode(const char *text, struct sample *s, struct err *e)
{
    AUTO_JSON j = parsed(text);

    return json_decode(j, sample_fields, ARRAY_LEN(sample_fields), s, e);
}

START_TEST(decodes_every_kind)
{
    AUTO_SAMPLE s = { .name = strdup("old") };
    struct err e = ERR_INIT;

    unit_ok(decode("{\"name\":\"\\u20ac\\u20ac\\u20ac\",\"data\":\"a\\n\\u0001\",\"count\":5,\"on\":true,\"tags\":[\"x\",\"y\"],"
                   "\"extra\":{\"k\":1},\"items\":[1,\"\",{}]}",
                   &s, &e));
    ck_assert_str_eq(s.name, "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC");
    ck_assert_str_eq(s.data, "a\n\x01");
    ck_assert_uint_eq(s.count, 5);
    ck_assert(s.is_on && s.count_seen);
    ck_assert_uint_eq(json_array_size(s.tags), 2);
    ck_assert_uint_eq(json_object_size(s.extra), 1);
    ck_assert_uint_eq(json_array_size(s.items), 3);
}
END_TEST

START_TEST(absent_and_null_leave_defaults)
{
    AUTO_SAMPLE s = { .count = 3, .is_on = true };
    struct err e = ERR_INIT;

    unit_ok(decode("{\"name\":\"n\",\"count\":null,\"on\":null}", &s, &e));
    ck_assert_uint_eq(s.count, 3);
    ck_assert(s.is_on);
    ck_assert(!s.count_seen);
    ck_assert_ptr_null(s.tags);
}
END_TEST

START_TEST(refusals_name_the_field)
{
    static const struct {
        const char *text, *field;
    } cases[] = {
        { "{}", "name" },
        { "{\"name\":null}", "name" },
        { "{\"name\":\"\"}", "name" },
        { "{\"name\":\"1234\"}", "name" },
        { "{\"name\":7}", "name" },
        { "{\"name\":\"a\\n\"}", "name" },
        { "{\"name\":\"a\\u2028\"}", "name" },
        { "{\"name\":\"a\",\"count\":1}", "count" },
        { "{\"name\":\"a\",\"count\":6}", "count" },
        { "{\"name\":\"a\",\"count\":-3}", "count" },
        { "{\"name\":\"a\",\"count\":3.0}", "count" },
        { "{\"name\":\"a\",\"count\":\"3\"}", "count" },
        { "{\"name\":\"a\",\"on\":1}", "on" },
        { "{\"name\":\"a\",\"tags\":\"x\"}", "tags" },
        { "{\"name\":\"a\",\"tags\":[\"a\",\"b\",\"c\"]}", "tags" },
        { "{\"name\":\"a\",\"tags\":[1]}", "tags" },
        { "{\"name\":\"a\",\"tags\":[\"\"]}", "tags" },
        { "{\"name\":\"a\",\"tags\":[\"\\u0007\"]}", "tags" },
        { "{\"name\":\"a\",\"extra\":[]}", "extra" },
        { "{\"name\":\"a\",\"extra\":{\"a\":1,\"b\":2}}", "extra" },
        { "{\"name\":\"a\",\"items\":{}}", "items" },
        { "{\"name\":\"a\",\"items\":[1,2,3,4]}", "items" },
        { "{\"name\":\"a\",\"nmae\":1}", "nmae" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_SAMPLE s = { 0 };
        struct err e = ERR_INIT;
        unit_fails(decode(cases[i].text, &s, &e), ERR_INVALID_FIELD);
        ck_assert_str_eq(e.field, cases[i].field);
    }
}
END_TEST

START_TEST(only_objects_are_decoded)
{
    AUTO_SAMPLE s = { 0 };
    struct err e = ERR_INIT;

    unit_fails(decode("[]", &s, &e), ERR_INVALID);
    unit_fails(decode("\"x\"", &s, &e), ERR_INVALID);
}
END_TEST

static char *list_of(int count, const char *further_text)
{
    AUTO_JSON further = further_text ? parsed(further_text) : NULL;
    AUTO_BUF b = { 0 };

    json_list_begin(&b, "vms");
    for (int i = 0; i < count; i++) {
        AUTO_JSON item = json_pack("{s:i}", "n", i);
        json_list_item(&b, item);
    }
    json_list_end(&b, further);
    return buf_take(&b);
}

START_TEST(lists_are_json)
{
    static const struct {
        int count;
        const char *further, *expected;
    } cases[] = {
        { 0, NULL, "{\"vms\":[]}" },
        { 1, "{}", "{\"vms\":[{\"n\":0}]}" },
        { 2, "{\"next\":null,\"stale\":true}", "{\"vms\":[{\"n\":0},{\"n\":1}],\"next\":null,\"stale\":true}" },
        { 0, "{\"next\":\"/x\"}", "{\"vms\":[],\"next\":\"/x\"}" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *text = list_of(cases[i].count, cases[i].further);
        ck_assert_str_eq(text, cases[i].expected);
    }
}
END_TEST

START_TEST(values_that_may_be_missing)
{
    AUTO_JSON none = json_time(0);
    AUTO_JSON some = json_time(1769862896789);
    AUTO_JSON null = json_string_or_null(NULL);
    AUTO_JSON text = json_string_or_null("x");

    ck_assert(json_is_null(none) && json_is_null(null));
    ck_assert_str_eq(json_string_value(some), "2026-01-31T12:34:56.789Z");
    ck_assert_str_eq(json_string_value(text), "x");
}
END_TEST

UNIT_MAIN("base_json", refusals_name_the_place, a_raw_nul_ends_nothing, depth_ends_at_32, brackets_in_strings_are_text,
          texts_keep_or_sort_keys, decodes_every_kind, absent_and_null_leave_defaults, refusals_name_the_field,
          only_objects_are_decoded, lists_are_json, values_that_may_be_missing)
