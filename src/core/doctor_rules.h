/* core/doctor_rules: what a rule sees, and how it tells what it found. */
#ifndef CORE_DOCTOR_RULES_H
#define CORE_DOCTOR_RULES_H

#include "core/doctor.h"
#include "disk/facts.h"
#include "store/facts.h"
#include "virt/facts.h"

/* Which of the facts a rule rests on: it is not asked while they are missing. */
enum { NEEDS_STORE = 1, NEEDS_DISK = 2, NEEDS_VIRT = 4 };

struct exam;
struct doctor_rule {
    const char *code;
    enum doctor_severity severity;
    bool is_mended; /* by --fix, in the cases that it can prove */
    unsigned needs;
    void (*look)(struct exam *x);
};

struct exam {
    const struct store_facts *store; /* NULL: not seen */
    const struct disk_facts *disk;
    const struct virt_facts *virt;
    bool is_running, is_deep;
    int64_t boot_ms;
    const char *boot_id;
    const uuid_text *busy; /* ids that something is being done to: ordered */
    size_t busy_count;
    const struct doctor_rule *rule; /* that looks now */
    struct doctor_report *report;
    bool is_failed; /* no memory */
};

/* A new finding of the rule that looks; the text is printf's. NULL: no memory; the functions below cope. */
struct finding *exam_report(struct exam *x, const char *noun, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* What a person would type. */
void exam_suggest(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void exam_mend(struct finding *f, enum doctor_mend mend, const char *target);

bool exam_is_busy(const struct exam *x, const char *id);
bool exam_has_job(const struct exam *x, const char *job); /* "" has none */
const struct fact_vm *exam_vm(const struct exam *x, const char *id);
const struct fact_image *exam_image(const struct exam *x, const char *id);
const struct fact_network *exam_network(const struct exam *x, const char *id);
/* Whether `path`, absolute, lies below state_dir: then its rest, else NULL. */
const char *exam_below(const struct exam *x, const char *path);

/* Each an array that a rule without code ends. */
extern const struct doctor_rule database_rules[], vm_rules[], file_rules[], disk_rules[], domain_rules[], network_rules[];
extern const struct doctor_rule *const doctor_rules[]; /* all of them; NULL ends */
/* Asks each rule whose facts are there. */
void exam_run(struct exam *x);

#endif
