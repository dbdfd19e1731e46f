/* core/core: the room's one object: what it holds, and the order in which it starts and stops. */
#include "core/core.h"

#include <stdlib.h>

#include "created.h"
#include "image.h"
#include "image_import.h"
#include "image_save.h"
#include "internal.h"
#include "metrics.h"
#include "network.h"
#include "sidecar.h"
#include "vm_job.h"

#include "base/str.h"
#include "store/project.h"
#include "store/vm.h"

/* Every operation there is. */
static const struct job_kind *const kinds[] = {
    &vm_create_kind,    &vm_delete_kind,      &vm_start_kind,       &vm_stop_kind,        &vm_reboot_kind,
    &vm_pause_kind,     &vm_resume_kind,      &vm_suspend_kind,     &vm_update_kind,      &image_save_kind,
    &image_delete_kind, &network_create_kind, &network_delete_kind, &image_import_kind,   &vm_image_kind,
    &vm_record_kind,    &image_record_kind,   &network_record_kind, &keypair_record_kind, NULL,
};

enum { RETRY_MIN_MS = 1000, RETRY_MAX_MS = 60000, UNDO_MS = 60000, LATE_MS = 2000, CANCEL_PATIENCE_MS = 10000, KEYS_MAX = 32 };

static int read_default_project(struct core *c, struct err *e)
{
    AUTO(txn) t = NULL;

    return txn_read(c->store, &t, e) < 0 ? -1 : store_project_default(t, c->default_project, e);
}

int core_new(const struct core_config *config, struct store *store, struct disk *disk, struct timer *timer, struct core **out,
             struct err *e)
{
    AUTO(core) c = calloc(1, sizeof *c);
    struct jobs_config jobs = { .workers = config->workers,
                                .retry_min_ms = config->retry_min_ms ? config->retry_min_ms : RETRY_MIN_MS,
                                .retry_max_ms = RETRY_MAX_MS,
                                .undo_ms = UNDO_MS,
                                .late_ms = LATE_MS,
                                .cancel_patience_ms = CANCEL_PATIENCE_MS };

    if (!c)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    c->config = *config;
    c->store = store;
    c->disk = disk;
    c->timer = timer;
    lock_init(&c->sidecars, RANK_SIDECAR);
    lock_init(&c->given_up_lock, RANK_LEAF);
    if (quota_limits_parse(config->default_quota ? config->default_quota : "", c->default_quota, e) < 0 ||
        read_default_project(c, e) < 0 || jobs_new(store, timer, &jobs, kinds, c, &c->jobs, e) < 0 ||
        host_new(c, &c->host, e) < 0 || reconciler_new(c, &c->reconciler, e) < 0 || life_new(c, &c->life, e) < 0 ||
        lane_new("keymaker", "keys are being made", KEYS_MAX, &c->keymaker, e) < 0 || passwords_new(&c->passwords, e) < 0 ||
        login_guard_new(&c->login_guard, e) < 0 || audit_writer_new(store, c->default_project, &c->audit, e) < 0 ||
        doctor_room_new(&c->doctor, e) < 0 || created_new(&c->created, e) < 0 || metrics_room_new(&c->metrics, e) < 0 ||
        event_ring_new(store, config->event_text, &c->events, e) < 0)
        return -1;
    *out = TAKE(c);
    return 0;
}

void core_on_virt_event(void *arg, enum virt_event_kind kind, const char *id)
{
    struct core *c = arg;

    switch (kind) {
    case VIRT_EVENT_CONNECTED:
        reconciler_watch(c->reconciler);
        host_kick(c->host);
        life_ask_agents(c->life);
        life_kick(c->life);
        break;
    case VIRT_EVENT_AGENT:
        life_agent_is_up(c->life, id);
        return;
    case VIRT_EVENT_DISCONNECTED:
    case VIRT_EVENT_DOMAIN: /* an event only says: look. What is true then is asked. */
        break;
    }
    reconciler_kick(c->reconciler);
}

int64_t core_stamp(void *arg)
{
    struct core *c = arg;

    return store_vm_version(c->store);
}

int core_start(struct core *c, struct virt *virt, struct err *e)
{
    c->virt = virt;
    if (image_recover(c, e) < 0 || network_listen_all(c, e) < 0 || jobs_start(c->jobs, e) < 0 || host_start(c->host, e) < 0)
        return -1;
    if (reconciler_start(c->reconciler, e) < 0 || life_start(c->life, e) < 0)
        return -1;
    return lane_start(c->keymaker, e) < 0 || passwords_start(c->passwords, e) < 0 ? -1 : audit_writer_start(c->audit, e);
}

void core_end_polls(struct core *c)
{
    jobs_end_polls(c->jobs);
}

bool core_stop(struct core *c, int64_t deadline_ms)
{
    bool is_idle;

    host_end_soon(c->host);
    life_end_soon(c->life);
    is_idle = jobs_stop(c->jobs, deadline_ms);
    lane_stop(c->keymaker);
    passwords_stop(c->passwords);
    doctor_room_close(c->doctor);
    reconciler_stop(c->reconciler);
    audit_writer_stop(c->audit);
    if (is_idle) {
        life_stop(c->life);
        host_stop(c->host);
    }
    return is_idle;
}

void core_free(struct core *c)
{
    if (!c)
        return;
    event_ring_free(c->events);
    metrics_room_free(c->metrics);
    created_free(c->created);
    doctor_room_free(c->doctor);
    audit_writer_free(c->audit);
    login_guard_free(c->login_guard);
    passwords_free(c->passwords);
    lane_free(c->keymaker);
    life_free(c->life);
    reconciler_free(c->reconciler);
    host_free(c->host);
    jobs_free(c->jobs);
    image_forget_given_up(c);
    lock_done(&c->given_up_lock);
    lock_done(&c->sidecars);
    free(c);
}

/* How long an operation may take: by the noun and verb of its kind. */
static int64_t allowance_ms(const struct core_config *config, const char *kind)
{
    if (str_equal(kind, image_import_kind.name) || str_equal(kind, vm_image_kind.name))
        return config->import_deadline_ms;
    if (str_starts_with(kind, "image."))
        return config->image_deadline_ms;
    if (str_equal(kind, vm_create_kind.name))
        return config->create_deadline_ms;
    if (str_equal(kind, vm_delete_kind.name) || str_equal(kind, network_delete_kind.name))
        return config->delete_deadline_ms;
    return config->power_deadline_ms;
}

int core_submit(const struct change *ch, const struct job_request *want, struct job **out, struct err *e)
{
    AUTO(job) j = calloc(1, sizeof *j);

    if (!j)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    j->actor = *ch->who;
    j->timeout_ms = allowance_ms(&ch->core->config, want->kind);
    j->kind = str_dup(want->kind);
    j->params = str_dup(want->params ? want->params : "{}");
    j->details = str_dup("{}");
    if (!j->kind || !j->params || !j->details)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    (void)str_copy(j->target, sizeof j->target, want->target);
    (void)str_copy(j->after, sizeof j->after, want->after ? want->after : "");
    if (jobs_submit(ch->core->jobs, ch->txn, j, e) < 0)
        return -1;
    *out = TAKE(j);
    return 0;
}

const char *core_region(const struct core *c)
{
    return c->config.region;
}
