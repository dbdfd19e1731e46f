/* store/job: rows of jobs: the queue that workers claim from, and the history that clients page through.
 * What a job's steps do, and when it is tried again, is the engine's matter. */
#include "store/job.h"

#include "noun.h"
#include "txn.h"

#include "base/str.h"

#define JOB_COLUMNS                                                                                                              \
    "id, kind, actor_user, actor_user_id, project, actor_is_admin, request_id, address, target, status, direction, step, "       \
    "progress, attempts, "                                                                                                       \
    "params, details, is_cancel_requested, after_job, timeout_ms, deadline_boot_ms, deadline_boot_id, not_before_ms, "           \
    "error_code, "                                                                                                               \
    "error_message, error_detail, created_at_ms, started_at_ms, updated_at_ms, ended_at_ms"

static const char *job_direction_to_string(enum job_direction d)
{
    return d == JOB_FORWARD ? "forward" : "backward";
}

static int job_direction_from_string(const char *s, enum job_direction *out)
{
    *out = str_equal(s, "backward") ? JOB_BACKWARD : JOB_FORWARD;
    return *out == JOB_BACKWARD || str_equal(s, "forward") ? 0 : -1;
}

DEFINE_WORDS(job_status);
DEFINE_WORDS(job_direction);

static const struct column job_columns[] = {
    COLUMN(COLUMN_CHARS, job, id),
    COLUMN(COLUMN_STRING, job, kind),
    COLUMN(COLUMN_CHARS, job, actor.user),
    COLUMN(COLUMN_CHARS, job, actor.user_id),
    COLUMN(COLUMN_CHARS, job, actor.project),
    COLUMN(COLUMN_BOOL, job, actor.is_admin),
    COLUMN(COLUMN_CHARS, job, actor.request_id),
    COLUMN(COLUMN_CHARS, job, actor.address),
    COLUMN(COLUMN_CHARS, job, target),
    COLUMN_OF_WORDS(job_status_words, job, status),
    COLUMN_OF_WORDS(job_direction_words, job, direction),
    COLUMN(COLUMN_U32, job, step),
    COLUMN(COLUMN_U32, job, progress),
    COLUMN(COLUMN_U32, job, attempts),
    COLUMN(COLUMN_STRING, job, params),
    COLUMN(COLUMN_STRING, job, details),
    COLUMN(COLUMN_BOOL, job, is_cancel_requested),
    COLUMN(COLUMN_CHARS, job, after),
    COLUMN(COLUMN_I64, job, timeout_ms),
    COLUMN(COLUMN_I64, job, deadline_boot_ms),
    COLUMN(COLUMN_CHARS, job, deadline_boot_id),
    COLUMN(COLUMN_I64, job, not_before_ms),
    COLUMN(COLUMN_STRING, job, error.code),
    COLUMN(COLUMN_STRING, job, error.message),
    COLUMN(COLUMN_STRING, job, error.detail),
    COLUMN(COLUMN_I64, job, created_at_ms),
    COLUMN(COLUMN_I64, job, started_at_ms),
    COLUMN(COLUMN_I64, job, updated_at_ms),
    COLUMN(COLUMN_I64, job, ended_at_ms),
};

DEFINE_ROW_TYPE(job);

enum {
    JOB_INSERT,
    JOB_EXISTS,
    JOB_GET,
    JOB_MARKER,
    JOB_LIST,
    JOB_LIST_BY_TARGET,
    JOB_CLAIM,
    JOB_NEXT_DUE,
    JOB_PROGRESS,
    JOB_REPORT,
    JOB_DEFER,
    JOB_END,
    JOB_REQUEST_CANCEL,
    JOB_IS_CANCEL_REQUESTED,
    JOB_REQUEUE_RUNNING,
    JOB_PRUNE_OLD,
    JOB_PRUNE_BEYOND,
    JOB_COUNT_OPEN,
    JOB_DEPTHS,
    JOB_STMT_COUNT
};

#define JOB_PAGE                                                                                                                 \
    " AND (?1 IS NULL OR project = ?1) AND (?2 IS NULL OR kind = ?2) AND (?4 IS NULL OR status = ?4)"                            \
    " AND (created_at_ms, id) < (?5, ?6) ORDER BY created_at_ms DESC, id DESC LIMIT ?7"
/* A row from the future: the clock was set back, and what it says about times is void. */
#define IS_DUE "(not_before_ms <= ?1 OR updated_at_ms > ?1)"
/* A job that was pruned has ended. */
#define PREDECESSOR_HAS_ENDED                                                                                                    \
    "NOT EXISTS (SELECT 1 FROM job AS p WHERE p.id = job.after_job AND p.status IN ('pending', 'running'))"

static const char *const job_sql[JOB_STMT_COUNT] = {
    [JOB_INSERT] = "INSERT INTO job (" JOB_COLUMNS
                   ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [JOB_EXISTS] = "SELECT 1 FROM job WHERE id = ?1",
    [JOB_GET] = "SELECT " JOB_COLUMNS " FROM job WHERE id = lower(?1) AND (?2 IS NULL OR project = ?2)",
    [JOB_MARKER] = "SELECT created_at_ms FROM job WHERE id = ?1 AND (?2 IS NULL OR project = ?2)",
    [JOB_LIST] = "SELECT " JOB_COLUMNS " FROM job WHERE ?3 IS NULL" JOB_PAGE,
    [JOB_LIST_BY_TARGET] = "SELECT " JOB_COLUMNS " FROM job WHERE target = ?3" JOB_PAGE,
    [JOB_CLAIM] =
        "UPDATE job SET status = 'running', started_at_ms = iif(started_at_ms = 0, ?1, started_at_ms), updated_at_ms = ?1"
        " WHERE id = (SELECT id FROM job INDEXED BY job_pending WHERE status = 'pending' AND " IS_DUE
        " AND " PREDECESSOR_HAS_ENDED " ORDER BY rowid LIMIT 1) RETURNING " JOB_COLUMNS,
    [JOB_NEXT_DUE] = "SELECT coalesce(min(not_before_ms), 0) FROM job WHERE status = 'pending' AND " PREDECESSOR_HAS_ENDED,
    [JOB_PROGRESS] = "UPDATE job SET step = ?2, direction = ?3, progress = ?4, attempts = ?5, deadline_boot_ms = ?6,"
                     " deadline_boot_id = ?7, updated_at_ms = ?8 WHERE id = ?1 AND status = 'running'",
    [JOB_REPORT] = "UPDATE job SET progress = ?2, details = ?3, updated_at_ms = ?4 WHERE id = ?1 AND status = 'running'",
    [JOB_DEFER] = "UPDATE job SET status = 'pending', not_before_ms = ?2, attempts = ?3, error_code = ?4, error_message = ?5,"
                  " error_detail = ?6, updated_at_ms = ?7 WHERE id = ?1 AND status = 'running'",
    [JOB_END] =
        "UPDATE job SET status = ?2, progress = iif(?2 = 'succeeded', 100, progress), error_code = ?3, error_message = ?4,"
        " error_detail = ?5, ended_at_ms = ?6, updated_at_ms = ?6 WHERE id = ?1 AND status = 'running'",
    [JOB_REQUEST_CANCEL] = "UPDATE job SET is_cancel_requested = 1, updated_at_ms = ?2"
                           " WHERE id = ?1 AND status IN ('pending', 'running')",
    [JOB_IS_CANCEL_REQUESTED] = "SELECT is_cancel_requested FROM job WHERE id = ?1",
    [JOB_REQUEUE_RUNNING] = "UPDATE job SET status = 'pending', updated_at_ms = ?1 WHERE status = 'running'",
    [JOB_PRUNE_OLD] = "DELETE FROM job WHERE ended_at_ms > 0 AND ended_at_ms < ?1",
    [JOB_PRUNE_BEYOND] = "DELETE FROM job WHERE rowid IN"
                         " (SELECT rowid FROM job WHERE ended_at_ms > 0 ORDER BY ended_at_ms DESC LIMIT -1 OFFSET ?1)",
    [JOB_COUNT_OPEN] =
        "SELECT (SELECT count(*) FROM job WHERE status = 'pending') + (SELECT count(*) FROM job WHERE status = 'running')",
    /* In two halves, so that each finds its index. */
    [JOB_DEPTHS] = "SELECT kind, status, count(*) FROM job WHERE status = 'pending' GROUP BY kind"
                   " UNION ALL SELECT kind, status, count(*) FROM job WHERE status = 'running' GROUP BY kind",
};
const struct stmt_table job_statements = { job_sql, JOB_STMT_COUNT };

static const struct noun job_noun = {
    .word = "operation",
    .not_found = ERR_OPERATION_NOT_FOUND,
    .type = &job_type,
    .module = STMT_JOB,
    .get = JOB_GET,
    .marker = JOB_MARKER,
    .exists = JOB_EXISTS,
    .is_newest_first = true,
};

static int insert(struct txn *t, const struct job *j, struct err *e)
{
    struct job row = *j;
    AUTO_STMT st = stmt_use(t, STMT_JOB, JOB_INSERT);

    row.updated_at_ms = clock_wall_ms();
    row_bind(st, &job_type, &row);
    return stmt_run(st, e);
}

int store_job_insert(struct txn *t, const struct job *j, struct err *e)
{
    FAILPOINT(e, "store.job_insert.before");
    if (insert(t, j, e) < 0)
        return -1;
    FAILPOINT(e, "store.job_insert.after");
    return 0;
}

int store_job_get(struct txn *t, const char *project, const char *id, struct job **out, struct err *e)
{
    struct job *job = noun_get(t, &job_noun, project, id, e);

    if (!job)
        return -1;
    *out = job;
    return 0;
}

int store_job_list(struct txn *t, const struct job_filter *f, struct job_list *out, bool *has_more, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, f->target ? JOB_LIST_BY_TARGET : JOB_LIST);
    struct page_key key;
    struct page page;

    if (noun_page_key(t, &job_noun, &(struct page_query){ f->project, f->marker, f->limit }, &key, e) < 0)
        return -1;
    BIND(st, value_text(f->project), value_text(f->kind), value_text(f->target),
         value_text(f->status ? job_status_to_string(*f->status) : NULL), value_int(key.created_at_ms), value_text(key.id),
         page_limit(f->limit));
    if (page_read(st, &job_type, f->limit, &page, e) < 0)
        return -1;
    *out = (struct job_list){ (struct job **)page.items, page.count };
    *has_more = page.has_more;
    return 0;
}

static int claim(struct txn *t, struct job **out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, JOB_CLAIM);
    AUTO(job) job = NULL;
    int rc;

    BIND(st, value_int(clock_wall_ms()));
    rc = stmt_row(st, e);
    if (rc > 0) {
        job = row_new(st, &job_type, e);
        /* The statement is to end, not only to be reset, before its change counts. */
        rc = job ? stmt_row(st, e) : -1;
    }
    if (rc < 0)
        return -1;
    *out = TAKE(job);
    return 0;
}

static int next_due(struct txn *t, int64_t *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, JOB_NEXT_DUE);

    if (stmt_row(st, e) < 0)
        return -1;
    *out = sqlite3_column_int64(st, 0);
    return 0;
}

int store_job_claim(struct txn *t, struct job **out, int64_t *next_ms, struct err *e)
{
    AUTO(job) job = NULL;
    int64_t next = 0;

    FAILPOINT(e, "store.job_claim.before");
    if (claim(t, &job, e) < 0 || (!job && next_due(t, &next, e) < 0))
        return -1;
    FAILPOINT(e, "store.job_claim.after");
    *out = TAKE(job);
    *next_ms = next;
    return 0;
}

/* Runs a bound update of one job; when it changed none, the job is gone or not in the state that the update wants. */
static int update_one(struct txn *t, sqlite3_stmt *st, const char *id, struct err *e)
{
    if (stmt_run(st, e) < 0)
        return -1;
    if (stmt_changes(st) == 1)
        return 0;
    if (noun_check_exists(t, &job_noun, id, e) < 0)
        return -1;
    return err_set(e, ERR_CONFLICT, "the operation's status does not allow this");
}

static int progress(struct txn *t, const struct job *j, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, JOB_PROGRESS);

    BIND(st, value_text(j->id), value_int(j->step), value_text(job_direction_to_string(j->direction)), value_int(j->progress),
         value_int(j->attempts), value_int(j->deadline_boot_ms), value_id(j->deadline_boot_id), value_int(clock_wall_ms()));
    return update_one(t, st, j->id, e);
}

int store_job_progress(struct txn *t, const struct job *j, struct err *e)
{
    FAILPOINT(e, "store.job_progress.before");
    if (progress(t, j, e) < 0)
        return -1;
    FAILPOINT(e, "store.job_progress.after");
    return 0;
}

static int report(struct txn *t, const char *id, uint32_t percent, const char *details, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, JOB_REPORT);

    BIND(st, value_text(id), value_int(percent), value_text(details), value_int(clock_wall_ms()));
    return update_one(t, st, id, e);
}

int store_job_report(struct txn *t, const char *id, uint32_t progress_percent, const char *details, struct err *e)
{
    FAILPOINT(e, "store.job_report.before");
    if (report(t, id, progress_percent, details, e) < 0)
        return -1;
    FAILPOINT(e, "store.job_report.after");
    return 0;
}

static int defer(struct txn *t, const struct job *j, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, JOB_DEFER);

    BIND(st, value_text(j->id), value_int(j->not_before_ms), value_int(j->attempts), value_text(j->error.code),
         value_text(j->error.message), value_text(j->error.detail), value_int(clock_wall_ms()));
    return update_one(t, st, j->id, e);
}

int store_job_defer(struct txn *t, const struct job *j, struct err *e)
{
    FAILPOINT(e, "store.job_defer.before");
    if (defer(t, j, e) < 0)
        return -1;
    FAILPOINT(e, "store.job_defer.after");
    return 0;
}

static int end(struct txn *t, const struct job *j, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, JOB_END);

    BIND(st, value_text(j->id), value_text(job_status_to_string(j->status)), value_text(j->error.code),
         value_text(j->error.message), value_text(j->error.detail), value_int(clock_wall_ms()));
    return update_one(t, st, j->id, e);
}

int store_job_end(struct txn *t, const struct job *j, struct err *e)
{
    FAILPOINT(e, "store.job_end.before");
    if (end(t, j, e) < 0)
        return -1;
    FAILPOINT(e, "store.job_end.after");
    return 0;
}

static int request_cancel(struct txn *t, const char *id, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, JOB_REQUEST_CANCEL);

    BIND(st, value_text(id), value_int(clock_wall_ms()));
    return update_one(t, st, id, e);
}

int store_job_request_cancel(struct txn *t, const char *id, struct err *e)
{
    FAILPOINT(e, "store.job_request_cancel.before");
    if (request_cancel(t, id, e) < 0)
        return -1;
    FAILPOINT(e, "store.job_request_cancel.after");
    return 0;
}

int store_job_is_cancel_requested(struct txn *t, const char *id, bool *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, JOB_IS_CANCEL_REQUESTED);
    int rc;

    BIND(st, value_text(id));
    rc = stmt_row(st, e);
    if (rc <= 0)
        return rc < 0 ? -1 : noun_not_found(&job_noun, id, e);
    *out = sqlite3_column_int(st, 0) != 0;
    return 0;
}

/* A statement whose one parameter is a number; *changed, when not NULL, gets the count of rows. */
static int run_with(struct txn *t, int index, int64_t parameter, uint64_t *changed, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, index);

    BIND(st, value_int(parameter));
    if (stmt_run(st, e) < 0)
        return -1;
    if (changed)
        *changed = (uint64_t)stmt_changes(st);
    return 0;
}

int store_job_requeue_running(struct txn *t, uint64_t *count, struct err *e)
{
    FAILPOINT(e, "store.job_requeue_running.before");
    if (run_with(t, JOB_REQUEUE_RUNNING, clock_wall_ms(), count, e) < 0)
        return -1;
    FAILPOINT(e, "store.job_requeue_running.after");
    return 0;
}

int store_job_prune(struct txn *t, int64_t before_ms, uint64_t keep, struct err *e)
{
    FAILPOINT(e, "store.job_prune.before");
    if (run_with(t, JOB_PRUNE_OLD, before_ms, NULL, e) < 0 || run_with(t, JOB_PRUNE_BEYOND, stmt_count(keep), NULL, e) < 0)
        return -1;
    FAILPOINT(e, "store.job_prune.after");
    return 0;
}

int store_job_count_open(struct txn *t, uint64_t *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, JOB_COUNT_OPEN);

    return stmt_number(st, out, e);
}

static const struct column job_depth_columns[] = {
    COLUMN(COLUMN_STRING, job_depth, kind),
    COLUMN_OF_WORDS(job_status_words, job_depth, status),
    COLUMN(COLUMN_I64, job_depth, count),
};

void job_depth_free(struct job_depth *d)
{
    if (!d)
        return;
    free(d->kind);
    free(d);
}

DEFINE_ROW_TYPE(job_depth);
DEFINE_READ_ALL(job_depth)

int store_job_depths(struct txn *t, struct job_depth_list *out, struct err *e)
{
    AUTO_STMT st = stmt_use(t, STMT_JOB, JOB_DEPTHS);

    return job_depth_read_all(st, out, e);
}
