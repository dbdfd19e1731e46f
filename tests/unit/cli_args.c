/* The command line: what a verb's synopsis says is what the parser takes. */
#include "../../src/cli/args.h"
#include "unit.h"

#include "base/cleanup.h"

static const struct verb verbs[] = {
    { "health", "", "", NULL },
    { "thing", "list", "[--status S]", NULL },
    { "thing", "make", "NAME FILE --image I [--vcpus N] [--wait]", NULL },
    { "thing", "stop", "NAME [--force]", NULL },
    { "thing", "born", "NAME [--network NET]... [--ttl TIME] [--wait[=running|ready]]", NULL },
    { "thing", "give", "THING USER ROLE [--role R]... [--lifetime TIME]", NULL },
};

static int parse(const char *const *words, struct args *out, struct err *e)
{
    char *argv[16] = { "computectl" };
    int argc = 1;

    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    return args_parse(argc, argv, verbs, ARRAY_LEN(verbs), out, e);
}
#define WORDS(...)    ((const char *const[]){ __VA_ARGS__, NULL })
#define NOTHING       ((const char *const[]){ NULL })
#define REFUSED(list) unit_fails(parse((list), &args, &e), ERR_INVALID)

START_TEST(verbs_operands_and_options)
{
    struct err e = ERR_INIT;
    struct args args;

    unit_ok(parse(WORDS("health"), &args, &e));
    ck_assert_ptr_eq(args.verb, &verbs[0]);
    unit_ok(parse(WORDS("thing", "make", "--image", "i", "a", "--vcpus=4", "b", "--wait"), &args, &e));
    ck_assert_ptr_eq(args.verb, &verbs[2]);
    ck_assert_str_eq(args.operands[0], "a");
    ck_assert_str_eq(args.operands[1], "b");
    ck_assert_str_eq(args.image, "i");
    ck_assert_uint_eq(args.vcpus, 4);
    ck_assert(args.wait && !args.force && !args.is_json);
    unit_ok(parse(WORDS("--json", "thing", "list", "--url", "unix:/s", "--cacert", "ca.pem", "--status=running"), &args, &e));
    ck_assert(args.is_json);
    ck_assert_str_eq(args.url, "unix:/s");
    ck_assert_str_eq(args.cacert, "ca.pem");
    ck_assert_str_eq(args.status, "running");
}
END_TEST

START_TEST(an_option_may_come_again)
{
    struct err e = ERR_INIT;
    struct args args;

    unit_ok(parse(WORDS("thing", "born", "--network", "a", "x", "--network=b,ip=10.0.0.9"), &args, &e));
    ck_assert_uint_eq(args.networks.count, 2);
    ck_assert_str_eq(args.networks.items[0], "a");
    ck_assert_str_eq(args.networks.items[1], "b,ip=10.0.0.9");
    ck_assert_str_eq(args.operands[0], "x");
}
END_TEST

START_TEST(what_is_waited_for)
{
    struct err e = ERR_INIT;
    struct args args;

    unit_ok(parse(WORDS("thing", "born", "x"), &args, &e));
    ck_assert_ptr_null(args.wait);
    unit_ok(parse(WORDS("thing", "born", "--wait", "x"), &args, &e));
    ck_assert_str_eq(args.wait, "running");
    unit_ok(parse(WORDS("thing", "born", "x", "--wait"), &args, &e));
    ck_assert_str_eq(args.wait, "running");
    unit_ok(parse(WORDS("thing", "born", "--wait", "ready", "x"), &args, &e));
    ck_assert_str_eq(args.wait, "ready");
    unit_ok(parse(WORDS("thing", "born", "x", "--wait=ready"), &args, &e));
    ck_assert_str_eq(args.wait, "ready");
    REFUSED(WORDS("thing", "born", "x", "--wait=later"));
    REFUSED(WORDS("thing", "make", "a", "b", "--image=i", "--wait=ready"));
}
END_TEST

START_TEST(times)
{
    static const struct {
        const char *text;
        uint64_t seconds;
    } cases[] = { { "0", 0 }, { "90", 90 }, { "90s", 90 }, { "10min", 600 }, { "2h", 7200 }, { "7d", 604800 } };
    static const char *const wrong[] = { "", "s", "-1", "1m", "1.5h", " 1h", "1h ", "99999999999999999999d", "5000000000" };
    struct err e = ERR_INIT;
    struct args args;
    uint64_t seconds;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(args_seconds(cases[i].text, &seconds), 0);
        ck_assert_uint_eq(seconds, cases[i].seconds);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        ck_assert_int_lt(args_seconds(wrong[i], &seconds), 0);
        REFUSED(WORDS("thing", "born", "x", "--ttl", wrong[i]));
    }
}
END_TEST

START_TEST(every_verb_takes_a_project)
{
    struct err e = ERR_INIT;
    struct args args;

    unit_ok(parse(WORDS("thing", "list"), &args, &e));
    ck_assert_ptr_null(args.project);
    unit_ok(parse(WORDS("thing", "list", "--project", "p"), &args, &e));
    ck_assert_str_eq(args.project, "p");
    unit_ok(parse(WORDS("--all-projects", "thing", "list"), &args, &e));
    ck_assert_str_eq(args.project, "*");
    REFUSED(WORDS("thing", "list", "--project"));
    REFUSED(WORDS("thing", "list", "--all-projects=p"));
}
END_TEST

START_TEST(three_operands)
{
    struct err e = ERR_INIT;
    struct args args;

    unit_ok(parse(WORDS("thing", "give", "a", "--role", "x", "b", "--role=y", "c", "--lifetime", "2h"), &args, &e));
    ck_assert_str_eq(args.operands[2], "c");
    ck_assert_uint_eq(args.roles.count, 2);
    ck_assert_str_eq(args.lifetime, "2h");
    REFUSED(WORDS("thing", "give", "a", "b"));
    REFUSED(WORDS("thing", "give", "a", "b", "c", "d"));
    REFUSED(WORDS("thing", "list", "--role", "x"));
    REFUSED(WORDS("thing", "give", "a", "b", "c", "--lifetime", "later"));
}
END_TEST

START_TEST(words_behind_two_dashes)
{
    struct err e = ERR_INIT;
    struct args args;

    unit_ok(parse(WORDS("thing", "stop", "--", "--force"), &args, &e));
    ck_assert_str_eq(args.operands[0], "--force");
    ck_assert(!args.force);
}
END_TEST

START_TEST(help_needs_no_verb)
{
    struct err e = ERR_INIT;
    struct args args;

    unit_ok(parse(WORDS("--help"), &args, &e));
    ck_assert(args.is_help);
    ck_assert_ptr_null(args.topic);
    unit_ok(parse(WORDS("thing", "-h"), &args, &e));
    ck_assert(args.is_help);
    ck_assert_str_eq(args.topic, "thing");
    ck_assert_ptr_null(args.topic_verb);
    unit_ok(parse(WORDS("help"), &args, &e));
    ck_assert(args.is_help && !args.topic);
    unit_ok(parse(WORDS("help", "thing", "make"), &args, &e));
    ck_assert_str_eq(args.topic, "thing");
    ck_assert_str_eq(args.topic_verb, "make");
    unit_ok(parse(WORDS("thing", "make", "--help"), &args, &e));
    ck_assert_str_eq(args.topic_verb, "make");
}
END_TEST

START_TEST(a_mistake_points_to_the_nearest_help)
{
    static const struct {
        const char *words[4], *help;
    } cases[] = {
        { { "thing", "eat" }, "`computectl help thing`" },
        { { "thing", "list", "--no" }, "`computectl help thing`" },
        { { "things", "list" }, "`computectl help thing`" },
        { { "th" }, "`computectl help thing`" },
        { { "nothing" }, "`computectl --help`" },
        { { "" }, "`computectl --help`" },
        { { NULL }, "`computectl --help`" },
    };
    struct args args;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;

        REFUSED(cases[i].words);
        ck_assert_ptr_nonnull(strstr(e.detail, cases[i].help));
    }
}
END_TEST

START_TEST(wrong_usage_is_refused)
{
    struct err e = ERR_INIT;
    struct args args;

    REFUSED(NOTHING);
    REFUSED(WORDS("nothing"));
    REFUSED(WORDS("thing"));
    REFUSED(WORDS("thing", "eat"));
    REFUSED(WORDS("health", "twice"));
    REFUSED(WORDS("thing", "make", "a"));
    REFUSED(WORDS("thing", "make", "a", "b", "c"));
    REFUSED(WORDS("thing", "list", "--force"));
    REFUSED(WORDS("thing", "list", "--no-such-option"));
    REFUSED(WORDS("thing", "list", "--stat", "x"));
    REFUSED(WORDS("thing", "list", "--status"));
    REFUSED(WORDS("thing", "stop", "a", "--force=yes"));
    REFUSED(WORDS("thing", "make", "a", "b", "--vcpus", "many"));
    REFUSED(WORDS("thing", "make", "a", "b", "--vcpus", "-1"));
}
END_TEST

UNIT_MAIN("cli_args", verbs_operands_and_options, an_option_may_come_again, what_is_waited_for, times, every_verb_takes_a_project,
          three_operands, words_behind_two_dashes, help_needs_no_verb, a_mistake_points_to_the_nearest_help,
          wrong_usage_is_refused)
