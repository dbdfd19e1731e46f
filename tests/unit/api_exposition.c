/* The exposition format, byte by byte. */
#include <string.h>

#include "../../src/api/exposition.h"
#include "unit.h"

#include "base/cleanup.h"

static const struct family gauge = { "things", FAMILY_GAUGE, "Things there are." };
static const struct family counter = { "things_total", FAMILY_COUNTER, "Things there were." };
static const struct family histogram = { "thing_seconds", FAMILY_HISTOGRAM, "How long things take." };

START_TEST(a_family_says_what_it_is)
{
    AUTO_BUF b = { 0 };

    exposition_family(&b, &gauge);
    exposition_sample(&b, &gauge, NO_LABELS, 3);
    exposition_family(&b, &counter);
    exposition_family(&b, &histogram);
    ck_assert_str_eq(b.data, "# HELP things Things there are.\n# TYPE things gauge\nthings 3\n"
                             "# HELP things_total Things there were.\n# TYPE things_total counter\n"
                             "# HELP thing_seconds How long things take.\n# TYPE thing_seconds histogram\n");
}
END_TEST

START_TEST(labels_are_escaped)
{
    static const struct {
        const char *value, *written;
    } rows[] = {
        { "", "" },
        { "plain", "plain" },
        { "a\"b", "a\\\"b" },
        { "a\\", "a\\\\" },
        { "\n", "\\n" },
        { "\"\\\n\"", "\\\"\\\\\\n\\\"" },
        { "\xc3\xa4{}=,", "\xc3\xa4{}=," },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_BUF b = { 0 };
        AUTO_FREE char *expected = str_printf("things{name=\"%s\",kind=\"x\"} 1\n", rows[i].written);

        exposition_sample(&b, &gauge, LABELS({ "name", rows[i].value }, { "kind", "x" }), 1);
        ck_assert_str_eq(b.data, expected);
    }
}
END_TEST

START_TEST(numbers_are_exact)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        { 0, "things 0\n" },        { 9007199254740991, "things 9007199254740991\n" }, { 0.1, "things 0.1\n" },
        { 1e-9, "things 1e-09\n" }, { 1795285629.25, "things 1795285629.25\n" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_BUF b = { 0 };

        exposition_sample(&b, &gauge, NO_LABELS, rows[i].value);
        ck_assert_str_eq(b.data, rows[i].text);
    }
}
END_TEST

START_TEST(a_histogram_adds_up)
{
    static const struct histogram_scale scale = { { 500, 1000000 }, 2 };
    struct histogram h = { 0 };
    struct histogram_reading reading;
    AUTO_BUF b = { 0 };

    histogram_add(&h, &scale, 500);
    histogram_add(&h, &scale, 501);
    histogram_add(&h, &scale, 2000000);
    histogram_read(&h, &scale, &reading);
    exposition_histogram(&b, &histogram, LABELS({ "kind", "x" }), &reading);
    ck_assert_str_eq(b.data, "thing_seconds_bucket{kind=\"x\",le=\"0.0005\"} 1\n"
                             "thing_seconds_bucket{kind=\"x\",le=\"1\"} 2\n"
                             "thing_seconds_bucket{kind=\"x\",le=\"+Inf\"} 3\n"
                             "thing_seconds_sum{kind=\"x\"} 2.001001\n"
                             "thing_seconds_count{kind=\"x\"} 3\n");
}
END_TEST

UNIT_MAIN("api_exposition", a_family_says_what_it_is, labels_are_escaped, numbers_are_exact, a_histogram_adds_up)
