/* core/record: events and audit lines. What they mean to subscribers is in docs; when they are written is the verbs' affair. */
#include "record.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "store/audit.h"
#include "store/event.h"

/* Takes payload over. */
static int add_event(struct txn *t, struct event ev, json_t *payload, struct err *e)
{
    AUTO_FREE char *text = payload ? json_text(payload) : NULL;

    json_decref(payload);
    if (!text)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    ev.payload = text;
    return store_event_add(t, &ev, e);
}

static struct event vm_event(const char *type, const struct vm *vm)
{
    return (
        struct event){ .type = type, .project = vm->project, .resource = vm->id, .resource_created_at_ms = vm->created_at_ms };
}

int record_vm(struct txn *t, const char *type, const struct vm *vm, struct err *e)
{
    return add_event(t, vm_event(type, vm),
                     json_pack("{s:s, s:s, s:s}", "id", vm->id, "name", vm->name, "status", vm_status_to_string(vm->status)), e);
}

int record_vm_status(struct txn *t, const struct vm *vm, enum vm_status now, const char *reason, struct err *e)
{
    if (vm->status == now)
        return 0;
    return add_event(t, vm_event("vm.status.changed", vm),
                     json_pack("{s:s, s:s, s:s, s:o}", "id", vm->id, "old_status", vm_status_to_string(vm->status), "new_status",
                               vm_status_to_string(now), "reason", json_string_or_null(reason)),
                     e);
}

int record_vm_ready(struct txn *t, const struct vm *vm, const char *by, struct err *e)
{
    return add_event(t, vm_event("vm.ready", vm), json_pack("{s:s, s:s, s:s}", "id", vm->id, "name", vm->name, "by", by), e);
}

int record_keypair(struct txn *t, const char *type, const struct keypair *k, struct err *e)
{
    struct event ev = { .type = type, .project = k->project, .resource = k->id, .resource_created_at_ms = k->created_at_ms };

    return add_event(t, ev, json_pack("{s:s, s:s, s:s}", "id", k->id, "name", k->name, "fingerprint", k->fingerprint_sha256), e);
}

int record_image(struct txn *t, const char *type, const struct image *i, struct err *e)
{
    struct event ev = { .type = type, .project = i->project, .resource = i->id, .resource_created_at_ms = i->created_at_ms };

    return add_event(t, ev,
                     json_pack("{s:s, s:s, s:s}", "id", i->id, "name", i->name, "status", image_status_to_string(i->status)), e);
}

int record_network(struct txn *t, const char *type, const struct network *n, struct err *e)
{
    struct event ev = { .type = type, .project = n->project, .resource = n->id, .resource_created_at_ms = n->created_at_ms };

    return add_event(
        t, ev, json_pack("{s:s, s:s, s:s}", "id", n->id, "name", n->name, "status", network_status_to_string(n->status)), e);
}

int record_maintenance(struct txn *t, const char *type, const char *project, const struct maintenance *m, struct err *e)
{
    struct event ev = { .type = type, .project = project, .resource = "host", .resource_created_at_ms = m->since_ms };

    return add_event(t, ev, json_pack("{s:s, s:s}", "reason", m->reason, "by", m->by), e);
}

int record_end(const struct job_run *r, struct txn *t, const char *resource_type, const struct err *outcome, struct err *e)
{
    const struct job *job = r->job;

    return store_audit_add(
        t, &(struct audit){ &job->actor, job->kind, resource_type, job->target, outcome ? "failed" : "succeeded" }, e);
}
