/* kill -9 in miniature: a child runs a job of three steps, each of which makes a file, and dies at a failpoint; the next child
 * dies there again; a third one finishes. Whatever the place: all files or none, an end that tells the truth, one settlement. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "job_world.h"

#include "base/failpoint.h"

enum { FILES = 3 };
/* How the job goes, but for the deaths: RETRIED fails once in its last step and is deferred. */
enum course { SUCCEEDS, FAILS, RETRIED };
static const char *const file_names[FILES] = { "one", "two", "three" };
static char dir[] = "/tmp/job_crash.XXXXXX";

/* Where to die, how often a job that succeeds passes there, how often one that fails in its last step, and one that is retried.
 */
struct point {
    const char *name;
    int passes[RETRIED + 1];
};

struct death {
    const char *point; /* NULL: none */
    int nth;
    enum course course;
};

static void must(bool holds)
{
    if (!holds)
        abort(); /* SIGABRT: the parent wants SIGKILL or a clean end */
}

static char *path_of(const char *name)
{
    char *path = str_printf("%s/%s", dir, name);

    must(path);
    return path;
}

static bool has_file(int i)
{
    AUTO_FREE char *path = path_of(file_names[i]);

    return access(path, F_OK) == 0;
}

static int make_file(int i, struct err *e)
{
    AUTO_FREE char *path = path_of(file_names[i]);
    AUTO_CLOSE int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    must(i == 0 || has_file(i - 1));
    return fd >= 0 ? 0 : err_errno(e, errno, "cannot make a file");
}

static int drop_file(int i, struct err *e)
{
    AUTO_FREE char *path = path_of(file_names[i]);

    must(i == FILES - 1 || !has_file(i + 1));
    return unlink(path) == 0 || errno == ENOENT ? 0 : err_errno(e, errno, "cannot drop a file");
}

#define STEP(i)                                                                                                                  \
    static int make_##i(struct job_run *r, struct err *e)                                                                        \
    {                                                                                                                            \
        (void)r;                                                                                                                 \
        return make_file(i, e);                                                                                                  \
    }                                                                                                                            \
    static int drop_##i(struct job_run *r, struct err *e)                                                                        \
    {                                                                                                                            \
        (void)r;                                                                                                                 \
        return drop_file(i, e);                                                                                                  \
    }
STEP(0)
STEP(1)
STEP(2)

static int make_2_or_fail(struct job_run *r, struct err *e)
{
    if (make_2(r, e) < 0)
        return -1;
    return str_equal(r->job->params, "{}") ? 0 : err_set(e, ERR_HYPERVISOR, "told to fail");
}

/* The file that remembers the failure outlives a death. */
static int make_2_or_fail_once(struct job_run *r, struct err *e)
{
    AUTO_FREE char *path = path_of("failed");
    AUTO_CLOSE int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

    return fd < 0 ? make_2(r, e) : err_set(e, ERR_HYPERVISOR, "told to fail once");
}

static int settle(struct job_run *r, struct txn *t, const struct err *outcome, struct err *e)
{
    (void)outcome;
    return world_count(t, "settled", r->job->id, e);
}

static const struct job_step file_steps[FILES] = {
    { "one", make_0, drop_0, 30 },
    { "two", make_1, drop_1, 60 },
    { "three", make_2_or_fail, drop_2, 90 },
};
static const struct job_kind file_kind = { .name = "test.files", .steps = file_steps, .step_count = FILES, .settle = settle };
static const struct job_step retried_steps[FILES] = {
    { "one", make_0, NULL, 30 },
    { "two", make_1, NULL, 60 },
    { "three", make_2_or_fail_once, NULL, 90 },
};
static const struct job_kind retried_kind = {
    .name = "test.retried", .steps = retried_steps, .step_count = FILES, .policy = JOB_RETRY, .settle = settle
};
static const struct job_kind *const kinds[] = { &file_kind, &retried_kind, NULL };

static struct job *only_job(struct txn *t)
{
    struct err e = ERR_INIT;
    struct job_filter all = { .limit = 10 };
    struct job *j = NULL;
    bool has_more;
    AUTO_LIST(job) list = { 0 };

    must(store_job_list(t, &all, &list, &has_more, &e) == 0 && list.count <= 1);
    if (list.count == 1)
        j = TAKE(list.items[0]);
    return j;
}

/* Submits the job unless an earlier life did. */
static void want_job(struct jobs *js, struct store *s, enum course course, char *id)
{
    struct err e = ERR_INIT;
    AUTO(txn) t = NULL;
    AUTO(job) found = NULL;
    struct job j = { .kind = (char *)(uintptr_t)(course == RETRIED ? retried_kind.name : file_kind.name),
                     .params = (char *)(uintptr_t)(course == FAILS ? "{\"fail\":true}" : "{}"),
                     .details = (char *)(uintptr_t) "{}",
                     .timeout_ms = 600 * 1000 };

    must(txn_write(s, &t, &e) == 0);
    found = only_job(t);
    if (found) {
        memcpy(id, found->id, sizeof(found->id));
        return;
    }
    id_hex32(j.actor.project);
    id_uuid(j.target);
    must(jobs_submit(js, t, &j, &e) == 0 && txn_commit(t, &e) == 0);
    memcpy(id, j.id, sizeof(j.id));
}

static void arm(const struct death *d)
{
    AUTO_FREE char *text = str_printf("%s=die,nth=%d", d->point, d->nth);

    must(text && setenv("COMPUTED_FAILPOINTS", text, 1) == 0);
}

/* One life of the daemon, from start to the job's end. */
static void live(const void *arg)
{
    const struct death *d = arg;
    struct jobs_config config = {
        .workers = 1, .retry_min_ms = 1, .retry_max_ms = 4, .undo_ms = WORLD_PATIENCE_MS, .late_ms = WORLD_PATIENCE_MS
    };
    struct err e = ERR_INIT;
    struct waiter w = { 0 };
    AUTO_FREE char *db = path_of("test.db");
    AUTO(store) s = NULL;
    AUTO(timer) timer = NULL;
    AUTO(jobs) js = NULL;
    uuid_text id;

    if (d->point)
        arm(d); /* before the first failpoint: the environment is read once */
    lock_init(&world.lock, RANK_LEAF);
    cond_init(&world.changed);
    must(store_open(db, &s, &e) == 0 && timer_new(&timer, &e) == 0);
    must(jobs_new(s, timer, &config, kinds, NULL, &js, &e) == 0);
    want_job(js, s, d->course, id);
    must(jobs_start(js, &e) == 0 && jobs_wait(js, id, WORLD_PATIENCE_MS, waiter_called, &w, &e) == 0);
    waiter_await(&w);
    must(jobs_stop(js, WORLD_PATIENCE_MS));
}

static void check_row(const struct job *j, enum course course)
{
    bool job_fails = course == FAILS;

    ck_assert_ptr_nonnull(j);
    ck_assert_str_eq(job_status_to_string(j->status), job_fails ? "failed" : "succeeded");
    if (job_fails) {
        ck_assert_str_eq(j->error.code, "hypervisor");
        ck_assert_str_eq(j->error.message, "told to fail");
    }
    ck_assert_uint_eq(world_counted("settled", j->id), 1);
}

static void check_end(enum course course)
{
    struct err e = ERR_INIT;
    AUTO_FREE char *db = path_of("test.db");

    for (int i = 0; i < FILES; i++)
        ck_assert_int_eq(has_file(i), course != FAILS);
    unit_ok(store_open(db, &world.store, &e));
    AUTO(txn) t = NULL;
    unit_ok(txn_read(world.store, &t, &e));
    AUTO(job) j = only_job(t);
    txn_free(TAKE(t));
    check_row(j, course);
    store_close(world.store);
}

static void remove_dir(void)
{
    DIR *d = opendir(dir);

    ck_assert_ptr_nonnull(d);
    for (struct dirent *f = readdir(d); f; f = readdir(d))
        (void)unlinkat(dirfd(d), f->d_name, 0);
    (void)closedir(d);
    ck_assert_int_eq(rmdir(dir), 0);
}

static void die_and_recover(const char *point, int nth, enum course course)
{
    struct death first = { point, nth, course }, second = { point, 1, course }, none = { NULL, 0, course };
    int signal_2;

    memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_msg(unit_signal_of(live, &first) == SIGKILL, "no death at pass %d of %s", nth, point);
    signal_2 = unit_signal_of(live, &second);
    ck_assert_msg(signal_2 == 0 || signal_2 == SIGKILL, "signal %d after a death at pass %d of %s", signal_2, nth, point);
    ck_assert_msg(unit_signal_of(live, &none) == 0, "no recovery from pass %d of %s", nth, point);
    check_end(course);
    remove_dir();
}

static void die_at_each_pass(const struct point *p)
{
    for (enum course course = SUCCEEDS; course <= RETRIED; course++)
        for (int nth = 1; nth <= p->passes[course]; nth++)
            die_and_recover(p->name, nth, course);
}

#define DIES(test, ...)                                                                                                          \
    START_TEST(test)                                                                                                             \
    {                                                                                                                            \
        static const struct point points[] = { __VA_ARGS__ };                                                                    \
                                                                                                                                 \
        for (size_t i = 0; i < ARRAY_LEN(points); i++)                                                                           \
            die_at_each_pass(&points[i]);                                                                                        \
    }                                                                                                                            \
    END_TEST

DIES(recovers_from_death_in_the_claim, { "job.claim.before", { 1, 2 } }, { "job.claim.after", { 1, 2 } })
DIES(recovers_from_death_in_a_step, { "job.step.before", { 3, 3 } }, { "job.step.after", { 3, 2 } })
DIES(recovers_from_death_in_the_turn, { "job.turn.before", { 0, 1 } }, { "job.turn.after", { 0, 1 } })
DIES(recovers_from_death_in_an_undo, { "job.undo.before", { 0, 3 } }, { "job.undo.after", { 0, 3 } })
DIES(recovers_from_death_in_the_settlement, { "job.settle.before", { 1, 1 } }, { "job.settle.after", { 1, 1 } })
/* A turn goes back to the queue as well. */
DIES(recovers_from_death_in_a_deferral, { "job.defer.before", { 0, 1, 1 } }, { "job.defer.after", { 0, 0, 1 } })
/* Submit, requeue, claim, two steps' numbers, end; backward the turn, a second claim and two undos' numbers too. */
DIES(recovers_from_death_before_a_commit, { "store.commit.before", { 6, 10 } })
DIES(recovers_from_death_after_a_commit, { "store.commit.after", { 6, 10 } })

UNIT_MAIN("job_crash", recovers_from_death_in_the_claim, recovers_from_death_in_a_step, recovers_from_death_in_the_turn,
          recovers_from_death_in_an_undo, recovers_from_death_in_a_deferral, recovers_from_death_in_the_settlement,
          recovers_from_death_before_a_commit, recovers_from_death_after_a_commit)
