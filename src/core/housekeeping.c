/* core/housekeeping: what is done now and then, and what has to be done again. */
#include "housekeeping.h"

#include "image.h"
#include "sidecar.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/audit.h"
#include "store/event.h"
#include "store/job.h"
#include "store/setting.h"
#include "store/token.h"
#include "store/vm_tombstone.h"

enum { PERIOD_MS = 3600 * 1000, IDEMPOTENCY_RETENTION_MS = 24 * 3600 * 1000, EVENT_KEEP = 100000 };

static int prune(struct core *c, int64_t now, struct err *e)
{
    AUTO(txn) t = NULL;

    if (txn_write(c->store, &t, e) < 0 ||
        store_job_prune(t, now - c->config.operation_retention_ms, c->config.operation_keep, e) < 0 ||
        store_event_prune(t, now - c->config.event_retention_ms, EVENT_KEEP, e) < 0 ||
        store_audit_prune(t, now - c->config.audit_retention_ms, c->config.audit_keep, e) < 0 ||
        store_vm_tombstone_prune(t, now - c->config.tombstone_retention_ms, e) < 0 || store_token_prune(t, now, e) < 0 ||
        store_idempotency_prune(t, now - IDEMPOTENCY_RETENTION_MS, e) < 0)
        return -1;
    return txn_commit(t, e);
}

static void do_hourly(struct core *c)
{
    struct err e = ERR_INIT;

    if (prune(c, clock_wall_ms(), &e) < 0)
        log_err(LOG_WARN, "housekeeping failed", &e, NULL);
    err_clear(&e);
    if (sidecar_catch_up(c, &e) < 0)
        log_err(LOG_WARN, "some records have no sidecar; it is tried again in an hour", &e, NULL);
}

bool housekeeping_run(struct core *c)
{
    struct err e = ERR_INIT;

    if (c->kept_house_boot_ms == 0 || clock_boot_ms() - c->kept_house_boot_ms >= PERIOD_MS) {
        c->kept_house_boot_ms = clock_boot_ms();
        do_hourly(c);
    }
    return image_requeue_given_up(c, &e) == 0;
}
