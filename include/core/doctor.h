/* core/doctor: whether files, libvirt and database tell the same story. It reads all three for itself (store/facts.h,
 * disk/facts.h, virt/facts.h), judges by one table of rules, and mends only what is provably ours. docs/doctor.md lists the
 * rules. */
#ifndef CORE_DOCTOR_H
#define CORE_DOCTOR_H

#include <stdbool.h>
#include <stdio.h>

#include "core/core.h"

enum doctor_severity { DOCTOR_WARNING, DOCTOR_ERROR };
const char *doctor_severity_to_string(enum doctor_severity s);

/* What --fix does about a finding. */
enum doctor_mend {
    DOCTOR_MEND_NONE,
    DOCTOR_MEND_QUARANTINE, /* moves a file of ours to quarantine/ */
    DOCTOR_MEND_READONLY,   /* takes the right to write from an image's file */
    DOCTOR_MEND_PRIVATE,    /* takes the database's file from the eyes of others */
    DOCTOR_MEND_VM,         /* settles the row: error with a fault, or running or paused when libvirt says so */
    DOCTOR_MEND_IMAGE,
    DOCTOR_MEND_NETWORK,
    DOCTOR_MEND_RELEASE /* forgets that an address is free which a port has */
};

struct finding {
    const char *code; /* a rule's; static */
    enum doctor_severity severity;
    char *subject; /* "vm:<id>", "file:<path below state_dir>", "domain:<uuid>", "database" … */
    char *text;    /* for an administrator: may name paths */
    char *command; /* what a person would type; NULL: nothing to type */
    enum doctor_mend mend;
    char *target; /* what is to be mended: an id or a path; NULL */
};
struct doctor_report {
    struct finding *findings; /* in the order of the rules */
    size_t count;
    char **unseen; /* parts that could not be looked at, each with the reason: what rests on them was not judged */
    size_t unseen_count;
    int64_t at_ms;
};
void doctor_report_done(struct doctor_report *r);
static inline void cleanup_doctor_report(struct doctor_report *r)
{
    doctor_report_done(r);
}
#define AUTO_DOCTOR_REPORT __attribute__((cleanup(cleanup_doctor_report))) struct doctor_report

struct doctor_config {
    const char *state_dir;
    const char *libvirt_uri; /* as in struct virt_config */
    bool is_running;         /* the daemon runs: what is under way is left out, and a finding counts when two looks have it */
    bool is_deep;            /* reads the bytes of images and disks, too */
    int64_t virt_deadline_ms;
};

/* Looks. Failing is for want of memory or of a state_dir; what else cannot be seen is in the report. Slow: not for HTTP threads.
 */
int doctor_look(const struct doctor_config *config, struct doctor_report *out, struct err *e);
/* Mends what can be; only while the daemon is down (`disk` holds the lock) and when all was seen. Each act is a line of
 * doctor.log, on disk before the act, and an audit line. *mended counts them. */
int doctor_fix(const struct doctor_config *config, struct disk *disk, const struct doctor_report *report, size_t *mended,
               struct err *e);
void doctor_print_rules(FILE *to); /* a line each: code, severity, whether --fix mends it */

/* ---- asking the running one ---- */
struct doctor_view;
/* A thread of its own looks; one at a time, ERR_UNAVAILABLE while another look goes on. done(arg) exactly once. */
int doctor_view_begin(struct core *c, void (*done)(void *arg), void *arg, struct doctor_view **out, struct err *e);
int doctor_view_finish(struct doctor_view *v, const struct doctor_report **out, struct err *e); /* borrowed from v */
void doctor_view_free(struct doctor_view *v);
DEFINE_AUTO(doctor_view, doctor_view_free)

#endif
