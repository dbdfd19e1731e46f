/* Surveys, with a source that does as it is told: who shares what, who is answered when, and that everybody is answered exactly
 * once. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "../../src/virt/survey.h"
#include "unit.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"

enum { LONG_MS = 10000, SHORT_MS = 30, DOMAINS = 5 };

/* The source: its context is the script itself. */
struct script {
    struct lock lock;
    struct cond changed;
    unsigned refs, opens, closes, reads, begun, handles, stamps;
    unsigned blocked; /* reads that may not go on */
    bool is_blocking, is_down, is_dead, fails_open, fails_once;
};
static struct script script;
static struct timer *timer;
static struct surveyor *surveyor;

static void *script_ref(void *context)
{
    HOLD(&script.lock);
    script.refs++;
    return context;
}

static void script_unref(void *context)
{
    (void)context;
    HOLD(&script.lock);
    script.refs--;
    cond_broadcast(&script.changed);
}

static bool script_is_down(void *context)
{
    (void)context;
    HOLD(&script.lock);
    return script.is_down;
}

static int script_open(void *context, void **reader, struct err *e)
{
    HOLD(&script.lock);
    script.opens++;
    if (script.fails_open)
        return err_set(e, ERR_UNAVAILABLE, "told to fail");
    *reader = context;
    return 0;
}

static bool script_is_alive(void *reader)
{
    (void)reader;
    HOLD(&script.lock);
    bool is_dead = script.is_dead;
    script.is_dead = false;
    return !is_dead;
}

static void script_close(void *reader)
{
    (void)reader;
    HOLD(&script.lock);
    script.closes++;
    cond_broadcast(&script.changed);
}

static int pass(struct err *e)
{
    HOLD(&script.lock);
    script.begun++;
    script.blocked++;
    cond_broadcast(&script.changed);
    while (script.is_blocking)
        cond_wait(&script.changed, &script.lock);
    script.blocked--;
    script.reads++;
    cond_broadcast(&script.changed);
    if (script.fails_once) {
        script.fails_once = false;
        return err_set(e, ERR_UNAVAILABLE, "told to fail");
    }
    return 0;
}

static void *new_handle(void)
{
    HOLD(&script.lock);
    script.handles++;
    return &script.handles;
}

static void script_free_handle(void *handle)
{
    ck_assert_ptr_eq(handle, &script.handles);
    HOLD(&script.lock);
    script.handles--;
}

static void name_domain(uuid_text id, unsigned n)
{
    (void)snprintf(id, sizeof(uuid_text), "00000000-0000-4000-8000-%012u", n);
}

/* In descending order, so that sorting shows. */
static int script_read_all(void *reader, struct virt_survey *into, struct err *e)
{
    (void)reader;
    if (pass(e) < 0)
        return -1;
    for (unsigned n = DOMAINS; n > 0; n--) {
        struct virt_observation o = { .state = { VIRT_RUNNING, NULL }, .cpu_time_ns = n };
        name_domain(o.id, n);
        if (survey_add(into, &o, new_handle(), e) < 0)
            return -1;
    }
    survey_sort(into);
    return 0;
}

static int script_read_one(void *reader, void *handle, struct virt_observation *out, struct err *e)
{
    (void)reader;
    if (pass(e) < 0)
        return -1;
    out->state.power = handle ? VIRT_PAUSED : VIRT_ABSENT;
    return 0;
}

static const struct survey_source source = {
    .ref = script_ref,
    .unref = script_unref,
    .is_down = script_is_down,
    .open = script_open,
    .is_alive = script_is_alive,
    .close = script_close,
    .read_all = script_read_all,
    .read_one = script_read_one,
    .free_handle = script_free_handle,
};

static int64_t stamp(void *arg)
{
    (void)arg;
    HOLD(&script.lock);
    return ++script.stamps;
}

static void block(bool is_blocking)
{
    HOLD(&script.lock);
    script.is_blocking = is_blocking;
    cond_broadcast(&script.changed);
}

static void await_count(const unsigned *count, unsigned wanted)
{
    HOLD(&script.lock);
    while (*count != wanted)
        if (!cond_wait_ms(&script.changed, &script.lock, LONG_MS))
            ck_abort_msg("waited for %u, is %u", wanted, *count);
}

static void set_up(uint32_t readers)
{
    struct err e = ERR_INIT;
    struct surveyor_config config = { .source = &source, .context = &script, .readers = readers, .stamp = stamp };

    lock_init(&script.lock, RANK_LEAF);
    cond_init(&script.changed);
    unit_ok(timer_new(&timer, &e));
    config.timer = timer;
    unit_ok(surveyor_new(&config, &surveyor, &e));
}

static void tear_down(void)
{
    block(false);
    surveyor_close(surveyor);
    await_count(&script.refs, 0);
    ck_assert_uint_eq(script.handles, 0);
    timer_free(timer);
    cond_done(&script.changed);
    lock_done(&script.lock);
}

/* ---- askers ---- */

struct asker {
    unsigned answers;
    struct virt_survey *found;
};

static void on_answer(void *arg, struct virt_survey *s)
{
    struct asker *a = arg;
    HOLD(&script.lock);
    ck_assert_uint_eq(a->answers, 0);
    a->answers++;
    a->found = s ? virt_survey_ref(s) : NULL;
    cond_broadcast(&script.changed);
}

static void ask(struct asker *a, int64_t deadline_ms)
{
    *a = (struct asker){ 0 };
    surveyor_ask_all(surveyor, deadline_ms, on_answer, a);
}

/* The survey, which is the asker's to free. */
static struct virt_survey *await(struct asker *a)
{
    await_count(&a->answers, 1);
    return a->found;
}

static int64_t await_stamp(struct asker *a)
{
    AUTO(virt_survey) s = await(a);

    return s ? virt_survey_stamp(s) : -1;
}

/* ---- tests ---- */

START_TEST(finds_by_id)
{
    struct asker a;
    uuid_text id;
    int64_t before_ms = clock_wall_ms();

    set_up(1);
    ask(&a, LONG_MS);
    struct virt_survey *s = await(&a);
    ck_assert_ptr_nonnull(s);
    for (unsigned n = 1; n <= DOMAINS; n++) {
        name_domain(id, n);
        ck_assert_uint_eq(virt_survey_find(s, id)->cpu_time_ns, n);
    }
    name_domain(id, DOMAINS + 1);
    ck_assert_ptr_null(virt_survey_find(s, id));
    ck_assert_int_eq(virt_survey_stamp(s), 1);
    ck_assert_int_ge(virt_survey_asked_ms(s), before_ms);
    virt_survey_free(s);
    tear_down();
}
END_TEST

START_TEST(joins_only_what_has_not_begun)
{
    struct asker first, second, third;

    set_up(1);
    block(true);
    ask(&first, LONG_MS);
    await_count(&script.blocked, 1);
    ask(&second, LONG_MS);
    ask(&third, LONG_MS);
    block(false);
    ck_assert_int_eq(await_stamp(&first), 1);
    ck_assert_int_eq(await_stamp(&second), 2);
    ck_assert_int_eq(await_stamp(&third), 2);
    ck_assert_uint_eq(script.reads, 2);
    ck_assert_uint_eq(script.opens, 1);
    tear_down();
}
END_TEST

START_TEST(an_idle_reader_begins_at_once)
{
    struct asker first, second;

    set_up(2);
    block(true);
    ask(&first, LONG_MS);
    await_count(&script.blocked, 1);
    ask(&second, LONG_MS);
    await_count(&script.blocked, 2);
    block(false);
    (void)await_stamp(&first);
    (void)await_stamp(&second);
    tear_down();
}
END_TEST

START_TEST(gives_up_at_the_deadline_and_replaces_the_reader)
{
    struct asker late, next;

    set_up(1);
    block(true);
    ask(&late, SHORT_MS);
    ck_assert_int_eq(await_stamp(&late), -1);
    ck_assert_uint_eq(surveyor_stuck(surveyor), 1);
    ask(&next, LONG_MS);
    await_count(&script.blocked, 2);
    block(false);
    ck_assert_int_eq(await_stamp(&next), 2);
    await_count(&script.closes, 1); /* one of the two is too many now */
    ck_assert_uint_eq(surveyor_stuck(surveyor), 0);
    ask(&next, LONG_MS);
    ck_assert_int_eq(await_stamp(&next), 3);
    tear_down();
}
END_TEST

/* Two share a survey that is queued behind a slow one; one of them cannot wait so long. */
START_TEST(a_patient_asker_is_still_answered)
{
    struct asker first, hasty, patient;

    set_up(1);
    block(true);
    ask(&first, LONG_MS);
    await_count(&script.blocked, 1);
    ask(&hasty, SHORT_MS);
    ask(&patient, LONG_MS);
    ck_assert_int_eq(await_stamp(&hasty), -1);
    ck_assert_uint_eq(surveyor_stuck(surveyor), 0); /* the reader was not at work for the hasty one */
    block(false);
    ck_assert_int_eq(await_stamp(&first), 1);
    ck_assert_int_eq(await_stamp(&patient), 2);
    tear_down();
}
END_TEST

START_TEST(bounds_the_readers)
{
    struct asker askers[6];

    set_up(1);
    block(true);
    for (unsigned i = 0; i < 5; i++) {
        ask(&askers[i], SHORT_MS);
        await_count(&script.blocked, i + 1);
        ck_assert_int_eq(await_stamp(&askers[i]), -1);
    }
    ck_assert_uint_eq(surveyor_stuck(surveyor), 5);
    int64_t began_ms = clock_boot_ms();
    ask(&askers[5], LONG_MS);
    ck_assert_uint_eq(askers[5].answers, 1);
    ck_assert_int_lt(clock_boot_ms() - began_ms, LONG_MS / 2);
    block(false);
    await_count(&script.closes, 4);
    ask(&askers[0], LONG_MS);
    ck_assert_int_gt(await_stamp(&askers[0]), 0);
    tear_down();
}
END_TEST

START_TEST(answers_at_once_when_it_is_hopeless)
{
    struct asker a;

    set_up(1);
    ask(&a, 0);
    ck_assert_uint_eq(a.answers, 1);
    ask(&a, -5);
    ck_assert_uint_eq(a.answers, 1);
    script.is_down = true;
    ask(&a, LONG_MS);
    ck_assert_uint_eq(a.answers, 1);
    ck_assert_uint_eq(script.opens, 0);
    tear_down();
}
END_TEST

START_TEST(renews_a_dead_connection)
{
    struct asker a;

    set_up(1);
    ask(&a, LONG_MS);
    ck_assert_int_eq(await_stamp(&a), 1);
    script.is_dead = true;
    ask(&a, LONG_MS);
    ck_assert_int_eq(await_stamp(&a), 2);
    ck_assert_uint_eq(script.opens, 2);
    script.fails_once = true; /* an old connection gets a second chance */
    ask(&a, LONG_MS);
    ck_assert_int_eq(await_stamp(&a), 4);
    ck_assert_uint_eq(script.opens, 3);
    script.is_dead = script.fails_once = true; /* a fresh one does not */
    ask(&a, LONG_MS);
    ck_assert_int_eq(await_stamp(&a), -1);
    script.fails_open = true;
    ask(&a, LONG_MS);
    ck_assert_int_eq(await_stamp(&a), -1);
    tear_down();
}
END_TEST

START_TEST(surveys_each_with_the_handles_of_a_base)
{
    struct asker a, b = { 0 };
    uuid_text ids[2];

    set_up(1);
    ask(&a, LONG_MS);
    struct virt_survey *base = await(&a);
    name_domain(ids[0], 3);
    name_domain(ids[1], 99);
    surveyor_ask_each(surveyor, &(struct survey_wish){ base, (const uuid_text *)ids, 2 }, LONG_MS, on_answer, &b);
    virt_survey_free(base); /* the request keeps it */
    AUTO(virt_survey) each = await(&b);
    ck_assert_int_eq(virt_survey_find(each, ids[0])->state.power, VIRT_PAUSED);
    ck_assert_int_eq(virt_survey_find(each, ids[1])->state.power, VIRT_ABSENT);
    tear_down();
}
END_TEST

START_TEST(closing_answers_everybody)
{
    struct asker running, queued;

    set_up(1);
    block(true);
    ask(&running, LONG_MS);
    await_count(&script.blocked, 1);
    ask(&queued, LONG_MS);
    surveyor_close(surveyor);
    ck_assert_uint_eq(running.answers, 1);
    ck_assert_ptr_null(running.found);
    ck_assert_uint_eq(queued.answers, 1);
    ck_assert_ptr_null(queued.found);
    timer_free(timer); /* the reader that was left behind has no use for it */
    block(false);
    await_count(&script.refs, 0);
    ck_assert_uint_eq(script.handles, 0);
}
END_TEST

/* ---- everybody is answered exactly once ---- */

enum { STORM_THREADS = 4, STORM_ASKS = 400 };
static atomic_uint storm_answers;

static void on_storm(void *arg, struct virt_survey *s)
{
    atomic_uint *mine = arg;

    (void)s;
    ck_assert_uint_eq(atomic_fetch_add(mine, 1), 0);
    atomic_fetch_add(&storm_answers, 1);
}

static atomic_uint storm_flags[STORM_THREADS][STORM_ASKS];

static void *storm_main(void *arg)
{
    atomic_uint *flags = arg;
    uuid_text ids[3];

    for (unsigned n = 0; n < 3; n++)
        name_domain(ids[n], n);
    for (unsigned i = 0; i < STORM_ASKS; i++) {
        if (i % 3 == 0)
            surveyor_ask_each(surveyor, &(struct survey_wish){ NULL, (const uuid_text *)ids, 3 }, i % 4, on_storm, &flags[i]);
        else
            surveyor_ask_all(surveyor, i % 5, on_storm, &flags[i]);
        if (i % 50 == 0)
            block(i % 100 == 0);
    }
    block(false);
    return NULL;
}

START_TEST(answers_exactly_once_in_a_storm)
{
    pthread_t threads[STORM_THREADS];

    set_up(2);
    for (unsigned i = 0; i < STORM_THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, storm_main, storm_flags[i]), 0);
    for (unsigned i = 0; i < STORM_THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    tear_down();
    ck_assert_uint_eq(atomic_load(&storm_answers), STORM_THREADS * STORM_ASKS);
}
END_TEST

UNIT_MAIN("virt_survey", finds_by_id, joins_only_what_has_not_begun, an_idle_reader_begins_at_once,
          gives_up_at_the_deadline_and_replaces_the_reader, a_patient_asker_is_still_answered, bounds_the_readers,
          answers_at_once_when_it_is_hopeless, renews_a_dead_connection, surveys_each_with_the_handles_of_a_base,
          closing_answers_everybody, answers_exactly_once_in_a_storm)
