/* model/job: a job is what clients see as an operation: a row that says what is to be done, how far it is, and how it ended. */
#ifndef MODEL_JOB_H
#define MODEL_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "model/identity.h"
#include "model/list.h"
#include "model/vm.h"

enum job_status { JOB_PENDING, JOB_RUNNING, JOB_SUCCEEDED, JOB_FAILED, JOB_STATUS_COUNT };
const char *job_status_to_string(enum job_status s);
int job_status_from_string(const char *s, enum job_status *out);

enum job_direction { JOB_FORWARD, JOB_BACKWARD };

struct job {
    uuid_text id;
    char *kind;         /* "vm.create" */
    struct actor actor; /* who asked; its project is the job's */
    uuid_text target;   /* the VM's or image's id */
    enum job_status status;
    enum job_direction direction;
    uint32_t step;     /* index into the kind's steps: the one that runs, ran last, or runs next */
    uint32_t progress; /* 0..100 */
    uint32_t attempts; /* how often a step of a retried kind has failed */
    char *params;      /* JSON object text of the kind's own; never NULL */
    char *details;     /* JSON object text for clients: how far a long step is ({"bytes":…}); never NULL */
    bool is_cancel_requested;
    uuid_text after;          /* "" or the job that must end before this one starts */
    int64_t timeout_ms;       /* the whole job's allowance, counted from its first claim in this boot */
    int64_t deadline_boot_ms; /* on CLOCK_BOOTTIME of deadline_boot_id; 0: not begun */
    char deadline_boot_id[UUID_LEN + 1];
    int64_t not_before_ms; /* wall time before which it is not tried again; 0 */
    struct fault error;    /* why it failed, or the last reason for trying again */
    int64_t created_at_ms;
    int64_t started_at_ms; /* 0: not yet */
    int64_t updated_at_ms;
    int64_t ended_at_ms; /* 0: not yet */
};
void job_free(struct job *j);
DEFINE_AUTO(job, job_free)
DEFINE_LIST(job)

#endif
