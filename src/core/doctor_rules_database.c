/* core/doctor_rules_database: the database itself, its events and operations. */
#include <string.h>

#include "doctor_rules.h"

#include "base/str.h"

enum { WAL_MAX_BYTES = 64 << 20, OVERDUE_GRACE_MS = 10000 };

#define REBUILD     "computed doctor --rebuild"
#define FROM_BACKUP "computed restore FILE"

/* How a kind of flaw is told; store/facts.c finds them. */
struct flaw_words {
    const char *kind, *noun, *text;
    const char *command; /* NULL: to look at its events */
};

static void tell(struct exam *x, const struct flaw_words *w, const struct fact_flaw *flaw)
{
    const char *id = flaw->resource, *detail = flaw->detail ? flaw->detail : "";
    struct finding *f = exam_report(x, w->noun, id[0] ? id : detail, "%s: %s", w->text, detail);

    if (w->command)
        exam_suggest(f, "%s", w->command);
    else
        exam_suggest(f, "sqlite3 computed.db \"SELECT * FROM event WHERE resource = '%s' ORDER BY seq\"", id);
}

static void tell_flaws(struct exam *x, const struct flaw_words *w)
{
    for (size_t i = 0; i < x->store->flaw_count; i++)
        if (str_equal(x->store->flaws[i]->kind, w->kind))
            tell(x, w, x->store->flaws[i]);
}

#define FLAW_RULE(name, ...)                                                                                                     \
    static void name(struct exam *x)                                                                                             \
    {                                                                                                                            \
        tell_flaws(x, &(struct flaw_words){ __VA_ARGS__ });                                                                      \
    }
FLAW_RULE(damaged, "damage", "database", "the database is damaged", REBUILD)
FLAW_RULE(broken_references, "reference", "row", "it names another that is not there", REBUILD)
FLAW_RULE(event_holes, "hole", "event", "an event is missing between its neighbours", FROM_BACKUP)
FLAW_RULE(event_unborn, "unborn", "event", "an event has a number that was never given", FROM_BACKUP)
FLAW_RULE(event_twins, "twin", "events-of", "what happens once was told twice", NULL)
FLAW_RULE(event_chain, "chain", "events-of", "a change of its status was not told, or told twice", NULL)
FLAW_RULE(lost, "lost", "events-of", "its creation was told, its deletion never, and it is not there", REBUILD)
FLAW_RULE(returned, "returned", "events-of", "its deletion was told, and it is there", NULL)

static void event_untold(struct exam *x)
{
    for (size_t i = 0; i < x->store->flaw_count; i++) {
        const struct fact_flaw *f = x->store->flaws[i];

        if (str_equal(f->kind, "untold") && !exam_is_busy(x, f->resource))
            exam_suggest(exam_report(x, "vm", f->resource, "its status was changed without an event: %s", f->detail),
                         "computectl vm show %s", f->resource);
    }
}

/* ---- the file ---- */

static void long_wal(struct exam *x)
{
    const struct fact_file *wal = disk_facts_find(x->disk, "computed.db-wal");

    if (wal && wal->size_bytes > WAL_MAX_BYTES)
        exam_suggest(exam_report(x, "database", NULL, "the write-ahead log has grown to %llu MiB: some reader never ends",
                                 (unsigned long long)wal->size_bytes >> 20),
                     "systemctl restart computed");
}

static void open_database(struct exam *x)
{
    const struct fact_file *db = disk_facts_find(x->disk, "computed.db");

    if (!db || (db->mode & 077) == 0)
        return;
    struct finding *f =
        exam_report(x, "database", NULL, "computed.db may be read by others (mode %04o): it holds secrets", db->mode);
    exam_suggest(f, "chmod 0600 %s/computed.db", x->disk->root);
    exam_mend(f, DOCTOR_MEND_PRIVATE, db->path);
}

/* ---- operations ---- */

static bool is_retried(const char *kind)
{
    static const char *const kinds[] = { "vm.delete", "image.delete", "network.delete" };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_equal(kinds[i], kind))
            return true;
    return false;
}

/* Writing a sidecar is asked for by the change itself, the last one of all included. */
static bool is_record(const char *kind)
{
    const char *dot = kind ? strchr(kind, '.') : NULL;

    return str_equal(dot, ".record");
}

/* While the daemon is down nobody works: what waited goes on at the next start. */
static void overdue(struct exam *x)
{
    for (size_t i = 0; x->is_running && i < x->store->job_count; i++) {
        const struct fact_job *j = x->store->jobs[i];
        int64_t late_ms = x->boot_ms - j->deadline_boot_ms;

        if (j->deadline_boot_ms == 0 || !str_equal(j->deadline_boot_id, x->boot_id) || late_ms <= OVERDUE_GRACE_MS ||
            is_retried(j->kind) || is_record(j->kind))
            continue;
        exam_suggest(exam_report(x, "operation", j->id, "%s should have ended %lld s ago", j->kind, (long long)late_ms / 1000),
                     "systemctl restart computed");
    }
}

static void aimless(struct exam *x)
{
    const struct store_facts *s = x->store;

    for (size_t i = 0; i < s->job_count; i++) {
        const char *id = s->jobs[i]->target;

        if (!id[0] || is_record(s->jobs[i]->kind) || exam_vm(x, id) || exam_image(x, id) || exam_network(x, id))
            continue;
        exam_suggest(
            exam_report(x, "operation", s->jobs[i]->id, "%s waits for something that is not there: %s", s->jobs[i]->kind, id),
            "computectl operation show %s", s->jobs[i]->id);
    }
}

const struct doctor_rule database_rules[] = {
    { "database_damaged", DOCTOR_ERROR, false, NEEDS_STORE, damaged },
    { "database_reference_broken", DOCTOR_ERROR, false, NEEDS_STORE, broken_references },
    { "database_wal_long", DOCTOR_WARNING, false, NEEDS_DISK, long_wal },
    { "database_mode_open", DOCTOR_ERROR, true, NEEDS_DISK, open_database },
    { "event_missing", DOCTOR_ERROR, false, NEEDS_STORE, event_holes },
    { "event_twice", DOCTOR_ERROR, false, NEEDS_STORE, event_twins },
    { "event_unborn", DOCTOR_ERROR, false, NEEDS_STORE, event_unborn },
    { "event_chain_broken", DOCTOR_ERROR, false, NEEDS_STORE, event_chain },
    { "event_untold", DOCTOR_ERROR, false, NEEDS_STORE, event_untold },
    { "record_lost", DOCTOR_ERROR, false, NEEDS_STORE, lost },
    { "record_returned", DOCTOR_ERROR, false, NEEDS_STORE, returned },
    { "operation_overdue", DOCTOR_ERROR, false, NEEDS_STORE, overdue },
    { "operation_aimless", DOCTOR_ERROR, false, NEEDS_STORE, aimless },
    { 0 },
};
