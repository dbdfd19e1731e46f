/* core/doctor: takes the facts, asks the rules, and knows what is under way. The rules themselves are doctor_rules_*.c, mending
 * is doctor_fix.c, the running daemon's own doctor doctor_view.c. */
#include "core/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doctor_rules.h"

#include "base/clock.h"
#include "base/str.h"

enum { SECOND_LOOK_MS = 500 };

const struct doctor_rule *const doctor_rules[] = {
    database_rules, vm_rules, file_rules, disk_rules, domain_rules, network_rules, NULL,
};

const char *doctor_severity_to_string(enum doctor_severity s)
{
    static const char *const words[] = { [DOCTOR_WARNING] = "warning", [DOCTOR_ERROR] = "error" };

    return words[s];
}

void doctor_print_rules(FILE *to)
{
    for (const struct doctor_rule *const *set = doctor_rules; *set; set++)
        for (const struct doctor_rule *r = *set; r->code; r++)
            (void)fprintf(to, "%s %s %s\n", r->code, doctor_severity_to_string(r->severity), r->is_mended ? "fix" : "-");
}

/* ---- reports ---- */

static void finding_done(struct finding *f)
{
    free(f->subject);
    free(f->text);
    free(f->command);
    free(f->target);
}

void doctor_report_done(struct doctor_report *r)
{
    for (size_t i = 0; i < r->count; i++)
        finding_done(&r->findings[i]);
    for (size_t i = 0; i < r->unseen_count; i++)
        free(r->unseen[i]);
    free(r->findings);
    free(r->unseen);
    *r = (struct doctor_report){ 0 };
}

static char *vprint(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));
static char *vprint(const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    char *text = len < 0 ? NULL : malloc((size_t)len + 1);

    if (text)
        (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

struct finding *exam_report(struct exam *x, const char *noun, const char *id, const char *fmt, ...)
{
    struct finding *more = reallocarray(x->report->findings, x->report->count + 1, sizeof(*more));
    va_list args;

    if (!more) {
        x->is_failed = true;
        return NULL;
    }
    x->report->findings = more;
    struct finding *f = &more[x->report->count++];
    *f = (struct finding){ .code = x->rule->code, .severity = x->rule->severity };
    f->subject = id && id[0] ? str_printf("%s:%s", noun, id) : str_dup(noun);
    va_start(args, fmt);
    f->text = vprint(fmt, args);
    va_end(args);
    x->is_failed = x->is_failed || !f->subject || !f->text;
    return f;
}

void exam_suggest(struct finding *f, const char *fmt, ...)
{
    va_list args;

    if (!f)
        return;
    va_start(args, fmt);
    f->command = vprint(fmt, args);
    va_end(args);
}

void exam_mend(struct finding *f, enum doctor_mend mend, const char *target)
{
    if (!f)
        return;
    f->target = str_dup(target);
    f->mend = f->target ? mend : DOCTOR_MEND_NONE;
}

static int add_unseen(struct doctor_report *r, const char *part, const struct err *why, struct err *e)
{
    char **more = reallocarray(r->unseen, r->unseen_count + 1, sizeof(*more));

    if (!more)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    r->unseen = more;
    more[r->unseen_count] =
        str_printf("%s: %s%s%s", part, why->msg, why->detail[0] ? " - " : "", why->detail[0] ? why->detail : "");
    return more[r->unseen_count] ? (r->unseen_count++, 0) : err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* ---- what rules ask ---- */

static int compare_id(const void *a, const void *b)
{
    return strcmp(a, b);
}

bool exam_is_busy(const struct exam *x, const char *id)
{
    return x->busy_count > 0 && bsearch(id, x->busy, x->busy_count, sizeof(*x->busy), compare_id);
}

bool exam_has_job(const struct exam *x, const char *job)
{
    return job[0] && fact_find(x->store->jobs, x->store->job_count, job);
}

const struct fact_vm *exam_vm(const struct exam *x, const char *id)
{
    return fact_find(x->store->vms, x->store->vm_count, id);
}

const struct fact_image *exam_image(const struct exam *x, const char *id)
{
    return fact_find(x->store->images, x->store->image_count, id);
}

const struct fact_network *exam_network(const struct exam *x, const char *id)
{
    return fact_find(x->store->networks, x->store->network_count, id);
}

const char *exam_below(const struct exam *x, const char *path)
{
    size_t len = strlen(x->disk->root);

    return strncmp(path, x->disk->root, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

/* ---- what is under way ---- */

struct ids {
    uuid_text *items;
    size_t count;
    bool is_failed;
};

static void ids_add(struct ids *l, const char *id)
{
    uuid_text *more = id[0] ? reallocarray(l->items, l->count + 1, sizeof(*more)) : NULL;

    if (!id[0])
        return;
    l->is_failed = l->is_failed || !more;
    if (!more)
        return;
    l->items = more;
    (void)str_copy(more[l->count++], sizeof(*more), id);
}

static bool is_open(const struct store_facts *s, const char *job)
{
    return job[0] && fact_find(s->jobs, s->job_count, job);
}

/* What a job is about, and what is made for it: an image that is captured has the job of its VM's task. */
static void add_held(struct ids *l, const struct store_facts *s, bool is_running)
{
    for (size_t i = 0; i < s->job_count; i++)
        ids_add(l, s->jobs[i]->target);
    for (size_t i = 0; i < s->vm_count; i++)
        if (is_open(s, s->vms[i]->job))
            ids_add(l, s->vms[i]->id);
    for (size_t i = 0; i < s->network_count; i++)
        if (is_open(s, s->networks[i]->job))
            ids_add(l, s->networks[i]->id);
    for (size_t i = 0; i < s->image_count; i++) {
        const struct fact_image *image = s->images[i];
        bool is_uploading = !image->job[0] && is_running && str_equal(image->status, "saving");

        if (is_uploading || is_open(s, image->job))
            ids_add(l, image->id);
    }
}

/* A VM that changed between two readings. */
static void add_changed(struct ids *l, const struct store_facts *before, const struct store_facts *after)
{
    for (size_t i = 0; i < before->vm_count; i++) {
        const struct fact_vm *now = fact_find(after->vms, after->vm_count, before->vms[i]->id);

        if (!now || now->row_version != before->vms[i]->row_version)
            ids_add(l, before->vms[i]->id);
    }
    for (size_t i = 0; i < after->vm_count; i++)
        if (!fact_find(before->vms, before->vm_count, after->vms[i]->id))
            ids_add(l, after->vms[i]->id);
}

/* ---- one look ---- */

struct facts {
    struct store_facts *store, *store_before;
    struct disk_facts *disk;
    struct virt_facts *virt;
    struct ids busy;
};

static void facts_done(struct facts *f)
{
    store_facts_free(f->store);
    store_facts_free(f->store_before);
    disk_facts_free(f->disk);
    virt_facts_free(f->virt);
    free(f->busy.items);
}
#define AUTO_FACTS __attribute__((cleanup(facts_done))) struct facts

/* A part that cannot be seen is told, and is no failure. */
static int seen(int rc, struct doctor_report *r, const char *part, struct err *e)
{
    struct err why = *e;

    if (rc == 0 || e->code == ERR_NO_MEMORY)
        return rc;
    err_clear(e);
    return add_unseen(r, part, &why, e);
}

static int read_facts(const struct doctor_config *c, struct facts *f, struct doctor_report *r, struct err *e)
{
    AUTO_FREE char *path = disk_database_path(c->state_dir);

    if (!path)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (c->is_running && seen(store_facts_read(path, false, &f->store_before, e), r, "database", e) < 0)
        return -1;
    if (seen(disk_facts_read(c->state_dir, &f->disk, e), r, "files", e) < 0 ||
        seen(virt_facts_read(c->libvirt_uri, c->virt_deadline_ms, &f->virt, e), r, "libvirt", e) < 0)
        return -1;
    /* Told once, when neither reading was possible. */
    if (c->is_running && !f->store_before)
        return 0;
    return seen(store_facts_read(path, c->is_deep, &f->store, e), r, "database", e);
}

static int find_busy(struct facts *f, bool is_running, struct err *e)
{
    if (f->store)
        add_held(&f->busy, f->store, is_running);
    if (f->store && f->store_before) {
        add_held(&f->busy, f->store_before, is_running);
        add_changed(&f->busy, f->store_before, f->store);
    }
    if (f->busy.count > 0)
        qsort(f->busy.items, f->busy.count, sizeof(*f->busy.items), compare_id);
    return f->busy.is_failed ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

void exam_run(struct exam *x)
{
    unsigned have = (x->store ? NEEDS_STORE : 0) | (x->disk ? NEEDS_DISK : 0) | (x->virt ? NEEDS_VIRT : 0);

    for (const struct doctor_rule *const *set = doctor_rules; *set; set++)
        for (const struct doctor_rule *r = *set; r->code; r++) {
            /* Of a damaged database that alone is told. */
            bool is_told = !x->store || x->store->is_complete || r->needs == NEEDS_DISK || set == &doctor_rules[0];

            x->rule = r;
            if ((r->needs & have) == r->needs && is_told)
                r->look(x);
        }
}

static int look_once(const struct doctor_config *c, struct doctor_report *out, struct err *e)
{
    AUTO_FACTS f = { .store = NULL };
    AUTO_DOCTOR_REPORT r = { .at_ms = clock_wall_ms() };

    if (read_facts(c, &f, &r, e) < 0 || find_busy(&f, c->is_running, e) < 0)
        return -1;
    struct exam x = {
        .store = f.store,
        .disk = f.disk,
        .virt = f.virt,
        .is_running = c->is_running,
        .is_deep = c->is_deep,
        .boot_ms = clock_boot_ms(),
        .boot_id = clock_boot_id(),
        .busy = f.busy.items,
        .busy_count = f.busy.count,
        .report = &r,
    };
    exam_run(&x);
    if (x.is_failed)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *out = r;
    r = (struct doctor_report){ 0 };
    return 0;
}

/* ---- two looks ---- */

static bool has_finding(const struct doctor_report *r, const struct finding *f)
{
    for (size_t i = 0; i < r->count; i++)
        if (str_equal(r->findings[i].code, f->code) && str_equal(r->findings[i].subject, f->subject))
            return true;
    return false;
}

/* What only one look saw was in motion. */
static void keep_common(struct doctor_report *r, const struct doctor_report *before)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->count; i++) {
        if (has_finding(before, &r->findings[i]))
            r->findings[kept++] = r->findings[i];
        else
            finding_done(&r->findings[i]);
    }
    r->count = kept;
}

int doctor_look(const struct doctor_config *config, struct doctor_report *out, struct err *e)
{
    AUTO_DOCTOR_REPORT first = { 0 };
    struct timespec pause = { .tv_nsec = SECOND_LOOK_MS * 1000000L };

    if (look_once(config, &first, e) < 0)
        return -1;
    if (!config->is_running || first.count == 0) {
        *out = first;
        first = (struct doctor_report){ 0 };
        return 0;
    }
    (void)nanosleep(&pause, NULL);
    AUTO_DOCTOR_REPORT second = { 0 };
    if (look_once(config, &second, e) < 0)
        return -1;
    keep_common(&second, &first);
    *out = second;
    second = (struct doctor_report){ 0 };
    return 0;
}
