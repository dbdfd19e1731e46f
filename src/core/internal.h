/* core/internal: the one object behind this room's functions, and what its files give each other. */
#ifndef CORE_INTERNAL_H
#define CORE_INTERNAL_H

#include "audit.h"
#include "doctor_view.h"
#include "event_ring.h"
#include "host.h"
#include "lane.h"
#include "life.h"
#include "login_guard.h"
#include "password.h"
#include "reconcile.h"

#include "base/thread.h"
#include "core/core.h"
#include "job/job.h"
#include "model/quota.h"
#include "model/vm.h"

struct core {
    struct core_config config;
    struct store *store;
    struct disk *disk;
    struct timer *timer;
    struct virt *virt; /* set by core_start */
    struct jobs *jobs;
    struct host *host;
    struct life *life;
    struct lane *keymaker; /* RSA takes a second of CPU, which no HTTP thread has */
    struct passwords *passwords;
    struct login_guard *login_guard;
    struct audit_writer *audit;
    struct doctor_room *doctor;
    struct created *created;
    struct metrics_room *metrics;
    struct event_ring *events;
    hex32_text default_project;
    int64_t default_quota[QUOTA_RESOURCE_COUNT];
    struct reconciler *reconciler;
    struct lock sidecars;       /* RANK_SIDECAR; one sidecar is written at a time, from its row as it is then */
    int64_t kept_house_boot_ms; /* the reconciler thread's */
    struct lock given_up_lock;  /* RANK_LEAF */
    struct image_upload *given_up GUARDED_BY(given_up_lock); /* whose rows could not be written yet; see image.h */
};

/* A change under way: who asked for it, and the transaction that holds it. */
struct change {
    struct core *core;
    const struct actor *who;
    struct txn *txn;
};

/* Inserts a job of `kind` about `target`; params (JSON object text) may be NULL; `after` may be NULL. *out is the caller's. */
struct job_request {
    const char *kind;
    const char *target;
    const char *params;
    const char *after;
};
int core_submit(const struct change *ch, const struct job_request *want, struct job **out, struct err *e);

#endif
